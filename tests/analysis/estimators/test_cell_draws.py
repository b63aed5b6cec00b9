"""Cells that are resampled once for all claims: the law of a resample, and what it depends on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators import cell_draws
from vggstudy.analysis.estimators.cell_draws import contrast_deviations
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.resampling import linear_deviations

TableMaker = Callable[..., RunTable]
N = 40_000
LARGE = 100
"""Runs of a cell whose standard error hardly varies."""


def binary(ones: int, runs: int) -> list[float]:
    return [1.0] * ones + [0.0] * (runs - ones)


def binary_cells(make_table: TableMaker, *cells: tuple[int, int]) -> Cells:
    values = {(0, i): binary(ones, runs) for i, (ones, runs) in enumerate(cells)}
    return Cells.from_table(make_table(values, outcome="score"))


def drawn(cells: Cells, weights: list[float], **changes: object) -> FloatArray:
    settings = {
        "claim_id": "score.mean",
        "seed": 3,
        "resamples": N,
        "inflate": False,
        "chunk_draws": 100_000,
        **changes,
    }
    used = np.arange(len(weights))
    return contrast_deviations(cells, used, np.array(weights), **settings)  # type: ignore[arg-type]


def distance(sums: FloatArray, law: FloatArray, first: int) -> float:
    """Largest distance of the distribution functions, in Monte Carlo errors of 1 / sqrt(N)."""
    counts = np.bincount(sums.astype(np.int64) - first, minlength=law.size)
    return float(np.abs(np.cumsum(counts) / sums.size - np.cumsum(law)).max() * np.sqrt(sums.size))


def test_resampled_sums_of_a_large_cell_are_binomial(make_table: TableMaker) -> None:
    sums = np.rint(120 * drawn(binary_cells(make_table, (30, 120)), [1.0])) + 30
    law = stats.binom.pmf(np.arange(121), 120, 0.25)
    # Kolmogorov's distance exceeds 1.95 in one sample of a thousand.
    assert distance(sums, law, 0) < 1.95


def test_differences_of_large_cells_have_the_law_of_independent_binomials(
    make_table: TableMaker,
) -> None:
    cells = binary_cells(make_table, (30, 120), (60, 120))
    sums = np.rint(120 * drawn(cells, [1.0, -1.0])) - 30
    points = np.arange(121)
    law = np.convolve(stats.binom.pmf(points, 120, 0.25), stats.binom.pmf(points, 120, 0.5)[::-1])
    assert distance(sums, law, -120) < 1.95


def test_a_large_and_a_small_cell_have_the_law_of_independent_binomials(
    make_table: TableMaker,
) -> None:
    cells = binary_cells(make_table, (30, 120), (3, 12))
    sums = np.rint(120 * drawn(cells, [1.0, 0.1])) + 33
    law = np.convolve(
        stats.binom.pmf(np.arange(121), 120, 0.25), stats.binom.pmf(np.arange(13), 12, 0.25)
    )
    assert distance(sums, law, 0) < 1.95


def test_equal_cells_are_resampled_independently(make_table: TableMaker) -> None:
    cells = binary_cells(make_table, (30, 120), (30, 120))
    first, second = drawn(cells, [1.0, 0.0]), drawn(cells, [0.0, 1.0])
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(N)


def test_claims_on_the_same_cells_pair_their_resamples_differently(make_table: TableMaker) -> None:
    cells = binary_cells(make_table, (30, 120), (60, 120))
    one, other = drawn(cells, [1.0, 1.0]), drawn(cells, [1.0, 1.0], claim_id="score.diff.b")
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(N)


def test_resamples_depend_on_neither_order_nor_chunks_nor_other_cells(
    make_table: TableMaker,
) -> None:
    few, many = [(30, 120), (60, 150)], [(30, 120), (60, 150), (3, 400)]
    alone = drawn(binary_cells(make_table, *few), [1.0, -1.0])
    later = binary_cells(make_table, *many)
    drawn(later, [1.0, 1.0, 1.0], claim_id="score.diff.b")
    np.testing.assert_array_equal(drawn(later, [1.0, -1.0]), alone)
    fresh = binary_cells(make_table, *few)
    np.testing.assert_array_equal(drawn(fresh, [1.0, -1.0], chunk_draws=1_000), alone)
    assert (drawn(fresh, [1.0, -1.0], seed=4) != alone).any()


def test_small_cells_too_have_the_law_of_independent_binomials(make_table: TableMaker) -> None:
    cells = binary_cells(make_table, (1, 3), (2, 5))
    sums = np.rint(15 * drawn(cells, [1.0, -1.0])) - 1
    law = np.zeros(31)
    for (i, p), (j, q) in itertools.product(
        enumerate(stats.binom.pmf(np.arange(4), 3, 1 / 3)),
        enumerate(stats.binom.pmf(np.arange(6), 5, 2 / 5)),
    ):
        law[5 * i - 3 * j + 15] += p * q
    assert distance(sums, law, -15) < 1.95


def test_means_that_are_not_kept_are_drawn_again_alike(
    make_table: TableMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [(30, 120), (1, 3), (2, 5)]
    kept = drawn(binary_cells(make_table, *specs), [1.0, -1.0, 0.5])
    monkeypatch.setattr(cell_draws, "KEPT_BYTES", 2 * N * 8)
    cells = binary_cells(make_table, *specs)
    for _ in range(2):
        np.testing.assert_array_equal(drawn(cells, [1.0, -1.0, 0.5]), kept)
        assert len(cells.pools) == 2


def test_inflation_widens_every_cell_by_its_own_factor(make_table: TableMaker) -> None:
    cells = binary_cells(make_table, (30, 120), (3, 12))
    for weights, n in (([1.0, 0.0], 120), ([0.0, 1.0], 12)):
        plain, wide = drawn(cells, weights), drawn(cells, weights, inflate=True)
        np.testing.assert_allclose(wide, plain * np.sqrt(n / (n - 1)), atol=1e-15)


def test_a_complex_weight_is_two_real_ones_over_the_same_resamples(make_table: TableMaker) -> None:
    cells = binary_cells(make_table, (30, 120), (3, 12))
    both = contrast_deviations(
        cells,
        np.arange(2),
        np.array([1.0 + 2.0j, 3.0 - 1.0j]),
        claim_id="x",
        seed=3,
        resamples=500,
        inflate=True,
        chunk_draws=1_000,
    )
    settings = {"claim_id": "x", "resamples": 500, "inflate": True}
    np.testing.assert_allclose(both.real, drawn(cells, [1.0, 3.0], **settings), atol=1e-14)
    np.testing.assert_allclose(both.imag, drawn(cells, [2.0, -1.0], **settings), atol=1e-14)


def test_claims_on_large_cells_do_not_depend_on_which_are_made() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0.9, 0.01, (2, 2, LARGE))
    code = np.repeat(np.arange(4), LARGE)
    table = RunTable(
        factors=("a", "b"),
        levels={"a": (0, 1), "b": (0, 1)},
        codes=np.stack(np.unravel_index(code, (2, 2)), axis=1),
        replicate=tuple(str(i) for i in range(code.size)),
        label=np.zeros(code.size, dtype=np.int64),
        value=values.ravel(),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )
    everything = analyze(table, resamples=299, seed=1).claims
    some = analyze(table, resamples=299, seed=1, headline_only=True, chunk_draws=777).claims
    assert some
    for name, claim in some.items():
        assert (claim.low, claim.high) == (everything[name].low, everything[name].high)
    cell = everything["accuracy.mean@a=0,b=0"]
    assert cell.low == pytest.approx(cell.alternatives[0].low, abs=5e-4)  # a fifth of its error


def test_tables_that_share_their_draws_get_their_own_and_draw_equal_cells_once(
    make_table: TableMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [binary_cells(make_table, (3, 9), other) for other in ((5, 9), (4, 9))]
    alone = [drawn(cells, [1.0, -1.0]) for cells in tables]
    asked = []

    def counted(*given: Any, **settings: Any) -> FloatArray:
        asked.append(given)
        return linear_deviations(*given, **settings)

    monkeypatch.setattr(cell_draws, "linear_deviations", counted)
    tables = [binary_cells(make_table, (3, 9), other) for other in ((5, 9), (4, 9))]
    with cell_draws.sharing_draws():
        shared = [drawn(cells, [1.0, -1.0]) for cells in tables]
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(asked) == 3  # of four cells; the first ones hold the same values
