"""Single runs as dots beside each other, in no pattern, with the interval of their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vggstudy.report.page.figures.scales import Scale
from vggstudy.report.page.figures.strokes import Strokes, stroke
from vggstudy.report.page.figures.style import BAR, INK, POINT, RASTERISE_ABOVE, dot_size

if TYPE_CHECKING:
    from vggstudy.report.page.figures.plot import Plot

LEAST_WIDTH = 0.25
"""Share of the width that the dots of the emptiest places are spread over."""

LEAST_HALF = 6.0
"""Half the width of a level's mark in pixels: a shorter one is lost behind its interval."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What stands at one place of an axis: single values, and an estimate with its interval."""

    values: tuple[float, ...]
    estimate: float | None
    low: float | None
    high: float | None


def draw_stacks(
    plot: Plot, stacks: Sequence[tuple[float, Stack]], *, half: float, runs: int
) -> None:
    """Dots for values, a band for the interval, a thin mark for the estimate.

    Parameters
    ----------
    stacks : sequence of (float, Stack)
        Each with its place.
    half : float
        Half the width of a mark, as the axis counts.
    runs : int
        Dots of the whole figure.
    """
    dots, bands, means = Strokes(), Strokes(), Strokes()
    for x, stack in stacks:
        dots.add([x + 0.8 * half * offset for offset in spread(stack.values)], stack.values)
        if stack.low is not None and stack.high is not None:
            bands.add([x, x], [stack.low, stack.high])
        if stack.estimate is not None:
            means.add([x - half, x + half], [stack.estimate] * 2)
    stroke(plot, bands, color=BAR, width=6, order=3)
    plot.line(
        dots.x,
        dots.y,
        ls="none",
        marker="o",
        ms=dot_size(runs),
        mfc=INK,
        mec="none",
        alpha=0.5,
        zorder=4,
        clip_on=False,
        rasterized=runs > RASTERISE_ABOVE,
    )
    stroke(plot, means, color=POINT, width=2, order=5)


def half_width(scale: Scale, pixels: float) -> float:
    """Half of what a level takes of the x axis: its share, no less than can be seen.

    Parameters
    ----------
    pixels : float
        Width of the panel.
    """
    own, most, least = 0.38 * scale.spacing, *(x * scale.span / pixels for x in (26.0, LEAST_HALF))
    return max(min(own, most), least)


def spread(values: Sequence[float]) -> list[float]:
    """Offsets in [-1, 1] across the axis of the values, wide where many are alike.

    The i-th in the order of values gets the i-th number of van der Corput's sequence, so that
    neighbours stand on different sides and no line of dots can be seen; the offsets shrink where
    the density of values (a normal kernel, Silverman's width) is less than at its greatest. Where
    values are equal their places decide: the same values give the same offsets, in any order.
    """
    known = np.asarray(values, dtype=float)
    if len(known) < 2:
        return [0.0] * len(known)
    order = np.argsort(known, kind="stable")
    offsets = np.empty(len(known))
    offsets[order] = [2 * _van_der_corput(rank + 1) - 1 for rank in range(len(known))]
    return [float(one) for one in offsets * _width(known)]


def _van_der_corput(number: int) -> float:
    """The binary digits of a number mirrored behind the point."""
    value, share = 0.0, 0.5
    while number:
        value += share * (number & 1)
        number >>= 1
        share /= 2
    return value


def _width(values: np.ndarray) -> np.ndarray:
    """The density at each value as a share of the greatest, at least `LEAST_WIDTH`."""
    ordered = np.sort(values)
    quarter = float(np.subtract(*np.percentile(ordered, [75, 25]))) / 1.34
    scale = min(float(np.std(ordered, ddof=1)), quarter) or float(np.ptp(ordered))
    if not scale:
        return np.ones(len(values))
    reach = 0.9 * scale * len(values) ** -0.2
    grid = np.linspace(ordered[0], ordered[-1], 65)
    heights = np.exp(-0.5 * ((grid[:, None] - ordered[None, :]) / reach) ** 2).sum(axis=1)
    found = np.interp(values, grid, heights) / heights.max()
    return np.asarray(np.maximum(found, LEAST_WIDTH))
