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
    fit,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vggstudy.report.flow import Flow

BOX = 30.0
STEP = 52.0
PAD = 12.0


def draw_flow(flow: Flow, words: dict[str, str], canvas: Canvas) -> Figure:
    """Draw the flow.

    Parameters
    ----------
    words : dict
        What each stage, reason and outcome is called.
    """
    stages = flow.stages
    start = STEP * len(stages) + 2
    across = 1 if canvas.narrow else len(flow.outcomes)
    rows = -(-len(flow.outcomes) // across)
    figure, axes = blank(canvas.width, start + rows * (BOX + 6))
    main = 0.46 * canvas.width
    for index, stage in enumerate(stages):
        y = 2 + index * STEP
        _box(axes, (0, y, main, BOX), f"{stage.n}", words[stage.name], edge=MUTED)
        _arrow(axes, (main / 2, y + BOX), (main / 2, y + STEP - 1))
        if index + 1 < len(stages) and stages[index + 1].excluded:
            lost = stages[index + 1]
            middle = y + BOX + (STEP - BOX) / 2
            side = main + (14 if canvas.narrow else 40)
            _arrow(axes, (main / 2, middle), (side - 1, middle))
            box = (side, middle - BOX / 2, min(canvas.width - side - 2, main), BOX)
            _box(axes, box, f"{lost.excluded}", words[lost.reason], edge=VERMILLION)
    width = canvas.width / across
    for index, (name, count) in enumerate(flow.outcomes):
        row, column = divmod(index, across)
        edge = BLUE if name == "converged" else MUTED
        place = (column * width, start + row * (BOX + 6), width - (6 if across > 1 else 2), BOX)
        _box(axes, place, str(count), words[name], edge=edge)
    return figure


def _box(
    axes: Axes, box: tuple[float, float, float, float], number: str, words: str, *, edge: str
) -> None:
    """A number and its words on one line."""
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    axes.add_patch(Rectangle((x + 1, y), width - 2, height, fc=SHADE, ec=edge, lw=1.4))
    middle = y + height / 2
    axes.text(x + PAD, middle, number, va="center", size=TEXT + 1, weight="bold")
    after = x + PAD + 1.2 * text_width(number, TEXT + 1) + 7
    room = x + width - after - 4
    axes.text(after, middle, fit(words, room), va="center", size=SMALL)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A line with a head at its end."""
    axes.annotate(
        "", xy=end, xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )
