"""Where each key and value of a TOML document stands, by line and column."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggstudy.identity import canonical_json

if TYPE_CHECKING:
    from tree_sitter import Node

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Positions:
    """Places of a document's keys and values.

    Attributes
    ----------
    keys, values : mapping from path to (line, column)
        One-based; the path of a list's item ends with its index. ``values`` holds whatever has a
        value of its own, ``keys`` also tables.
    texts : mapping from path to str
        Source text of scalar values.
    """

    keys: Mapping[Key, tuple[int, int]]
    values: Mapping[Key, tuple[int, int]]
    texts: Mapping[Key, str]

    def of(self, path: Key) -> tuple[int, int] | None:
        """Place of a path: its value, else its key, else the nearest thing around it.

        The last part may also be the canonical JSON of a list's item (how `grid` names a level).
        """
        if path in self.values:
            return self.values[path]
        if path and isinstance(path[-1], str):
            items = ((p, t) for p, t in self.texts.items() if p[:-1] == path[:-1])
            for candidate, text in items:
                if isinstance(candidate[-1], int) and _same(text, path[-1]):
                    return self.values[candidate]
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None


def _same(text: str, canonical: str) -> bool:
    """Whether a value's source text has this canonical JSON."""
    try:
        return canonical_json(tomllib.loads(f"x = {text}")["x"]) == canonical
    except (tomllib.TOMLDecodeError, TypeError, ValueError):
        return False


def locate(text: str) -> Positions:
    """Find the places of everything in a valid TOML document."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
    finder = _Finder(text.encode().split(b"\n"))
    finder.document(tree.root_node)
    return Positions(finder.keys, finder.values, finder.texts)


class _Finder:
    """Walks the syntax tree of one document."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.keys: dict[Key, tuple[int, int]] = {}
        self.values: dict[Key, tuple[int, int]] = {}
        self.texts: dict[Key, str] = {}
        self.counts: dict[Key, int] = {}

    def document(self, root: Node) -> None:
        for node in root.named_children:
            if node.type == "pair":
                self.pair(node, ())
            elif node.type in {"table", "table_array_element"}:
                self.table(node)

    def table(self, node: Node) -> None:
        header, *pairs = [child for child in node.named_children if child.type != "comment"]
        path = self.inside(self.parts(header))
        if node.type == "table_array_element":
            index = self.counts.get(path, 0)
            self.counts[path] = index + 1
            path = (*path, index)
        self.keys.setdefault(path, self.place(header))
        for pair in pairs:
            if pair.type == "pair":
                self.pair(pair, path)

    def inside(self, path: Key) -> Key:
        """A header's path, with the index of the current element of each array of tables."""
        full: Key = ()
        for part in path[:-1]:
            full = (*full, part)
            if full in self.counts:
                full = (*full, self.counts[full] - 1)
        return (*full, path[-1])

    def pair(self, node: Node, prefix: Key) -> None:
        key, value = [child for child in node.named_children if child.type != "comment"][:2]
        path = (*prefix, *self.parts(key))
        self.keys[path] = self.place(key)
        self.value(value, path)

    def value(self, node: Node, path: Key) -> None:
        self.values[path] = self.place(node)
        children = [child for child in node.named_children if child.type != "comment"]
        if node.type == "array":
            for index, child in enumerate(children):
                self.value(child, (*path, index))
        elif node.type == "inline_table":
            for child in children:
                self.pair(child, path)
        elif node.text is not None:
            self.texts[path] = node.text.decode()

    def parts(self, node: Node) -> tuple[str, ...]:
        """Names of a bare, quoted or dotted key."""
        if node.type == "dotted_key":
            return tuple(name for child in node.named_children for name in self.parts(child))
        text = (node.text or b"").decode()
        if node.type == "quoted_key":
            table: dict[str, Any] = tomllib.loads(f"{text} = 0")
            return tuple(table)
        return (text,)

    def place(self, node: Node) -> tuple[int, int]:
        """One-based line and column in characters (the parser counts bytes)."""
        row, column = node.start_point
        return row + 1, len(self.lines[row][:column].decode(errors="replace")) + 1
