"""What is left out of a document whose mistakes were told, and what stands in for it.

So the next validation reaches what the mistakes were hiding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vggstudy.protocol.grid.cells import FACTORS, Place
from vggstudy.protocol.model.settings import SCHEMA_VERSION
from vggstudy.stated.hypotheses import NEEDED

SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "design": {"replicates": 1, "seed": 0},
    "data": {"name": "synthetic"},
}
"""Stand-ins for what a section must have."""

STATED: Mapping[str, Any] = {
    "claim": "x",
    "direction": "above",
    "threshold": 0.0,
    "margin": 1.0,
    "along": "x",
    "compare": "x",
    "factors": ["x"],
    "parts": [{"kind": "peak", "along": "x"}],
}
"""Stand-ins for what a kind of hypothesis needs."""


def remove(document: dict[str, Any], path: Place) -> Place:
    """Take out what stands at a path; returns the path of what was taken out.

    The items of a list keep their places: something that cannot be a level stands in for one, an
    empty rule for a rule of exclusion.
    """
    if path[:1] == ("hypotheses",) and isinstance(document["hypotheses"], list):
        return _remove_stated(document, path)
    node: Any = document
    for depth, part in enumerate(path[:-1], start=1):
        child = node.get(part)
        if isinstance(child, list):
            if path[:depth] == ("design", "exclude"):
                child[int(path[depth])] = {}
            elif path[:2] == FACTORS and depth == len(path) - 1:
                child[int(path[depth])] = f"\0{path[depth]}"
            else:
                node.pop(part)
                return path[:depth]
            return path[: depth + 1]
        if not isinstance(child, dict):
            return path
        node = child
    node.pop(path[-1], None)
    return path


def _remove_stated(document: dict[str, Any], path: Place) -> Place:
    """Take a key out of a hypothesis or a part of one; all of it where its kind is in doubt."""
    inside = 4 if path[2:3] == ("parts",) and len(path) > 3 else 2
    items: Any = document["hypotheses"]
    if inside == 4:
        items = items[int(path[1])]["parts"]
    at = int(path[inside - 1])
    if len(path) == inside or path[inside] == "kind":
        items[at] = {"kind": "peak"}
        return path[:inside]
    items[at].pop(path[inside], None)
    return path[: inside + 1]


def filled(document: dict[str, Any]) -> dict[str, Any]:
    """The document with stand-ins for what a protocol must have."""
    found = {"schema": SCHEMA_VERSION, "name": "x", **document}
    for section, needed in SECTIONS.items():
        if "table" in document or (section == "data" and "trainer" in document):
            continue
        inside = found.get(section, {})
        if isinstance(inside, dict):
            found[section] = {**needed, **inside}
    if isinstance(stated := found.get("hypotheses"), list):
        found["hypotheses"] = [
            _filled_part(one, id=f"stand-in.{at}", text="x") for at, one in enumerate(stated)
        ]
    return found


def _filled_part(part: Any, **named: str) -> Any:
    """The same for a statement: what its kind needs."""
    if not isinstance(part, dict):
        return part
    needed = NEEDED.get(str(part.get("kind")), ())
    stated = {**named, **{key: STATED[key] for key in needed}, **part}
    if isinstance(parts := part.get("parts"), list):
        stated["parts"] = [_filled_part(one) for one in parts]
    return stated
