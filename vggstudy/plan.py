"""The plan: every run that a protocol asks for, with its id, seeds and place in the grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vggstudy.errors import Problem, ProtocolError
from vggstudy.identity import Seeds, canonical_json, cell_id, run_id, run_seeds
from vggstudy.protocol import CellRecipe, Protocol, Recipe, grid
from vggstudy.protocol.wording import suggestion_among


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
    recipe : Recipe
        The cell's fully resolved recipe.
    study_seed : int
        The protocol's ``design.seed``.
    seeding : str
        "independent" or "shared".
    """

    run_id: str
    cell_id: str
    replicate: int
    levels: Mapping[str, Any]
    recipe: Recipe
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

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len({run.cell_id for run in self.runs})


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
        If the grid holds cells that cannot be run, or two cells resolve to one recipe.
    """
    if cells is None:
        cells, problems = grid(protocol)
        if problems:
            raise ProtocolError(problems, protocol.name)
    named = [(cell, cell_id(cell.recipe.identity())) for cell in cells]
    _refuse_twins(named)
    design = protocol.design
    runs = tuple(
        PlannedRun(
            run_id=run_id(cid, study_seed=design.seed, replicate=replicate, seeding=design.seeding),
            cell_id=cid,
            replicate=replicate,
            levels=cell.levels,
            recipe=cell.recipe,
            study_seed=design.seed,
            seeding=design.seeding,
        )
        for replicate in range(design.replicates)
        for cell, cid in named
    )
    return Plan(protocol=protocol, runs=runs)


def _refuse_twins(named: list[tuple[CellRecipe, str]]) -> None:
    """Two cells with one recipe would be one run counted twice."""
    first: dict[str, CellRecipe] = {}
    for cell, cid in named:
        other = first.setdefault(cid, cell)
        if other is not cell:
            message = (
                f"the cells {describe_levels(other.levels)} and {describe_levels(cell.levels)} "
                "are the same recipe"
            )
            raise ProtocolError([Problem(message, path=("design", "factors"))])


def describe_levels(levels: Mapping[str, Any]) -> str:
    """``depth=19, batch_norm=true``: a cell as people read it."""
    return ", ".join(f"{name}={level_text(level)}" for name, level in levels.items()) or "the cell"


def level_text(level: Any) -> str:
    """A level as the data write it: true, 19, 0.001, sgd."""
    return level if isinstance(level, str) else canonical_json(level)


def select_runs(plan: Plan, only: Iterable[str]) -> Iterator[PlannedRun]:
    """Runs whose levels match every ``factor=level`` of a selection.

    Several levels of one factor, given as several conditions, are alternatives.

    Raises
    ------
    ProtocolError
        If a condition names no factor of the plan, or no level of it.
    """
    wanted: dict[str, set[str]] = {}
    known = {name: {level_text(run.levels[name]) for run in plan.runs} for name in plan.factors} | {
        "replicate": {str(index) for index in range(plan.protocol.design.replicates)}
    }
    for condition in only:
        name, equals, level = (part.strip() for part in condition.partition("="))
        if not equals or name not in known:
            hint = suggestion_among(name, known)
            msg = f"--only {condition}: write it as factor=level; factors: {', '.join(known)}"
            raise ProtocolError([Problem(msg, suggestion=hint)], "command line")
        if level not in known[name]:
            levels = ", ".join(sorted(known[name]))
            msg = f"--only {condition}: {name} has the levels {levels}"
            raise ProtocolError(msg, "command line")
        wanted.setdefault(name, set()).add(level)
    for run in plan.runs:
        own = {**run.levels, "replicate": run.replicate}
        if all(level_text(own[name]) in levels for name, levels in wanted.items()):
            yield run
