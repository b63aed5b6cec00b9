"""Values of a YAML file with the lines where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vggstudy.errors import AnalysisError

MAX_NODES = 100_000
"""Most values of a file, what aliases repeat counted again."""

MAX_DEPTH = 50

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Marked:
    """A value with its line.

    Attributes
    ----------
    value : scalar, list of Marked or dict of str to Marked
        A text without quotes that is a number everywhere but in YAML 1.1, such as 1e-4, is one.
    line : int
        From 1.
    """

    value: Any
    line: int

    @property
    def table(self) -> dict[str, Marked]:
        """Its keys; none where it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Marked]:
        """Its items; none where it is no list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def scalar(self) -> bool | int | float | str | None:
        """The value where a factor could have it as a level, else None."""
        return self.value if isinstance(self.value, (bool, int, float, str)) else None

    def at(self, *path: str) -> Marked | None:
        """What stands at a path of keys."""
        node: Marked | None = self
        for key in path:
            node = node.table.get(key) if node is not None else None
        return node


class Marking:
    """Turns the nodes of a YAML loader into marked values.

    Parameters
    ----------
    loader : yaml.SafeLoader
        It constructs the scalars.
    name : str
        How messages call the file.

    Raises
    ------
    AnalysisError
        If there are more values, or deeper ones, than anybody writes.
    """

    def __init__(self, loader: Any, name: str) -> None:
        self.loader, self.name, self.count = loader, name, 0

    def of(self, node: Any, depth: int = 0) -> Marked:
        """A node and all below it."""
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            raise AnalysisError(f"{self.name}: more values, or deeper ones, than a sweep has")
        line = node.start_mark.line + 1
        if node.id == "mapping":
            return Marked(dict(self._pairs(node, depth)), line)
        if node.id == "sequence":
            return Marked([self.of(one, depth + 1) for one in node.value], line)
        value = self.loader.construct_object(node)
        if node.style not in ("'", '"') and isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        return Marked(value, line)

    def _pairs(self, node: Any, depth: int) -> Iterator[tuple[str, Marked]]:
        """Keys, as texts, and their values."""
        for key, value in node.value:
            yield str(key.value), self.of(value, depth + 1)
