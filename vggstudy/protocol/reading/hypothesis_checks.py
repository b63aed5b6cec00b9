"""Hypotheses, fitted models and the source's figures against the design.

Names that the design knows; which keys a kind has is checked as they are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.claim_ids import ClaimName, split_claim_id
from vggstudy.errors import Problem
from vggstudy.identity import canonical_json
from vggstudy.protocol.model.stopping import stopping_conflicts
from vggstudy.protocol.model.wording import shown
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.quantities import LEVELS, QUANTITIES, Form, Quantity, plain_quantity
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Statement
    from vggstudy.stated.hypotheses import Hypothesis, Part
    from vggstudy.stated.models import ModelRequest

Place = tuple[str | int, ...]


def hypothesis_problems(protocol: Statement) -> list[Problem]:
    """What hypotheses and the source's figures say that their kind or the design does not know.

    Parameters
    ----------
    protocol : Statement

    Returns
    -------
    list of Problem
        Each with its path in the document.
    """
    names = _Names(protocol)
    problems = []
    seen: set[str] = set()
    for index, hypothesis in enumerate(protocol.hypotheses):
        place: Place = ("hypotheses", index)
        if hypothesis.id in seen:
            message = f"two hypotheses have the id {shown(hypothesis.id)}"
            problems.append(Problem(message, path=(*place, "id")))
        seen.add(hypothesis.id)
        problems += names.problems(hypothesis, place)
        for at, part in enumerate(hypothesis.parts if hypothesis.kind == "all" else ()):
            problems += names.problems(part, (*place, "parts", at))
    problems += _stopping_problems(protocol, names)
    problems += names.block_problems(("analysis", "block"))
    for key in ("failure_model", "accuracy_model"):
        problems += names.problems(getattr(protocol.analysis, key), ("analysis", key))
    for factor in protocol.analysis.learning:
        problems += names.along_problems(factor, ("analysis", "learning", factor))
    for index, figure in enumerate(protocol.source.figures if protocol.source else ()):
        problems += names.claim_problems(figure.claim, ("source", "figures", index, "claim"))
    return problems


class _Names:
    """The factors, levels and outcomes that hypotheses may name; a table alone tells its levels."""

    def __init__(self, protocol: Statement) -> None:
        table = protocol.table
        self.place = "[design.factors]" if table is None else "table.factors"
        self.factors: Mapping[str, Sequence[Any] | None] = (
            protocol.design.factors if table is None else dict.fromkeys(table.factors)
        )
        columns = [protocol.analysis.outcome, *protocol.analysis.outcomes]
        if table is not None:
            columns = [*(table.outcomes or columns if table.time is None else table.outcomes)]
            columns += [] if table.time is None else [table.time]
        main = ["accuracy" if x in {"accuracy", "test_accuracy"} else x for x in columns]
        self.outcomes = ["converged", "expected", *main]
        self.block = protocol.analysis.block

    def block_problems(self, place: Place) -> Iterator[Problem]:
        """Blocks that are no factor, or the only one."""
        if self.block is None:
            return
        yield from self._factor(self.block, place)
        if set(self.factors) == {self.block}:
            yield Problem("analysis.block is the only factor: nothing varies within it", path=place)

    def problems(self, part: Part | Hypothesis | ModelRequest, place: Place) -> Iterator[Problem]:
        """Everything in a part, or a fitted model, that names what the design does not have."""
        said: dict[str, Any] = {key: value for key, value in part if value is not None}
        if "claim" in said:
            yield from self.claim_problems(said["claim"], (*place, "claim"))
        if "compare" in said:
            yield from self._factor(said["compare"], (*place, "compare"))
        if "along" in said:
            yield from self.along_problems(said["along"], (*place, "along"))
        for at, name in enumerate(said.get("factors", ())):
            yield from self._factor(name, (*place, "factors", at))
        for at, pair in enumerate(said.get("interactions", ())):
            yield from self._interaction(pair, (*place, "interactions", at))
        yield from self._held(said.get("at", {}), (*place, "at"))
        for at, held in enumerate(said.get("order", ())):
            yield from self._held(held, (*place, "order", at))
            yield from _outside(held, said["factors"], (*place, "order", at))
        for at, level in enumerate(said.get("levels", ())):
            if said["compare"] in self.factors:
                yield from self._level(said["compare"], level, (*place, "levels", at))

    def along_problems(self, name: str, place: Place) -> Iterator[Problem]:
        """A factor along which something runs: there is one, and its levels are numbers."""
        if name in self.factors:
            yield from self._numeric(name, place)
        else:
            yield from self._factor(name, place)

    def _wrong_quantity(self, name: ClaimName) -> str | None:
        """What the quantity should have been; None where it fits."""
        kind, count = QUANTITIES.get(name.quantity), len(name.factors)
        if kind is None or kind.form in (Form.OUTCOME, Form.LEVEL) or kind.compares != count:
            expected = plain_quantity(name.outcome, count)
            return None if name.quantity == expected else expected
        if kind.form.blocks:
            return self._wrong_over_blocks(name, kind)
        if kind.form == Form.BESIDE:
            further = set(self.outcomes[3:]) - set(ENSEMBLE_OUTCOMES)
            return None if name.outcome in further else "of a further outcome of single runs"
        if name.outcome == "expected" and kind.of_all:
            return None
        return None if name.outcome not in {"converged", "expected"} else "of converged runs"

    def _wrong_over_blocks(self, name: ClaimName, kind: Quantity) -> str | None:
        """What keeps a quantity from being one over blocks."""
        if self.block is None:
            return "of a protocol with analysis.block"
        others = {held.factor for held in name.held if not held.compared} | set(name.factors)
        if self.block in name.factors or not others - {self.block}:
            return f"of another factor than {self.block}"
        of_values = kind.form == Form.VALUES_OF_BLOCKS and name.outcome in {"converged", "expected"}
        return "of converged runs" if of_values else None

    def claim_problems(self, text: str, place: Place) -> Iterator[Problem]:
        """A claim's id: its grammar, outcome, quantity, factors and levels."""
        try:
            name = split_claim_id(text)
        except ValueError as error:
            yield Problem(str(error), path=place)
            return
        known = [*self.outcomes, *LEVELS]
        if name.outcome not in known:
            message = f"no outcome {shown(name.outcome)}; there are {', '.join(known)}"
            yield Problem(message, path=place, suggestion=suggest(name.outcome, known))
        elif name.outcome not in LEVELS and (expected := self._wrong_quantity(name)):
            message = f"{shown(name.quantity)} does not fit {shown(text)}: it should be {expected}"
            yield Problem(message, path=place)
        for factor in name.factors:
            yield from self._factor(factor, place)
        for held in name.held:
            if held.factor not in self.factors:
                yield from self._factor(held.factor, place)
                continue
            for level in held.levels:
                yield from self._level(held.factor, _from_text(level), place, text=level)

    def _factor(self, name: str, place: Place) -> Iterator[Problem]:
        """A name that is no factor."""
        if name not in self.factors:
            hint = suggest(name, list(self.factors))
            message = f"{shown(name)} is no factor of {self.place}"
            yield Problem(message, path=place, suggestion=hint)

    def _interaction(self, text: str, place: Place) -> Iterator[Problem]:
        """Two factors joined by a star."""
        names = text.split("*")
        if len(names) != 2:
            message = (
                f"an interaction names two factors as in 'depth*batch_size', got {shown(text)}"
            )
            yield Problem(message, path=place)
        else:
            for name in names:
                yield from self._factor(name, place)

    def _numeric(self, name: str, place: Place) -> Iterator[Problem]:
        """A factor whose levels are no numbers."""
        if any(isinstance(x, (bool, str)) for x in self.factors[name] or ()):
            yield Problem(f"{name} must be a factor whose levels are numbers", path=place)

    def _held(self, held: Mapping[str, Any], place: Place) -> Iterator[Problem]:
        """Factors held at levels."""
        for name, level in held.items():
            if name in self.factors:
                yield from self._level(name, level, (*place, name))
            else:
                yield from self._factor(name, (*place, name))

    def _level(
        self, name: str, level: Any, place: Place, *, text: str | None = None
    ) -> Iterator[Problem]:
        """A level that the factor does not have."""
        levels = self.factors[name]
        if levels is None or text in levels:
            return
        known = [canonical_json(x) for x in levels]
        if canonical_json(level) in known:
            return
        listed = ", ".join(known[:8])
        yield Problem(f"{name} has no level {shown(level)}; it has {listed}", path=place)


def _stopping_problems(protocol: Statement, names: _Names) -> Iterator[Problem]:
    """Looks that cannot be taken, a target that the protocol does not have."""
    design, place = protocol.design, ("design", "stopping")
    if design.stopping is None:
        return
    for message in stopping_conflicts(design):
        yield Problem(message, path=(*place, "looks"))
    known = [hypothesis.id for hypothesis in protocol.hypotheses]
    for at, name in enumerate(design.stopping.decided or ()):
        if name not in known:
            listed = f"there are {', '.join(known)}" if known else "there is none"
            message = f"{shown(name)} is no hypothesis; {listed}"
            where = (*place, "decided", at)
            yield Problem(message, path=where, suggestion=suggest(name, known))
    if design.stopping.claim is not None:
        yield from names.claim_problems(design.stopping.claim, (*place, "claim"))


def _outside(held: Iterable[str], factors: Sequence[str], place: Place) -> Iterator[Problem]:
    """Levels of factors that are not ranked."""
    for name in held:
        if name not in factors:
            yield Problem(f"{shown(name)} is not among the ranked factors", path=(*place, name))


def _from_text(text: str) -> Any:
    """A level as an id writes it: true, 19, 0.001; anything else is text."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, (bool, int, float)) else text
