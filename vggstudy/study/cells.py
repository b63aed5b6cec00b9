"""A study's runs cell by cell, as its state is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def cell_table(
    frame: pd.DataFrame, factors: Sequence[str], outcome: str = "test_accuracy"
) -> list[dict[str, Any]]:
    """One entry a cell: its levels, its runs by outcome, and how good those are that learned.

    Parameters
    ----------
    frame : DataFrame
        From `study_frame`.
    factors : sequence of str
        Names of the factors.
    outcome : str
        Column whose mean is taken, as ``mean_accuracy``, or under its own name where it is none.
    """
    entries = []
    for _, group in frame.groupby("cell_id", sort=False):
        outcomes = group["outcome"]
        learned = group.loc[outcomes == "converged", [outcome] if outcome in group else []]
        values = learned.astype(float).to_numpy().ravel()
        counts = {
            name: int((outcomes == value).sum())
            for name, value in (
                ("converged", "converged"),
                ("failed", "failed_to_learn"),
                ("diverged", "diverged"),
                ("crashed", "crashed"),
                ("missing", "missing"),
            )
        }
        levels = {name: _plain(group[name].iloc[0]) for name in factors}
        mean = float(values.mean()) if len(values) else None
        entries.append({**levels, "planned": len(group), **counts, mean_name(outcome): mean})
    return entries


def mean_name(outcome: str) -> str:
    """Name of an outcome's mean in `cell_table`."""
    return f"mean_{'accuracy' if outcome == 'test_accuracy' else outcome}"


def _plain(value: Any) -> Any:
    """A plain Python value for one of numpy's."""
    return value.item() if hasattr(value, "item") else value
