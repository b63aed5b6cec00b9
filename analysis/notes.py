"""The codes that say why a number is missing or must be read with care.

Codes are part of the claims' format: they are never renamed, texts may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an estimate or its interval is not available."""

    NO_RUNS = "no_runs"
    NONE_CONVERGED = "none_converged"
    MISSING_CELLS = "missing_cells"
    TOO_FEW_RUNS = "too_few_runs"
    NO_VARIANCE = "no_variance"
    FAILED_ABOVE_CONVERGED = "failed_above_converged"
    FAILED_VALUE_UNKNOWN = "failed_value_unknown"
    UNKNOWN_ESTIMAND = "unknown_estimand"
    SHARED_SEEDS = "shared_seeds"


class Caution(StrEnum):
    """What a reader must know about an estimate that is available."""

    FEW_RUNS = "few_runs"
    WIDE = "wide"
    ZERO_VARIANCE = "zero_variance"
    POOLED_VARIANCE = "pooled_variance"
    UNBALANCED = "unbalanced"
    FEW_CONVERGED = "few_converged"
    SUB_GRID = "sub_grid"
    PLAIN_BOOTSTRAP = "plain_bootstrap"
    SELECTION = "selection"
    SEPARATED = "separated"
    SHARED_SEEDS = "shared_seeds"
    FAILED_VALUE_ASSUMED = "failed_value_assumed"
    CELLS_LEFT_OUT = "cells_left_out"


class ModelReason(StrEnum):
    """Why a fitted quantity, or one over seed blocks, or its interval is not available."""

    TOO_FEW_LEVELS = "too_few_levels"
    NOT_ESTIMABLE = "not_estimable"
    NO_CURVATURE = "no_curvature"
    UNBOUNDED = "unbounded"
    TOO_FEW_SEEDS = "too_few_seeds"
    RESAMPLES_FAILED = "resamples_failed"


class ModelCaution(StrEnum):
    """What a reader must know about a fitted quantity that is available."""

    LEVELS_LEFT_OUT = "levels_left_out"
    CURVATURE_NOT_SIGNIFICANT = "curvature_not_significant"
    OUTSIDE_RANGE = "outside_range"
    MINIMUM = "minimum"
    LACK_OF_FIT = "lack_of_fit"
    OUTLIER = "outlier"
    SOME_RESAMPLES_FAILED = "some_resamples_failed"
    FEW_SEEDS = "few_seeds"
    SEEDS_LEFT_OUT = "seeds_left_out"
    TAKEN_AS_INDEPENDENT = "taken_as_independent"


@dataclass(frozen=True, slots=True)
class Note:
    """A code with its sentence.

    Attributes
    ----------
    code : str
        A value of `Reason` or `Caution`, or of `ModelReason` or `ModelCaution`.
    text : str
        One clause, with the numbers that led to it.
    """

    code: str
    text: str
