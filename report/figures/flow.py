"""Flow of runs: stages downwards, losses to the side, outcomes at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.figures.style import (
    BLUE,
    MUTED,
    SHADE,
    SMALL,
    TEXT,
    VERMILLION,
    Canvas,
    blank,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vggstudy.report.flow import Flow

BOX = 44.0
STEP = 66.0


def draw_flow(flow: Flow, words: dict[str, str], canvas: Canvas) -> Figure:
    """Draw the flow.

    Parameters
    ----------
    words : dict
        What each stage, reason and outcome is called.
    """
    stages = flow.stages
    height = STEP * len(stages) + BOX + 8
    figure, axes = blank(canvas.width, height)
    main = 0.56 * canvas.width if canvas.narrow else 0.46 * canvas.width
    for index, stage in enumerate(stages):
        y = 2 + index * STEP
        _box(axes, (0, y, main, BOX), f"{stage.n}", words[stage.name], edge=MUTED)
        _arrow(axes, (main / 2, y + BOX), (main / 2, y + STEP - 1))
        if index + 1 < len(stages) and stages[index + 1].excluded:
            lost = stages[index + 1]
            middle = y + BOX + (STEP - BOX) / 2
            side = main + (16 if canvas.narrow else 40)
            _arrow(axes, (main / 2, middle), (side - 1, middle))
            box = (side, middle - BOX / 2, canvas.width - side - 2, BOX)
            _box(axes, box, f"{lost.excluded}", words[lost.reason], edge=VERMILLION)
    _outcomes(axes, flow, words, 2 + len(stages) * STEP, canvas)
    return figure


def _outcomes(
    axes: Axes, flow: Flow, words: dict[str, str], y: float, canvas: Canvas
) -> None:
    """The outcomes of the analysed runs, side by side."""
    width = canvas.width / len(flow.outcomes)
    for index, (name, count) in enumerate(flow.outcomes):
        edge = BLUE if name == "converged" else MUTED
        _box(axes, (index * width + 1, y, width - 6, BOX), str(count), words[name], edge=edge)


def _box(
    axes: Axes, box: tuple[float, float, float, float], number: str, words: str, *, edge: str
) -> None:
    """A number over its words."""
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    axes.add_patch(Rectangle((x + 1, y), width - 2, height, fc=SHADE, ec=edge, lw=1.4))
    center = x + width / 2
    axes.text(center, y + 15, number, ha="center", va="center", size=TEXT + 1, weight="bold")
    axes.text(center, y + 32, words, ha="center", va="center", size=SMALL)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A line with a head at its end."""
    axes.annotate(
        "", xy=end, xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )
