"""The columns of a run whose trainer is not vggstudy: what it reported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.plan import Plan

_log = logging.getLogger(__name__)

ALWAYS = ("epochs", "seconds")
"""What is known of every run: epochs that were reported, seconds that it took."""

OTHERS = (
    *("run_id", "cell_id", "replicate", "init_seed", "data_seed", "seed"),
    *("outcome", "label", "completion", "attempts", "majority_rate"),
)
"""Columns that hold something else; a quantity of that name is in the record alone."""


def reported(result: Mapping[str, Any], timings: Mapping[str, Any]) -> dict[str, Any]:
    """The quantities of one record: those of its end, and ``final_*``, the last of each curve."""
    curves = result.get("curves", {})
    found = {
        **result.get("metrics", {}),
        **{f"final_{name}": values[-1] for name, values in curves.items() if values},
    }
    own = {name: value for name, value in found.items() if name not in OTHERS}
    return {"epochs": result.get("epochs"), "seconds": timings.get("total_s"), **own}


def reported_columns(rows: Iterable[Mapping[str, Any]], plan: Plan) -> tuple[str, ...]:
    """Quantities of any run, in the order in which they were reported, those known of all last."""
    target = plan.protocol.analysis.target
    known = {*OTHERS, *plan.factors, *(target.columns if target else ())}
    names = dict.fromkeys(name for row in rows for name in row if name not in known)
    return (*(name for name in names if name not in ALWAYS), *ALWAYS)


def warn_of_gaps(frame: pd.DataFrame, quantities: Sequence[str]) -> None:
    """Say in the log which quantities only some of the finished runs have reported."""
    finished = frame[frame["outcome"].isin(("converged", "failed_to_learn"))]
    for name in quantities:
        count = int(finished[name].notna().sum()) if name in finished else 0
        if 0 < count < len(finished):
            _log.warning("%s was reported by %d of %d finished runs", name, count, len(finished))
