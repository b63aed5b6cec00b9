"""What a sweep comes to, whichever tool wrote it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from vggstudy.imports.marked import Marked
from vggstudy.protocol.model.trainer import PARAMETER_NAME, SEEDS, TAKEN

MOST_LEVELS = 10_000


@dataclass(slots=True)
class Sweep:
    """A sweep as parts of a protocol.

    Attributes
    ----------
    tool : str
        Who wrote it.
    command : list of str
        Program and arguments, with placeholders.
    factors : dict of str to list
        What is varied.
    parameters : dict of str to value
        What is fixed.
    replicates : int or None
        How many seeds it goes over.
    question : str
    analysis : dict of str to value
        What it was to improve, as [analysis] says it.
    left : list of (int, str)
        What could not be carried over: its line, and a sentence.
    """

    tool: str
    command: list[str] = field(default_factory=list)
    factors: dict[str, list[Any]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    replicates: int | None = None
    question: str = ""
    analysis: dict[str, Any] = field(default_factory=dict)
    left: list[tuple[int, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Everything that has a place in the command."""
        seeds = [SEEDS[0]] if self.replicates else []
        return [*self.factors, *self.parameters, *seeds]

    def put(self, name: str, values: list[Any], line: int) -> bool:
        """Take a setting with its values: a factor, a fixed value, or seeds; False if it cannot be.

        Values of ``seed`` become replicates.
        """
        if name == SEEDS[0]:
            self.replicates = len(values)
            what = f"seed: {len(values)} values become replicates, with seeds of vggstudy's own"
            self.left.append((line, what))
            return True
        if not PARAMETER_NAME.fullmatch(name) or name in TAKEN:
            self.left.append((line, f"{name}: cannot be the name of a factor; rename it"))
            return False
        odd = next((x for x in values if not _fits(x)), None) if values else "no value"
        if odd is not None or len(values) > MOST_LEVELS or any(x is None for x in values):
            self.left.append((line, f"{name}: has a value that no level can be"))
            return False
        distinct = list({(type(x), x): x for x in values}.values())
        if len(distinct) < len(values):
            self.left.append((line, f"{name}: values that come twice are taken once"))
        if len(distinct) == 1:
            self.parameters[name] = distinct[0]
        else:
            self.factors[name] = distinct
        return True


def _fits(value: Any) -> bool:
    """Whether TOML and a level can hold it."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return -(2**63) <= value < 2**63
    return isinstance(value, (bool, str))


def braced(text: str) -> str:
    """An argument as it is, where braces would be placeholders."""
    return text.replace("{", "{{").replace("}", "}}")


def plain(node: Marked) -> list[Any]:
    """Values of a list of scalars, None for what is none."""
    return [one.scalar for one in node.items]
