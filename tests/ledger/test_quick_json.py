"""What is read quickly is what the json module reads, bit by bit, or is left to it."""

from __future__ import annotations

import json
import math
import random
import struct
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.ledger.quick_json import read_ordinary, read_own, write_numbers

FIXTURE = (Path(__file__).parent / "fixtures" / "run-schema-1.json").read_bytes()


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def exactly(value: Any) -> Any:
    """A value in which numbers of other types or bits are other ones, as is another order."""
    if isinstance(value, dict):
        return [(key, exactly(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return (type(value), bits(value) if isinstance(value, float) else value)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_keep_their_bits_in_both_directions(values: list[float]) -> None:
    text = json.dumps(values)
    assert [bits(x) for x in json.loads(write_numbers({"a": values}))["a"]] == [*map(bits, values)]
    assert [bits(x) for x in read_own(text)] == [*map(bits, values)]


def test_decimals_beside_the_middle_of_two_floats_are_rounded_to_the_nearest() -> None:
    draw = random.Random(1)
    with localcontext(prec=1200):
        for _ in range(500):
            value = draw.random() * 10.0 ** draw.randrange(-30, 30)
            middle = (Decimal(value) + Decimal(math.nextafter(value, math.inf))) / 2
            for beside in (middle, middle + Decimal(10) ** -800, middle - Decimal(10) ** -800):
                text = format(beside, "f")
                assert bits(read_own(text)) == bits(float(text))


@given(st.data())
def test_a_mutated_record_is_refused_or_read_as_the_json_module_reads_it(
    data: st.DataObject,
) -> None:
    start = data.draw(st.integers(0, len(FIXTURE)))
    stop = data.draw(st.integers(start, min(len(FIXTURE), start + 4)))
    pieces = [b"0", b"1", b"-", b".", b"e9", b"e400", b"]", b"[", b"{}", b",", b'"', b"\\ud800"]
    put = data.draw(st.sampled_from(pieces) | st.binary(max_size=3))
    changed = FIXTURE[:start] + put + FIXTURE[stop:]
    try:
        found = read_ordinary(changed)
    except ValueError:
        return
    assert exactly(found) == exactly(json.loads(changed.decode()))


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[1.5, Infinity]",
        "1e400",
        "[0.5, 1e400]",
        '{"a": [1, -1e400]}',
        "[1e400, -1e400]",
        "9" * 20,
        "[" + "9" * 301 + "]",
        '"\\ud800"',
        "[" * 300 + "]" * 300,
        "[1,]",
        "\ufeff1",
        "1 2",
        "",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_a_closer_look(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the parser says, json reads it next
        read_ordinary(text.encode())


def test_own_texts_may_hold_lone_surrogates() -> None:
    value = {"val_accuracy \udcff": [0.5, None]}
    assert read_own(write_numbers(value)) == value
    assert read_own(json.dumps(value)) == value
