"""What was not said about an execution is filled in, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggstudy.errors import ExecutionError
from vggstudy.execution import options, resolve_options


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"jobs": 0}, "jobs must be at least 1, got 0"),
        ({"jobs": -1}, "jobs must be at least 1, got -1"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"lanes": 0}, "lanes must be at least 1, got 0"),
        ({"lanes": 25}, "lanes must be at most 24, got 25"),
        ({"retries": -1}, "retries must be at least 0, got -1"),
        ({"devices": ["gpu"]}, "device 'gpu' is unknown: write cpu, cuda or cuda:N"),
    ],
)
def test_a_value_that_cannot_be_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ExecutionError, match=f"^{message}$"):
        resolve_options(**said)


def test_the_default_is_one_worker_a_core_or_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "available_cores", lambda: 8)
    assert resolve_options().jobs == 8
    assert resolve_options(threads=3).jobs == 2
    assert resolve_options(threads=16).jobs == 1
    assert resolve_options(devices=["cuda:0", "cuda:1"]).jobs == 2
    assert resolve_options(jobs=5, devices=["cuda"]).devices == ("cuda:0",)


def test_data_are_looked_for_in_the_environment_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGGSTUDY_DATA", "shared")
    assert resolve_options(data_roots=[Path("here")]).data_roots == (Path("here"), Path("shared"))
