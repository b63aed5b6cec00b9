from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.shape import Look, Shape, looks

TableMaker = Callable[..., RunTable]
GOOD = [0.900, 0.902, 0.903, 0.905, 0.907, 0.908, 0.910, 0.911]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (GOOD, None),
        ([0.6, 0.61, *GOOD], Look(Shape.TWO_GROUPS, 2, 10)),
        ([0.6, *GOOD], Look(Shape.BELOW, 1, 9)),
        ([*GOOD, 0.99], None),  # one run above misleads nobody into trusting the others
        ([0.2, 0.3, 0.5, 0.5, 0.5], Look(Shape.CEILING, 3, 5)),
        ([0.5] * 6, None),
        ([0.6, 0.9, 0.91, 0.92], None),
    ],
)
def test_unusual_values_are_told(values: list[float], found: Look | None) -> None:
    assert looks(np.array(values)) == found


def test_more_is_asked_where_many_cells_are_looked_at() -> None:
    values = np.array([0.86, *GOOD])
    assert looks(values) is not None
    assert looks(values, strict=2.0) is None


def test_claims_on_such_cells_say_which_intervals_suffer(make_table: TableMaker) -> None:
    half = [0.6, 0.61, *GOOD]
    found = analyze(make_table({(0, 0): half, (0, 1): GOOD}), resamples=99).claims
    for name in ("accuracy.mean@a=0,b=0", "accuracy.diff.b@a=0"):
        note = next(x for x in found[name].warnings if x.code == "half_learned")
        assert "2 of 10 converged runs of a=0, b=0 form a group of their own" in note.text
    assert not [x for x in found["accuracy.mean@a=0,b=1"].warnings if x.code == "half_learned"]


def _half_learned(rng: np.random.Generator, n: int, share: float) -> FloatArray:
    """Runs of which a share, each by its own chance, lies 25 standard deviations lower."""
    return np.sort(rng.normal(size=n) - 25 * (rng.random(n) < share))


@pytest.mark.coverage
@pytest.mark.parametrize("n", [5, 8, 10, 15, 20, 40])
def test_normal_runs_are_seldom_called_unusual(n: int, simulated: Callable[..., None]) -> None:
    rng, studies = np.random.default_rng(81), 4_000
    share = np.mean([looks(np.sort(rng.normal(size=n))) is not None for _ in range(studies)])
    simulated(GROUP, f"normal, n={n}", float(share), studies, most=0.02, nominal=0.02)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "least"), [(5, 0.95), (8, 0.99), (10, 0.99), (15, 0.99), (20, 0.99)])
def test_half_learned_runs_are_seen_where_there_are_some(
    n: int, least: float, simulated: Callable[..., None]
) -> None:
    """Of cells that hold at least one such run and two others."""
    rng, studies, seen, some = np.random.default_rng(82), 4_000, 0, 0
    for _ in range(studies):
        values = _half_learned(rng, n, 0.2)
        if 0 < (values < -12).sum() < n - 1:
            some += 1
            seen += looks(values) is not None
    simulated(GROUP, f"a fifth half-learned, n={n}", seen / some, some, least=least, nominal=least)


GROUP = "cells called unusual: two groups, or a run far below"
