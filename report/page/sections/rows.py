"""Rows of forests and columns of tables that sections share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestRow
from vggstudy.report.page.tables import NOT_AVAILABLE, Column
from vggstudy.report.page.view import Factor
from vggstudy.report.words.display import Display, display, read
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


def forest_row(claim: Claim, label: str) -> ForestRow:
    """A claim as a row, in the unit of print."""
    shown = display(claim)
    if shown is None or not claim.available:
        return ForestRow(label, gettext(NOT_AVAILABLE), None, None, None)
    scale = shown.unit.scale
    ends = (claim.estimate, claim.low, claim.high)
    numbers = [None if value is None else value * scale for value in ends]
    return ForestRow(label, row_text(shown), *numbers)


def row_text(shown: Display) -> str:
    """Estimate and interval beside a bar; an axis in points says so itself."""
    if shown.rounded.estimate is None:
        return read(shown.ends)
    points = shown.unit.suffix.strip() == "points"
    number = read(shown.number if points else shown.estimate)
    open_ = shown.rounded.low is None or shown.rounded.high is None
    return f"{number}, {read(shown.ends)}" if open_ else f"{number} {read(shown.ends)}"


def factor_columns(factors: Iterable[Factor]) -> list[Column]:
    """A column for the levels of each factor: lines of words may break."""
    return [Column(capitalise(f.label), numeric=f.is_numeric or f.is_switch) for f in factors]
