"""Mean curves and their differences as figures have them, a part of the section on curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from vggstudy.analysis.data.run_curves import RunCurves
from vggstudy.analysis.estimators.curve_sums import CellLevels, MeanCurve
from vggstudy.analysis.estimators.mean_curves import CurveSet
from vggstudy.report.page.figures.curves import CurveBand, CurvePanel, draw_curves
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.tables import Column, Download, Table, download, entry
from vggstudy.report.page.view import Factor, Level, StudyView
from vggstudy.report.words.display import confidence_text, read
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.rounding import round_number

MOST_POINTS = 25
"""Epochs of a line that are drawn: of more, evenly spaced ones."""

MOST_PANELS = 8
"""Factors whose differences are drawn."""

DIGITS = 6
"""Significant digits of the bands' data: far more than a curve can show."""

T = TypeVar("T")


def thinned(points: Sequence[T]) -> list[T]:
    """At most `MOST_POINTS` of them, the last one kept."""
    step = math.ceil(len(points) / MOST_POINTS) or 1
    return [p for i, p in enumerate(points) if (len(points) - 1 - i) % step == 0]


def curve_set(view: StudyView, runs: Sequence[RunCurves]) -> CurveSet:
    """The curves of the runs that converged."""
    settings = view.result.settings
    return CurveSet(
        tuple(run for run in runs if run.outcome == "converged"),
        tuple(factor.name for factor in view.factors),
        confidence=float(settings["confidence"]),
        seed=int(settings["seed"]),
        shared_seeds=view.result.seeds.shared,
    )


def band_of(curve: MeanCurve | None, scale: int) -> CurveBand | None:
    """A mean curve as it is drawn, thinned; the band is as thin as the line where it has none."""
    if curve is None:
        return None
    rows = thinned(list(zip(curve.time, curve.low, curve.estimate, curve.high, strict=True)))
    return CurveBand(
        epochs=tuple(time for time, *_ in rows),
        low=tuple((middle if low is None else low) * scale for _, low, middle, _ in rows),
        middle=tuple(middle * scale for _, _, middle, _ in rows),
        high=tuple((middle if high is None else high) * scale for _, _, middle, high in rows),
    )


def band_data(view: StudyView, name: str, curves: Mapping[CellLevels, MeanCurve]) -> Download:
    """What the bands of mean curves show, cell by cell, unscaled, at every epoch."""
    return download(
        f"curves_{name}.csv",
        (*(f.name for f in view.factors), "epoch", "runs", "mean", "low", "high"),
        [(*cell, *row) for cell, curve in curves.items() for row in _rows(curve)],
    )


def _rows(curve: MeanCurve) -> list[tuple[Any, ...]]:
    """Time, runs, mean and ends."""
    return [
        (f"{time:g}", runs, *(None if x is None else f"{x:.{DIGITS}g}" for x in values))
        for time, runs, *values in zip(
            curve.time, curve.runs, curve.estimate, curve.low, curve.high, strict=True
        )
    ]


def difference_picture(
    view: StudyView, made: Mapping[str, MeanCurve], name: str, index: int, *, share: bool
) -> Picture | None:
    """The differences that factors make to a measure; None where none has runs enough."""
    found = [(factor, made[factor.name]) for factor in view.factors if factor.name in made]
    found = found[:MOST_PANELS]
    if not found:
        return None
    scale = 100 if share else 1
    panels = [
        CurvePanel((capitalise(_compared(factor)),), (band_of(curve, scale),), ())
        for factor, curve in found
    ]
    label = gettext("difference in points") if share else gettext("difference")
    caption = gettext(
        "%(measure)s under a factor's last level less that under its first, averaged over the "
        "pairs of cells that differ in nothing else and have three converged runs each. Bands are "
        "%(level)s confidence bands of the difference at all epochs together."
    )
    words = {
        "measure": capitalise(friendly(name)),
        "level": confidence_text(found[0][1].confidence),
    }
    return picture(
        lambda canvas: draw_curves(panels, [capitalise(label)], canvas, percent=False),
        key=f"fig-curve-differences-{index}",
        question=gettext("When do factors make a difference to the %(measure)s?")
        % {"measure": friendly(name)},
        caption=caption % words,
        description=gettext("%(panels)s panels of %(lines)s lines over epochs.")
        % {"panels": len(panels), "lines": 1},
        table=_table(found, scale),
        data=download(
            f"curve_differences_{name}.csv",
            ("factor", "levels", "epoch", "runs", "difference", "low", "high"),
            [(f.name, c.at[f.name], *row) for f, c in found for row in _rows(c)],
        ),
    )


def compared_levels(view: StudyView) -> dict[str, tuple[Level, Level]]:
    """First and last level of every factor that has them."""
    return {
        factor.name: (factor.levels[0], factor.levels[-1])
        for factor in view.factors
        if len(factor.levels) == 2 or (factor.is_numeric and len(factor.levels) > 1)
    }


def _compared(factor: Factor) -> str:
    """A factor with the levels that are compared."""
    later, earlier = factor.text(factor.levels[-1]), factor.text(factor.levels[0])
    words = gettext("%(later)s against %(earlier)s") % {"later": later, "earlier": earlier}
    return f"{factor.label} {words}"


def _table(found: Sequence[tuple[Factor, MeanCurve]], scale: int) -> Table:
    """The difference at the last epoch, and the epochs at which the band excludes none."""
    columns = (
        Column(gettext("Factor"), numeric=False),
        Column(gettext("Pairs of cells")),
        Column(gettext("Last epoch")),
        Column(gettext("Difference")),
        Column(gettext("Epochs at which the band excludes 0")),
    )
    rows = []
    for factor, curve in found:
        ends = zip(curve.low, curve.high, strict=True)
        apart = sum(low is not None and high is not None and low * high > 0 for low, high in ends)
        last = round_number(curve.estimate[-1], decimals=1 if scale == 100 else 3, scale=scale)
        rows.append(
            (
                entry(capitalise(_compared(factor))),
                entry(curve.cells),
                entry(f"{curve.time[-1]:g}"),
                entry(read(last)),
                entry(gettext("%(n)s of %(all)s") % {"n": apart, "all": len(curve.time)}),
            )
        )
    caption = gettext("Differences of mean curves, later level less earlier")
    return Table(caption, columns, tuple(rows))
