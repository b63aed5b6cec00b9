"""Bounds of looks against published ones and a multivariate normal; levels of fixed widths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from vggstudy.analysis.numbers.fixed_width import fixed_width_level, worst_coverage
from vggstudy.analysis.numbers.looks import STRICTEST, Look
from vggstudy.analysis.numbers.sequential import bounds, spent

EQUAL = {k: tuple((i + 1) / k for i in range(k)) for k in range(1, 11)}

PUBLISHED = {
    ("obrien_fleming", 2): (2.9626, 1.9686),
    ("obrien_fleming", 3): (3.7103, 2.5114, 1.9930),
    ("obrien_fleming", 4): (4.3326, 2.9631, 2.3590, 2.0141),
    ("obrien_fleming", 5): (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    ("pocock", 2): (2.1570, 2.2010),
    ("pocock", 3): (2.2790, 2.2950, 2.2960),
    ("pocock", 4): (2.3680, 2.3680, 2.3580, 2.3500),
    ("pocock", 5): (2.4380, 2.4268, 2.4101, 2.3966, 2.3859),
}
"""Two-sided 5%, equal steps: Reboussin, DeMets, Kim & Lan (2000), Controlled Clinical Trials 21,
190-207, as R's ldbounds and gsDesign (sfLDOF, sfLDPocock) print them."""


@pytest.mark.parametrize(("spending", "looks"), list(PUBLISHED))
def test_bounds_are_the_published_ones(spending: str, looks: int) -> None:
    found = bounds(spending, EQUAL[looks], 0.95).z
    # Theirs are integrated on a coarser grid (h = 0.05), Pocock's printed to three decimals.
    assert found == pytest.approx(PUBLISHED[spending, looks], abs=6e-4)


def test_bounds_of_another_error_are_the_published_ones() -> None:
    # SeqBounds.jl's README: one-sided 5%, that is 10% on both sides.
    found = bounds("obrien_fleming", EQUAL[4], 0.90).z
    assert found == pytest.approx((3.74955, 2.53993, 2.01604, 1.72014), abs=5e-5)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("shares", [(0.3, 1.0), (0.2, 0.5, 1.0), (0.5, 0.7, 0.9)])
def test_bounds_spend_what_they_may(spending: str, shares: tuple[float, ...]) -> None:
    """The chance of staying inside, by another route: the multivariate normal distribution."""
    found = bounds(spending, shares, 0.95)
    t = np.array(shares)
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for k in range(1, len(shares) + 1):
        z = np.array(found.z[:k])
        inside = multivariate_normal(cov=covariance[:k, :k]).cdf(z, lower_limit=-z)
        # SciPy integrates three dimensions to 1e-5 by its own account.
        assert 1 - inside == pytest.approx(found.spent[k - 1], abs=3e-5)


def test_spending_functions_end_at_all_of_the_error_and_one_look_has_it() -> None:
    for spending in ("obrien_fleming", "pocock"):
        assert spent(spending, 1.0, 0.05) == 0.05
        assert bounds(spending, (1.0,), 0.95).nominal == pytest.approx((0.95,))
    # Lan & DeMets (1983), by hand: 2 (2 - 2 Phi(2.2414 / sqrt(0.5))), 0.05 log(1 + 0.859141).
    assert spent("obrien_fleming", 0.5, 0.05) == pytest.approx(
        4 * ndtr(-2.2414027 / 0.5**0.5), rel=1e-6
    )
    assert spent("pocock", 0.5, 0.05) == pytest.approx(0.05 * 0.6201145, rel=1e-6)


def test_nominal_levels_rise_with_the_confidence_so_that_holm_may_take_them() -> None:
    for rule in ("obrien_fleming", "pocock"):
        for number in (1, 2, 3):
            look = Look(number, (5, 10, 20), rule)
            levels = [look.nominal(c) for c in (0.9, 0.95, 0.975, 0.99, 0.999)]
            assert levels == sorted(levels)
            assert all(n >= c for n, c in zip(levels, (0.9, 0.95, 0.975, 0.99, 0.999), strict=True))


def test_errors_of_looks_on_several_statistics_add_up() -> None:
    looks = [Look(k, (4, 10, 16, 20), "obrien_fleming") for k in (1, 2, 3, 4)]
    assert sum(1 - look.together(0.95) for look in looks) == pytest.approx(0.05)
    assert all(look.together(0.95) >= look.nominal(0.95) - 1e-9 for look in looks)


def test_a_look_without_error_has_a_level_below_one() -> None:
    assert Look(1, (2, 1000), "obrien_fleming").nominal(0.95) == STRICTEST < 1
    assert Look(1, (2, 1000), "obrien_fleming").together(0.95) == STRICTEST


@pytest.mark.parametrize("shares", [(), (0.5, 0.5, 1.0), (0.7, 0.4), (0.0, 1.0), (0.5, 1.1)])
def test_shares_that_do_not_increase_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"must increase in \(0, 1\]"):
        bounds("pocock", shares, 0.95)


def test_fixed_width_level_covers_the_worst_ratio_and_the_plain_level_does_not() -> None:
    looks = (5, 10, 20, 40)
    level = fixed_width_level(looks, 0.95)
    assert worst_coverage(looks, level) == pytest.approx(0.95, abs=1e-4)  # brentq's tolerance
    assert worst_coverage(looks, 0.95) == pytest.approx(0.9235, abs=0.003)
    assert fixed_width_level((20,), 0.95) == 0.95
    assert Look(2, looks, "fixed_width").nominal(0.95) == level
    assert Look(2, looks, "fixed_width").together(0.95) == level


def test_coverage_of_a_fixed_width_is_that_of_simulated_studies() -> None:
    """Brute force on values themselves, at the half-width with the least coverage."""
    rng = np.random.default_rng(3)
    looks, level, studies = (3, 6), 0.95, 40_000
    values = rng.standard_normal((studies, looks[-1]))
    from scipy.stats import t

    least = 1.0
    for width in np.geomspace(0.5, 4, 24):
        first = values[:, : looks[0]]
        half = t.ppf((1 + level) / 2, looks[0] - 1) * first.std(axis=1, ddof=1) / looks[0] ** 0.5
        last = t.ppf((1 + level) / 2, looks[1] - 1) * values.std(axis=1, ddof=1) / looks[1] ** 0.5
        stops = half <= width
        held = np.where(stops, abs(first.mean(1)) <= half, abs(values.mean(1)) <= last)
        least = min(least, held.mean())
    # The least of 24 shares, each with an error of 0.0013; the other side's is 0.0005.
    assert worst_coverage(looks, level) == pytest.approx(least, abs=0.004)


@pytest.mark.parametrize("looks", [(), (1, 2), (5, 5), (10, 5)])
def test_looks_that_do_not_increase_from_two_are_refused(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks must increase, from 2 runs on"):
        fixed_width_level(looks, 0.95)
