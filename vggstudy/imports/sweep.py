"""Sweeps of other tools as protocols of a trainer, and what cannot be carried over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vggstudy.errors import AnalysisError, printable
from vggstudy.imports import hydra_sweep, wandb_sweep
from vggstudy.imports.marked import Marked
from vggstudy.imports.sources import Place
from vggstudy.imports.sweep_parts import Sweep
from vggstudy.protocol import parse_protocol
from vggstudy.protocol.reading.template import toml_key, toml_value

REPLICATES = 5
"""Runs of a cell where the sweep has no seeds."""

_HEAD = """\
# Made of a sweep of {tool}, {file}. The program is yours: it must report what it has
# measured (the page "Your own trainer" of the documentation), and is executed with consent only.
schema = 1
name = {name}
title = ""
question = {question}

[trainer]
command = {command}

[design]
replicates = {replicates}  # runs of every cell, with seeds of their own
seed = 2026
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A protocol that was made of a sweep.

    Attributes
    ----------
    text : str
        The protocol.
    left : tuple of str
        What could not be carried over, each with its line.
    """

    text: str
    left: tuple[str, ...] = field(default=())


def protocol_of_sweep(path: Path, name: str) -> Made:
    """Make a protocol of a sweep of W&B, or one of Hydra.

    Parameters
    ----------
    path : Path
        A YAML file.
    name : str
        Name of the study.

    Raises
    ------
    AnalysisError
        If it is no YAML, or no sweep.
    ProtocolError
        If no protocol can be made of it.
    """
    root = Place(path).marked_yaml()
    sweep = _read(root, path)
    text = "".join(_lines(sweep, path, name))
    parse_protocol(text, filename=f"protocol of {path}")
    ordered = sorted(sweep.left)
    return Made(text, tuple(f"{path}:{line}: {what}" for line, what in ordered))


def _read(root: Marked, path: Path) -> Sweep:
    """The sweep, by whichever tool's keys it has."""
    readers: tuple[Callable[[Marked], Sweep | None], ...] = (wandb_sweep.read, hydra_sweep.read)
    for reader in readers:
        if (found := reader(root)) is not None:
            return found
    msg = (
        f"{path}: neither a sweep of W&B (method and parameters) nor one of Hydra "
        "(hydra.sweeper.params, or hydra.overrides.task of a multirun)"
    )
    raise AnalysisError(msg)


def _lines(sweep: Sweep, path: Path, name: str) -> Iterator[str]:
    """The protocol, with what was left out as comments."""
    yield _HEAD.format(
        tool=sweep.tool,
        file=printable(path.name),
        name=toml_value(name),
        question=toml_value(sweep.question),
        command=toml_value(sweep.command),
        replicates=sweep.replicates or REPLICATES,
    )
    if sweep.left:
        yield "\n# Not carried over from the sweep:\n"
        yield from (f"# line {line}: {printable(what)}\n" for line, what in sorted(sweep.left))
    for title, values in (("design.factors", sweep.factors), ("parameters", sweep.parameters)):
        if values:
            yield f"\n[{title}]\n"
            yield from (f"{toml_key(key)} = {toml_value(value)}\n" for key, value in values.items())
    yield from _analysis(sweep.analysis)


def _analysis(stated: dict[str, Any]) -> Iterator[str]:
    """What is estimated: what the sweep was to improve."""
    yield "\n[analysis]\n"
    if "outcome" not in stated:
        yield '# outcome = "val_loss"  # what the program reports\n'
    yield from (f"{key} = {toml_value(value)}\n" for key, value in stated.items())
