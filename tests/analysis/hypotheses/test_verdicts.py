"""Verdicts on unrounded intervals."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.analysis.hypotheses.verdicts import (
    Evidence,
    Verdict,
    all_of,
    beyond,
    conjunction,
    within,
)
from vggstudy.analysis.notes import say
from vggstudy.analysis.numbers.intervals import Interval


def interval(low: float, high: float, error: float | None = None) -> Interval:
    return Interval((low + high) / 2, low, high, "x", mc_error_low=error, mc_error_high=error)


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.1, 0.2, Verdict.SUPPORTED, Verdict.CONTRADICTED),
        (-0.2, -0.1, Verdict.CONTRADICTED, Verdict.SUPPORTED),
        (-0.1, 0.1, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (0.0, 0.1, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (1e-300, 0.1, Verdict.SUPPORTED, Verdict.CONTRADICTED),
        (float("-inf"), -0.1, Verdict.CONTRADICTED, Verdict.SUPPORTED),
        (0.3, float("inf"), Verdict.SUPPORTED, Verdict.CONTRADICTED),
        (float("-inf"), float("inf"), Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ],
)
def test_an_interval_supports_when_it_lies_wholly_beyond(
    low: float, high: float, above: Verdict, below: Verdict
) -> None:
    assert beyond(interval(low, high), threshold=0.0, above=True) == above
    assert beyond(interval(low, high), threshold=0.0, above=False) == below


def test_an_end_within_two_monte_carlo_errors_is_borderline() -> None:
    assert beyond(interval(0.02, 0.1, 0.01), threshold=0.0, above=True) == Verdict.BORDERLINE
    assert beyond(interval(0.0201, 0.1, 0.01), threshold=0.0, above=True) == Verdict.SUPPORTED
    assert beyond(interval(-0.01, 0.1, 0.01), threshold=0.0, above=True) == Verdict.BORDERLINE
    assert beyond(interval(-0.1, 0.1, 0.01), threshold=0.0, above=True) == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.004, 0.004, Verdict.SUPPORTED),
        (-0.005, 0.004, Verdict.INCONCLUSIVE),
        (0.001, 0.006, Verdict.INCONCLUSIVE),
        (0.006, 0.008, Verdict.CONTRADICTED),
        (-0.008, -0.006, Verdict.CONTRADICTED),
    ],
)
def test_equivalence_needs_the_interval_inside_the_margin(
    low: float, high: float, verdict: Verdict
) -> None:
    assert within(interval(low, high), margin=0.005) == verdict


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=5))
def test_a_conjunction_is_contradicted_when_one_part_is(verdicts: list[Verdict]) -> None:
    found = conjunction(verdicts)
    assert (found == Verdict.CONTRADICTED) == (Verdict.CONTRADICTED in verdicts)
    assert (found == Verdict.SUPPORTED) == (set(verdicts) == {Verdict.SUPPORTED})
    assert all(conjunction(order) == found for order in itertools.permutations(verdicts))


def test_an_empty_conjunction_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        conjunction([])


def test_one_piece_of_evidence_stands_for_itself() -> None:
    one = Evidence("a", say("above", claim="a", other=0), Verdict.SUPPORTED, 0.95)
    assert all_of("H", [one], level=0.95) is one
    two = all_of("H", [one, one], level=0.95)
    assert two.verdict == Verdict.SUPPORTED
    assert two.parts == (one, one)
    assert two.rule.text == "all of: a above 0; a above 0"
