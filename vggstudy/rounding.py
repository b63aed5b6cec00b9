"""Rounds an estimate and its interval so that no printed digit contradicts the unrounded value.

The rules, applied on `Decimal` with ties to even:

1. start at two significant digits of the interval's width, the same decimals for the estimate and
   both ends;
2. add decimals until all three stay on their true side of every reference (a limit of the scale,
   a margin, a threshold), so that no end is rounded onto a limit that it does not reach;
3. minus zero is zero;
4. what `MAX_DECIMALS` decimals do not tell from its reference is printed as an inequality, and adds
   no decimals where the reference needs none: 0.94 [0.24, <1.00].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from itertools import chain

MAX_DECIMALS = 6
MOST_DIGITS = 6
LEAST_EXPONENT = -3
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
_WIDE = Context(prec=400)


@dataclass(frozen=True, slots=True)
class Rounded:
    """An estimate and its interval as they are printed, with an ASCII minus.

    Attributes
    ----------
    estimate, low, high : str or None
        Decimal digits, perhaps after ``<`` or ``>``; None where there is no such number.
    decimals : int
        Digits after the point.
    """

    estimate: str | None
    low: str | None
    high: str | None
    decimals: int


def round_interval(
    estimate: float | None,
    low: float | None,
    high: float | None,
    *,
    references: Iterable[float] = (),
    scale: int = 1,
    decimals: int | None = None,
) -> Rounded:
    """Round an estimate and its interval together.

    Parameters
    ----------
    estimate, low, high : float or None
        Unrounded finite values; None where there is no such number (a one-sided interval).
    references : iterable of float
        Values, unscaled, whose side every printed number must keep.
    scale : int, default 1
        What values and references are multiplied by, exactly, before rounding (100 for
        percentages and points).
    decimals : int, optional
        Where to start instead of at two significant digits of the width.

    Returns
    -------
    Rounded
        Strings with the same number of decimals.

    Raises
    ------
    ValueError
        If a value is not finite, or the interval's ends are not in order.
    """
    values = [None if v is None else _exact(v) * scale for v in (estimate, low, high)]
    marks = sorted({_exact(v) * scale for v in references})
    if values[1] is not None and values[2] is not None and values[1] > values[2]:
        msg = f"the interval's ends must be in order, got [{low}, {high}]"
        raise ValueError(msg)
    decimals = _first_decimals(values) if decimals is None else decimals
    present = [v for v in values if v is not None]
    while decimals < MAX_DECIMALS and any(_gains(v, marks, decimals) for v in present):
        decimals += 1
    texts = [None if v is None else _print(v, marks, decimals) for v in values]
    return Rounded(texts[0], texts[1], texts[2], decimals)


def round_number(value: float, *, decimals: int, scale: int = 1) -> str:
    """One number at fixed decimals: ties to even, never ``-0.00``."""
    return _plain(_exact(value) * scale, decimals)


def round_significant(value: float, *, digits: int = 2) -> str:
    """A number to that many significant digits; whole numbers keep all of theirs."""
    exact = _exact(value)
    if not exact:
        return "0"
    return _plain(exact, max(digits - 1 - exact.adjusted(), 0))


def round_ratio(value: float) -> str:
    """A ratio to two significant digits, or as many more as keep it on its side of 1.

    Parameters
    ----------
    value : float
        Positive and finite; from a million on, and below a thousandth, it is written with a power
        of ten, and from ten thousand on its thousands stand apart.
    """
    exact = _exact(value)
    if exact.adjusted() >= MOST_DIGITS or exact.adjusted() < LEAST_EXPONENT:
        exponent = str(exact.adjusted()).translate(SUPERSCRIPTS)
        return f"{_plain(exact.scaleb(-exact.adjusted()), 1)}×10{exponent}"
    digits = 2
    while digits < MAX_DECIMALS:
        rounded = _round_digits(exact, digits)
        if _side(rounded, Decimal(1)) == _side(exact, Decimal(1)):
            break
        digits += 1
    shown = _round_digits(exact, digits)
    return f"{shown:,f}".replace(",", NARROW_SPACE) if shown >= 10**4 else f"{shown:f}"


def _round_digits(value: Decimal, digits: int) -> Decimal:
    """To significant digits, ties to even; 3758 to two is 3800."""
    last = value.adjusted() - digits + 1
    rounded = value.quantize(Decimal(1).scaleb(last), rounding=ROUND_HALF_EVEN, context=_WIDE)
    return rounded.quantize(Decimal(1), context=_WIDE) if last > 0 else rounded


def typographic(text: str) -> str:
    """The same number with a real minus sign, for reading rather than parsing."""
    return text.replace("-", MINUS)


def _exact(value: float) -> Decimal:
    """The shortest decimal that stands for a float: what its author would have written."""
    number = Decimal(repr(float(value)))
    if not number.is_finite():
        msg = f"only finite numbers can be printed, got {value!r}"
        raise ValueError(msg)
    return number


def _first_decimals(values: list[Decimal | None]) -> int:
    """Decimals that show two significant digits of the width, or of a number without one."""
    present = [v for v in values if v is not None]
    width = max(present) - min(present) if present else Decimal(0)
    shown = width or max((abs(v) for v in present), default=Decimal(0))
    if not shown:
        return 0
    return min(max(1 - shown.adjusted(), 0), MAX_DECIMALS)


def _round(value: Decimal, decimals: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Round to decimals, in a context that holds every digit of every float."""
    exponent = Decimal(1).scaleb(-decimals)
    rounded = value.quantize(exponent, rounding=rounding, context=_WIDE)
    return abs(rounded) if rounded.is_zero() else rounded


def _side(value: Decimal, mark: Decimal) -> int:
    """-1, 0 or 1: below, on or above a reference."""
    return (value > mark) - (value < mark)


def _keeps_side(value: Decimal, marks: list[Decimal], decimals: int) -> bool:
    """Whether the rounded value lies on the same side of every reference as the value itself."""
    rounded = _round(value, decimals)
    return all(_side(rounded, mark) == _side(value, mark) for mark in marks)


def _gains(value: Decimal, marks: list[Decimal], decimals: int) -> bool:
    """Whether the value is on another side of a reference, and more decimals tell where it is."""
    if _keeps_side(value, marks, decimals):
        return False
    lost = [mark for mark in marks if not _keeps_side(value, [mark], MAX_DECIMALS)]
    return not lost or any(_round(mark, decimals) != mark for mark in lost)


def _print(value: Decimal, marks: list[Decimal], decimals: int) -> str:
    """The rounded value; an inequality where it cannot be told from a reference."""
    rounded = _round(value, decimals)
    lost = (m for m in marks if value != m and _side(rounded, m) != _side(value, m))
    mark = next(lost, None)
    if mark is None:
        return _plain(value, decimals)
    if value > mark:
        return f">{_round(mark, decimals, ROUND_FLOOR):f}"
    return f"<{_round(mark, decimals, ROUND_CEILING):f}"


def _plain(value: Decimal, decimals: int) -> str:
    """Digits without an exponent."""
    return f"{_round(value, decimals):f}"


def references_of(*groups: Iterable[float | None]) -> tuple[float, ...]:
    """The references that exist, each once, in order."""
    return tuple(sorted({v for v in chain.from_iterable(groups) if v is not None}))
