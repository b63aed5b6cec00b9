"""Section 10, diagnostics: checks with their limits, and residuals within cells."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, median, stdev

from vggstudy.report.page.figures.residuals import draw_residuals
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.diagnostics import (
    MOST_MONTE_CARLO,
    checks,
    monte_carlo_shares,
    share_text,
)
from vggstudy.report.page.sections.models import coefficient_tables, components_table, sentences
from vggstudy.report.page.sections.s04_accuracy import outcome_scale
from vggstudy.report.page.tables import Column, Table, download, entry, interval_entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import POINTS
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.rounding import round_number

DIGITS = 12
"""Of residuals as data: what lies beyond is the rounding of a difference."""


def build(view: StudyView) -> Section:
    """Build the section."""
    found = checks(view)
    columns = (
        Column(gettext("Check"), numeric=False),
        Column(gettext("Value")),
        Column(gettext("Limit")),
        Column(gettext("Passed"), numeric=False),
    )
    rows = [
        (
            entry(c.name),
            entry(c.value),
            entry(c.limit),
            entry(gettext("yes") if c.passed else gettext("no")),
        )
        for c in found
    ]
    return Section(
        "diagnostics",
        gettext("Diagnostics"),
        {
            "checks": Table(gettext("Checks on the analysis"), columns, tuple(rows)),
            "failed": sum(not check.passed for check in found),
            "moving": _moving(view),
            "residuals": _residuals(view),
            "models": sentences(view),
            "judged": view.judged,
            "measure": capitalise(friendly(view.outcome)),
            "coefficients": coefficient_tables(view),
            "components": components_table(view),
        },
        appendix=True,
    )


def _moving(view: StudyView) -> Table | None:
    """The intervals that too few resamples leave inexact, the worst first; None without one."""
    shares = [pair for pair in monte_carlo_shares(view) if pair[1] > MOST_MONTE_CARLO]
    if not shares:
        return None
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Interval")),
        Column(gettext("Monte Carlo error")),
    )
    rows = [
        (
            entry(claim.id),
            replace(interval_entry(claim), beside=(), cautions=()),
            entry(share_text(share)),
        )
        for claim, share in shares
    ]
    caption = gettext("Intervals whose Monte Carlo error is above %(limit)s of their width")
    limit = share_text(MOST_MONTE_CARLO, decimals=0)
    return Table(caption % {"limit": limit}, columns, tuple(rows))


def _residuals(view: StudyView) -> Picture | None:
    """Every converged run less the mean of its cell; None unless two cells have two of them."""
    unit = outcome_scale(view)
    cells = [cell for cell in view.cells if len(cell.converged) > 1]
    if len(cells) < 2:
        return None
    points = [
        (mean(cell.converged) * unit, (value - mean(cell.converged)) * unit)
        for cell in cells
        for value in cell.converged
    ]
    spreads = sorted(stdev(cell.converged) for cell in cells)
    measure = friendly(view.outcome)
    words = POINTS.words.strip() if unit == 100 else measure
    numbers = [
        round_number(value, decimals=2 if unit == 100 else 4, scale=unit)
        for value in (spreads[0], median(spreads), spreads[-1])
    ]
    columns = tuple(
        Column(name)
        for name in (
            gettext("Smallest SD"),
            gettext("Median SD"),
            gettext("Largest SD"),
            gettext("Cells"),
        )
    )
    axis = gettext("mean %(measure)s of the cell") % {"measure": measure}
    if unit == 100:
        axis = gettext("%(measure)s (percent)") % {"measure": axis}
    return picture(
        lambda canvas: draw_residuals(
            points,
            canvas,
            axis=axis,
            unit=gettext("run less mean (%(unit)s)") % {"unit": words},
        ),
        key="fig-residuals",
        question=gettext("Do runs scatter alike in all cells?"),
        caption=gettext(
            "Every run that converged: its %(measure)s less the mean of its cell, against that "
            "mean. Intervals do not assume that the scatter is the same in all cells."
        )
        % {"measure": measure},
        description=gettext("%(n)s runs in %(cells)s cells with two converged runs or more.")
        % {"n": len(points), "cells": len(cells)},
        table=Table(
            gettext("%(measure)s: standard deviation within cells")
            % {"measure": capitalise(measure)},
            columns,
            (tuple(map(entry, (*numbers, len(cells)))),),
        ),
        data=download(
            "residuals.csv",
            ("cell_mean", "residual"),
            [[f"{value:.{DIGITS}g}" for value in point] for point in points],
        ),
    )
