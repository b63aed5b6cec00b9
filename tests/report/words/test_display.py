"""Numbers in print are the same in whichever process a section was built."""

from __future__ import annotations

import pickle

import pytest

from vggstudy.report.words.display import PERCENT, PLAIN, POINTS, Display, Unit
from vggstudy.rounding import round_interval


@pytest.mark.parametrize(
    ("unit", "ends"), [(PERCENT, "[12, 34]%"), (POINTS, "[12, 34]"), (PLAIN, "[0.12, 0.34]")]
)
def test_an_interval_says_its_unit_after_a_journey_between_processes(unit: Unit, ends: str) -> None:
    rounded = round_interval(0.23, 0.12, 0.34, references=(), scale=unit.scale)
    shown = Display(rounded, unit, "95%")
    assert shown.ends == ends
    assert pickle.loads(pickle.dumps(shown)).ends == ends
