"""Section 3, probability of convergence: level by level and cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.figures.colours import on_viridis, viridis
from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.grid import Key, Tile, draw_grid
from vggstudy.report.page.figures.style import INK, MUTED, PAPER
from vggstudy.report.page.figures.svg import MOST_CELLS, Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.rows import factor_columns, forest_row
from vggstudy.report.page.sections.thresholds import threshold_picture
from vggstudy.report.page.tables import (
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Cell, Factor, Level, StudyView
from vggstudy.report.words.display import confidence_text, display, read
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, method_words
from vggstudy.report.words.prose import Sentence

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


MOST_ROWS = 20
"""Levels of a factor that are drawn; the table has all."""


def build(view: StudyView) -> Section | None:
    """Build the section; none where nothing tells which runs converged."""
    if not view.judged:
        return None
    labelled = [cell for cell in view.cells if cell.n]
    levels = _levels(view)
    return Section(
        "convergence",
        gettext("Probability of convergence"),
        {
            "summary": _summary(labelled),
            "extremes": _extremes(view),
            "levels": _level_picture(view, levels)
            if any(c.available for *_, c in levels)
            else None,
            "cells": _cell_picture(view) if labelled else None,
            "needed": threshold_picture(view, "needed"),
            "tolerated": threshold_picture(view, "tolerated"),
        },
    )


def _levels(view: StudyView) -> list[tuple[Factor, Level, Claim]]:
    """The claims about one level of one factor, averaged over the rest of the grid."""
    found = (
        (factor, level, view.claims.mean("converged", {factor.name: level}))
        for factor in view.factors
        for level in factor.levels
    )
    return [(f, v, view.claims.offered(claim)) for f, v, claim in found if claim is not None]


def _summary(cells: list[Cell]) -> str:
    """How many cells always and never converged; counts, not estimates."""
    if not cells:
        return ""
    k, n = sum(cell.k for cell in cells), sum(cell.n for cell in cells)
    text = gettext("%(k)s of %(n)s runs converged.") % {"k": k, "n": n}
    return text if k in (0, n) else f"{text} {_spread(cells)}"


def _spread(cells: list[Cell]) -> str:
    """In how many cells all runs converged, and in how many none did."""
    always = sum(cell.k == cell.n for cell in cells)
    never = sum(cell.k == 0 for cell in cells)
    if always and never:
        text = gettext(
            "Every run converged in %(always)s of %(cells)s cells, none did in %(never)s."
        )
    elif always:
        text = gettext(
            "Every run converged in %(always)s of %(cells)s cells, some did in all others."
        )
    elif never:
        text = gettext("None converged in %(never)s of %(cells)s cells, some did in all others.")
    else:
        text = gettext("In every cell some runs converged and some failed to learn.")
    return text % {"always": always, "never": never, "cells": len(cells)}


def extremes(view: StudyView) -> list[tuple[Cell, Claim]]:
    """Cells in which no run converged, or each: one example each, those with most runs."""
    chosen = []
    for k_is_n in (False, True):
        found = [c for c in view.cells if c.n and c.k == (c.n if k_is_n else 0) and c.probability]
        best = max(found, key=lambda cell: cell.n, default=None)
        if best is not None and best.probability is not None:
            chosen.append((best, best.probability))
    return chosen


def _extremes(view: StudyView) -> list[Sentence]:
    """What 0 of n and n of n still allow."""
    sentences: list[Sentence] = []
    for best, claim in extremes(view):
        shown = display(claim)
        if shown is None:
            continue
        values = {
            "k": best.k,
            "n": best.n,
            "cell": view.phrase(view.factors, best.levels),
            "interval": read(shown.interval),
        }
        text = (
            gettext("And %(k)s of %(n)s runs converged at %(cell)s: %(interval)s.")
            if sentences
            else gettext("For example, %(k)s of %(n)s runs converged at %(cell)s: %(interval)s.")
        )
        sentences.append(Sentence(text % values, claim.id))
    return sentences


def _level_picture(view: StudyView, levels: list[tuple[Factor, Level, Claim]]) -> Picture:
    """Dots with intervals, one row a level."""
    groups = []
    for factor in view.factors:
        rows = [
            forest_row(claim, factor.short(level) + ("*" if len(claim.conditions) > 1 else ""))
            for f, level, claim in levels
            if f is factor
        ]
        if rows:
            title = capitalise(factor.label)
            drawn = tuple(rows[:MOST_ROWS])
            groups.append(ForestGroup(title, "", drawn, limits=(0.0, 100.0)))
    columns = (
        Column(gettext("Level"), numeric=False),
        Column(gettext("Probability")),
        Column(gettext("Interval")),
        Column("k/n"),
    )
    rows_text = [
        (
            entry(capitalise(view.place(c) if len(c.conditions) > 1 else f.phrase(v))),
            estimate_entry(c),
            interval_entry(c),
            entry(f"{c.k}/{c.n}"),
        )
        for f, v, c in levels
    ]
    level = confidence_text(levels[0][2].level)
    methods = (method_words(claim.method) for _, _, claim in levels if claim.method)
    partial = any(len(claim.conditions) > 1 for _, _, claim in levels)
    cut = len(levels) > sum(len(group.rows) for group in groups)
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-convergence-levels",
        question=gettext("How often do runs converge at each level?"),
        caption=_levels_caption(level, ", ".join(dict.fromkeys(methods)), partial=partial, cut=cut),
        description=" ".join(f"{r.label}: {r.numbers}." for g in groups for r in g.rows),
        table=Table(gettext("Probability of convergence by level"), columns, tuple(rows_text)),
        data=download(
            "convergence_levels.csv",
            ("id", "factor", "level", "estimate", "low", "high", "confidence", "method", "n"),
            [
                (c.id, f.name, v, c.estimate, c.low, c.high, c.level, c.method, c.n)
                for f, v, c in levels
            ],
        ),
    )


def _levels_caption(level: str, methods: str, *, partial: bool, cut: bool) -> str:
    """What the bars are, and which cells they average."""
    text = gettext(
        "Probability of convergence in percent, averaged over the cells with that level with "
        "equal weights; bars are %(level)s confidence intervals (%(methods)s), the thin mark in "
        "each is the estimate."
    )
    text %= {"level": level, "methods": methods}
    if partial:
        text += " " + gettext("*: over the largest complete part of the grid.")
    if cut:
        text += " " + gettext("The first %(n)s levels of a factor are drawn.") % {"n": MOST_ROWS}
    return text


def _cell_picture(view: StudyView) -> Picture:
    """The heat map, every tile with its k of n."""
    keys = [Key(viridis(p), f"{round(100 * p)}%") for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    if any(not cell.n for cell in view.cells):
        keys.append(Key(PAPER, gettext("no data"), MUTED))
    if any(None in view.row(panel) for panel in view.panels):
        keys.append(Key(PAPER, gettext("dotted: not in the plan"), MUTED))
    columns = factor_columns(view.factors)
    columns += [Column("k/n"), Column(gettext("Probability")), Column(gettext("Interval"))]
    rows = [
        (
            *_level_entries(view, cell),
            entry(f"{cell.k}/{cell.n}"),
            estimate_entry(cell.probability),
            interval_entry(cell.probability),
        )
        for cell in view.cells
    ]
    claims = [cell.probability for cell in view.cells if cell.probability is not None]
    level = confidence_text(claims[0].level) if claims else ""
    never = sum(cell.n > 0 and cell.k == 0 for cell in view.cells)
    return picture(
        lambda canvas: draw_grid(view, _tile, keys, canvas),
        key="fig-convergence-cells",
        drawn=len(view.cells) <= MOST_CELLS,
        question=gettext("In which cells do runs converge?"),
        caption=gettext(
            "Each tile prints k/n, the runs that converged of those with a label; the colour is "
            "their share. The table has the exact %(level)s interval of every cell."
        )
        % {"level": level},
        description=gettext("%(cells)s cells; in %(n)s of them no run converged.")
        % {"cells": len(view.cells), "n": never},
        table=Table(gettext("Convergence by cell"), tuple(columns), tuple(rows)),
        data=download(
            "convergence_cells.csv",
            [*(f.name for f in view.factors), "k", "n", "estimate", "low", "high", "method"],
            [(*cell.levels, cell.k, cell.n, *_numbers(cell.probability)) for cell in view.cells],
        ),
    )


def _level_entries(view: StudyView, cell: Cell) -> tuple[Entry, ...]:
    """The cell's levels, one entry a factor."""
    return tuple(entry(f.text(v)) for f, v in zip(view.factors, cell.levels, strict=True))


def _numbers(claim: Claim | None) -> tuple[object, ...]:
    """Estimate, ends and method for the download."""
    return (None,) * 4 if claim is None else (claim.estimate, claim.low, claim.high, claim.method)


def _tile(cell: Cell) -> Tile:
    """A cell by its share of converged runs."""
    if not cell.n:
        return Tile(PAPER, INK, "–", MUTED)
    share = cell.k / cell.n
    return Tile(viridis(share), on_viridis(share), f"{cell.k}/{cell.n}")
