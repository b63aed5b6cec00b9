"""Builds the view of a result: codes become levels, rows become cells, claims are looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vggstudy.analysis.data.flow import Flow
from vggstudy.analysis.data.outcomes import LABELS
from vggstudy.errors import AnalysisError
from vggstudy.report.page.context import ReportContext
from vggstudy.report.page.view import Cell, ClaimIndex, Factor, Level, StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult
    from vggstudy.analysis.data.table import RunTable


def study_view(result: AnalysisResult, context: ReportContext) -> StudyView:
    """What the sections read.

    Raises
    ------
    AnalysisError
        If the flow of runs is not that of the table: such a figure would hide runs.
    """
    table = result.table
    if result.flow != Flow.of(table):
        raise AnalysisError("the flow of runs does not add up: it is not that of the table")
    claims = ClaimIndex(result.claims, table)
    return StudyView(
        factors=tuple(Factor(name, tuple(table.levels[name])) for name in table.factors),
        cells=_cells(table, claims),
        claims=claims,
        flow=result.flow,
        outcome=table.outcome,
        settings={name: str(value) for name, value in result.settings.items()},
        result=result,
        context=context,
    )


def _cells(table: RunTable, claims: ClaimIndex) -> tuple[Cell, ...]:
    """The cells that hold a planned run, in the order of their levels."""
    rows: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, codes in enumerate(table.codes.tolist()):
        rows[tuple(codes)].append(row)
    cells = []
    for codes, members in sorted(rows.items()):
        levels = {f: table.levels[f][code] for f, code in zip(table.factors, codes, strict=True)}
        labels = [LABELS[int(table.label[row])] for row in members]
        values = [float(table.value[row]) for row in members]
        cells.append(_cell(levels, labels, values, claims, table.outcome))
    return tuple(cells)


def _cell(
    levels: Mapping[str, Level],
    labels: Sequence[str],
    values: Sequence[float],
    claims: ClaimIndex,
    outcome: str,
) -> Cell:
    """One cell from its rows."""
    known = [(label, value) for label, value in zip(labels, values, strict=True) if value == value]
    return Cell(
        levels=tuple(levels.values()),
        counts={label: labels.count(label) for label in LABELS},
        converged=tuple(value for label, value in known if label == "converged"),
        failed=tuple(v for label, v in known if label in ("failed_to_learn", "diverged")),
        probability=claims.mean("converged", levels),
        accuracy=claims.mean(outcome, levels),
        expected=claims.mean("expected", levels),
    )
