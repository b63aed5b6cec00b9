"""Peak memory: of a run, not of the largest run before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vggstudy.training import peak_memory
from vggstudy.training.peak_memory import peak_bytes, reset_peak

LARGE = 200 * 2**20
SLACK = 20 * 2**20  # what the process itself needs in between


@pytest.mark.skipif(not peak_memory.CLEAR_REFS.exists(), reason="not Linux")
def test_a_peak_is_that_since_the_last_reset() -> None:
    reset_peak()
    before = peak_bytes()
    held = np.ones(LARGE // 8)
    assert peak_bytes() - before > LARGE - SLACK
    del held
    reset_peak()
    assert abs(peak_bytes() - before) < SLACK


def test_elsewhere_a_peak_is_that_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peak_memory, "CLEAR_REFS", tmp_path / "none" / "clear_refs")
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "status")
    reset_peak()
    assert peak_bytes() > 10 * 2**20
