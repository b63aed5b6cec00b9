"""Levels of a factor and what they differ in: raw values above, differences below, in one column.

Estimation plots after Gardner and Altman, and Cumming, as DABEST draws them: every value, the mean
with its interval, and under each level its difference from the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.dots import Stack, draw_stacks, half_width
from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.scales import Scale, names_of
from vggstudy.report.page.figures.style import (
    INK,
    MUTED,
    SMALL,
    Canvas,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT = 50.0
GAP = 14.0
PLOT = 150.0
BELOW = 84.0
LINE = 14.0
TITLE = 12.0
SPACE = 8.0
LEAST_PANEL = 115.0
LEAST_LEVEL = 24.0
"""Pixels of a level."""
LEAST_SHARE = 0.05
"""Of a common axis: a panel whose widest interval takes less has an axis of its own."""


@dataclass(frozen=True, slots=True)
class ContrastPanel:
    """An outcome at the levels of a factor.

    Attributes
    ----------
    title : str
    difference : tuple of str
        Lines over the differences: from which level, and the numbers of one that is alone.
    above : tuple of Stack
        Values and mean of each level.
    below : tuple of Stack or None
        Difference of each level from the first; none of the first.
    limits : (float, float)
        Ends of the axis of the values.
    unit : str
        Of the differences: those of one unit share an axis.
    percent : bool
        Whether values are shares.
    """

    title: str
    difference: tuple[str, ...]
    above: tuple[Stack, ...]
    below: tuple[Stack | None, ...]
    limits: tuple[float, float]
    unit: str
    percent: bool


def draw_contrasts(panels: Sequence[ContrastPanel], scale: Scale, canvas: Canvas) -> Figure:
    """Draw a panel for each outcome, side by side where they have room."""
    least = LEFT + max(LEAST_PANEL, LEAST_LEVEL * len(scale.labels))
    columns = max(min(len(panels), int((canvas.width + GAP) // (least + GAP))), 1)
    width = (canvas.width - GAP * (columns - 1)) / columns - LEFT - 2
    titles = [wrapped(panel.title, width, TITLE * 1.1) for panel in panels]
    below = [lines_below(panel.difference, width) for panel in panels]
    head = LINE * max(map(len, titles)) + SPACE + 4
    between = LINE * max(map(len, below)) + 2 * SPACE
    names = names_of(scale, width)
    step = head + PLOT + between + BELOW + names.height + SPACE
    height = math.ceil(len(panels) / columns) * step
    figure = sheet(canvas.width, height)
    values = sum(len(stack.values) for panel in panels for stack in panel.above)
    limits = difference_limits([(panel.unit, panel.below) for panel in panels])
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + LEFT + GAP), row * step + head

        raw = Plot(figure, (x, top, width, PLOT), scale.ends, panel.limits)
        half = half_width(scale, width)
        draw_stacks(raw, [*zip(scale.positions, panel.above, strict=True)], half=half, runs=values)
        raw.number_y(percent=panel.percent)
        raw.title(titles[index], above=6, size=TITLE, linespacing=1.1)
        place = (x, top + PLOT + between, width, BELOW)
        under = Plot(figure, place, scale.ends, limits[index])
        pairs = zip(scale.positions, panel.below, strict=True)
        draw_differences(under, [(x, s) for x, s in pairs if s is not None], half)
        under.number_y(percent=False)
        names.put(under, scale)
        title_below(under, below[index])
    return figure


def draw_differences(plot: Plot, stacks: Sequence[tuple[float, Stack]], half: float) -> None:
    """Differences with their intervals, and the line of none."""
    plot.level(0, color=INK, lw=1.2, zorder=2)
    draw_stacks(plot, stacks, half=half, runs=0)


def lines_below(texts: Sequence[str], width: float) -> list[str]:
    """Lines over differences, on as many more as they need."""
    return [line for text in texts for line in wrapped(text, width, SMALL)]


def title_below(plot: Plot, lines: Sequence[str]) -> None:
    """What the differences are, over them."""
    plot.title(lines, above=4, size=SMALL, linespacing=1.1, color=MUTED)


def difference_limits(
    panels: Sequence[tuple[str, Sequence[Stack | None]]],
) -> list[tuple[float, float]]:
    """Ends of the axis of each panel: one for all of a unit, unless one could not be read on it."""
    own = [_reach(stacks) for _, stacks in panels]
    found = []
    for (unit, stacks), reach in zip(panels, own, strict=True):
        alike = [r for (u, _), r in zip(panels, own, strict=True) if u == unit]
        low, high = min(r[0] for r in alike), max(r[1] for r in alike)
        if _widest(stacks) < LEAST_SHARE * (high - low):
            low, high = reach
        pad = 0.08 * (high - low) or 1.0
        found.append((low - pad, high + pad))
    return found


def _widest(stacks: Sequence[Stack | None]) -> float:
    """The widest interval."""
    ends = [(s.low, s.high) for s in stacks if s is not None]
    return max((b - a for a, b in ends if a is not None and b is not None), default=0.0)


def _reach(stacks: Sequence[Stack | None]) -> tuple[float, float]:
    """From the least to the largest end, no difference among them."""
    known = [s for s in stacks if s is not None]
    ends = [v for s in known for v in (s.low, s.estimate, s.high) if v is not None]
    return min([0.0, *ends]), max([0.0, *ends])
