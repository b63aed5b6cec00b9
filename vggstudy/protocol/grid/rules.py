"""Which cells of the full crossing a design keeps: rules of exclusion, and nested levels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.errors import Problem
from vggstudy.identity import canonical_json
from vggstudy.protocol.model.wording import shown
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vggstudy.protocol.model.statement import Design, NestedLevels

Place = tuple[str | int, ...]


def kept_cells(design: Design, levels: Mapping[str, Sequence[Any]]) -> NDArray[np.bool_] | None:
    """Which cells are kept, one axis a factor in the order given.

    Parameters
    ----------
    design : Design
    levels : mapping of str to sequence
        The levels of each factor. Rules that name other factors or levels keep all.

    Returns
    -------
    ndarray of bool, or None
        None where no rule applies: every cell is kept.
    """
    names = set(levels)
    excluded = [rule for rule in design.exclude if rule and set(rule) <= names]
    nested = [rule for rule in design.nested if {*rule.within, *rule.levels} <= names]
    if not excluded and not nested:
        return None
    import numpy as np  # 0.1 s, and most commands resolve no grid

    spelled = {name: [canonical_json(level) for level in own] for name, own in levels.items()}
    keep = np.ones([len(own) for own in spelled.values()], dtype=bool)
    for block in _dropped(excluded, nested, spelled):
        places = [
            [at for at, key in enumerate(keys) if name not in block or key in block[name]]
            for name, keys in spelled.items()
        ]
        if all(places):
            keep[np.ix_(*places)] = False
    return keep


def _dropped(
    excluded: Iterable[Mapping[str, Any]],
    nested: Iterable[NestedLevels],
    spelled: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, set[str]]]:
    """Blocks of cells that are left out, each by the levels of the factors that decide."""
    for rule in excluded:
        yield {name: _keys(wanted) for name, wanted in rule.items()}
    for nest in nested:
        inside = {name: _keys(wanted) for name, wanted in nest.within.items()}
        for name, own in nest.levels.items():
            yield {**inside, name: set(spelled[name]) - _keys(own)}


def rule_problems(design: Design) -> list[Problem]:
    """Rules that name no factor, or a level that no cell has.

    Parameters
    ----------
    design : Design

    Returns
    -------
    list of Problem
        Each with its path in the document.
    """
    problems = []
    for index, rule in enumerate(design.exclude):
        place: Place = ("design", "exclude", index)
        if not rule:
            problems.append(Problem("this rule names no factor: it would drop all", path=place))
        problems += _names(design, rule, place, "this rule would drop nothing")
    for index, nest in enumerate(design.nested):
        place = ("design", "nested", index)
        problems += _names(design, nest.within, (*place, "within"), "no cell is meant")
        problems += _names(design, nest.levels, (*place, "levels"), "no cell has it")
        for name in sorted(set(nest.within) & set(nest.levels)):
            message = f"{shown(name)} cannot be nested within its own levels"
            problems.append(Problem(message, path=(*place, "levels", name)))
    return problems or _unused(design)


def _names(
    design: Design, rule: Mapping[str, Any], place: Place, consequence: str
) -> Iterator[Problem]:
    """Names and levels of a rule that the design does not have."""
    for name, wanted in rule.items():
        if name not in design.factors:
            hint = suggest(name, list(design.factors))
            message = f"{shown(name)} is no factor of [design.factors]"
            yield Problem(message, path=(*place, name), suggestion=hint)
            continue
        if wanted == []:
            yield Problem(f"{name} lists no level; {consequence}", path=(*place, name))
        known = _keys(design.factors[name])
        for level in wanted if isinstance(wanted, list) else [wanted]:
            if canonical_json(level) not in known:
                message = f"{name} has no level {shown(level)}; {consequence}"
                yield Problem(message, path=(*place, name))


def _unused(design: Design) -> list[Problem]:
    """Levels of a nested factor that no cell of the grid has."""
    nested = {name for rule in design.nested for name in rule.levels}
    keep = kept_cells(design, design.factors) if nested else None
    if keep is None or not keep.any():
        return []
    problems = []
    for axis, (name, levels) in enumerate(design.factors.items()):
        if name not in nested:
            continue
        for at, level in enumerate(levels):
            if not keep.take(at, axis=axis).any():
                message = f"{name} = {shown(level)} is in no cell: no [[design.nested]] has it"
                problems.append(Problem(message, path=("design", "factors", name, at)))
    return problems


def _keys(levels: Any) -> set[str]:
    """Levels in the one spelling in which they are compared."""
    return {canonical_json(x) for x in (levels if isinstance(levels, list) else [levels])}
