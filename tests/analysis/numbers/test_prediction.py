"""Prediction intervals against statsmodels', and against exact shares of order statistics."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import statsmodels.api as sm

from vggstudy.analysis.numbers.prediction import next_value


def test_few_values_have_the_interval_of_one_more_of_a_normal_sample() -> None:
    values = np.sort(np.array([0.91, 0.87, 0.94, 0.9, 0.885]))
    found = next_value(values, confidence=0.9, variance=values.var(ddof=1), df=4)
    fit = sm.OLS(values, np.ones(5)).fit()
    low, high = fit.get_prediction([[1.0]]).conf_int(obs=True, alpha=0.1)[0]
    # Both are a dozen operations on doubles.
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)
    assert found.estimate == pytest.approx(values.mean())
    assert found.method == "prediction_t"


@pytest.mark.parametrize(
    ("n", "confidence", "out"), [(39, 0.95, 1), (78, 0.95, 1), (79, 0.95, 2), (19, 0.9, 1)]
)
def test_many_values_have_order_statistics_that_hold_the_next_one_often_enough(
    n: int, confidence: float, out: int
) -> None:
    values = np.arange(n, dtype=np.float64) ** 3
    found = next_value(values, confidence=confidence, variance=1.0, df=1.0)
    assert (found.low, found.high) == (values[out - 1], values[n - out])
    assert found.method == "prediction_order_statistics"
    # The next value falls into each of the n + 1 gaps alike.
    assert Fraction(n + 1 - 2 * out, n + 1) >= Fraction(str(confidence))
    assert Fraction(n + 1 - 2 * (out + 1), n + 1) < Fraction(str(confidence))


def test_one_value_fewer_is_not_enough_for_order_statistics() -> None:
    found = next_value(np.arange(38.0), confidence=0.95, variance=1.0, df=37)
    assert found.method == "prediction_t"
