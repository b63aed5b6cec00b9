"""Turning points of the curves of an `AccuracyModel`, from all runs at once.

The stratum's own quadratic (`turning_point`) is the default; this one borrows strength from the
other strata, and their misfit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vggstudy.analysis.accuracy_result import AccuracyModel
from vggstudy.analysis.arrays import FloatArray
from vggstudy.analysis.fieller import FiellerSet, turning_set
from vggstudy.analysis.model_reasons import ModelReason
from vggstudy.analysis.reasons import Note
from vggstudy.analysis.student import t_quantile


def curve_weights(model: AccuracyModel, levels: Mapping[str, str]) -> FloatArray:
    """Weights of the coefficients that give slope and curvature at given levels.

    Parameters
    ----------
    model : AccuracyModel
    levels : mapping of str to str
        Level, as written, of each factor of ``spec.curves``.

    Returns
    -------
    ndarray of shape (2, P)
        Of b, the slope at the design's center, and of c.

    Raises
    ------
    ValueError
        If a factor with curves has no level.
    """
    missing = sorted(set(model.spec.curves) - set(levels))
    if missing:
        raise ValueError(f"no level given for {', '.join(missing)}")
    names, term = model.design.names, model.design.term
    weights = np.zeros((2, len(names)))
    for row, power in enumerate((term, f"{term}^2")):
        held = {f"{factor}[{levels[factor]}]*{power}" for factor in model.spec.curves}
        weights[row] = [float(name == power or name in held) for name in names]
    return weights


@dataclass(frozen=True, slots=True)
class ModelTurningPoint:
    """Turning point of one of the model's curves, on the axis' scale.

    Attributes
    ----------
    estimate, b, c : float
        b is the slope at the design's center.
    kind : str
        ``maximum`` or ``minimum``.
    set : FiellerSet
    """

    estimate: float
    b: float
    c: float
    kind: Literal["maximum", "minimum"]
    set: FiellerSet


def model_turning_point(
    model: AccuracyModel, levels: Mapping[str, str], *, confidence: float
) -> ModelTurningPoint | Note:
    """Fieller's set from the model's covariance, for the curve at given levels.

    Unlike `turning_point`, runs of other strata enter through what the curves share.
    """
    weights = curve_weights(model, levels)
    b, c = (float(value) for value in weights @ model.fit.coefficients)
    if c == 0:
        return Note(ModelReason.NO_CURVATURE.value, "the curve is a straight line")
    center = model.design.center
    found = turning_set(
        b,
        c,
        weights @ model.covariance @ weights.T,
        center=center,
        critical=t_quantile(model.df, confidence),
    )
    estimate = center - b / (2 * c)
    return ModelTurningPoint(estimate, b, c, "maximum" if c < 0 else "minimum", found)
