"""The grid of a design: its cells, the recipes they resolve to, and what is wrong with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vggstudy.errors import Problem
from vggstudy.identity import canonical_json, cell_id
from vggstudy.protocol.grid.rules import kept_cells, rule_problems
from vggstudy.protocol.grid.trainers import trainer_problems
from vggstudy.protocol.model.conflicts import Conflict, ConflictError
from vggstudy.protocol.model.factors import Path, explain_unknown, setting_of
from vggstudy.protocol.model.recipe import AnyRecipe, Recipe
from vggstudy.protocol.model.trainer import TrainerCall, TrainerRecipe
from vggstudy.protocol.model.wording import MAX_PROBLEMS, problems_of, shown
from vggstudy.stated.base import Settings, write_level

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Statement

MAX_CELLS = 100_000
MAX_RUNS = 1_000_000
"""Largest grid that is planned; a larger one is refused with its size."""

Place = tuple[str | int, ...]

FACTORS: Place = ("design", "factors")


@dataclass(frozen=True, slots=True)
class CellRecipe:
    """One combination of levels and the recipe it resolves to.

    Attributes
    ----------
    levels : mapping
        Factor name to level, in the protocol's order of factors.
    recipe : Recipe or TrainerRecipe
        The base recipe with these levels in place.
    cell_id : str
        Sixteen hexadecimal digits.
    """

    levels: Mapping[str, Any]
    recipe: AnyRecipe
    cell_id: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """A factor with the levels that its setting can take, each by its place in the protocol."""

    name: str
    path: Path
    levels: Mapping[int, Any]


def grid(
    protocol: Statement, *, doubtful: Collection[Place] = ()
) -> tuple[list[CellRecipe], list[Problem]]:
    """All cells of the design in order, and what is wrong with those that cannot be.

    Parameters
    ----------
    protocol : Statement
        Whose design it is.
    doubtful : collection of paths, optional
        Settings that stand in for mistakes: no conflict that they take part in is reported.

    Returns
    -------
    cells : list of CellRecipe
        Cells that are not excluded and resolve to a valid recipe.
    problems : list of Problem
        Unknown factors, bad levels, impossible combinations; one per distinct mistake.
    """
    if too_large := _size_problem(protocol):
        return [], [too_large]
    base = _Sections(protocol) if protocol.trainer is None else _Parameters(protocol)
    axes, problems = _axes(protocol, base)
    problems += [*rule_problems(protocol.design), *trainer_problems(protocol)]
    if len(problems) > MAX_PROBLEMS:
        return [], problems
    doubts = {*_settings(protocol, doubtful), *(p.meant for p in problems if p.meant is not None)}
    doubts |= {axis.path for axis in axes if not axis.levels}
    axes = [axis for axis in axes if axis.levels]
    cells, conflicting = _cells(protocol, base, axes, doubts)
    problems += conflicting
    return cells, problems + ([] if problems else _twins(cells))


def _settings(protocol: Statement, doubtful: Iterable[Place]) -> Iterator[Place]:
    """The settings that are in doubt; all of them where no factor is known."""
    for path in doubtful:
        if path == FACTORS[: len(path)]:
            yield ()
        elif path[:2] == FACTORS:
            yield setting_of(protocol, str(path[2])) or path
        else:
            yield path


def _size_problem(protocol: Statement) -> Problem | None:
    """A grid too large to plan, with its size."""
    counts = [len(levels) for levels in protocol.design.factors.values()]
    replicates = protocol.design.replicates
    digits = sum(math.log10(count) for count in counts)
    if digits > 15:  # the exact product may have thousands of digits
        size = f"about 10^{digits:.0f} cells"
    else:
        cells = math.prod(counts)
        if cells <= MAX_CELLS and cells * replicates <= MAX_RUNS:
            return None
        size = f"{cells:,} cells x {replicates:,} replicates = {cells * replicates:,} runs"
    message = f"the grid has {size}; at most {MAX_CELLS:,} cells and {MAX_RUNS:,} runs are planned"
    return Problem(message, path=FACTORS)


class _Sections:
    """The sections of recipes, made once for all cells that share their levels."""

    def __init__(self, protocol: Statement) -> None:
        self.models = {name: type(getattr(protocol, name)) for name in Recipe.model_fields}
        self.base = {name: getattr(protocol, name) for name in self.models}
        self.made: dict[tuple[Any, ...], Settings] = {}

    def recipe(self, axes: Iterable[_Axis], index: tuple[int, ...]) -> AnyRecipe:
        """The recipe of the cell with these levels."""
        keys: dict[str, list[tuple[Path, int, Any]]] = {name: [] for name in self.models}
        for axis, at in zip(axes, index, strict=True):
            keys[axis.path[0]].append((axis.path, at, axis.levels[at]))
        parts = {}
        for name, own in keys.items():
            key = (name, *((path, at) for path, at, _ in own))
            if key not in self.made:
                self.made[key] = self.section(name, {path: level for path, _, level in own})
            parts[name] = self.made[key]
        return Recipe.model_validate(parts)

    def section(self, name: str, levels: Mapping[Path, Any]) -> Settings:
        """The base section with the levels put at their paths."""
        section: Settings = self.models[name].model_validate(self.document(name, levels))
        return section

    def level(self, path: Path, level: Any) -> Any:
        """The level as its setting holds it; ValidationError where it cannot."""
        value: Any = self.section(path[0], {path: level})
        for part in path[1:]:
            value = getattr(value, part)
        return level if value is None else value

    def document(self, name: str, levels: Mapping[Path, Any]) -> dict[str, Any]:
        """The same as dictionaries; a table that no level lies in is shared with the base."""
        section: dict[str, Any] = dict(self.base[name])
        for (_, *parents, leaf), level in levels.items():
            node = section
            for parent in parents:
                node[parent] = dict(node[parent] or {})
                node = node[parent]
            node[leaf] = level
        return section


class _Parameters(_Sections):
    """The recipes of a trainer of one's own, whose parameters take any level."""

    def __init__(self, protocol: Statement) -> None:
        trainer = protocol.trainer
        self.call = TrainerCall(
            command=trainer.command if trainer else None,
            function=trainer.function if trainer else None,
        )
        self.fixed = protocol.parameters

    def recipe(self, axes: Iterable[_Axis], index: tuple[int, ...]) -> TrainerRecipe:
        """The recipe of the cell with these levels."""
        levels = {axis.name: axis.levels[at] for axis, at in zip(axes, index, strict=True)}
        return TrainerRecipe(trainer=self.call, parameters={**self.fixed, **levels})

    def level(self, path: Path, level: Any) -> Any:  # noqa: ARG002 - any parameter takes any
        """The level as it is."""
        return level


def _axes(protocol: Statement, base: _Sections) -> tuple[list[_Axis], list[Problem]]:
    """The factors that can be resolved, with their good levels, and what is wrong with others."""
    axes: dict[Path, _Axis] = {}
    problems: list[Problem] = []
    for name, levels in protocol.design.factors.items():
        if len(problems) > MAX_PROBLEMS:
            break
        path = setting_of(protocol, name)
        if path is None:
            problems.append(explain_unknown(name))
        elif path in axes:
            message = f"factors '{axes[path].name}' and '{name}' are the same setting"
            problems.append(Problem(message, path=(*FACTORS, name)))
        else:
            good, bad = _levels(name, path, levels, base)
            axes[path] = _Axis(name, path, good)
            problems += bad
    return list(axes.values()), problems


def _levels(
    name: str, path: Path, levels: list[Any], base: _Sections
) -> tuple[dict[int, Any], list[Problem]]:
    """Levels that the setting can take, as it holds them, and the problems of the others."""
    good: dict[int, Any] = {}
    bad: list[Problem] = []
    seen: set[str] = set()
    for index, level in enumerate(levels):
        place = (*FACTORS, name, index)
        key = canonical_json(level)
        if key in seen:
            bad.append(Problem(f"{name} has the level {shown(level)} more than once", path=place))
            continue
        seen.add(key)
        try:
            good[index] = base.level(path, level)
        except ValidationError as error:
            document = base.document(path[0], {path: level})
            found = problems_of(error, base.models[path[0]], document)
            bad += [Problem(p.message, path=place, suggestion=p.suggestion) for p in found]
    return good, bad


def _cells(
    protocol: Statement, base: _Sections, axes: list[_Axis], doubtful: Collection[Place]
) -> tuple[list[CellRecipe], list[Problem]]:
    """The cells that can be run, and the distinct conflicts of the others."""
    cells: list[CellRecipe] = []
    found: dict[tuple[Place, str], Problem] = {}
    index = None
    for index in _kept(protocol, axes):
        try:
            recipe = base.recipe(axes, index)
        except ValidationError as error:
            for conflict in _conflicts(error):
                if not _touches(conflict, doubtful):
                    problem = _conflict_problem(conflict, protocol, axes, index)
                    found.setdefault((problem.path, problem.message), problem)
            if len(found) > MAX_PROBLEMS:
                break
            continue
        levels = {axis.name: axis.levels[at] for axis, at in zip(axes, index, strict=True)}
        cells.append(CellRecipe(levels, recipe, cell_id(recipe.identity())))
    if index is None:
        problem = Problem("every cell of the grid is excluded", path=("design", "exclude"))
        found[problem.path, problem.message] = problem
    return cells, list(found.values())


def _kept(protocol: Statement, axes: list[_Axis]) -> Iterable[tuple[int, ...]]:
    """Places of the levels of every cell that the design keeps, the last factor fastest."""
    levels = {axis.name: list(axis.levels.values()) for axis in axes}
    keep = kept_cells(protocol.design, levels)
    if keep is None:
        return itertools.product(*(axis.levels for axis in axes))
    places = [list(axis.levels) for axis in axes]
    return (
        tuple(own[at] for own, at in zip(places, row, strict=True))
        for row in zip(*(axis.tolist() for axis in keep.nonzero()), strict=True)
    )


def _conflicts(error: ValidationError) -> Iterator[Conflict]:
    """The conflicts that made a recipe impossible."""
    for item in error.errors(include_url=False):
        raised = item.get("ctx", {}).get("error")
        if not isinstance(raised, ConflictError):
            raise error  # sections were validated level by level: this is a defect of the grid
        yield from raised.conflicts


def _touches(conflict: Conflict, doubtful: Collection[Place]) -> bool:
    """Whether a setting of the conflict, or a table around it, is in doubt."""
    return any(path[: len(doubt)] == doubt for path in conflict.settings for doubt in doubtful)


def _conflict_problem(
    conflict: Conflict, protocol: Statement, axes: list[_Axis], index: tuple[int, ...]
) -> Problem:
    """A conflict at the level of the first factor that takes part, else at a setting."""
    involved = [
        (axis, at) for axis, at in zip(axes, index, strict=True) if axis.path in conflict.settings
    ]
    if not involved:
        stated = [path for path in conflict.settings if protocol.states(path)]
        return Problem(conflict.message, path=(stated or conflict.settings)[0])
    cell = ", ".join(f"{axis.name} = {shown(axis.levels[at])}" for axis, at in involved)
    first, at = involved[0]
    message = f"impossible combination with {cell}: {conflict.message}"
    return Problem(message, path=(*FACTORS, first.name, at))


def _twins(cells: list[CellRecipe]) -> list[Problem]:
    """Two cells with one recipe would be one run counted twice."""
    first: dict[str, CellRecipe] = {}
    for cell in cells:
        other = first.setdefault(cell.cell_id, cell)
        if other is not cell:
            message = (
                f"the cells {describe_levels(other.levels)} and {describe_levels(cell.levels)} "
                "are the same recipe"
            )
            return [Problem(message, path=FACTORS)]
    return []


def describe_levels(levels: Mapping[str, Any]) -> str:
    """``depth=19, batch_norm=true``: a cell as people read it."""
    return ", ".join(f"{name}={write_level(level)}" for name, level in levels.items()) or "the cell"
