"""Codes of fitted curves and of seed blocks: why a number is missing, what to know of one.

They complete those of `reasons`: codes are never renamed, texts may be.
"""

from __future__ import annotations

from enum import StrEnum


class ModelReason(StrEnum):
    """Why a fitted quantity or its interval is not available."""

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
