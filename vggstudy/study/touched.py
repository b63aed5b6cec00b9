"""What an amendment touches, from the protocols before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vggstudy.protocol import Protocol
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.stated.base import write_level
from vggstudy.stated.hypotheses import parts_of

if TYPE_CHECKING:
    from vggstudy.analysis.claims.touched import Touched

RUNS = ("data", "model", "training", "trainer", "parameters", "label")
"""Parts of a protocol of which every run's result or label depends."""

APART = ("outcomes", "target", "learning", "failure_model", "accuracy_model", "ensemble_size")
"""Settings of the analysis that touch some numbers only."""


def touched(old: Protocol | None, new: Protocol | None, restated: set[str]) -> Touched:
    """What the change from one protocol to the next touches.

    Parameters
    ----------
    old, new : Protocol or None
        Everything is touched where one of them is not known.
    restated : set of str
        Ids of hypotheses that came, changed or went.
    """
    from vggstudy.analysis.claims.touched import Touched

    if old is None or new is None or _all(old, new):
        return Touched(everything=True)
    a, b = old.analysis, new.analysis
    return Touched(
        kept=_kept(old, new),
        outcomes=_outcomes(old, new),
        learning=a.learning != b.learning,
        models=(a.failure_model, a.accuracy_model) != (b.failure_model, b.accuracy_model),
        verdicts=bool(restated),
        named=_named(old, new, restated),
    )


def _all(old: Protocol, new: Protocol) -> bool:
    """Whether other runs are planned, labelled or estimated in every cell."""

    def rest(one: Protocol) -> tuple[Any, ...]:
        design = one.design.model_dump(exclude={"factors"})
        return design, one.analysis.model_dump(exclude={*APART}), {*one.design.factors}

    return rest(old) != rest(new) or any(getattr(old, x) != getattr(new, x) for x in RUNS)


def _kept(old: Protocol, new: Protocol) -> dict[str, frozenset[str]]:
    """The levels that stayed, of each factor whose levels changed."""
    levels = [
        {name: {write_level(x) for x in found} for name, found in one.design.factors.items()}
        for one in (old, new)
    ]
    first, second = levels
    return {
        name: frozenset(first[name] & second[name])
        for name in second
        if first[name] != second[name]
    }


def _outcomes(old: Protocol, new: Protocol) -> tuple[str, ...]:
    """Further outcomes that came, went, or are measured otherwise."""
    a, b = old.analysis, new.analysis
    found = [x for x in [*a.outcomes, *b.outcomes] if (x in a.outcomes) != (x in b.outcomes)]
    if a.target != b.target:
        found += [name for one in (a.target, b.target) if one for name in one.columns]
    if a.ensemble_size != b.ensemble_size:
        found += [name for name in b.outcomes if name in ENSEMBLE_OUTCOMES]
    return tuple(dict.fromkeys(found))


def _named(old: Protocol, new: Protocol, restated: set[str]) -> tuple[str, ...]:
    """Claims that hypotheses name which came, changed or went."""
    from vggstudy.analysis.hypotheses.evidence import KINDS

    parts = [
        part
        for one in (*old.hypotheses, *new.hypotheses)
        if one.id in restated
        for part in parts_of(one)
    ]
    ids = [KINDS[part.kind].about(part) for part in parts if KINDS[part.kind].bound is not None]
    return tuple(dict.fromkeys(ids))
