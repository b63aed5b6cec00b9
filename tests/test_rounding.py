"""The rounding rules: hand-made values, and properties over all floats."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.rounding import MAX_DECIMALS, Rounded, round_interval, round_number

UNIT = st.floats(0, 1, allow_nan=False)
ANY = st.floats(-1e9, 1e9, allow_nan=False)


def triple(draw_from: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[float, float, float]]:
    """A low end, an estimate and a high end, in order."""
    return st.tuples(draw_from, draw_from, draw_from).map(lambda t: tuple(sorted(t)))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("values", "references", "scale", "expected"),
    [
        # width 22: two significant digits need no decimals
        ((0.231, 0.12, 0.34), (-1, 0, 1), 100, ("23", "12", "34")),
        # width 0.012: four decimals would be three digits too many, three are two digits
        ((0.8423, 0.8361, 0.8481), (0, 1), 1, ("0.842", "0.836", "0.848")),
        # -0.004 would be 0.00: a decimal more keeps the sign
        ((0.10, -0.004, 0.204), (0,), 1, ("0.100", "-0.004", "0.204")),
        # without a reference minus zero is zero
        ((0.10, -0.004, 0.204), (), 1, ("0.10", "0.00", "0.20")),
        # an end that reaches its limit may be printed as the limit
        ((0.0, 0.0, 0.168), (0, 1), 100, ("0", "0", "17")),
        # 99.96% may not become 100%
        ((0.97, 0.85, 0.9996), (0, 1), 100, ("97.00", "85.00", "99.96")),
        # ties to even on the decimal that was written, not on the binary fraction
        ((0.125, 0.025, 0.225), (), 1, ("0.12", "0.02", "0.22")),
        # 1e-9 is above 0 and cannot be shown: an inequality
        ((0.2, 1e-9, 0.4), (0,), 1, ("0.20", ">0.00", "0.40")),
        ((0.6, 0.5, 1 - 1e-12), (1,), 1, ("0.60", "0.50", "<1.00")),
        # of two ends one is told from its limit by four decimals, the other by none
        ((0.97, 0.0004, 1 - 1e-12), (0, 1), 1, ("0.9700", "0.0004", "<1.0000")),
        # a one-sided interval
        ((None, None, 8.0), (), 1, (None, None, "8.0")),
    ],
)
def test_hand_made_intervals_are_printed_as_expected(
    values: tuple[float, float, float],
    references: tuple[float, ...],
    scale: int,
    expected: tuple[str, str, str],
) -> None:
    shown = round_interval(*values, references=references, scale=scale)
    assert (shown.estimate, shown.low, shown.high) == expected


def texts(shown: Rounded) -> list[str]:
    """The three printed numbers."""
    return [text for text in (shown.estimate, shown.low, shown.high) if text is not None]


@given(triple(UNIT), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_no_printed_number_changes_its_side_of_a_reference(
    values: tuple[float, float, float], reference: float
) -> None:
    low, estimate, high = values
    shown = round_interval(estimate, low, high, references=(0.0, 1.0, reference), scale=100)
    mark = Decimal(repr(reference)) * 100
    for text, value in zip(texts(shown), (estimate, low, high), strict=True):
        exact = Decimal(repr(value)) * 100
        if text[0] in "<>":
            bound = Decimal(text[1:])
            assert exact < bound if text[0] == "<" else exact > bound
        else:
            assert (Decimal(text) > mark) == (exact > mark)
            assert (Decimal(text) < mark) == (exact < mark)


@given(triple(ANY))
def test_printed_numbers_lie_within_half_a_unit_of_the_last_decimal(
    values: tuple[float, float, float],
) -> None:
    low, estimate, high = values
    shown = round_interval(estimate, low, high)
    half = Decimal(1).scaleb(-shown.decimals) / 2
    for text, value in zip(texts(shown), (estimate, low, high), strict=True):
        assert abs(Decimal(text) - Decimal(repr(value))) <= half
        assert len(text.partition(".")[2]) == shown.decimals <= MAX_DECIMALS
        assert not (text.startswith("-") and Decimal(text) == 0)


@given(triple(ANY))
def test_rounding_keeps_the_order_and_two_digits_of_the_width(
    values: tuple[float, float, float],
) -> None:
    low, estimate, high = values
    shown = round_interval(estimate, low, high)
    numbers = [Decimal(text) for text in texts(shown)]
    assert numbers[1] <= numbers[0] <= numbers[2]
    if Decimal(repr(high)) - Decimal(repr(low)) >= Decimal("1e-5"):
        # two digits of the width, each end off by at most half a unit
        assert numbers[2] - numbers[1] >= 9 * Decimal(1).scaleb(-shown.decimals)


@given(triple(UNIT))
def test_mirrored_intervals_are_printed_mirrored(values: tuple[float, float, float]) -> None:
    low, estimate, high = values
    shown = round_interval(estimate, low, high)
    mirrored = round_interval(-estimate, -high, -low)

    def negated(text: str | None) -> str:
        number = -Decimal(str(text))
        return f"{abs(number) if number == 0 else number:f}"

    assert [mirrored.estimate, mirrored.low, mirrored.high] == [
        negated(shown.estimate),
        negated(shown.high),
        negated(shown.low),
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="only finite numbers can be printed"):
        round_interval(value, 0.0, 1.0)


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ends must be in order, got \[2.0, 1.0\]"):
        round_interval(1.5, 2.0, 1.0)


def test_a_single_number_never_prints_minus_zero() -> None:
    assert round_number(-0.0004, decimals=2) == "0.00"
    assert round_number(0.0125, decimals=1, scale=100) == "1.2"
