"""Checks on the analysis: each a value, a limit, and whether it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.formatting import round_number
from vggstudy.report.i18n import gettext
from vggstudy.report.names import friendly
from vggstudy.report.sections.models import accuracy_model, p_text

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.report.view import StudyView

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
    """

    name: str
    value: str
    limit: str
    passed: bool


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


def monte_carlo_share(claim: Claim) -> float | None:
    """The larger Monte Carlo error of a claim's ends, as a share of the interval's width."""
    if claim.low is None or claim.high is None or claim.high <= claim.low:
        return None
    errors = [e for e in (claim.mc_error_low, claim.mc_error_high) if e is not None]
    return max(errors) / (claim.high - claim.low) if errors else None


def _monte_carlo(view: StudyView) -> Check | None:
    """Whether there were resamples enough."""
    shares = [share for c in view.claims if (share := monte_carlo_share(c)) is not None]
    if not shares:
        return None
    worst = max(shares)
    return Check(
        gettext("Largest Monte Carlo error of an interval's end, share of the interval's width"),
        f"{round_number(worst, decimals=1, scale=100)}%",
        gettext("at most %(limit)s")
        % {"limit": f"{round_number(MOST_MONTE_CARLO, decimals=0, scale=100)}%"},
        worst <= MOST_MONTE_CARLO,
    )


def _fewest(view: StudyView) -> Check | None:
    """Whether every cell has runs enough for a mean."""
    if not view.cells:
        return None
    fewest = min(cell.n for cell in view.cells)
    name = gettext("Fewest labelled runs in a cell")
    limit = gettext("at least %(limit)s") % {"limit": FEWEST_RUNS}
    return Check(name, str(fewest), limit, fewest >= FEWEST_RUNS)


def _flat(view: StudyView) -> Check:
    """Whether the runs of a cell vary at all."""
    flat = sum(len(set(c.converged)) == 1 and len(c.converged) > 1 for c in view.cells)
    name = gettext("Cells whose converged runs do not vary")
    return Check(name, str(flat), "0", flat == 0)


def _lack_of_fit(view: StudyView) -> Check | None:
    """Whether the curves of the model of the outcome describe the means of its cells."""
    model = accuracy_model(view)
    if model is None or model.lack_of_fit is None:
        return None
    p = model.lack_of_fit.p_value
    name = gettext("Lack of fit of the model of the %(measure)s, p value")
    return Check(
        name % {"measure": friendly(view.outcome)},
        p_text(p),
        gettext("at least %(limit)s") % {"limit": LEAST_FIT},
        p >= LEAST_FIT,
    )


def _borderline(view: StudyView) -> Check | None:
    """Whether a verdict hangs on the seed of the bootstrap."""
    results = view.result.hypotheses
    if not results:
        return None
    count = sum(result.verdict.value == "borderline" for result in results)
    name = gettext("Verdicts within two Monte Carlo errors of their threshold")
    return Check(name, str(count), "0", count == 0)
