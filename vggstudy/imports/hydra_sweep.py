"""Hydra: what a multirun sweeps, in ``hydra.sweeper.params`` or in ``multirun.yaml``.

Source: hydra.cc, "Extended Override syntax" (1.3) and "Multi-run".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from vggstudy.imports.marked import Marked
from vggstudy.imports.sweep_parts import MOST_LEVELS, Sweep, braced

TOOL = "Hydra"
PROGRAM = "train.py"
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"

_PLAIN = re.compile(r"[A-Za-z0-9_./:+-]+")
_CALL = re.compile(r"([a-z_]+)\((.*)\)", re.DOTALL)
_KEY = re.compile(r"(\+{0,2})([^+~@]+)")
_NAMED = re.compile(r"(start|stop|step)\s*=\s*(.*)")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


class _UnfitError(ValueError):
    """What of an override no list of levels can say."""


def read(root: Marked) -> Sweep | None:
    """The sweep; None where the file is none of Hydra."""
    params, task = root.at("hydra", "sweeper", "params"), root.at("hydra", "overrides", "task")
    if not (params and params.table) and not (task and task.items):
        return None
    sweep = Sweep(TOOL)
    line = root.table["hydra"].line
    sweep.left.append((line, f"the program is not in the file; {PROGRAM} stands for it"))
    target = root.at("hydra", "sweeper", "_target_")
    if target is not None and target.value not in (None, BASIC):
        what = f"hydra.sweeper: {target.value} chooses runs; all combinations of levels are run"
        sweep.left.append((target.line, what))
    given = list((params.table if params else {}).items())
    for one in task.items if task else ():
        key, equals, value = str(one.value).partition("=")
        if equals:
            given.append((key, Marked(value, one.line)))
        else:
            sweep.left.append((one.line, f"{one.value}: has no counterpart"))
    sweep.command = ["{python}", PROGRAM, *_arguments(given, sweep)]
    sweep.command.append('hydra.run.dir="{run_dir}"')
    return sweep


def _arguments(given: list[tuple[str, Marked]], sweep: Sweep) -> Iterator[str]:
    """Every override with a placeholder for its value."""
    for key, node in given:
        found = _KEY.fullmatch(key.strip())
        if found is None:
            sweep.left.append((node.line, f"{key}: has no counterpart"))
            continue
        prefix, name = found[1], found[2]
        try:
            values = _values(node)
            quote = _quote(values)
        except _UnfitError as error:
            sweep.left.append((node.line, f"{name}: {error}"))
            continue
        if sweep.put(name, values, node.line):
            yield f"{braced(prefix + name)}={quote}{{{name}}}{quote}"


def _quote(values: list[Any]) -> str:
    """What values must stand in for Hydra to take each as one."""
    if not any(isinstance(one, str) and not _PLAIN.fullmatch(one) for one in values):
        return ""
    if all(isinstance(one, str) and not {*one} & {"'", "\\"} for one in values):
        return "'"
    raise _UnfitError("some values need quotes, and others cannot have them")


def _values(node: Marked) -> list[Any]:
    """The values of an override: of a list, a choice, a range, or one."""
    if not isinstance(node.value, str):
        return [one.scalar for one in node.items] if node.items else [node.scalar]
    text = node.value.strip()
    call = _CALL.fullmatch(text)
    if call is None:
        return [_value(one) for one in _parts(text)]
    if call[1] == "choice":
        return [_value(one) for one in _parts(call[2])]
    if call[1] == "range":
        return _range(_parts(call[2]))
    raise _UnfitError(f"{call[1]}(...) is no list of values; give it levels")


def _parts(text: str) -> list[str]:
    """What stands between commas that no quote and no bracket holds."""
    parts, depth, quote = [""], 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += char
    if depth or quote:
        raise _UnfitError("a bracket or a quote is not closed")
    return [part.strip() for part in parts]


def _value(text: str) -> Any:
    """A value as Hydra reads it, as far as a level can be it."""
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1].replace("\\" + text[0], text[0])
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if not text or text.lower() == "null" or text[0] in "[{" or "${" in text or "(" in text:
        raise _UnfitError(f"{text or 'an empty value'} is no level")
    return text


def _range(parts: list[str]) -> list[Any]:
    """``range(stop)``, ``range(start, stop, step)``, by place or by name; without the stop."""
    given: dict[str, str] = {}
    places = ("stop",) if len(parts) == 1 else ("start", "stop", "step")
    for at, part in enumerate(parts[:4]):
        named = _NAMED.fullmatch(part)
        given[named[1] if named else places[min(at, 2)]] = named[2] if named else part
    try:
        start, stop, step = (
            Decimal(given.get(key, usual)) for key, usual in zip(_KEYS, _USUAL, strict=True)
        )
        count = int((stop - start) / step) if step else -1
    except (InvalidOperation, OverflowError, ValueError):
        raise _UnfitError("range(...) of something else than numbers") from None
    if not 0 <= count <= MOST_LEVELS:
        raise _UnfitError("range(...) without a bounded number of values")
    whole = all(_INT.fullmatch(text) for text in given.values())
    values = (start + step * at for at in range(count + 1))
    kept = [one for one in values if (one < stop if step > 0 else one > stop)]
    return [int(one) if whole else float(one) for one in kept]


_KEYS = ("start", "stop", "step")
_USUAL = ("0", "NaN", "1")
