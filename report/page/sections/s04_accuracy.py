"""Section 4, accuracy along the factor with most levels, every run shown."""

from __future__ import annotations

from statistics import stdev

from vggstudy.report.page.figures.accuracy import draw_accuracy
from vggstudy.report.page.figures.svg import MOST_CELLS, Picture, picture
from vggstudy.report.page.sections.associations import associations_table
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.rows import factor_columns
from vggstudy.report.page.sections.thresholds import threshold_picture
from vggstudy.report.page.tables import (
    ABSENT,
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Cell, Factor, StudyView
from vggstudy.report.words.display import display, unit_of
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.rounding import round_number


def build(view: StudyView) -> Section | None:
    """Build the section; none where no run converged."""
    axis = view.axis
    name = gettext("the factors") if axis is None else axis.label
    measure = capitalise(friendly(view.outcome))
    title = gettext("%(measure)s against %(factor)s") % {"measure": measure, "factor": name}
    converged = sum(cell.k for cell in view.cells)
    if not converged:
        return None
    values = {
        "axis": name,
        "measure": friendly(view.outcome),
        "converged": converged,
        "runs": sum(cell.n for cell in view.cells),
        "judged": view.judged,
        "bounded": view.result.table.bounds is not None,
        "picture": None if axis is None else _picture(view, axis),
        "best": threshold_picture(view, "best"),
        "peak": threshold_picture(view, "peak"),
        "associations": associations_table(view),
    }
    return Section("accuracy", title, values)


def _picture(view: StudyView, axis: Factor) -> Picture:
    """All panels, and the table of all cells."""
    unit = outcome_scale(view)
    measure = friendly(view.outcome)
    if unit == 100:
        measure = gettext("%(measure)s in percent") % {"measure": measure}
    claims = [c.accuracy for c in view.cells if c.accuracy is not None and display(c.accuracy)]
    first = display(claims[0]) if claims else None
    order = [axis, *view.panel_factors]
    columns = factor_columns(order)
    names = [gettext("Converged/run"), gettext("Mean"), gettext("SD"), gettext("Interval")]
    names += [gettext("Expected"), gettext("Its interval")] if "expected" in view.outcomes else []
    columns += map(Column, names)
    return picture(
        lambda canvas: draw_accuracy(view, axis, canvas, unit=unit),
        key="fig-accuracy",
        drawn=len(view.cells) <= MOST_CELLS,
        question=gettext("How accurate are the runs that converged, by %(factor)s?")
        % {"factor": axis.label},
        caption=_caption(capitalise(measure), first.level if first else None, judged=view.judged),
        description=gettext(
            "%(panels)s panels over %(levels)s levels of %(factor)s; %(converged)s runs "
            "converged, %(failed)s failed."
        )
        % {
            "panels": len(view.panels),
            "levels": len(axis.levels),
            "factor": axis.label,
            "converged": sum(c.k for c in view.cells),
            "failed": sum(c.n - c.k for c in view.cells),
        },
        table=Table(
            gettext("%(measure)s by cell, among runs that converged")
            % {"measure": capitalise(friendly(view.outcome))},
            tuple(columns),
            tuple(_row(view, order, cell, unit) for cell in _ordered(view)),
        ),
        data=download(
            "runs.csv",
            [
                *(f.name for f in view.factors),
                *(["converged"] if view.judged else []),
                view.outcome,
            ],
            [
                (*cell.levels, *([int(converged)] if view.judged else []), value)
                for cell in view.cells
                for converged, values in ((True, cell.converged), (False, cell.failed))
                for value in values
            ],
        ),
    )


def _caption(measure: str, level: str | None, *, judged: bool) -> str:
    """What dots, marks and bands are."""
    words = {"measure": measure, "level": level}
    if level is None:
        text = gettext(
            "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, "
            "no interval."
        )
    else:
        text = gettext(
            "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, "
            "the band its %(level)s confidence interval."
        )
    if not judged:
        return text % words
    below = gettext(
        "Below, the share of runs that failed, with their number: failed to learn in orange, "
        "diverged in purple."
    )
    return f"{text % words} {below}"


def _ordered(view: StudyView) -> list[Cell]:
    """The cells panel by panel along the x axis."""
    return [cell for panel in view.panels for cell in view.row(panel) if cell is not None]


def _row(view: StudyView, order: list[Factor], cell: Cell, unit: int) -> tuple[Entry, ...]:
    """A cell's row: counts, mean and interval, and the expected accuracy beside them."""
    levels = dict(zip(view.factors, cell.levels, strict=True))
    return (
        *(entry(factor.text(levels[factor])) for factor in order),
        entry(counted(view, cell)),
        estimate_entry(cell.accuracy),
        entry(_spread(cell, unit)),
        interval_entry(cell.accuracy),
        *(
            (estimate_entry(cell.expected), interval_entry(cell.expected))
            if "expected" in view.outcomes
            else ()
        ),
    )


def counted(view: StudyView, cell: Cell) -> str:
    """The runs of a cell, and how many of them converged where that is known."""
    return f"{cell.k}/{cell.n}" if view.judged else f"{cell.n}"


def _spread(cell: Cell, unit: int) -> str:
    """Standard deviation over the converged runs, in the unit of print."""
    if len(cell.converged) < 2:
        return ABSENT
    return round_number(stdev(cell.converged), decimals=2 if unit == 100 else 4, scale=unit)


def outcome_scale(view: StudyView) -> int:
    """What the outcome is multiplied by in print: 100 where its claims are fractions."""
    claims = [cell.accuracy for cell in view.cells if cell.accuracy is not None]
    return unit_of(claims[0]).scale if claims else 1
