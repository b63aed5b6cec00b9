"""Factors: which setting a name means, and the recipes of a grid's cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from vggstudy.errors import Problem
from vggstudy.identity import canonical_json
from vggstudy.protocol.settings import Recipe, Settings
from vggstudy.protocol.wording import problem_of, suggestion_among

if TYPE_CHECKING:
    from vggstudy.protocol.model import Protocol

Path = tuple[str, ...]

IMPOSSIBLE = "impossible combination"
"""How the message of a problem begins that no single level is to blame for."""


@cache
def setting_paths() -> dict[Path, str]:
    """Every setting of a recipe: its path and the short name a factor may use."""
    paths = list(_walk(Recipe, ()))
    shorts: dict[Path, str] = {}
    for path in paths:
        for length in range(1, len(path) + 1):
            tail = path[-length:]
            if sum(other[-length:] == tail for other in paths) == 1:
                shorts[path] = ".".join(tail)
                break
    return shorts


def _walk(model: type[Settings], prefix: Path) -> Iterator[Path]:
    """Paths of the settings below a model, outermost first."""
    for name, field in model.model_fields.items():
        inner = _nested(field.annotation)
        if inner is None:
            yield (*prefix, name)
        else:
            yield from _walk(inner, (*prefix, name))


def _nested(annotation: Any) -> type[Settings] | None:
    """The settings class within an annotation, if it is one."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            return candidate
    return None


@cache
def resolve(name: str) -> Path | None:
    """Path of the setting that a factor's name means; None if none or several."""
    parts = tuple(name.split("."))
    matches = [path for path in setting_paths() if path[-len(parts) :] == parts]
    exact = [path for path in matches if path == parts]
    if exact:
        return exact[0]
    return matches[0] if len(matches) == 1 else None


def explain_unknown(name: str) -> Problem:
    """The problem of a factor whose name means no setting, or several."""
    parts = tuple(name.split("."))
    matches = [".".join(p) for p in setting_paths() if p[-len(parts) :] == parts]
    place = ("design", "factors", name)
    if matches:
        return Problem(f"factor '{name}' could mean {' or '.join(matches)}", path=place)
    known = sorted({*setting_paths().values(), *(".".join(p) for p in setting_paths())})
    return Problem(
        f"factor '{name}' is no setting of [data], [model] or [training]",
        path=place,
        suggestion=suggestion_among(name, known),
    )


@dataclass(frozen=True, slots=True)
class CellRecipe:
    """One combination of levels and the recipe it resolves to.

    Attributes
    ----------
    levels : mapping
        Factor name to level, in the protocol's order of factors.
    recipe : Recipe
        The base recipe with these levels in place.
    """

    levels: Mapping[str, Any]
    recipe: Recipe


def base_recipe(protocol: Protocol) -> dict[str, Any]:
    """The recipe's sections as the protocol states them, as nested dictionaries."""
    return {
        section: getattr(protocol, section).model_dump()
        for section in ("data", "model", "training")
    }


def grid(protocol: Protocol) -> tuple[list[CellRecipe], list[Problem]]:
    """All cells of the design in order, and what is wrong with those that cannot be.

    Returns
    -------
    cells : list of CellRecipe
        Cells that are not excluded and resolve to a valid recipe.
    problems : list of Problem
        Unknown factors, bad levels, impossible combinations; one per distinct mistake.
    """
    paths = {name: path for name in protocol.design.factors if (path := resolve(name))}
    factors = {name: protocol.design.factors[name] for name in paths}
    problems = [explain_unknown(name) for name in protocol.design.factors if name not in paths]
    problems += _clashes(paths) + _exclude_problems(protocol)
    found: dict[tuple[Any, ...], Problem] = {}
    cells: list[CellRecipe] = []
    drop = [_matcher(rule) for rule in protocol.design.exclude if set(rule) <= set(factors)]
    base = base_recipe(protocol)
    for combination in itertools.product(*factors.values()):
        levels = dict(zip(factors, combination, strict=True))
        if any(matches(levels) for matches in drop):
            continue
        try:
            recipe = Recipe.model_validate(_with_levels(base, levels, paths))
        except ValidationError as error:
            for problem in _cell_problems(error, levels, paths):
                found.setdefault((problem.path, problem.message), problem)
            continue
        cells.append(CellRecipe(levels=_as_resolved(levels, paths, recipe), recipe=recipe))
    if not cells and not found:
        found[()] = Problem("every cell of the grid is excluded", path=("design", "exclude"))
    return cells, problems + list(found.values())


def _clashes(paths: Mapping[str, Path]) -> list[Problem]:
    """Two factors that mean one setting."""
    first = {path: name for name, path in reversed(list(paths.items()))}
    return [
        Problem(
            f"factors '{first[path]}' and '{name}' are the same setting",
            path=("design", "factors", name),
        )
        for name, path in paths.items()
        if first[path] != name
    ]


def _exclude_problems(protocol: Protocol) -> list[Problem]:
    """Rules of exclusion that name no factor, or a level that no cell has."""
    problems = []
    factors = protocol.design.factors
    for index, rule in enumerate(protocol.design.exclude):
        for name, wanted in rule.items():
            place = ("design", "exclude", index, name)
            if name not in factors:
                hint = suggestion_among(name, list(factors))
                problem = Problem(f"'{name}' is no factor", path=place, suggestion=hint)
                problems.append(problem)
                continue
            known = {canonical_json(level) for level in factors[name]}
            for level in wanted if isinstance(wanted, list) else [wanted]:
                if canonical_json(level) not in known:
                    message = f"{name} has no level {level!r}; this rule would drop nothing"
                    problems.append(Problem(message, path=place))
    return problems


def _matcher(rule: Mapping[str, Any]) -> Any:
    """Predicate that tells whether levels fall under the rule."""
    wanted = {
        name: {canonical_json(v) for v in (levels if isinstance(levels, list) else [levels])}
        for name, levels in rule.items()
    }
    return lambda levels: all(canonical_json(levels[n]) in w for n, w in wanted.items())


def _with_levels(
    base: Mapping[str, Any], levels: Mapping[str, Any], paths: Mapping[str, Path]
) -> dict[str, Any]:
    """The base sections with the levels put at their paths; copies only what it changes."""
    sections = {name: dict(section) for name, section in base.items()}
    for name, level in levels.items():
        node = sections
        *parents, leaf = paths[name]
        for parent in parents:
            inner = node.get(parent)
            node[parent] = dict(inner) if isinstance(inner, dict) else {}
            node = node[parent]
        node[leaf] = level
    return sections


def _as_resolved(
    levels: Mapping[str, Any], paths: Mapping[str, Path], recipe: Recipe
) -> dict[str, Any]:
    """Levels as the recipe holds them: ``11.0`` becomes ``11``, ``1`` a float where one is."""
    resolved = {}
    for name, path in paths.items():
        value: Any = recipe
        for part in path:
            value = getattr(value, part)
        resolved[name] = levels[name] if isinstance(levels[name], bool) else value
    return resolved


def _cell_problems(
    error: ValidationError, levels: Mapping[str, Any], paths: Mapping[str, Path]
) -> Iterator[Problem]:
    """Problems of one cell: at the factor's level where a factor is to blame."""
    for item in error.errors(include_url=False):
        problem = problem_of(item, Recipe)
        blamed = [name for name, path in paths.items() if path == problem.path[: len(path)]]
        if blamed:
            level = canonical_json(levels[blamed[0]])
            message = f"{blamed[0]} = {level}: {problem.message}"
            path = ("design", "factors", blamed[0], level)
            yield Problem(message, path=path, suggestion=problem.suggestion)
        elif len(problem.path) > 1:
            yield problem
        else:
            yield _combination_problem(problem, levels, paths)


def _combination_problem(
    problem: Problem, levels: Mapping[str, Any], paths: Mapping[str, Path]
) -> Problem:
    """A rule that settings break together, at the first of the factors that take part."""
    section = problem.path[0] if problem.path else None
    mixed = [name for name, path in paths.items() if section is None or path[0] == section]
    if not mixed:
        return problem
    cell = ", ".join(f"{name} = {canonical_json(levels[name])}" for name in mixed)
    message = f"{IMPOSSIBLE} in the cell {cell}: {problem.message}"
    return Problem(message, path=("design", "factors", mixed[0]))
