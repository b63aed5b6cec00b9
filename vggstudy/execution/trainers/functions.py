"""Functions that train: where a worker finds the one that somebody handed over."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vggstudy.errors import ExecutionError
from vggstudy.execution.options import FunctionPlace

Trainer = Callable[..., Any]
"""``fn(params, seeds, report, run_dir)``."""


def place_of(function: Trainer) -> FunctionPlace:
    """Where other processes find a function.

    Raises
    ------
    ExecutionError
        If they cannot: a lambda, a function within a function, one typed in at a prompt.
    """
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if not module or not name or "<" in name:
        what = f"the trainer {name or function!r} cannot be found by other processes"
        raise ExecutionError(f"{what}: define it in a module")
    script = None
    if module == "__main__":
        script = getattr(sys.modules["__main__"], "__file__", None)
        if script is None or not Path(script).is_file():
            msg = f"the trainer {name} was typed in: write it to a file, and import it from there"
            raise ExecutionError(msg)
        script = str(Path(script).resolve())
    return FunctionPlace(module, name, script, _search_path())


def named_place(text: str) -> FunctionPlace:
    """The place of ``module:name``, looked for in the working folder first."""
    module, _, name = text.partition(":")
    return FunctionPlace(module, name, None, _search_path())


def _search_path() -> tuple[str, ...]:
    """Where modules are looked for here, the working folder first."""
    here = str(Path.cwd())
    return (here, *(one for one in map(os.path.abspath, sys.path) if one != here))


def load_function(place: FunctionPlace | None) -> Trainer:
    """Import a function that somebody handed over; nothing else names what is imported here.

    Raises
    ------
    ExecutionError
        If there is none.
    """
    if place is None:
        raise ExecutionError("no function was handed over")
    sys.path[:] = [*place.path, *(one for one in sys.path if one not in place.path)]
    try:
        if place.script is not None:
            names: Any = runpy.run_path(place.script, run_name="__mp_main__")
            first, *rest = place.name.split(".")
            found = names[first]
        else:
            found, rest = importlib.import_module(place.module), place.name.split(".")
        for part in rest:
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody's module
        where = place.script or f"module {place.module}"
        msg = f"the trainer {place.name} of {where} cannot be imported: {_reason(error)}"
        raise ExecutionError(msg) from None
    if not callable(found):
        raise ExecutionError(f"the trainer {place.module}:{place.name} is no function")
    function: Trainer = found
    return function


def _reason(error: BaseException) -> str:
    """Class and message."""
    return f"{type(error).__name__}: {error}"
