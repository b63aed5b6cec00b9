"""The plan: every run that a protocol asks for, with its id, seeds and place in the grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vggstudy.errors import Problem, ProtocolError
from vggstudy.identity import Seeds, TrainerSeeds, run_id, run_seeds, trainer_seeds
from vggstudy.protocol import (
    AnyRecipe,
    CellRecipe,
    Protocol,
    describe_levels,
    grid,
    setting_of,
)
from vggstudy.stated.base import write_level
from vggstudy.suggest import suggest

__all__ = ["Plan", "PlannedRun", "describe_levels", "make_plan", "select_runs"]

REPLICATE = "replicate"
"""How a selection names the index within a cell."""

SHOWN_LEVELS = 20
"""So many levels are listed in a message."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One replicate of one cell.

    Attributes
    ----------
    run_id, cell_id : str
        Sixteen hexadecimal digits each.
    replicate : int
        Index within the cell, from 0.
    levels : mapping
        Factor name to level.
    recipe : Recipe or TrainerRecipe
        The cell's fully resolved recipe.
    study_seed : int
        The protocol's ``design.seed``.
    seeding : str
        "independent", "shared" or "crossed".
    """

    run_id: str
    cell_id: str
    replicate: int
    levels: Mapping[str, Any]
    recipe: AnyRecipe
    study_seed: int
    seeding: str

    @property
    def seeds(self) -> Seeds:
        """Seeds of the run's random streams."""
        return run_seeds(
            self.cell_id,
            study_seed=self.study_seed,
            replicate=self.replicate,
            seeding=self.seeding,
        )

    @property
    def trainer_seeds(self) -> TrainerSeeds:
        """Seeds for a trainer of one's own."""
        return trainer_seeds(
            self.cell_id,
            study_seed=self.study_seed,
            replicate=self.replicate,
            seeding=self.seeding,
        )


@dataclass(frozen=True)
class Plan:
    """All planned runs of a protocol, replicate by replicate.

    The order is replicates first, then cells, so that a study that is cut short has all cells at
    few replicates rather than few cells at all of them.
    """

    protocol: Protocol
    runs: tuple[PlannedRun, ...]

    @cached_property
    def by_id(self) -> dict[str, PlannedRun]:
        """Planned runs by run id."""
        return {run.run_id: run for run in self.runs}

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the factors, in the protocol's order."""
        return tuple(self.protocol.design.factors)

    @cached_property
    def n_cells(self) -> int:
        """Number of cells."""
        return sum(run.replicate == 0 for run in self.runs)

    @property
    def replicates(self) -> int:
        """Runs of each cell."""
        return len(self.runs) // max(1, self.n_cells)

    @property
    def cells(self) -> tuple[PlannedRun, ...]:
        """The first replicate of every cell."""
        return self.runs[: self.n_cells]

    def upto(self, replicates: int) -> Plan:
        """The first replicates of every cell alone."""
        return Plan(self.protocol, tuple(run for run in self.runs if run.replicate < replicates))


def refuse_table(protocol: Protocol) -> None:
    """Refuse to plan runs that were made elsewhere.

    Raises
    ------
    ProtocolError
        If the protocol states a table.
    """
    if protocol.table is not None:
        message = "[table] holds runs that were made: analyze, report, cite and export read it"
        raise ProtocolError(message, f"protocol {protocol.name!r}")


def make_plan(protocol: Protocol, cells: Iterable[CellRecipe] | None = None) -> Plan:
    """The planned runs of a protocol.

    Parameters
    ----------
    protocol : Protocol
        What to plan.
    cells : iterable of CellRecipe, optional
        The protocol's grid where it has been resolved already.

    Raises
    ------
    ProtocolError
        If the grid holds cells that cannot be run, or two cells resolve to one recipe; if there is
        none, but a table of runs.
    """
    refuse_table(protocol)
    if cells is None:
        cells, problems = grid(protocol)
        if problems:
            raise ProtocolError(problems, protocol.name)
    cells = list(cells)
    design = protocol.design
    runs = tuple(
        PlannedRun(
            run_id=run_id(
                cell.cell_id, study_seed=design.seed, replicate=replicate, seeding=design.seeding
            ),
            cell_id=cell.cell_id,
            replicate=replicate,
            levels=cell.levels,
            recipe=cell.recipe,
            study_seed=design.seed,
            seeding=design.seeding,
        )
        for replicate in range(design.replicates)
        for cell in cells
    )
    return Plan(protocol=protocol, runs=runs)


def select_runs(plan: Plan, only: Iterable[str]) -> Iterator[PlannedRun]:
    """Runs whose levels match every ``factor=level`` of a selection.

    Several levels of one factor, given as several conditions, are alternatives. Levels are
    compared by value, however they are spelled: ``lr=1e-3`` is ``lr=0.001``.

    Parameters
    ----------
    plan : Plan
        Whose runs to select from.
    only : iterable of str
        Conditions; ``replicate`` counts as a factor.

    Raises
    ------
    ProtocolError
        If a condition names no factor of the plan, or no level of it; lists all of them.
    """
    known: dict[str, dict[str, Any]] = {
        name: {write_level(cell.levels[name]): cell.levels[name] for cell in plan.cells}
        for name in plan.factors
    }
    known[REPLICATE] = {str(index): index for index in range(plan.replicates)}
    wanted: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for condition in only:
        try:
            name, level = _condition(condition, known, plan.protocol)
        except ProtocolError as error:
            problems += error.problems
        else:
            wanted.setdefault(name, []).append(level)
    if problems:
        raise ProtocolError(problems, "command line")
    replicates = wanted.pop(REPLICATE, None)
    return (
        run
        for run in plan.runs
        if (replicates is None or run.replicate in replicates)
        and all(run.levels[name] in levels for name, levels in wanted.items())
    )


def _condition(
    condition: str, known: Mapping[str, Mapping[str, Any]], protocol: Protocol
) -> tuple[str, Any]:
    """Factor and level that a condition names."""
    given, equals, text = (part.strip() for part in condition.partition("="))
    name = given
    if name not in known:  # perhaps by another name of the same setting
        path = setting_of(protocol, given)
        same = (own for own in known if path and setting_of(protocol, own) == path)
        name = next(same, given)
    if not equals or name not in known:
        msg = f"--only {condition}: write it as factor=level; factors: {', '.join(known)}"
        raise ProtocolError([Problem(msg, suggestion=suggest(given, known))])
    for spelling in (text, _canonical_text(text)):
        if spelling in known[name]:
            return name, known[name][spelling]
    levels = list(known[name])
    more = f" and {len(levels) - SHOWN_LEVELS:,} more" if len(levels) > SHOWN_LEVELS else ""
    msg = f"--only {condition}: {name} has the levels {', '.join(levels[:SHOWN_LEVELS])}{more}"
    words = [word for word, level in known[name].items() if isinstance(level, (bool, str))]
    raise ProtocolError([Problem(msg, suggestion=suggest(text, words))])


def _canonical_text(text: str) -> str:
    """The spelling in which a number is compared; other texts as they are."""
    try:
        return write_level(float(text))
    except ValueError:
        return text
