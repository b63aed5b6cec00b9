"""What is wrong with a trainer of one's own: names, placeholders and seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from vggstudy.errors import Problem
from vggstudy.protocol.model.trainer import GIVEN, PARAMETER_NAME, SEEDS, TAKEN, placeholders
from vggstudy.protocol.model.wording import shown
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Statement

Place = tuple[str | int, ...]


def trainer_problems(protocol: Statement) -> Iterator[Problem]:
    """Problems of a protocol's trainer, its factors and parameters; none without a trainer.

    Parameters
    ----------
    protocol : Statement
    """
    if protocol.trainer is None:
        return
    places: dict[str, Place] = {
        **{name: ("parameters", name) for name in protocol.parameters},
        **{name: ("design", "factors", name) for name in protocol.design.factors},
    }
    yield from _name_problems(protocol, places)
    target = protocol.analysis.target
    if target is not None and target.time != "epochs":
        message = "analysis.target.time must be epochs with a trainer of your own"
        yield Problem(message, path=("analysis", "target", "time"))
    command = protocol.trainer.command
    if command is None:
        return
    used: set[str] = set()
    for at, argument in enumerate(command):
        for name in placeholders(argument):
            used.add(name)
            if name not in places and name not in GIVEN:
                yield _unknown(name, [*places, *GIVEN], ("trainer", "command", at))
    for name, place in places.items():
        if name not in used and "parameters" not in used:
            kind = "parameter" if place[0] == "parameters" else "factor"
            message = f"the {kind} {shown(name)} has no place in trainer.command"
            hint = f"write {{{name}}} where it belongs, or {{parameters}} for all of them"
            yield Problem(message, path=place, suggestion=hint)
    yield from _seed_problems(protocol, used)


def _seed_problems(protocol: Statement, used: Collection[str]) -> Iterator[Problem]:
    """Crossed seeds need both kinds in the command, and no other."""
    if protocol.design.seeding == "crossed" and not {*SEEDS[1:]} <= {*used}:
        message = "crossed seeding needs {init_seed} and {data_seed} in trainer.command"
        yield Problem(message, path=("trainer", "command"))
    elif protocol.design.seeding == "crossed" and "seed" in used:
        message = "{seed} has no meaning with crossed seeding: {init_seed} and {data_seed} have"
        yield Problem(message, path=("trainer", "command"))


def trainer_warnings(protocol: Statement) -> Iterator[str]:
    """What is allowed of a trainer and seldom meant."""
    if protocol.trainer is None:
        return
    command = protocol.trainer.command
    used = {name for argument in command or () for name in placeholders(argument)}
    if command is not None and not used.intersection(SEEDS):
        yield (
            "trainer.command has no {seed}: the replicates of a cell differ by their seeds alone, "
            "which $VGGSTUDY_SEED has, too"
        )
    outcome, rule = protocol.analysis.outcome, protocol.label
    if outcome.endswith("accuracy") and rule.rule is None and rule.succeeds is None:
        yield (
            f"the outcome is {outcome} and every finished run counts as converged: "
            "label.succeeds or label.rule can say when a run has learned"
        )


def _name_problems(protocol: Statement, places: dict[str, Place]) -> Iterator[Problem]:
    """Names that a factor or a parameter cannot have."""
    for name, place in places.items():
        if not PARAMETER_NAME.fullmatch(name):
            rule = "be at most 64 letters, digits, '_', '.', '/' and '-', a letter or '_' first"
            yield Problem(f"a name must {rule}, got {shown(name)}", path=place)
        elif name in TAKEN:
            message = f"{shown(name)} has a meaning of its own: choose another name"
            yield Problem(message, path=place)
        if name in protocol.parameters and name in protocol.design.factors:
            message = f"{shown(name)} is a factor and stands in [parameters], too"
            yield Problem(message, path=("parameters", name))


def _unknown(name: str, known: list[str], place: Place) -> Problem:
    """A placeholder that nothing fills."""
    if name in ("{", "}"):
        message = f"a brace stands alone in trainer.command: write {name * 2} for {name}"
        return Problem(message, path=place)
    message = f"the placeholder {{{name}}} names no factor and no parameter"
    return Problem(message, path=place, suggestion=suggest(name, known))
