"""Simultaneous bands of mean curves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from vggstudy.analysis.numbers.curve_bands import Sample, curve_band, shrinkage


def sample(n: int, times: int, *, rough: float, seed: int = 1, weight: float = 1.0) -> Sample:
    """Runs that differ by an offset and by independent noise."""
    rng = np.random.default_rng(seed)
    noise = rough * rng.standard_normal((n, times))
    return Sample(weight, rng.standard_normal((n, 1)) + noise)


def test_at_one_time_the_band_is_students_interval() -> None:
    one = sample(6, 1, rough=0.5)
    band = curve_band([one], confidence=0.95, rng=np.random.default_rng(2), draws=60_000)
    values = one.curves[:, 0]
    half = student.ppf(0.975, 5) * values.std(ddof=1) / np.sqrt(6)
    assert band.estimate[0] == pytest.approx(values.mean())
    assert band.high[0] - band.estimate[0] == pytest.approx(half, rel=0.03)  # drawn quantile


def test_the_difference_at_one_time_is_welchs() -> None:
    parts = [sample(30, 1, rough=0.5), sample(40, 1, rough=2.0, seed=3, weight=-1.0)]
    band = curve_band(parts, confidence=0.9, rng=np.random.default_rng(2), draws=20_000)
    s, n = [p.curves.var(ddof=1) for p in parts], [30, 40]
    total = s[0] / n[0] + s[1] / n[1]
    df = total**2 / sum((v / k) ** 2 / (k - 1) for v, k in zip(s, n, strict=True))
    half = student.ppf(0.95, df) * np.sqrt(total)
    assert band.high[0] - band.estimate[0] == pytest.approx(half, rel=0.03)  # drawn quantile


def test_curves_that_move_as_one_need_hardly_more_than_one_time_does() -> None:
    smooth = Sample(1.0, np.repeat(np.random.default_rng(4).standard_normal((40, 1)), 50, axis=1))
    rough = Sample(1.0, np.random.default_rng(4).standard_normal((40, 50)))
    factors = [
        curve_band([one], confidence=0.95, rng=np.random.default_rng(1)).factor
        for one in (smooth, rough)
    ]
    sidak = student.ppf((1 + 0.95 ** (1 / 50)) / 2, 39) / student.ppf(0.975, 39)
    assert factors[0] < 1.45
    assert factors[1] == pytest.approx(sidak, rel=0.04)  # shrunk, and drawn 4,000 times


def test_correlations_of_few_rough_runs_are_shrunk_and_of_many_smooth_ones_kept() -> None:
    assert shrinkage(sample(5, 40, rough=50.0).standardised) > 0.6
    assert shrinkage(sample(200, 40, rough=0.1).standardised) < 0.02


def test_shrinkage_is_schafer_and_strimmers_by_hand() -> None:
    away = sample(7, 3, rough=1.0).standardised
    top = bottom = 0.0
    for i in range(3):
        for j in range(3):
            if i != j:
                w = away[:, i] * away[:, j]
                top += 7 / 6**3 * ((w - w.mean()) ** 2).sum()
                bottom += (7 / 6 * w.mean()) ** 2
    assert shrinkage(away) == pytest.approx(min(1.0, top / bottom))


def test_times_at_which_no_run_differs_have_no_band() -> None:
    curves = sample(5, 4, rough=1.0).curves.copy()
    curves[:, 2] = 0.1
    band = curve_band([Sample(1.0, curves)], confidence=0.95, rng=np.random.default_rng(1))
    assert band.known.tolist() == [True, True, False, True]
    assert np.isnan(band.low[2])
    assert band.estimate[2] == pytest.approx(0.1)
    flat = curve_band([Sample(1.0, curves[:, 2:3])], confidence=0.95, rng=np.random.default_rng(1))
    assert np.isnan(flat.factor)


def test_units_change_nothing() -> None:
    one = sample(5, 6, rough=1.0)
    plain = curve_band([one], confidence=0.95, rng=np.random.default_rng(1))
    scaled = Sample(1.0, 1000 * one.curves + 7)
    other = curve_band([scaled], confidence=0.95, rng=np.random.default_rng(1))
    np.testing.assert_allclose(other.high, 1000 * plain.high + 7, rtol=1e-10)


def test_one_run_has_no_band() -> None:
    with pytest.raises(ValueError, match="two runs"):
        curve_band([sample(1, 3, rough=1.0)], confidence=0.95, rng=np.random.default_rng(1))
