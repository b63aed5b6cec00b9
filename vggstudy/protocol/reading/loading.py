"""Reading a protocol file: every mistake at once, each with its line, column and a suggestion."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vggstudy.errors import Problem, ProtocolError
from vggstudy.markup import html_table
from vggstudy.protocol.grid.cells import CellRecipe, Place, grid
from vggstudy.protocol.grid.trainers import trainer_warnings
from vggstudy.protocol.model.conflicts import section_conflicts
from vggstudy.protocol.model.factors import resolve
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import SCHEMA_VERSION
from vggstudy.protocol.model.statement import Statement
from vggstudy.protocol.model.wording import KIND_NEEDS, MAX_PROBLEMS, problems_of, shown
from vggstudy.protocol.reading.document import parse_document, read_text, unfit_values
from vggstudy.protocol.reading.ensemble_checks import ensemble_problems
from vggstudy.protocol.reading.hypothesis_checks import hypothesis_problems
from vggstudy.protocol.reading.leaving_out import SECTIONS, filled, remove
from vggstudy.protocol.reading.overrides import Override, apply_overrides, parse_overrides
from vggstudy.protocol.reading.positions import Positions, locate
from vggstudy.protocol.reading.table_checks import table_problems
from vggstudy.stated.base import write_level
from vggstudy.suggest import suggest

MAX_PASSES = 8
"""Validations that leave out what earlier ones found; each reaches what that was hiding."""


class Protocol(Statement):
    """A study, fully stated."""

    @classmethod
    def from_file(cls, path: str | Path, overrides: Sequence[str] = ()) -> Protocol:
        """Read a protocol file; `load_protocol` does the work.

        Raises
        ------
        ProtocolError
            If the file cannot be read or holds mistakes; lists all of them.
        """
        return load_protocol(path, overrides=overrides).protocol

    def __repr__(self) -> str:
        return f"<Protocol {self.name}>"

    def summary(self) -> list[tuple[str, str]]:
        """What it asks for in short: names and texts."""
        factors = self.design.factors.items()
        stated = (("title", self.title), ("question", self.question))
        return [
            ("protocol", self.name),
            *((name, " ".join(text.split())) for name, text in stated if text),
            *((name, ", ".join(map(write_level, levels))) for name, levels in factors),
            ("replicates", str(self.design.replicates)),
            *((one.id, one.text) for one in self.hypotheses),
        ]

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return html_table(("", ""), self.summary())


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A protocol with its source.

    Attributes
    ----------
    protocol : Protocol
        What it says.
    text : str
        The file as it was read, with the overrides in place.
    path : Path
        Where it was read from.
    cells : list of CellRecipe
        The cells of its grid, in order.
    warnings : list of str
        What is allowed but seldom meant.
    """

    protocol: Protocol
    text: str
    path: Path
    cells: list[CellRecipe]
    warnings: list[str]


def load_protocol(path: str | Path, *, overrides: Sequence[str] = ()) -> LoadedProtocol:
    """Read and check a protocol file, and resolve its grid.

    Parameters
    ----------
    path : path
        The TOML file, or the name of a shipped protocol.
    overrides : sequence of str
        ``section.key=value`` in TOML's spelling, applied on top of the file.

    Raises
    ------
    ProtocolError
        If the file is missing, unreadable, no TOML, or says something that cannot be run. All
        mistakes are listed.
    """
    file = find_protocol(path)
    return _load(read_text(file), file, parse_overrides(overrides))


def parse_protocol(text: str, *, filename: str = "protocol.toml") -> Protocol:
    """Check a protocol given as text; see `load_protocol`."""
    return _load(text, Path(filename)).protocol


def find_protocol(path: str | Path) -> Path:
    """The file of that path, or the shipped protocol of that name.

    Raises
    ------
    ProtocolError
        If there is neither, naming the shipped protocol most like it.
    """
    file = Path(path)
    try:
        if file.is_file():
            return file
        folder = file.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise ProtocolError(f"cannot be read: {error.strerror}", str(path)) from None
    shipped = shipped_protocols()
    name = file.name.removesuffix(".toml")
    if name in shipped and (len(file.parts) == 1 or file.parts[0] == "protocols"):
        return shipped[name]
    if folder:
        raise ProtocolError("is a folder, not a protocol file", str(path))
    hint = suggest(name, shipped) or "see 'vggstudy protocols'"
    raise ProtocolError([Problem("no such protocol file", suggestion=hint)], str(path))


def shipped_protocols() -> dict[str, Path]:
    """Protocols that come with the package, by name."""
    folder = Path(__file__).resolve().parents[2] / "protocols"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def _load(text: str, file: Path, overrides: Sequence[Override] = ()) -> LoadedProtocol:
    """The protocol that a text states with the overrides in place."""
    document = parse_document(text, filename=str(file))
    effective = text
    if overrides:
        effective, document = apply_overrides(text, document, overrides)
    protocol, cells, problems = _validate(document)
    if problems or protocol is None:
        raise ProtocolError(_placed(problems, text, overrides), str(file))
    return LoadedProtocol(protocol, effective, file, cells, _warnings(protocol, cells))


def _validate(
    document: dict[str, Any],
) -> tuple[Protocol | None, list[CellRecipe], list[Problem]]:
    """The protocol and its grid, or everything that is wrong with either.

    What one validation finds is left out of the next, with stand-ins for what is missing, until
    the grid can be resolved; nothing is reported of what was left out.
    """
    if newer := _newer_schema(document):
        return None, [], [newer]
    problems = list(unfit_values(document))
    rest = copy.deepcopy(document)
    removed = {remove(rest, problem.path) for problem in problems}
    sections = [Problem(one.message, path=one.settings[0]) for one in section_conflicts(rest)]
    told = {remove(rest, problem.path) for problem in sections}
    if ("data",) in told and "trainer" not in rest:
        rest["data"] = dict(SECTIONS["data"])
    for _ in range(MAX_PASSES):
        if len(problems) > MAX_PROBLEMS:
            break
        candidate = filled(rest) if removed else rest
        try:
            protocol = Protocol.model_validate(candidate)
        except ValidationError as error:
            found = problems_of(error, Protocol, candidate)
        else:
            doubtful = removed | told | {p.meant for p in problems if p.meant is not None}
            if protocol.table is None:
                cells, more = grid(protocol, doubtful=doubtful)
            else:
                cells, more = [], list(table_problems(protocol))
            if not any(path[:1] in (("design",), ("table",)) for path in removed):
                more += hypothesis_problems(protocol)
                more += ensemble_problems(protocol, cells)
            problems += _new(more, removed | told)
            return protocol, cells, problems + sections
        problems += _new(found, removed | told)
        removed |= {remove(rest, problem.path) for problem in found}
    return None, [], problems + sections


def _newer_schema(document: dict[str, Any]) -> Problem | None:
    """Say plainly that a newer file needs a newer program, and nothing else of it."""
    version = document.get("schema")
    if not isinstance(version, int) or version <= SCHEMA_VERSION:
        return None
    message = f"schema {shown(version)} is newer than this vggstudy reads ({SCHEMA_VERSION})"
    return Problem(message, path=("schema",))


def _new(problems: list[Problem], removed: Collection[Place]) -> list[Problem]:
    """Problems that do not lie in what was left out."""
    return [
        problem
        for problem in problems
        if not any(problem.path[: length + 1] in removed for length in range(len(problem.path)))
    ]


def _placed(problems: list[Problem], text: str, overrides: Sequence[Override]) -> list[Problem]:
    """Problems with the places where they stand, in the order of the file."""
    positions = locate(text)
    placed = []
    for problem in problems[:MAX_PROBLEMS]:
        source = _source(problem, overrides, positions)
        if source is not None:
            message = f"{source.source}: {problem.message}"
            placed.append(dataclasses.replace(problem, message=message))
            continue
        of = positions.of_key if problem.message.startswith("unknown key") else positions.of
        needs = problem.message.startswith(KIND_NEEDS)
        line, column = of((*problem.path[:-1], "kind") if needs else problem.path)
        placed.append(dataclasses.replace(problem, line=line, column=column))
    placed.sort(key=lambda p: (p.line or 0, p.column or 0))
    if len(problems) > MAX_PROBLEMS:
        placed.append(Problem(f"and more: only the first {MAX_PROBLEMS} mistakes are listed"))
    return placed


def _source(
    problem: Problem, overrides: Sequence[Override], positions: Positions
) -> Override | None:
    """The last override that put what the problem is about, or made the table that it is."""
    path = problem.path
    made = [
        one
        for one in overrides
        if path[: len(one.path)] == one.path
        or (path not in positions and one.path[: len(path)] == path)
    ]
    return made[-1] if made else None


def _warnings(protocol: Protocol, cells: list[CellRecipe]) -> list[str]:
    """What can be run but is seldom meant."""
    if protocol.table is not None:
        return []
    found = []
    recipes = [cell.recipe for cell in cells if isinstance(cell.recipe, Recipe)]
    if protocol.design.replicates < 3:
        found.append(
            f"design.replicates = {protocol.design.replicates}: "
            "intervals of a mean need at least 3 runs a cell"
        )
    found += [
        f"{'.'.join(path)} has no effect: it is a factor, its levels decide"
        for name in protocol.design.factors
        if (path := resolve(name)) is not None and protocol.states(path)
    ]
    found += trainer_warnings(protocol)
    if any(r.training.uses_test_every_epoch and "test" in r.training.selected_by for r in recipes):
        found.append(
            "the test set selects the checkpoint: its accuracy is no longer a fair estimate"
        )
    stopping = [r.training.early_stopping for r in recipes if r.training.early_stopping]
    if any(s.min_epochs == 0 for s in stopping):
        found.append("early_stopping.min_epochs is 0: a plateau can outlast the patience")
    if recipes and all(r.training.momentum and r.training.optimizer != "sgd" for r in recipes):
        found.append("momentum has no effect on adam and adamw")
    return found
