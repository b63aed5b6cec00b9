"""Section 9, training curves: bands over replicates, failed runs apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median, stdev

from vggstudy.report.page.context import RunCurves
from vggstudy.report.page.figures.curves import CurveBand, CurvePanel, draw_curves
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.target import lines_of, target_pictures
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, download, entry
from vggstudy.report.page.view import Cell, Level, StudyView
from vggstudy.report.words.display import POINTS, read
from vggstudy.report.words.formatting import round_number
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly

LAST = 5
"""Epochs at the end over which a curve's unrest is measured."""

MOST_POINTS = 25
"""Epochs of a line that are drawn: of more, evenly spaced ones."""

DIGITS = 6
"""Significant digits of the bands' data: far more than a curve can show."""

MOST_FAILED = 10
"""Failed runs of a panel that are drawn."""

FAILED = ("failed_to_learn", "diverged")
SHARES = ("accuracy",)


def build(view: StudyView) -> Section:
    """Build the section."""
    runs = view.context.curves
    names = list(dict.fromkeys(name for run in runs for name in run.curves))
    pictures: list[Picture | None] = [*target_pictures(view)]
    pictures += [_picture(view, runs, name, index) for index, name in enumerate(names)]
    return Section(
        9,
        "curves",
        gettext("Training curves"),
        {"pictures": [item for item in pictures if item is not None], "runs": len(runs)},
    )


def _picture(view: StudyView, runs: Sequence[RunCurves], name: str, index: int) -> Picture | None:
    """The curves of one measure; None where no run has a finite value."""
    scale = 100 if _is_share(name) else 1
    lines = lines_of(view)
    panels = [
        panel
        for levels in (view.panels or ((),))
        if (panel := _panel(view, runs, name, levels, lines, scale)) is not None
    ]
    if not panels:
        return None
    words = friendly(name)
    labels = [capitalise(view.axis.phrase(level)) if view.axis else "" for level in lines]
    every = view.axis is None or len(lines) == len(view.axis.levels)
    return picture(
        lambda canvas: draw_curves(panels, labels, canvas, percent=scale == 100),
        key=f"fig-curves-{index}",
        question=gettext("How does the %(measure)s develop while runs train?") % {"measure": words},
        caption=_caption(capitalise(words), every=every),
        description=gettext("%(panels)s panels of %(lines)s lines over epochs.")
        % {"panels": len(panels), "lines": len(labels)},
        table=_table(view, runs, name, scale),
        data=download(
            f"curves_{name}.csv",
            (*(f.name for f in view.factors), "epoch", "runs", "low", "median", "high"),
            _band_rows(view, runs, name),
        ),
    )


def _caption(measure: str, *, every: bool) -> str:
    """What lines and bands are, and what is left out."""
    text = gettext(
        "%(measure)s after each epoch. Lines are medians over the runs that converged and still "
        "trained at that epoch, drawn while that is at least half of them; bands reach from the "
        "lowest to the highest run. Failed runs are thin lines below, at most %(n)s a panel."
    )
    text %= {"measure": measure, "n": MOST_FAILED}
    if not every:
        text += " " + gettext("Of many levels the first, the middle and the last are drawn.")
    return text


def _is_share(name: str) -> bool:
    """Whether a measure is a fraction that is read in percent."""
    return name.endswith(SHARES)


def _panel(
    view: StudyView,
    runs: Sequence[RunCurves],
    name: str,
    levels: tuple[Level, ...],
    lines: tuple[Level, ...],
    scale: int,
) -> CurvePanel | None:
    """One combination of the other factors' levels."""
    held = dict(zip((f.name for f in view.panel_factors), levels, strict=True))
    members = [run for run in runs if all(run.levels[f] == v for f, v in held.items())]
    bands = []
    for line in lines:
        kept = [r for r in members if view.axis is None or r.levels[view.axis.name] == line]
        bands.append(_band([r for r in kept if r.outcome == "converged"], name, scale))
    lost = [_points(r.curves.get(name, ()), scale) for r in members if r.outcome in FAILED]
    failed = tuple(curve for curve in lost if curve[0])[:MOST_FAILED]
    if not any(bands) and not failed:
        return None
    pairs = zip(view.panel_factors, levels, strict=True)
    title = tuple(capitalise(factor.setting(level)) for factor, level in pairs)
    return CurvePanel(title, tuple(bands), failed)


def _points(
    values: Sequence[float | None], scale: int
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The finite values of a curve with their epochs, thinned."""
    found = [(i + 1, v * scale) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
    kept = _thinned(found)
    return tuple(epoch for epoch, _ in kept), tuple(value for _, value in kept)


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `MOST_POINTS` of them, the last one kept."""
    step = math.ceil(len(points) / MOST_POINTS) or 1
    return [p for i, p in enumerate(points) if (len(points) - 1 - i) % step == 0]


def _band(runs: Sequence[RunCurves], name: str, scale: int) -> CurveBand | None:
    """Range and median of the runs, while at least half of them train."""
    rows = _epochs(runs, name)
    kept = [(epoch, values) for epoch, values in rows if 2 * len(values) >= len(runs)]
    step = math.ceil(len(kept) / MOST_POINTS) or 1
    kept = [row for i, row in enumerate(kept) if (len(kept) - 1 - i) % step == 0]
    if not kept:
        return None
    return CurveBand(
        epochs=tuple(epoch for epoch, _ in kept),
        low=tuple(min(values) * scale for _, values in kept),
        middle=tuple(median(values) * scale for _, values in kept),
        high=tuple(max(values) * scale for _, values in kept),
    )


def _epochs(runs: Sequence[RunCurves], name: str) -> list[tuple[int, list[float]]]:
    """Every epoch with the finite values of the runs that reached it."""
    curves = [run.curves.get(name, ()) for run in runs]
    longest = max((len(curve) for curve in curves), default=0)
    rows = []
    for index in range(longest):
        reached = (curve[index] for curve in curves if index < len(curve))
        values = [v for v in reached if v is not None and math.isfinite(v)]
        if values:
            rows.append((index + 1, values))
    return rows


def _table(view: StudyView, runs: Sequence[RunCurves], name: str, scale: int) -> Table:
    """Cell by cell: how long, how restless at the end, and the gap to the test data."""
    columns = [Column(capitalise(factor.label)) for factor in view.factors]
    columns += [
        Column(word)
        for word in (gettext("Runs"), gettext("Epochs"), gettext("Unrest"), gettext("Gap"))
    ]
    rows = [_row(view, cell, _of_cell(view, runs, cell), name, scale) for cell in view.cells]
    caption = gettext(
        "%(measure)s of the runs that converged: median number of epochs; median standard "
        "deviation of the last %(n)s epochs (unrest); median accuracy on the training data less "
        "that on the test data (gap)"
    )
    caption %= {"measure": capitalise(friendly(name)), "n": LAST}
    return Table(caption, tuple(columns), tuple(rows))


def _of_cell(view: StudyView, runs: Sequence[RunCurves], cell: Cell) -> list[RunCurves]:
    """The converged runs of a cell."""
    names = [factor.name for factor in view.factors]
    return [
        run
        for run in runs
        if run.outcome == "converged" and tuple(run.levels[n] for n in names) == cell.levels
    ]


def _row(
    view: StudyView, cell: Cell, runs: list[RunCurves], name: str, scale: int
) -> tuple[Entry, ...]:
    """A cell's row."""
    curves = [_finite(run.curves.get(name, ())) for run in runs]
    lengths = [len(curve) for curve in curves if curve]
    unrest = [stdev(curve[-LAST:]) for curve in curves if len(curve) >= LAST]
    gaps = [run.gap for run in runs if run.gap is not None]
    levels = zip(view.factors, cell.levels, strict=True)
    return (
        *(entry(factor.text(level)) for factor, level in levels),
        entry(len(runs)),
        entry(round_number(median(lengths), decimals=0) if lengths else ABSENT),
        entry(_number(unrest, scale)),
        entry(_number(gaps, 100)),
    )


def _finite(values: Sequence[float | None]) -> list[float]:
    """The values that are numbers."""
    return [v for v in values if v is not None and math.isfinite(v)]


def _number(values: Sequence[float], scale: int) -> str:
    """A median in the unit of print: points where the values are fractions."""
    if not values:
        return ABSENT
    text = round_number(median(values), decimals=1 if scale == 100 else 3, scale=scale)
    return read(f"{text}{POINTS.words}" if scale == 100 else text)


def _band_rows(view: StudyView, runs: Sequence[RunCurves], name: str) -> list[tuple[object, ...]]:
    """What the bands show, cell by cell, unscaled and thinned as drawn."""
    rows: list[tuple[object, ...]] = []
    lines = set(lines_of(view))
    for cell in view.cells:
        levels = dict(zip((f.name for f in view.factors), cell.levels, strict=True))
        if view.axis is not None and levels[view.axis.name] not in lines:
            continue
        members = _of_cell(view, runs, cell)
        band = _band(members, name, 1)
        if band is not None:
            numbers = zip(band.epochs, band.low, band.middle, band.high, strict=True)
            rows += [
                (*cell.levels, epoch, len(members), *(f"{number:.{DIGITS}g}" for number in values))
                for epoch, *values in numbers
            ]
    return rows
