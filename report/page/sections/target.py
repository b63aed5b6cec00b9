"""How long runs take to a target: Kaplan and Meier's curves, a part of the section on curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vggstudy.analysis.estimators.times import SurvivalCurve, survival_frame
from vggstudy.report.page.figures.curves import MOST_LINES, CurveBand, CurvePanel, draw_curves
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Level, StudyView
from vggstudy.report.words.display import confidence_text
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

QUANTITIES = ("mean", "diff", "logrank", "reached")
"""In the order of the table's rows."""

EARLIER = 0.25
"""Share of the time after the first run got there that is shown before."""


def target_pictures(view: StudyView) -> list[Picture]:
    """The picture of every time to a target; none where the runs have none."""
    curves = view.result.survival()
    outcomes = dict.fromkeys(curve.outcome for curve in curves)
    return [
        _picture(view, [curve for curve in curves if curve.outcome == name], index)
        for index, name in enumerate(outcomes)
    ]


def _picture(view: StudyView, curves: Sequence[SurvivalCurve], index: int) -> Picture:
    """The curves of one time."""
    outcome = curves[0].outcome
    lines = lines_of(view)
    labels = [capitalise(view.axis.phrase(level)) if view.axis else "" for level in lines]
    panels = [_panel(view, curves, held, lines) for held in (view.panels or ((),))]
    words = friendly(outcome)
    level = confidence_text(float(view.result.settings["confidence"]))
    caption = gettext(
        "Share of runs that have not reached the target (Kaplan and Meier), with %(level)s "
        "intervals that hold at each time by themselves. Runs that were not followed to the "
        "target count as long as they were."
    )
    frame, time = survival_frame(curves), (capitalise(words), _begin(curves))
    return picture(
        lambda canvas: draw_curves(panels, labels, canvas, percent=True, time=time),
        key=f"fig-target-{index}",
        question=gettext("How many %(measure)s does it take to reach the target?")
        % {"measure": words},
        caption=caption % {"level": level},
        description=gettext("%(panels)s panels of %(lines)s lines over time.")
        % {"panels": len(panels), "lines": len(labels)},
        table=_table(view, outcome),
        data=download(
            f"{outcome}.csv",
            [str(name) for name in frame.columns],
            frame.itertuples(index=False, name=None),
        ),
    )


def _begin(curves: Sequence[SurvivalCurve]) -> float:
    """Where the axis begins: 0, or shortly before any run got there if that was late."""
    first = min((curve.time[1] for curve in curves if len(curve.time) > 1), default=0.0)
    last = max(max(curve.horizon, curve.time[-1]) for curve in curves)
    return max(0.0, first - EARLIER * (last - first)) if first > last / 2 else 0.0


def lines_of(view: StudyView) -> tuple[Level, ...]:
    """The levels on the x axis of other figures that have a line: first, middle and last."""
    if view.axis is None:
        return (None,)
    levels = view.axis.levels
    if len(levels) <= MOST_LINES:
        return levels
    return (levels[0], levels[len(levels) // 2], levels[-1])


def _panel(
    view: StudyView,
    curves: Sequence[SurvivalCurve],
    held: tuple[Level, ...],
    lines: tuple[Level, ...],
) -> CurvePanel:
    """One combination of the levels of the other factors."""
    names = [factor.name for factor in view.panel_factors]
    here = [curve for curve in curves if [curve.levels[name] for name in names] == [*held]]
    axis = view.axis
    bands = tuple(
        _steps(next((c for c in here if axis is None or c.levels[axis.name] == line), None))
        for line in lines
    )
    pairs = zip(view.panel_factors, held, strict=True)
    return CurvePanel(tuple(capitalise(f.setting(level)) for f, level in pairs), bands, ())


def _steps(curve: SurvivalCurve | None) -> CurveBand | None:
    """A curve as the corners of its steps, up to where it ends."""
    if curve is None:
        return None
    ends = [*curve.time[1:], max(curve.horizon, curve.time[-1])]
    time = [t for pair in zip(curve.time, ends, strict=True) for t in pair]
    return CurveBand(
        epochs=tuple(time),
        low=tuple(100 * one.low for one in curve.share for _ in range(2)),
        middle=tuple(100 * one.estimate for one in curve.share for _ in range(2)),
        high=tuple(100 * one.high for one in curve.share for _ in range(2)),
    )


def _table(view: StudyView, outcome: str) -> Table:
    """The claims on the time: restricted means, their differences, log-rank tests, shares."""
    claims = [
        claim
        for quantity in QUANTITIES
        for claim in view.claims
        if (claim.outcome, claim.quantity) == (outcome, quantity)
    ]
    columns = (
        Column(gettext("Quantity"), numeric=False),
        Column(gettext("Where"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column("n"),
    )
    quantities = {
        "mean": gettext("restricted mean"),
        "diff": gettext("difference of restricted means"),
        "logrank": gettext("ratio of rates, log-rank"),
        "reached": gettext("share that reached the target"),
    }
    rows = [
        (
            entry(capitalise(quantities[claim.quantity])),
            entry(capitalise(_place(view, claim)) or gettext("All cells")),
            estimate_entry(claim),
            interval_entry(claim),
            entry(claim.n),
        )
        for claim in claims
    ]
    caption = gettext("%(measure)s to the target, counted up to %(horizon)s")
    tables = (view.result.table, *view.result.further)
    horizon = next(one.horizon for one in tables if one.outcome == outcome and one.horizon)
    words = {"measure": capitalise(friendly(outcome)), "horizon": f"{horizon:g}"}
    return Table(caption % words, columns, tuple(rows))


def _place(view: StudyView, claim: Claim) -> str:
    """Where a claim is: its factors and its conditions."""
    compared = [friendly(name) for name in claim.factors if name not in claim.conditions]
    return ", ".join([*compared, *filter(None, [view.place(claim)])])
