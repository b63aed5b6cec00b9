"""Overrides from the command line: ``--set training.lr=0.01`` on top of a protocol file."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from vggstudy.errors import Problem, ProtocolError
from vggstudy.protocol.model.factors import resolve, setting_paths, settings_named
from vggstudy.protocol.model.wording import protocol_keys
from vggstudy.protocol.reading.document import parse_document, unfit_values
from vggstudy.suggest import closest

USAGE = "write it as section.key=value"

LONGEST_SHOWN = 80
"""Characters of an override that a message shows."""


@dataclass(frozen=True, slots=True)
class Override:
    """One ``section.key=value``.

    Attributes
    ----------
    source : str
        As it was given, with ``--set``.
    path : tuple of str
        The key's path in the protocol.
    value : TOML value
        What it is set to.
    """

    source: str
    path: tuple[str, ...]
    value: Any


def parse_overrides(given: Sequence[str]) -> list[Override]:
    """Read overrides; a value that is no TOML is taken for a text without its quotes.

    Raises
    ------
    ProtocolError
        If one has no value, or names no key of a protocol; lists all that do.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in given:
        try:
            overrides.append(_parse(text))
        except ProtocolError as error:
            problems += error.problems
    if problems:
        raise ProtocolError(problems, "command line")
    return overrides


def _parse(text: str) -> Override:
    """One override."""
    source = f"--set {text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + '...'}"
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ProtocolError(f"{source}: {USAGE}")
    if not text.isprintable():
        raise ProtocolError(f"{source}: control characters cannot be part of a protocol")
    path = _path(source, name)
    override = Override(source, path, _value(source, value))
    if unfit := list(unfit_values(override.value, path)):
        raise ProtocolError(f"{source}: {unfit[0].message}")
    return override


def _path(source: str, name: str) -> tuple[str, ...]:
    """The key that a name means: its path, or the name of a setting that only one section has."""
    try:
        node: Any = parse_document(f"{name} = 0")
    except ProtocolError:
        node = {}
    if not node:  # no key, or a comment
        raise ProtocolError(f"{source}: {USAGE}")
    path: list[str] = []
    while isinstance(node, dict):
        ((key, node),) = node.items()
        path.append(key)
    if tuple(path[:1]) in protocol_keys():
        return tuple(path)
    dotted = ".".join(path)
    if (found := resolve(dotted)) is not None:
        return found
    if several := settings_named(dotted):
        meanings = " or ".join(".".join(one) for one in several)
        raise ProtocolError(f"{source}: {dotted} could mean {meanings}")
    known = [".".join(key) for key in protocol_keys()]
    ends = [key for key in known if key.endswith(f".{dotted}")]
    match = ends[0] if ends else closest(dotted, [*known, *setting_paths().values()])
    hint = f"did you mean '{match}'?" if match else None
    raise ProtocolError([Problem(f"{source}: there is no such setting", suggestion=hint)])


def _value(source: str, text: str) -> Any:
    """The value as TOML, or a text that came without quotes."""
    text = text.strip()
    try:
        document = parse_document(f"x = {text}")
    except ProtocolError as error:
        if text[0] in "[{\"'":
            raise ProtocolError(f"{source}: {error.problems[0].message}") from None
        return text
    return document["x"] if document.keys() == {"x"} else text


def apply_overrides(
    text: str, document: Mapping[str, Any], overrides: Sequence[Override]
) -> tuple[str, dict[str, Any]]:
    """The protocol's text and document with the overrides in place.

    The text keeps its comments and layout, so that a study shows what was changed and no more.

    Raises
    ------
    ProtocolError
        If a key lies in something that is no table, or is a factor of the design: its levels
        replace it in every cell.
    """
    changed = copy.deepcopy(dict(document))
    problems = [problem for one in overrides if (problem := _put(changed, one))]
    problems += [problem for one in overrides if (problem := _factor_problem(changed, one))]
    if problems:
        raise ProtocolError(problems, "command line")
    return _edited(text, overrides, changed) or tomlkit.dumps(changed), changed


def _edited(text: str, overrides: Sequence[Override], wanted: Mapping[str, Any]) -> str | None:
    """The text with the overrides put in place; None for a layout in which that cannot be done."""
    try:
        document = tomlkit.parse(text)
        for override in overrides:
            _put(document, override)
        edited = tomlkit.dumps(document)
        return edited if tomllib.loads(edited) == wanted else None
    except (TOMLKitError, tomllib.TOMLDecodeError):
        return None


def _put(document: dict[str, Any], override: Override) -> Problem | None:
    """Set the key, making the tables around it."""
    node: Any = document
    for depth, part in enumerate(override.path[:-1], start=1):
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            outer = ".".join(override.path[:depth])
            return Problem(f"{override.source}: {outer} is not a table")
    node[override.path[-1]] = override.value
    return None


def _factor_problem(document: Mapping[str, Any], override: Override) -> Problem | None:
    """Say that a factor's levels would undo the override."""
    design = document.get("design")
    factors = design.get("factors") if isinstance(design, dict) else None
    for name in factors if isinstance(factors, dict) else ():
        if resolve(name) == override.path:
            message = f"{override.source}: {name} is a factor of this protocol; its levels decide"
            hint = "select a level with --only, or set design.factors"
            return Problem(message, suggestion=hint)
    return None
