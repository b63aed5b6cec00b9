"""Performance profiles that a result gives."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.estimators.performance import profile_of
from vggstudy.errors import AnalysisError

TableMaker = Callable[..., RunTable]


def test_a_profile_counts_failed_runs_and_those_without_an_outcome(make_table: TableMaker) -> None:
    table = make_table({("x", 1): [0.5, 0.7, None], ("y", 1): [0.9, 0.9, 0.9]})
    found = analyze(table, resamples=99).performance_profile({"a": "x"})
    # Values 0.1 (failed), 0.5 and 0.7: what lies above each of them.
    assert found.thresholds.tolist() == [0.1, 0.5, 0.7]
    assert found.share == pytest.approx([2 / 3, 1 / 3, 0])
    assert (found.n, found.at) == (3, {"a": "x"})
    half = np.sqrt(np.log(2 / 0.05) / 6)
    assert found.high == pytest.approx(np.minimum(found.share + half, 1))
    table.value[2] = np.nan  # the failed run, as one that diverged
    found = profile_of(table, {}, confidence=0.95)
    assert found.share.tolist() == pytest.approx([4 / 6, 3 / 6, 0])
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_profiles_of_parts_average_to_that_of_the_whole(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    result = analysed("balanced30")
    at = np.array([0.2, 0.8, 0.9])
    whole = result.performance_profile(thresholds=at)
    parts = [result.performance_profile({"depth": d}, thresholds=at) for d in (11, 19)]
    weighted = sum(part.n * part.share for part in parts) / whole.n
    assert weighted == pytest.approx(whole.share, rel=1e-12)
    assert whole.to_frame().columns.tolist() == ["threshold", "share", "low", "high"]


def test_an_unknown_part_is_said(analysed: Callable[[str], AnalysisResult]) -> None:
    with pytest.raises(AnalysisError, match="depth has no level '12'"):
        analysed("main").performance_profile({"depth": 12})
