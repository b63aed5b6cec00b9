"""Performance profiles of a table of runs: which share of runs exceeds each value of the outcome.

All labelled runs of the part count, failed ones included; one without an outcome exceeds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.data.parsing import level_index
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.effects import performance_band, performance_profile
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class PerformanceProfile:
    """Share of runs above each threshold.

    Attributes
    ----------
    at : mapping of str to str
        Factors held, and their levels as written.
    thresholds : ndarray of shape (T,)
        In the outcome's unit.
    share, low, high : ndarrays of shape (T,)
        Fractions; the band holds at all thresholds together where runs are independent.
    n : int
        Labelled runs.
    confidence : float
    """

    at: Mapping[str, str]
    thresholds: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    n: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row a threshold."""
        import pandas as pd

        names = ("thresholds", "share", "low", "high")
        return pd.DataFrame({name.rstrip("s"): getattr(self, name) for name in names})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        names = ("thresholds", "share", "low", "high")
        arrays = {name: getattr(self, name).tolist() for name in names}
        return {"at": dict(self.at), "n": self.n, "confidence": self.confidence, **arrays}


def profile_of(
    table: RunTable,
    at: Mapping[str, Level],
    *,
    confidence: float,
    thresholds: FloatArray | None = None,
) -> PerformanceProfile:
    """The performance profile of a part of the runs.

    Parameters
    ----------
    table : RunTable
    at : mapping
        Factor to the level at which it is held; runs are pooled over the others, so that cells
        weigh by their runs.
    confidence : float
        Of the band, by the Dvoretzky-Kiefer-Wolfowitz inequality.
    thresholds : ndarray of shape (T,), optional
        By default every value that occurs.

    Raises
    ------
    AnalysisError
        If a factor or level is unknown, or no run of the part has a label.
    """
    mine = table.labelled
    held = {}
    for name, level in at.items():
        code = level_index(name, write_level(level), table)
        held[name] = write_level(table.levels[name][code])
        mine &= table.codes[:, table.factors.index(name)] == code
    if not mine.any():
        where = ", ".join(f"{name}={level}" for name, level in held.items()) or "the table"
        raise AnalysisError(f"no labelled run in {where}")
    value = table.value[mine]
    values = np.where(np.isnan(value), -np.inf, value)
    known = np.unique(values[np.isfinite(values)])
    chosen = known if thresholds is None else np.sort(np.asarray(thresholds, dtype=np.float64))
    low, high = performance_band(values, chosen, confidence=confidence)
    share = performance_profile(values, chosen)
    return PerformanceProfile(held, chosen, share, low, high, int(mine.sum()), confidence)
