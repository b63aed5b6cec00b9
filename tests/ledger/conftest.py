from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from vggstudy.ledger import RunRecord, StudyStore

FIXTURES = Path(__file__).parent / "fixtures"


class MakeRecord(Protocol):
    def __call__(self, number: int = 0, /, **changes: Any) -> RunRecord: ...


def build_record(number: int = 0, /, **changes: Any) -> RunRecord:
    """A finished run of three epochs; the number tells runs apart."""
    fields: dict[str, Any] = {
        "run_id": f"{number:016x}",
        "cell_id": "c" * 16,
        "study_seed": 2026,
        "replicate": number,
        "seeding": "independent",
        "levels": {"depth": 11, "batch_norm": True},
        "recipe": {"data": {"name": "digits"}, "training": {"lr": 0.001}},
        "status": "finished",
        "attempts": [
            {"number": 1, "started_at": "2026-01-02T03:04:05", "duration_s": 1.5, "failure": None}
        ],
        "result": {
            "status": "finished",
            "stop_reason": "early_stopping",
            "epochs": 3,
            "selected_epoch": 2,
            "curves": {"train_loss": [2.3, 1.25, 0.5], "val_accuracy": [0.1, 0.75, 0.5]},
            "metrics": {"val_accuracy": 0.75, "test_accuracy": 0.7},
            "data": {"majority_rate": 0.1, "n_validation": 100},
        },
        "timings": {"epoch_s": [0.5, 0.25, 0.25], "total_s": 1.25, "resumed_at": []},
        "environment": {"host": "machine", "packages": {"torch": "2.14.1"}},
    }
    return RunRecord(**{**fields, **changes})


def build_crash(number: int = 0) -> RunRecord:
    """A run whose only attempt was killed."""
    failure = {"kind": "killed", "message": "signal 9"}
    attempt = {
        "number": 1,
        "started_at": "2026-01-02T03:04:05",
        "duration_s": 1,
        "failure": failure,
    }
    return build_record(number, status="crashed", result={}, timings={}, attempts=[attempt])


@pytest.fixture
def make_record() -> MakeRecord:
    return build_record


@pytest.fixture
def make_crash() -> Callable[[int], RunRecord]:
    return build_crash


@pytest.fixture
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    return StudyStore.create(tmp_path / "study", "schema = 1\n", "d1", "depth")
