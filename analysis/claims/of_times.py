"""Which claims on times to a target an analysis makes unasked, besides means and contrasts."""

from __future__ import annotations

from collections.abc import Iterator

from vggstudy.analysis.data.contrasts import differences, marginal_means
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable


def of_times(table: RunTable, *, headline_only: bool) -> Iterator[Estimand]:
    """The log-rank test of every factor, and the share of each cell that reached the target."""
    for contrast in differences(table):
        if not contrast.conditions:
            yield Estimand(table.outcome, "logrank", contrast, table)
    if headline_only:
        return
    for contrast in marginal_means(table):
        if len(contrast.conditions) == len(table.factors):
            yield Estimand(table.outcome, "reached", contrast, table)
