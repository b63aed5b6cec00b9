"""Factors: which setting of a recipe a name means."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, get_args

from vggstudy.errors import Problem
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.wording import shown
from vggstudy.stated.base import Settings
from vggstudy.suggest import closest

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Statement

Path = tuple[str, ...]


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


def settings_named(name: str) -> list[Path]:
    """Settings whose path ends with a name; one only if the name is its whole path."""
    parts = tuple(name.split("."))
    matches = [path for path in setting_paths() if path[-len(parts) :] == parts]
    return [parts] if parts in matches else matches


@lru_cache(maxsize=1024)
def resolve(name: str) -> Path | None:
    """Path of the setting that a factor's name means; None if none or several."""
    matches = settings_named(name)
    return matches[0] if len(matches) == 1 else None


def setting_of(protocol: Statement, name: str) -> Path | None:
    """Path of what a factor of a protocol sets: a parameter of its trainer, or a setting."""
    if protocol.trainer is None:
        return resolve(name)
    return ("parameters", name)


def explain_unknown(name: str) -> Problem:
    """The problem of a factor whose name means no setting, or several."""
    place = ("design", "factors", name)
    named = f"factor {shown(name)}"
    if matches := settings_named(name):
        meanings = " or ".join(".".join(path) for path in matches)
        return Problem(f"{named} could mean {meanings}", path=place, meant=matches[0])
    known = {text: path for path, short in setting_paths().items() for text in _names(path, short)}
    match = closest(name, known)
    return Problem(
        f"{named} is no setting of [data], [model] or [training]",
        path=place,
        suggestion=f"did you mean '{match}'?" if match else None,
        meant=known[match] if match else None,
    )


def _names(path: Path, short: str) -> Iterator[str]:
    """What a setting may be called."""
    yield from (short, ".".join(path))
