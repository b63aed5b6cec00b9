"""Studies side by side in words and printed numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.analysis.comparing.like import Finding
from vggstudy.analysis.comparing.pooled import ODD_BY_CHANCE
from vggstudy.report.words.display import POINTS, Display, display, read
from vggstudy.report.words.i18n import gettext, mark, ngettext
from vggstudy.rounding import round_significant

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.comparing.like import Like
    from vggstudy.analysis.comparing.pooled import Pooled, Pooling
    from vggstudy.analysis.comparing.studies import Comparison
    from vggstudy.analysis.numbers.intervals import Interval

NO_BREAK = "\N{NO-BREAK SPACE}"

FINDINGS = {
    Finding.REVERSED: mark("reversed"),
    Finding.DIFFERS: mark("differs"),
    Finding.OPEN: mark("open"),
    Finding.AGREES: mark("agrees"),
    Finding.REPLICATED: mark("replicated"),
}
"""In the order in which they are read: what does not fit stands first."""


def shown(claim: Claim) -> str:
    """``12 points [10, 14]``: a claim's numbers in print."""
    return text_of(display(claim))


def shown_difference(one: Like) -> str:
    """The second study's estimate minus the first's."""
    return text_of(display(_as_claim(one.second, one.difference, between=True)))


def shown_interval(claim: Claim, interval: Interval) -> str:
    """Another estimate of what a claim is on."""
    return text_of(display(_as_claim(claim, interval)))


def text_of(printed: Display | None) -> str:
    """Estimate, unit and ends."""
    return "-" if printed is None else read(f"{printed.estimate} {printed.ends}")


def finding_words(finding: Finding) -> str:
    """The word for what a second study says of a first."""
    return gettext(FINDINGS[finding])


def ordered(comparison: Comparison) -> list[Like]:
    """What does not fit first, otherwise as the analysis lists claims."""
    order = list(FINDINGS)
    return sorted(comparison.likes, key=lambda one: order.index(one.finding))


def sentences(comparison: Comparison) -> list[str]:
    """What the comparison comes to."""
    total = len(comparison.likes)
    counts = comparison.counts
    (captured, should), (inside, at_level) = comparison.captured, comparison.expected
    said = [
        ngettext(
            "%(n)s claim is in both studies with an interval.",
            "%(n)s claims are in both studies with an interval.",
            total,
        )
        % {"n": total},
        gettext(
            "%(n)s of %(all)s estimates of the second study lie where the first lets expect them; "
            "%(should)s would if both measured one thing."
        )
        % {"n": inside, "all": total, "should": f"{at_level:.0f}"},
        gettext(
            "%(n)s of %(all)s intervals of the first study hold the second's estimate; if both "
            "measured one thing, about %(should)s would, and more where runs are few."
        )
        % {"n": captured, "all": total, "should": f"{should:.0f}"},
    ]
    excluded = counts["replicated"] + counts["open"]
    against = sum(
        1 for one in comparison.likes if one.finding == Finding.DIFFERS and one.first.side
    )
    first_excludes = excluded + counts["reversed"] + against
    if first_excludes:
        said.append(
            gettext(
                "Of %(all)s differences that the first study tells from none, the second "
                "replicates %(n)s, leaves %(open)s open and reverses %(reversed)s."
            )
            % {
                "all": first_excludes,
                "n": counts["replicated"],
                "open": counts["open"],
                "reversed": counts["reversed"],
            }
        )
    if comparison.verdicts:
        same = sum(one.same for one in comparison.verdicts)
        said.append(
            gettext("%(n)s of %(all)s hypotheses have the same verdict.")
            % {"n": same, "all": len(comparison.verdicts)}
        )
    return said


def pooled_sentences(pooling: Pooling) -> list[str]:
    """What several studies come to."""
    total = len(pooling.claims)
    return [
        ngettext(
            "%(n)s claim is in at least two of the %(studies)s studies with an interval.",
            "%(n)s claims are in at least two of the %(studies)s studies with an interval.",
            total,
        )
        % {"n": total, "studies": len(pooling.names)},
        gettext(
            "On %(n)s of them the studies differ beyond what their runs leave open (Cochran's "
            "test at 5%%); about %(chance)s would by chance."
        )
        % {
            "n": sum(one.odd for one in pooling.claims),
            "chance": f"{ODD_BY_CHANCE * total:.0f}",
        },
    ]


def shown_spread(one: Pooled, *, whole: bool = True) -> str:
    """``I² 45%, τ 1.2 points``: how far studies differ beyond chance; or τ alone."""
    printed = display(one.claim)
    unit = None if printed is None else printed.unit
    tau = round_significant(one.spread.tau2**0.5 * (1 if unit is None else unit.scale))
    # What studies differ by is a difference: of percentages, points.
    words = "" if unit is None else POINTS.after(tau) if unit.scale == POINTS.scale else unit.words
    text = f"I² {one.spread.i2:.0%}, τ {tau}{words}" if whole else f"{tau}{words}"
    return text.replace(" ", NO_BREAK)


def _as_claim(claim: Claim, interval: Interval, *, between: bool = False) -> Claim:
    """A claim with other numbers, so that it is printed like its own."""
    changed = replace(claim, estimate=interval.estimate, low=interval.low, high=interval.high)
    if not between:
        return changed
    quantity = "did" if claim.quantity in ("diff", "did") else "diff"  # for the unit of print
    return replace(changed, quantity=quantity, reference=0.0, levels_run=None)
