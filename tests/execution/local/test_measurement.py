"""Real workers are measured on a study's own steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggstudy.errors import DataError
from vggstudy.execution import measure_divisions, resolve_options
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import parse_protocol

PROTOCOL = """\
schema = 1
name = "tiny"
[design]
replicates = 1
seed = 5
[design.factors]
batch_size = [16, 32]
[data]
name = "{data}"
train = 96
test = 32
validation = 32
[model]
depth = 11
width = 0.05
[training]
optimizer = "adam"
epochs = 1
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyStore:
    monkeypatch.setenv("VGGSTUDY_CACHE", str(tmp_path / "cache"))
    return StudyStore.create(tmp_path / "study", "text", "0" * 64, "tiny")


def planned(data: str) -> tuple[PlannedRun, ...]:
    return make_plan(parse_protocol(PROTOCOL.format(data=data), filename="tiny.toml")).runs


def test_every_division_gets_its_speed_and_no_record_is_left(store: StudyStore) -> None:
    candidates = [(2, 1), (1, 2)]
    notes: list[str] = []
    trials = measure_divisions(
        candidates,
        runs=planned("synthetic"),
        store=store,
        options=resolve_options(),
        note=notes.append,
    )
    assert [(trial.workers, trial.threads) for trial in trials] == candidates
    assert all(trial.steps_per_s > 0 for trial in trials)
    assert list(store.records()) == []


def test_missing_data_stop_the_study_as_they_would_later(store: StudyStore) -> None:
    with pytest.raises(DataError, match="nowhere"):
        measure_divisions(
            [(1, 1)],
            runs=planned('imagefolder"\nroot = "nowhere'),
            store=store,
            options=resolve_options(),
            note=lambda _: None,
        )
