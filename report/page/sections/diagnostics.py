"""Checks on the analysis: each a value, a limit, whether it is kept, and what follows if not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.sections.headline import headline_claims
from vggstudy.report.page.sections.models import accuracy_model, p_text
from vggstudy.report.words.i18n import gettext, ngettext
from vggstudy.report.words.names import friendly
from vggstudy.rounding import round_number

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.report.page.view import StudyView

MOST_MONTE_CARLO = 0.02
"""Largest Monte Carlo error of an end, as a share of its interval's width: with 9,999 resamples it
is about 0.007, so that another seed moves no digit that is printed by more than one."""

LEAST_FIT = 0.05
"""p value of lack of fit below which the model's curves are not those of the cell means."""

FEWEST_RUNS = 3
"""Labelled runs below which a cell's mean is refused."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    name : str
        What is checked.
    value, limit : str
        As printed.
    passed : bool
    meaning : str
        What a check that is not kept means for a reader, and what to do: whole sentences for the
        abstract. Empty where it passed, or where the analysis itself warns of the same.
    """

    name: str
    value: str
    limit: str
    passed: bool
    meaning: str = ""


def checks(view: StudyView) -> list[Check]:
    """All checks that the study's results allow."""
    found = [
        _monte_carlo(view),
        _fewest(view),
        _flat(view),
        _lack_of_fit(view),
        _borderline(view),
    ]
    return [check for check in found if check is not None]


def monte_carlo_shares(view: StudyView) -> list[tuple[Claim, float]]:
    """The claims with resampled intervals and their `monte_carlo_share`, the largest first."""
    found = [(c, share) for c in view.claims if (share := monte_carlo_share(c)) is not None]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].id))


def monte_carlo_share(claim: Claim) -> float | None:
    """The larger Monte Carlo error of a claim's ends, as a share of the interval's width."""
    if claim.low is None or claim.high is None or claim.high <= claim.low:
        return None
    errors = [e for e in (claim.mc_error_low, claim.mc_error_high) if e is not None]
    return max(errors) / (claim.high - claim.low) if errors else None


def share_text(share: float, *, decimals: int = 1) -> str:
    """A share of an interval's width as a percentage."""
    return f"{round_number(share, decimals=decimals, scale=100)}%"


def _monte_carlo(view: StudyView) -> Check | None:
    """Whether there were resamples enough."""
    shares = monte_carlo_shares(view)
    if not shares:
        return None
    worst = shares[0][1]
    passed = worst <= MOST_MONTE_CARLO
    return Check(
        gettext("Largest Monte Carlo error of an interval's end, share of the interval's width"),
        share_text(worst),
        gettext("at most %(limit)s") % {"limit": share_text(MOST_MONTE_CARLO, decimals=0)},
        passed,
        "" if passed else _moving(view, shares),
    )


def _moving(view: StudyView, shares: list[tuple[Claim, float]]) -> str:
    """How many intervals another seed would move, whether headlines are among them, the remedy."""
    moved = {claim.id for claim, share in shares if share > MOST_MONTE_CARLO}
    shown = sum(claim.id in moved for claim, _ in headline_claims(view))
    text = ngettext(
        "In %(n)s of %(all)s resampled intervals the ends depend on the seed of the resampling: "
        "their Monte Carlo error is %(worst)s of the interval's width, above the limit of "
        "%(limit)s.",
        "In %(n)s of %(all)s resampled intervals the ends depend on the seed of the resampling: "
        "their Monte Carlo error is up to %(worst)s of the interval's width, above the limit of "
        "%(limit)s.",
        len(moved),
    ) % {
        "n": len(moved),
        "all": len(shares),
        "worst": share_text(shares[0][1]),
        "limit": share_text(MOST_MONTE_CARLO, decimals=0),
    }
    which = gettext("None of them stands in the summary.")
    if shown:
        which = ngettext(
            "%(k)s of them stands in the summary.",
            "%(k)s of them stand in the summary.",
            shown,
        ) % {"k": shown}
    remedy = gettext(
        "The diagnostics list them; before one is cited, analyse with more resamples "
        "(analysis.resamples in the protocol, here %(resamples)s)."
    ) % {"resamples": view.settings.get("resamples", "–")}
    return f"{text} {which} {remedy}"


def _fewest(view: StudyView) -> Check | None:
    """Whether every cell has runs enough for a mean; the analysis warns of those without any."""
    if not view.cells:
        return None
    fewest = min(cell.n for cell in view.cells)
    few = sum(0 < cell.n < FEWEST_RUNS for cell in view.cells)
    meaning = ngettext(
        "%(n)s of %(cells)s cells has fewer than %(limit)s labelled runs: alone it says little.",
        "%(n)s of %(cells)s cells have fewer than %(limit)s labelled runs: alone they say little.",
        few,
    ) % {"n": few, "cells": len(view.cells), "limit": FEWEST_RUNS}
    return Check(
        gettext("Fewest labelled runs in a cell"),
        str(fewest),
        gettext("at least %(limit)s") % {"limit": FEWEST_RUNS},
        passed=fewest >= FEWEST_RUNS,
        meaning=meaning if few else "",
    )


def _flat(view: StudyView) -> Check:
    """Whether the runs of a cell vary at all; the analysis itself warns where they do not."""
    flat = sum(len(set(c.converged)) == 1 and len(c.converged) > 1 for c in view.cells)
    name = gettext("Cells whose converged runs do not vary")
    return Check(name, str(flat), "0", flat == 0)


def _lack_of_fit(view: StudyView) -> Check | None:
    """Whether the curves of the model of the outcome describe the means of its cells."""
    model = accuracy_model(view)
    if model is None or model.lack_of_fit is None:
        return None
    p = model.lack_of_fit.p_value
    values = {"measure": friendly(view.outcome), "p": p_text(p), "limit": LEAST_FIT}
    meaning = gettext(
        "The model of the %(measure)s does not describe the means of its cells (p value of the "
        "lack of fit %(p)s, below %(limit)s): rely on the means and their differences, which do "
        "not need the model, not on its coefficients."
    )
    return Check(
        gettext("Lack of fit of the model of the %(measure)s, p value") % values,
        p_text(p),
        gettext("at least %(limit)s") % values,
        passed=p >= LEAST_FIT,
        meaning=meaning % values if p < LEAST_FIT else "",
    )


def _borderline(view: StudyView) -> Check | None:
    """Whether a verdict hangs on the seed of the bootstrap."""
    results = view.result.hypotheses
    if not results:
        return None
    count = sum(result.verdict.value == "borderline" for result in results)
    meaning = ngettext(
        "%(n)s verdict lies so near its threshold that another seed of the resampling may turn it.",
        "%(n)s verdicts lie so near their thresholds that another seed of the resampling may turn "
        "them.",
        count,
    ) % {"n": count}
    return Check(
        gettext("Verdicts within two Monte Carlo errors of their threshold"),
        str(count),
        "0",
        passed=not count,
        meaning=meaning if count else "",
    )
