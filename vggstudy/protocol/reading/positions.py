"""Where each key and value of a TOML document stands, by line and column."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Node

Key = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Positions:
    """Places of a document's keys and values.

    Attributes
    ----------
    keys, values : mapping from path to (row, byte)
        From zero, as the parser counts; the path of a list's item ends with its index. ``values``
        holds whatever has a value of its own, ``keys`` also tables.
    lines : list of bytes
        The document.
    """

    keys: Mapping[Key, Place]
    values: Mapping[Key, Place]
    lines: list[bytes]

    def __contains__(self, path: Key) -> bool:
        return path in self.values or path in self.keys

    def of(self, path: Key) -> Place:
        """Line and column of a path: of its value, else its key, else the nearest thing around."""
        for length in range(len(path), 0, -1):
            near = path[:length]
            for places in (self.values, self.keys):
                if near in places:
                    return self._counted(places[near])
            # A table that is there only through what lies in it has no header of its own.
            inside = [place for key, place in self.keys.items() if key[:length] == near]
            if inside:
                return self._counted(min(inside))
        return (1, 1)

    def of_key(self, path: Key) -> Place:
        """Line and column of the key itself."""
        return self._counted(self.keys[path]) if path in self.keys else self.of(path)

    def _counted(self, place: Place) -> Place:
        """One-based line and column in characters."""
        row, byte = place
        return row + 1, len(self.lines[row][:byte].decode(errors="replace")) + 1


def locate(text: str) -> Positions:
    """Find the places of everything in a valid TOML document."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    source = text.encode()
    tree = Parser(Language(tree_sitter_toml.language())).parse(source)
    finder = _Finder()
    finder.document(tree.root_node)
    return Positions(finder.keys, finder.values, source.split(b"\n"))


class _Finder:
    """Walks the syntax tree of one document."""

    def __init__(self) -> None:
        self.keys: dict[Key, Place] = {}
        self.values: dict[Key, Place] = {}
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
        self.keys.setdefault(path, _start(header))
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
        if node.has_error:  # two parsers may disagree; what is in doubt has its table's place
            return
        key, value = [child for child in node.named_children if child.type != "comment"][:2]
        path = (*prefix, *self.parts(key))
        self.keys[path] = _start(key)
        self.value(value, path)

    def value(self, node: Node, path: Key) -> None:
        self.values[path] = _start(node)
        children = [child for child in node.named_children if child.type != "comment"]
        if node.type == "array":
            for index, child in enumerate(children):
                self.value(child, (*path, index))
        elif node.type == "inline_table":
            for child in children:
                self.pair(child, path)

    def parts(self, node: Node) -> tuple[str, ...]:
        """Names of a bare, quoted or dotted key."""
        if node.type == "dotted_key":
            return tuple(name for child in node.named_children for name in self.parts(child))
        text = (node.text or b"").decode()
        if node.type == "quoted_key":
            table: dict[str, Any] = tomllib.loads(f"{text} = 0")
            return tuple(table)
        return (text,)


def _start(node: Node) -> Place:
    """Row and byte where a node begins."""
    row, byte = node.start_point
    return row, byte
