"""What a caller asks of a table, before any of it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.data.outcomes import is_fraction

LABEL_COLUMNS = ("outcome", "label")
REPLICATE_COLUMNS = ("replicate", "seed")


def replicate_in(columns: Iterable[object], named: str | None) -> str | None:
    """The column that tells the runs of a cell apart; None where there is none."""
    wanted = (named,) if named else REPLICATE_COLUMNS
    return next((name for name in wanted if name in {*columns}), None)


@dataclass(frozen=True, slots=True)
class TableRequest:
    """What the caller asked to be analysed."""

    factors: tuple[str, ...]
    outcome: str
    margin: float
    chance: float | None
    levels: Mapping[str, Sequence[Level]]
    judged: str
    """Column by which runs without labels are labelled."""
    replicate: str | None = None
    """Column that tells the runs of a cell apart."""
    label: str | None = None
    """Column of labels."""
    succeeds: str | None = None
    """Condition that runs meet which converged."""
    percent: bool = False
    """Whether the outcome's values are percentages."""

    def in_percent(self, outcome: str) -> bool:
        """Whether an outcome's values are percentages: the main one's, and those of fractions."""
        return self.percent and (outcome == self.judged or is_fraction(outcome))
