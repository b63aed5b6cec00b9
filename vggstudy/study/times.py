"""How long each run of a study took to a target, from its curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    from vggstudy.plan import PlannedRun
    from vggstudy.protocol.model.target import Target


def time_to_target(
    target: Target, run: PlannedRun, result: Mapping[str, Any], timings: Mapping[str, Any]
) -> dict[str, Any]:
    """The two columns of a run: the time at which it reached the target, or its budget.

    A run that stopped early or diverged ended by a rule of its own and never reaches the target
    afterwards: it counts as followed to the end of its budget, as one that used it up does.

    Raises
    ------
    AnalysisError
        If the study does not record the curve.
    """
    curves = result.get("curves", {})
    if curves and target.curve not in curves:
        known = ", ".join(sorted(curves))
        msg = f"analysis.target.curve '{target.curve}' is not recorded; recorded: {known}"
        raise AnalysisError(msg)
    curve: Sequence[float | None] = curves.get(target.curve, ())
    least = not target.curve.endswith("_loss")
    epoch = next(
        (
            index + 1
            for index, value in enumerate(curve)
            if value is not None and (value >= target.value if least else value <= target.value)
        ),
        None,
    )
    budget = run.recipe.epochs or int(result.get("epochs") or 0)  # a trainer's own is what it ran
    counted = budget if epoch is None else epoch
    time, reached = target.columns
    return {time: _elapsed(target, counted, result, timings), reached: epoch is not None}


def _elapsed(
    target: Target, counted: int, result: Mapping[str, Any], timings: Mapping[str, Any]
) -> float:
    """What so many epochs of the run count, each like the mean of those that it trained."""
    trained = result.get("epochs")
    if target.time == "epochs":
        return float(counted)
    if not trained:
        return math.nan
    if target.time == "steps":
        return counted * float(result["steps"]) / float(trained)
    train, evaluate = timings.get("train_s"), timings.get("evaluate_s")
    if train is None or evaluate is None:
        return math.nan
    return counted * float(train + evaluate) / float(trained)
