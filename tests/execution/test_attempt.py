"""What breaks a run is recorded with its reason, and its attempts are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vggstudy.training
from vggstudy.errors import DataError, ExecutionError
from vggstudy.execution.attempt import attempt_run, describe
from vggstudy.execution.options import ExecutionOptions, resolve_options
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.plan import make_plan
from vggstudy.protocol import parse_protocol
from vggstudy.training import TrainingResult

PROTOCOL = """\
schema = 1
name = "one"
[design]
replicates = 1
seed = 0
[data]
name = "synthetic"
[model]
depth = 11
"""


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    return StudyStore.create(tmp_path / "study", PROTOCOL, "0" * 64, "one")


def attempt(store: StudyStore, error: Exception, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """The record of an attempt whose training raises an error."""

    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(vggstudy.training, "train_run", broken)
    (run,) = make_plan(parse_protocol(PROTOCOL)).runs
    return attempt_run(
        run,
        store,
        ExecutionOptions(jobs=1),
        device="cpu",
        on_epoch=lambda _: None,
        should_stop=lambda: False,
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("bad kernel"), "exception"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory"),
    ],
)
def test_exception_is_recorded_as_crashed_with_its_kind(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
) -> None:
    record = attempt(store, error, monkeypatch)
    assert record.status == "crashed"
    failure = record.attempts[-1]["failure"]
    assert failure is not None
    assert failure["kind"] == kind
    assert store.read_record(record.run_id).status == "crashed"


def test_attempts_are_numbered_and_kept(store: StudyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt(store, RuntimeError("first"), monkeypatch)
    record = attempt(store, RuntimeError("second"), monkeypatch)
    assert [entry["number"] for entry in record.attempts] == [1, 2]
    messages = [entry["failure"] and entry["failure"]["message"] for entry in record.attempts]
    assert messages == ["RuntimeError: first", "RuntimeError: second"]


def test_missing_data_are_no_crash_of_the_run(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="no images"):
        attempt(store, DataError("no images"), monkeypatch)
    assert not list(store.records())


def test_numbers_that_contradict_each_other_are_a_failed_attempt_and_not_a_result(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a device that miscomputes leaves them; the next attempt starts from the seeds."""
    (run,) = make_plan(parse_protocol(PROTOCOL)).runs
    metrics = {"test_accuracy": 0.9}
    result = {"status": "finished", "metrics": metrics, "test_recall": [0.1, 0.2]}
    trained = TrainingResult(result=result, timings={}, numerics={})
    monkeypatch.setattr(vggstudy.training, "train_run", lambda *_, **__: trained)
    checkpoint = store.checkpoint_path(run.run_id)
    checkpoint.write_bytes(b"")
    record = attempt_run(
        run,
        store,
        ExecutionOptions(jobs=1),
        device="cpu",
        on_epoch=lambda _: None,
        should_stop=lambda: False,
    )
    failure = record.attempts[-1]["failure"]
    assert record.status == "crashed"
    assert failure is not None
    assert "by test_recall it lies between 0.1 and 0.2" in failure["message"]
    assert not checkpoint.exists()


def test_unknown_device_is_refused_in_words() -> None:
    with pytest.raises(ExecutionError, match="device 'gpu' is unknown: write cpu, cuda or cuda:N"):
        resolve_options(devices=["gpu"])


def test_a_lack_of_memory_is_told_without_torchs_advice() -> None:
    text = (
        "CUDA out of memory. Tried to allocate 32.00 MiB. GPU 0 has a total capacity of 79.10 GiB "
        "of which 25.20 MiB is free. Of the allocated memory 36 MiB is allocated by PyTorch.\n"
        "See documentation for Memory Management"
    )
    told = describe(RuntimeError(text))
    assert told.startswith("RuntimeError: CUDA out of memory. Tried to allocate 32.00 MiB.")
    assert told.endswith("of which 25.20 MiB is free")
    assert describe(RuntimeError("a. b. c. d")) == "RuntimeError: a. b. c. d"
