"""Flow of runs: stages downwards, losses to the side, outcomes at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.report.page.figures.plot import Plot, blank
from vggstudy.report.page.figures.style import (
    BLUE,
    MUTED,
    SHADE,
    SMALL,
    TEXT,
    VERMILLION,
    Canvas,
    fit,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vggstudy.report.page.flow import Step

BOX = 30.0
STEP = 52.0
PAD = 12.0
TALL = 46.0


def draw_flow(
    stages: Sequence[Step],
    outcomes: Sequence[tuple[str, int]],
    words: dict[str, str],
    canvas: Canvas,
) -> Figure:
    """Draw the flow.

    Parameters
    ----------
    stages : sequence of Step
    outcomes : sequence of (str, int)
        Of the runs that reached the last one; none where nobody says.
    words : dict
        What each stage, reason and outcome is called.
    """
    start = STEP * len(stages) + 2
    figure, plot = blank(canvas.width, start + TALL + 2 if outcomes else start)
    main = 0.46 * canvas.width
    for index, stage in enumerate(stages):
        y = 2 + index * STEP
        _box(plot, (0, y, main, BOX), f"{stage.n}", words[stage.name], edge=MUTED)
        if index + 1 < len(stages):
            _arrow(plot, (main / 2, y + BOX), (main / 2, y + STEP - 1))
        elif outcomes:
            plot.line([main / 2] * 2, [y + BOX, start - 12], color=MUTED, lw=1.2)
        if index + 1 < len(stages) and stages[index + 1].excluded:
            lost = stages[index + 1]
            middle = y + BOX + (STEP - BOX) / 2
            side = main + (14 if canvas.narrow else 40)
            _arrow(plot, (main / 2, middle), (side - 1, middle))
            box = (side, middle - BOX / 2, min(canvas.width - side - 2, main), BOX)
            _box(plot, box, f"{lost.excluded}", words[lost.reason], edge=VERMILLION)
    if outcomes:
        _draw_outcomes(plot, outcomes, words, start, canvas.width)
    return figure


def _draw_outcomes(
    plot: Plot,
    outcomes: Sequence[tuple[str, int]],
    words: dict[str, str],
    top: float,
    width: float,
) -> None:
    """The outcomes side by side, below one line that leads to all of them."""
    each = width / len(outcomes)
    centers = [(index + 0.5) * each for index in range(len(outcomes))]
    plot.line([centers[0], centers[-1]], [top - 12] * 2, color=MUTED, lw=1.2)
    for (name, count), center in zip(outcomes, centers, strict=True):
        _arrow(plot, (center, top - 12), (center, top))
        edge = BLUE if name == "converged" else MUTED
        _frame(plot, (center - each / 2 + 2, top, each - 4, TALL), edge=edge)
        plot.text(center, top + 15, str(count), ha="center", va="center", size=TEXT, weight="bold")
        plot.text(center, top + 32, words[name], ha="center", va="center", size=SMALL)


def _box(
    plot: Plot, box: tuple[float, float, float, float], number: str, words: str, *, edge: str
) -> None:
    """A number and its words on one line."""
    x, y, width, height = box
    _frame(plot, box, edge=edge)
    middle = y + height / 2
    plot.text(x + PAD, middle, number, va="center", size=TEXT + 1, weight="bold")
    after = x + PAD + 1.2 * text_width(number, TEXT + 1) + 7
    room = x + width - after - 4
    plot.text(after, middle, fit(words, room), va="center", size=SMALL)


def _frame(plot: Plot, box: tuple[float, float, float, float], *, edge: str) -> None:
    """A box."""
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    plot.add(Rectangle((x + 1, y), width - 2, height, fc=SHADE, ec=edge, lw=1.4))


def _arrow(plot: Plot, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A line with a head at its end."""
    from matplotlib.patches import FancyArrowPatch

    style: dict[str, Any] = {"color": MUTED, "lw": 1.2, "zorder": 3, "mutation_scale": SMALL}
    plot.add(FancyArrowPatch(start, end, arrowstyle="-|>", shrinkA=0, shrinkB=0, **style))
