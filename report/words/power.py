"""Plans of replicates in words and printed numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vggstudy.analysis.numbers.intervals import percent as confidence_text
from vggstudy.analysis.planning.sequential import mean_replicates
from vggstudy.report.words.i18n import gettext

if TYPE_CHECKING:
    from vggstudy.analysis.planning.ahead import (
        ClaimAhead,
        HypothesisAhead,
        PartAhead,
        Prediction,
    )
    from vggstudy.analysis.planning.planning import Plan, Reached
    from vggstudy.analysis.planning.sequential import LookAhead

NONE = "-"


def basis(runs: int, name: str, studies: int, *, stated: bool) -> str:
    """What a plan rests on."""
    if not runs:
        told = gettext("From stated numbers")
    elif stated:
        told = gettext("From %(n)s runs of %(name)s and stated numbers") % {"n": runs, "name": name}
    else:
        told = gettext("From %(n)s runs of %(name)s") % {"n": runs, "name": name}
    each = gettext("%(n)s simulated studies for each number of replicates.") % {"n": studies}
    return f"{told}; {each}"


def target_head() -> tuple[str, ...]:
    """Heads of `target_row`."""
    return (
        gettext("target"),
        gettext("replicates"),
        gettext("to be sure"),
        gettext("runs"),
        gettext("device-hours"),
    )


def target_row(one: Reached, plan: Plan, cells: int, hours: float | None) -> tuple[str, ...]:
    """A target, and what reaches it."""
    n = one.n
    return (
        f"{one.target.id}: {asked_words(one)}",
        f"> {plan.points[-1].n}" if n is None else str(n),
        f"> {plan.points[-1].n}" if one.assured is None else str(one.assured),
        NONE if n is None else str(n * cells),
        NONE if n is None or hours is None else number(n * hours),
    )


def asked_words(one: Reached) -> str:
    """``half-width 0.005``, ``power 80%``."""
    value = one.target.value
    if one.target.kind == "half_width":
        return gettext("half-width %(value)s") % {"value": number(value)}
    return gettext("power %(value)s") % {"value": percent(value)}


def claim_head() -> tuple[str, ...]:
    """Heads of `claim_row`."""
    return (
        gettext("claim"),
        gettext("half-width"),
        gettext("eight of ten studies"),
        gettext("smallest effect"),
    )


def claim_row(one: ClaimAhead) -> tuple[str, ...]:
    """A claim's interval in studies of one size."""
    ends = [gettext("none") if x is None else number(x) for x in (one.low, one.high)]
    between = " - ".join(ends)
    return (one.id, _or_none(one.half_width), between, _or_none(one.smallest))


def hypothesis_head() -> tuple[str, ...]:
    """Heads of `hypothesis_rows`."""
    return (
        gettext("hypothesis"),
        gettext("power"),
        gettext("with the pilot's doubt"),
        gettext("contradicted"),
        gettext("smallest effect"),
    )


def hypothesis_rows(one: HypothesisAhead) -> list[tuple[str, ...]]:
    """A hypothesis, and where it has several parts a row for each."""
    alone = len(one.parts) == 1
    first = (
        one.id,
        f"{percent(one.power)} ± {100 * one.error:.0f}",
        percent(one.assured),
        percent(one.contradicted),
        _or_none(one.parts[0].smallest) if alone else NONE,
    )
    return [first, *([] if alone else [_part_row(one.id, part) for part in one.parts])]


def _part_row(name: str, part: PartAhead) -> tuple[str, ...]:
    """One part of a hypothesis."""
    return f"{name}: {part.estimand}", percent(part.power), NONE, NONE, _or_none(part.smallest)


def look_head() -> tuple[str, ...]:
    """Heads of `look_row`."""
    return (
        gettext("look"),
        gettext("replicates"),
        gettext("intervals at"),
        gettext("studies that end here"),
        gettext("with the pilot's doubt"),
    )


def look_row(one: LookAhead) -> tuple[str, ...]:
    """A look, and how often studies stop there."""
    return (
        str(one.number),
        str(one.replicates),
        confidence_text(one.level),
        f"{percent(one.stops)} ± {100 * one.error:.0f}",
        percent(one.possible),
    )


def looks_of(point: Prediction, cells: int, hours: float | None) -> str:
    """How many runs studies with looks have where they end."""
    mean = mean_replicates(point.looks)
    cost = "" if hours is None else f", {number(mean * hours)} h"
    return gettext(
        "With its looks it ends after %(n)s replicates on average: %(runs)s runs%(cost)s."
    ) % {"n": number(mean), "runs": f"{mean * cells:.0f}", "cost": cost}


def size_of(point: Prediction, cells: int, hours: float | None) -> str:
    """How large studies of so many replicates are."""
    cost = "" if hours is None else f", {number(point.n * hours)} h"
    return gettext("A study of %(n)s replicates of %(cells)s cells: %(runs)s runs%(cost)s.") % {
        "n": point.n,
        "cells": cells,
        "runs": point.n * cells,
        "cost": cost,
    }


def notes(plan: Plan) -> list[str]:
    """What is to be known of the tables."""
    said = [
        gettext(
            "To be sure: nine of ten studies reach the half-width, of those that the pilot leaves "
            "possible; as large a share of these as was asked supports the hypothesis."
        ),
        gettext(
            "The smallest effect is how far from its threshold the truth must lie to be found in "
            "%(power)s of studies; of an equivalence it is the smallest margin that is shown."
        )
        % {"power": percent(plan.power)},
    ]
    kinds = {part.kind for one in plan.points[0].hypotheses for part in one.parts}
    if "threshold_order" in kinds:
        said.append(
            gettext(
                "That of levels at which half of the runs converge is on the scale of their factor "
                "(doublings, where that is logarithmic), from a normal approximation; where such a "
                "level lies beyond those that are run there is none."
            )
        )
    if "peak" in kinds:
        said.append(
            gettext(
                "A peak has no smallest effect: whether it is found depends on its place and its "
                "shape, not on one number. Means that are stated (--expected) ask for one of any "
                "height."
            )
        )
    if plan.declared is not None:
        said.append(
            gettext(
                "Looks are those of the protocol, at the same shares of the last one where that is "
                "another: replicates are at most so many. Half-widths and powers are those of "
                "studies where they end; a smallest effect is that of one that goes on to its last "
                "look."
            )
        )
    if lost := unreached(plan):
        said.append(
            gettext("No number of replicates up to %(n)s reaches: %(names)s.")
            % {"n": plan.points[-1].n, "names": ", ".join(lost)}
        )
    return said


def unreached(plan: Plan) -> list[str]:
    """Targets that nothing reaches that was tried."""
    return [one.target.id for one in plan.reached if one.n is None]


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Whole percents."""
    return f"{100 * share:.0f}%"


def _or_none(value: float | None) -> str:
    return NONE if value is None else number(value)


def shown_points(plan: Plan) -> Sequence[Prediction]:
    """The design as it is, and what a budget buys."""
    both = dict.fromkeys([plan.design, *([] if plan.bought is None else [plan.bought])])
    return [plan.at(n) for n in both]
