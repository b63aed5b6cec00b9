"""Reading a protocol file: every mistake at once, each with its line, column and a suggestion."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vggstudy.errors import Problem, ProtocolError
from vggstudy.protocol.factors import IMPOSSIBLE, CellRecipe, grid, resolve
from vggstudy.protocol.model import Protocol
from vggstudy.protocol.positions import locate
from vggstudy.protocol.wording import merge_union_branches, problem_of, suggestion_among

MAX_BYTES = 1_000_000
"""A protocol is a page of text; a larger file is something else."""


@dataclass(frozen=True, slots=True)
class LoadedProtocol:
    """A protocol with its source.

    Attributes
    ----------
    protocol : Protocol
        What it says.
    text : str
        The file as it was read; with overrides applied, the overrides follow as comments.
    path : Path
        Where it was read from.
    cells : list of CellRecipe
        The cells of its grid, in order.
    warnings : list of str
        What is allowed but seldom meant.
    """

    protocol: Protocol
    text: str
    path: Path
    cells: list[CellRecipe]
    warnings: list[str]


def load_protocol(path: str | Path, *, overrides: Sequence[str] = ()) -> LoadedProtocol:
    """Read and check a protocol file, and resolve its grid.

    Parameters
    ----------
    path : path
        The TOML file, or the name of a shipped protocol.
    overrides : sequence of str
        ``section.key=value`` in TOML's spelling, applied on top of the file.

    Raises
    ------
    ProtocolError
        If the file is missing, unreadable, no TOML, or says something that cannot be run. All
        mistakes are listed.
    """
    file = find_protocol(path)
    text = _read(file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError([_syntax(error)], str(file)) from None
    except RecursionError:
        raise ProtocolError("nested too deeply to be a protocol", str(file)) from None
    for override in overrides:
        _override(document, override)
    protocol, cells, problems = _validate(document)
    if problems or protocol is None:
        raise ProtocolError(_placed(problems, text, bool(overrides)), str(file))
    return LoadedProtocol(protocol, text, file, cells, _warnings(protocol, cells))


def parse_protocol(text: str, *, filename: str = "protocol.toml") -> Protocol:
    """Check a protocol given as text; see `load_protocol`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError([_syntax(error)], filename) from None
    protocol, _, problems = _validate(document)
    if problems or protocol is None:
        raise ProtocolError(_placed(problems, text, overridden=False), filename)
    return protocol


def find_protocol(path: str | Path) -> Path:
    """The file of that path, or the shipped protocol of that name.

    Raises
    ------
    ProtocolError
        If there is neither, naming the shipped protocols most like it.
    """
    file = Path(path)
    if file.is_file():
        return file
    shipped = shipped_protocols()
    name = file.name.removesuffix(".toml")
    if name in shipped and (len(file.parts) == 1 or file.parts[0] == "protocols"):
        return shipped[name]
    if file.is_dir():
        raise ProtocolError("is a folder, not a protocol file", str(path))
    close = difflib.get_close_matches(name, list(shipped), n=1)
    hint = f"did you mean '{close[0]}'?" if close else "see 'vggstudy protocols'"
    raise ProtocolError([Problem("no such protocol file", suggestion=hint)], str(path))


def shipped_protocols() -> dict[str, Path]:
    """Protocols that come with the package, by name."""
    folder = Path(__file__).resolve().parent.parent / "protocols"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def _read(file: Path) -> str:
    """The file's text, bounded and decoded."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProtocolError(f"cannot be read: {error.strerror}", str(file)) from None
    if len(raw) > MAX_BYTES:
        raise ProtocolError(f"is larger than {MAX_BYTES:,} bytes: not a protocol", str(file))
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"is not UTF-8 text (byte {error.start})", str(file)) from None


def _syntax(error: tomllib.TOMLDecodeError) -> Problem:
    """The place that tomllib puts into its message."""
    text = str(error)
    found = re.search(r" \(at line (\d+), column (\d+)\)$", text)
    if not found:
        return Problem(f"not TOML: {text}")
    return Problem(f"not TOML: {text[: found.start()]}", (), int(found[1]), int(found[2]))


def _override(document: dict[str, Any], override: str) -> None:
    """Put ``section.key=value`` into the document."""
    name, equals, value = override.partition("=")
    name = name.strip()
    if not equals:
        msg = f"--set {override}: write it as section.key=value"
        raise ProtocolError(msg, "command line")
    try:
        parsed = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    path = name.split(".")
    if path[0] not in Protocol.model_fields and (found := resolve(name)) is not None:
        path = list(found)
    node = document
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ProtocolError(f"--set {override}: '{part}' is not a table", "command line")
    node[path[-1]] = parsed


def _validate(
    document: dict[str, Any],
) -> tuple[Protocol | None, list[CellRecipe], list[Problem]]:
    """The protocol and its grid, or everything that is wrong with either."""
    try:
        protocol = Protocol.model_validate(document)
    except ValidationError as error:
        items = error.errors(include_url=False)
        problems = merge_union_branches([problem_of(item, Protocol) for item in items])
        return None, [], problems + _mistakes_in_grid(document, problems)
    cells, problems = grid(protocol)
    return protocol, cells, problems


def _mistakes_in_grid(document: dict[str, Any], known: list[Problem]) -> list[Problem]:
    """Mistakes of the design that other mistakes keep `grid` from reaching.

    The faulty parts are taken out, what is missing is filled in, and the grid is resolved; what
    it says of combinations is not believed, since that may come from what was taken out.
    """
    rest = copy.deepcopy(document)
    faulty = known
    for _ in range(3):
        for problem in faulty:
            _remove(rest, problem.path)
        try:
            protocol = Protocol.model_validate(_filled(rest))
            break
        except ValidationError as error:
            items = error.errors(include_url=False)
            faulty = [problem_of(item, Protocol) for item in items]
    else:
        return []
    return [
        problem
        for problem in grid(protocol)[1]
        if problem.path[:1] == ("design",) and not problem.message.startswith(IMPOSSIBLE)
    ]


def _remove(document: dict[str, Any], path: tuple[str | int, ...]) -> None:
    """Take out what stands at a path, if anything does."""
    node: Any = document
    for part in path[:-1]:
        inside = isinstance(node, dict) and part in node
        inside = inside or (isinstance(node, list) and isinstance(part, int) and part < len(node))
        if not inside:
            return
        node = node[part]
    if isinstance(node, dict) and path:
        node.pop(path[-1], None)


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    """The document with stand-ins for what a protocol must have."""
    filled = {"schema": 1, "name": "x", **document}
    tables = {key: value for key, value in filled.items() if isinstance(value, dict)}
    filled["design"] = {"replicates": 1, "seed": 0, **tables.get("design", {})}
    filled["data"] = {"name": "synthetic", **tables.get("data", {})}
    filled["model"] = {"depth": 11, **tables.get("model", {})}
    return filled


def _placed(problems: list[Problem], text: str, overridden: bool) -> list[Problem]:
    """Problems with the lines they stand in, in the order of the file."""
    positions = locate(text)
    placed = []
    for problem in problems:
        place = positions.of(problem.path)
        if problem.message.startswith("unknown key") and problem.path in positions.keys:
            place = positions.keys[problem.path]
        if place is None and problem.path and overridden:
            problem = dataclasses.replace(problem, message=f"{problem.message} (from --set)")
        line, column = place or (None, None)
        placed.append(dataclasses.replace(problem, line=line, column=column))
    return sorted(placed, key=lambda p: (p.line or 0, p.column or 0))


def _warnings(protocol: Protocol, cells: list[CellRecipe]) -> list[str]:
    """What can be run but is seldom meant."""
    found = []
    recipes = [cell.recipe for cell in cells]
    if protocol.design.replicates < 3:
        found.append(
            f"design.replicates = {protocol.design.replicates}: "
            "intervals of a mean need at least 3 runs a cell"
        )
    if any(r.training.uses_test_every_epoch and "test" in r.training.selected_by for r in recipes):
        found.append(
            "the test set selects the checkpoint: its accuracy is no longer a fair estimate"
        )
    stopping = [r.training.early_stopping for r in recipes if r.training.early_stopping]
    if any(s.min_epochs == 0 for s in stopping):
        found.append("early_stopping.min_epochs is 0: a plateau can outlast the patience")
    if any(r.training.momentum and r.training.optimizer != "sgd" for r in recipes):
        found.append("momentum has no effect on adam and adamw")
    return found


__all__ = [
    "LoadedProtocol",
    "find_protocol",
    "load_protocol",
    "parse_protocol",
    "shipped_protocols",
    "suggestion_among",
]
