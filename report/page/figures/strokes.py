"""Many strokes drawn alike as one path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vggstudy.report.page.figures.plot import Plot


class Strokes:
    """Points of many strokes in one path: gaps between them are not-a-number."""

    def __init__(self) -> None:
        self.x: list[float] = []
        self.y: list[float] = []

    def add(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Append a stroke."""
        self.x += [*x, math.nan]
        self.y += [*y, math.nan]


def stroke(
    plot: Plot, strokes: Strokes, *, color: str, width: float, alpha: float = 1.0, order: float = 2
) -> None:
    """Draw strokes with square ends, as one path."""
    plot.line(
        strokes.x,
        strokes.y,
        color=color,
        lw=width,
        alpha=alpha,
        zorder=order,
        solid_capstyle="butt",
        clip_on=False,
    )
