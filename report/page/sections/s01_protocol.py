"""Section 1, question, protocol and deviations, with the grid's coverage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vggstudy.report.page.figures.grid import Key, Tile, draw_grid
from vggstudy.report.page.figures.style import INK, MUTED, PAPER, SHADE, TINT, VERMILLION
from vggstudy.report.page.figures.svg import MOST_CELLS, Picture, picture
from vggstudy.report.page.flow import Step, steps_of
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.rows import factor_columns
from vggstudy.report.page.tables import Column, Entry, Table, download, entry
from vggstudy.report.page.view import Cell, StudyView
from vggstudy.report.words.display import confidence_text
from vggstudy.report.words.i18n import gettext, ngettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken
from vggstudy.rounding import round_number

SHORT_DIGEST = 8

LOST = {"started": "missing", "finished": "crashed"}
"""Outcome of the runs that were lost on the way to a stage."""


def build(view: StudyView) -> Section:
    """Build the section."""
    context = view.context
    return Section(
        "protocol",
        gettext("Question, protocol and deviations"),
        {
            "question": (context.question or "").strip(),
            "asked_late": context.asked_late,
            "factors": _factors(view),
            "label_rule": [(str(name), str(value)) for name, value in context.label_rule],
            "protocol_text": context.protocol_text,
            "coverage": _coverage(view) if _has_gaps(view) else None,
            "complete": _complete(view),
            "looks": _looks(view),
            "deviations": _deviations(view),
            "diffs": [
                (str(amendment.get("date") or "")[:10], str(amendment["diff"]))
                for amendment in context.amendments
                if amendment.get("diff")
            ],
            "exploratory": sum(not claim.registered for claim in view.claims),
            "many": view.result.exploratory,
            "by_chance": round_number(view.result.exploratory.by_chance, decimals=1),
            "level": confidence_text(float(view.result.settings["confidence"])),
            "late": sum(claim.registration is not None for claim in view.claims),
            "registered": sum(claim.registered for claim in view.claims),
        },
    )


def _factors(view: StudyView) -> Table:
    """Factors and their levels."""
    columns = (Column(gettext("Factor"), numeric=False), Column(gettext("Levels"), numeric=False))
    rows = [
        (entry(capitalise(f.label)), entry(", ".join(f.text(level) for level in f.levels)))
        for f in view.factors
    ]
    return Table(gettext("Factors and levels"), columns, tuple(rows))


def _has_gaps(view: StudyView) -> bool:
    """Whether there is anything to see in the grid: a cell not planned, or a run without data."""
    lacking = any(cell.n < cell.planned for cell in view.cells)
    return lacking or any(None in view.row(panel) for panel in view.panels)


def _complete(view: StudyView) -> str:
    """That no cell lacks a run."""
    if not view.cells:
        return gettext("There is no grid to show: the table holds no run.")
    words = ngettext(
        "The %(n)s cell of the grid has every planned run.",
        "All %(n)s cells of the grid have every planned run.",
        len(view.cells),
    )
    return words % {"n": len(view.cells)}


def _looks(view: StudyView) -> Table | None:
    """Looks that were declared, taken or not; None where there are none."""
    heads = (
        (gettext("Look"), True),
        (gettext("Runs of a cell"), True),
        (gettext("Intervals at"), True),
        (gettext("Error spent"), True),
        (gettext("Date"), True),
        (gettext("What it came to"), False),
    )
    rows = [
        (
            entry(number),
            entry(look.replicates),
            entry(confidence_text(look.level)),
            entry(f"{look.spent:.3g}"),
            entry((look.date or "–")[:10]),
            entry(spoken(look.outcome) if look.outcome else "–"),
        )
        for number, look in enumerate(view.context.looks, start=1)
    ]
    columns = tuple(Column(name, numeric=False, fixed=fixed) for name, fixed in heads)
    return Table(gettext("Looks that were declared"), columns, tuple(rows)) if rows else None


def _deviations(view: StudyView) -> Table | None:
    """Amendments and lost runs; None where nothing deviates from the plan."""
    rows: list[tuple[Entry, ...]] = []
    for amendment in view.context.amendments:
        digests = [
            str(amendment.get(key) or "")[:SHORT_DIGEST] for key in ("old_digest", "new_digest")
        ]
        date = str(amendment.get("date") or gettext("not recorded"))[:10]
        told = (_changes(amendment), date, _touched(view, amendment))
        rows.append(tuple(map(entry, (gettext("Protocol"), *digests, *told))))
    rows += [_lost(view, step) for step in steps_of(view.flow) if step.excluded]
    columns = tuple(
        Column(name, numeric=False, fixed=fixed)
        for name, fixed in (
            (gettext("Field"), True),
            (gettext("Planned"), True),
            (gettext("Executed"), True),
            (gettext("What happened"), False),
            (gettext("Date"), True),
            (gettext("Claims affected"), False),
        )
    )
    return Table(gettext("Deviations from the protocol"), columns, tuple(rows)) if rows else None


def _changes(amendment: Mapping[str, Any]) -> str:
    """What an amendment changed, and how many runs there were."""
    if "changes" not in amendment:
        return gettext("not recorded")
    changes = "; ".join(map(spoken, amendment["changes"])) or gettext("words only")
    runs = gettext("with %(n)s runs recorded") % {"n": amendment["runs"]}
    return f"{changes} ({runs})"


def _touched(view: StudyView, amendment: Mapping[str, Any]) -> str:
    """What an amendment touches, in words, and how many of the claims."""
    found = amendment.get("touched")
    if found is None:
        return gettext("all")
    if not found.notes:
        return gettext("none")
    words = "; ".join(map(spoken, found.notes))
    count = sum(map(found.holds, view.claims))
    told = gettext("%(n)s of %(all)s claims") % {"n": count, "all": len(view.claims)}
    return words if found.everything else f"{words} ({told})"


def _lost(view: StudyView, step: Step) -> tuple[Entry, ...]:
    """Runs that were planned and gave no data, for one reason."""
    cells = sum(cell.counts[LOST[step.name]] > 0 for cell in view.cells)
    affected = ngettext(
        "those of %(n)s incomplete cell, and averages over it",
        "those of %(n)s incomplete cells, and averages over them",
        cells,
    ) % {"n": cells}
    reason = gettext("%(n)s %(reason)s") % {"n": step.excluded, "reason": gettext(step.reason)}
    ends = (view.flow["planned"], view.flow["analysed"])
    return tuple(map(entry, (gettext("Runs"), *ends, reason, "–", affected)))


def _coverage(view: StudyView) -> Picture:
    """The tile map: which planned runs gave data."""
    names = [f.name for f in view.factors]
    keys = [Key(TINT, gettext("all planned runs analysed"))]
    if any(0 < cell.n < cell.planned for cell in view.cells):
        keys.append(Key(SHADE, gettext("some runs lost"), VERMILLION))
    if any(cell.n == 0 for cell in view.cells):
        keys.append(Key(PAPER, gettext("no data"), VERMILLION))
    if any(None in view.row(panel) for panel in view.panels):
        keys.append(Key(PAPER, gettext("dotted: not in the plan"), MUTED))
    complete = sum(cell.n == cell.planned for cell in view.cells)
    columns = factor_columns(view.factors)
    columns += [
        Column(gettext("Planned")),
        Column(gettext("Analysed")),
        Column(gettext("Crashed")),
        Column(gettext("Not run yet")),
    ]
    rows = [
        (*cell.levels, cell.planned, cell.n, cell.counts["crashed"], cell.counts["missing"])
        for cell in view.cells
    ]
    shown = [
        tuple(entry(f.text(v)) for f, v in zip(view.factors, row, strict=False))
        + tuple(entry(value) for value in row[len(view.factors) :])
        for row in rows
    ]
    return picture(
        lambda canvas: draw_grid(view, _tile, keys, canvas),
        key="fig-coverage",
        drawn=len(view.cells) <= MOST_CELLS,
        question=gettext("Which part of the planned grid was run?"),
        caption=gettext("Each tile is a cell: runs analysed of runs planned."),
        description=gettext("%(n)s of %(cells)s cells are complete.")
        % {"n": complete, "cells": len(view.cells)},
        table=Table(gettext("Coverage of the grid"), tuple(columns), tuple(shown)),
        data=download("coverage.csv", [*names, "planned", "analysed", "crashed", "missing"], rows),
    )


def _tile(cell: Cell) -> Tile:
    """A cell by how many of its runs gave data."""
    text = f"{cell.n}/{cell.planned}"
    if cell.n == cell.planned:
        return Tile(TINT, INK, text)
    return Tile(SHADE if cell.n else PAPER, INK, text, VERMILLION)
