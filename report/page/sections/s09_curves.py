"""Section 9, training curves: bands over replicates, failed runs apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median, stdev

from vggstudy.analysis.data.run_curves import RunCurves
from vggstudy.analysis.estimators.curve_sums import CellLevels, MeanCurve
from vggstudy.report.page.figures.curves import CurvePanel, draw_curves
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.mean_curves import (
    band_data,
    band_of,
    compared_levels,
    curve_set,
    difference_picture,
    thinned,
)
from vggstudy.report.page.sections.rows import factor_columns
from vggstudy.report.page.sections.target import lines_of, target_pictures
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, entry
from vggstudy.report.page.view import Cell, Level, StudyView
from vggstudy.report.words.display import POINTS, confidence_text, read
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.rounding import round_number

LAST = 5
"""Epochs at the end over which a curve's unrest is measured."""

MOST_FAILED = 10
"""Failed runs of a panel that are drawn."""

FAILED = ("failed_to_learn", "diverged")
SHARES = ("accuracy",)


Pictures = Sequence[Picture | None]


def build(view: StudyView) -> Section | None:
    """Build the section; none where there is nothing over time."""
    return joined([part() for part in parts(view)])


def parts(view: StudyView) -> list[Callable[[], Pictures]]:
    """What makes its pictures, one by one: they take longer than all other sections together."""
    runs = view.context.curves
    names = list(dict.fromkeys(name for run in runs for name in run.curves))
    found = [partial(_both, view, runs, name, index) for index, name in enumerate(names)]
    return [partial(target_pictures, view), *found]


def joined(made: Sequence[Pictures]) -> Section | None:
    """The section of its pictures."""
    shown = [item for pictures in made for item in pictures if item is not None]
    return Section("curves", gettext("Training curves"), {"pictures": shown}) if shown else None


def _both(view: StudyView, runs: Sequence[RunCurves], name: str, index: int) -> Pictures:
    """The curves of one measure, and the differences that factors make to it."""
    curves, between = _curves(view, runs, name, lines_of(view))
    return [
        _picture(view, runs, curves, name, index),
        difference_picture(view, between, name, index, share=_is_share(name)),
    ]


def _curves(
    view: StudyView, runs: Sequence[RunCurves], name: str, lines: tuple[Level, ...]
) -> tuple[dict[CellLevels, MeanCurve], dict[str, MeanCurve]]:
    """The mean curve of every cell that has a line, and the differences that factors make."""
    learned, axis = curve_set(view, runs), view.axis
    if name not in learned.measures:
        return {}, {}
    drawn = None
    if axis is not None:
        place = view.factors.index(axis)
        drawn = {cell.levels for cell in view.cells if cell.levels[place] in lines}
    return learned.drawn_once(name, compared_levels(view), cells=drawn, least=1)


def _picture(
    view: StudyView,
    runs: Sequence[RunCurves],
    curves: Mapping[CellLevels, MeanCurve],
    name: str,
    index: int,
) -> Picture | None:
    """The curves of one measure; None where no run has a finite value."""
    scale = 100 if _is_share(name) else 1
    lines = lines_of(view)
    panels = [
        panel
        for levels in (view.panels or ((),))
        if (panel := _panel(view, runs, curves, name, levels, lines, scale)) is not None
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
        caption=_caption(view, capitalise(words), every=every),
        description=gettext("%(panels)s panels of %(lines)s lines over epochs.")
        % {"panels": len(panels), "lines": len(labels)},
        table=_table(view, runs, name, scale),
        data=band_data(view, name, curves),
    )


def _caption(view: StudyView, measure: str, *, every: bool) -> str:
    """What lines and bands are, and what is left out."""
    text = gettext(
        "%(measure)s after each epoch. Lines are means over the runs that converged; a run that "
        "ended before the others keeps its last value. Bands are %(level)s confidence bands of the "
        "mean at all epochs together, drawn from three runs on. Failed runs are thin lines below, "
        "at most %(n)s a panel."
    )
    level = confidence_text(float(view.result.settings["confidence"]))
    text %= {"measure": measure, "n": MOST_FAILED, "level": level}
    if not every:
        text += " " + gettext("Of many levels the first, the middle and the last are drawn.")
    return text


def _is_share(name: str) -> bool:
    """Whether a measure is a fraction that is read in percent."""
    return name.endswith(SHARES)


def _panel(
    view: StudyView,
    runs: Sequence[RunCurves],
    curves: Mapping[CellLevels, MeanCurve],
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
        here = held if view.axis is None else {**held, view.axis.name: line}
        cell = tuple(here[factor.name] for factor in view.factors)
        bands.append(band_of(curves.get(cell), scale))
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
    kept = thinned(found)
    return tuple(epoch for epoch, _ in kept), tuple(value for _, value in kept)


def _table(view: StudyView, runs: Sequence[RunCurves], name: str, scale: int) -> Table:
    """Cell by cell: how long, how restless at the end, and the gap to the test data."""
    known = any(run.gap is not None for run in runs)  # nobody may have asked for it
    words = [gettext("Runs"), gettext("Epochs"), gettext("Unrest")]
    columns = [*factor_columns(view.factors), *map(Column, words)]
    rows = [_row(view, cell, _of_cell(view, runs, cell), name, scale) for cell in view.cells]
    if known:
        columns.append(Column(gettext("Gap")))
        caption = gettext(
            "%(measure)s of the runs that converged: median number of epochs; median standard "
            "deviation of the last %(n)s epochs (unrest); median accuracy on the training data "
            "less that on the test data (gap)"
        )
    else:
        rows = [row[:-1] for row in rows]
        caption = gettext(
            "%(measure)s of the runs that converged: median number of epochs; median standard "
            "deviation of the last %(n)s epochs (unrest)"
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
