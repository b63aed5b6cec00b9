"""Any byte of a record that changes is found and named; an index is only ever a copy."""

from __future__ import annotations

import lzma
import sqlite3
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import DamagedFileError, RunRecord, StudyStore
from vggstudy.ledger.index import StudyIndex

PATTERNS = (*(1 << bit for bit in range(8)), 0xFF)
"""Each bit alone, and all of them."""

RECORDS = 100_000


def fixture_record(repository: Path) -> bytes:
    """The record of schema 1 that loads forever."""
    return (repository / "tests/ledger/fixtures/run-schema-1.json").read_bytes()


def published_record(repository: Path) -> RunRecord:
    """A record of the published study, which holds everything that is compared on reading."""
    pack = repository / "report/reference/depth-batch-norm-cpu/records.jsonl.xz"
    return RunRecord.from_json(lzma.open(pack).readline())


def of_epochs(record: RunRecord, epochs: int) -> RunRecord:
    """The record with curves of another length, which agree with the rest of it."""
    best = min(epochs, 7)
    accuracy = [(100 + min(epoch, best)) / 300 for epoch in range(1, epochs + 1)]
    curves = {
        "val_accuracy": accuracy,
        **{
            name: [(place + 1) / (7 + epoch) for epoch in range(epochs)]
            for place, name in enumerate(
                ("train_loss", "train_accuracy", "val_loss", "lr", "gradient_norm")
            )
        },
    }
    at_best = {"val_accuracy": accuracy[best - 1], "val_loss": curves["val_loss"][best - 1]}
    result = {
        **record.result,
        "curves": curves,
        "epochs": epochs,
        "steps": epochs * 19,  # of 1200 images in batches of 64
        "selected_epoch": best,
        "metrics": {**record.result["metrics"], **at_best},
        "final": {"val_accuracy": accuracy[-1], "val_loss": curves["val_loss"][-1]},
    }
    training = {**record.recipe["training"], "epochs": 1000}
    return replace(record, result=result, recipe={**record.recipe, "training": training})


def damage_of(store: StudyStore, run_id: str) -> DamagedFileError:
    """What is wrong with a record; thousands of `pytest.raises` would take seconds."""
    try:
        record = store.read_record(run_id)
    except DamagedFileError as error:
        return error
    message = f"the damage of {record} was not noticed"
    raise AssertionError(message)


def test_every_flipped_bit_of_a_record_is_found_and_its_file_named(
    tmp_path: Path, repository: Path, tried: Counter[str]
) -> None:
    store = StudyStore.create(tmp_path / "study", "schema = 1\n", "d", "flips")
    sound = fixture_record(repository)
    record = RunRecord.from_json(sound)
    store.write_record(record)
    path = store.record_path(record.run_id)
    for place in range(len(sound)):
        for pattern in PATTERNS:
            spoilt = bytearray(sound)
            spoilt[place] ^= pattern
            path.write_bytes(spoilt)
            assert damage_of(store, record.run_id).path == str(path)
            tried["flips"] += 1
    path.write_bytes(sound)
    assert store.read_record(record.run_id) == record


def test_every_older_schema_of_a_record_has_a_fixture_that_loads(repository: Path) -> None:
    from vggstudy.ledger import marker, record

    fixtures = repository / "tests/ledger/fixtures"
    for schema in range(1, record.SCHEMA + 1):
        run = RunRecord.from_json((fixtures / f"run-schema-{schema}.json").read_bytes())
        assert run.attempts
    for schema in range(1, marker.SCHEMA + 1):
        text = (fixtures / f"study-schema-{schema}.json").read_bytes()
        assert marker.Marker.from_json(text).name


def older_schema(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("ALTER TABLE runs RENAME TO old_runs")


def newer_schema(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    "harm",
    [
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        older_schema,
        newer_schema,
    ],
    ids=["deleted", "empty", "garbage", "truncated", "older", "newer"],
)
def test_a_harmed_index_changes_no_claim(
    cli: Any, small: Any, harm: Any, tried: Counter[str]
) -> None:
    claims = cli("analyze", "small", "--json").out
    harm(small.path / "index.sqlite")
    assert cli("analyze", "small", "--json").out == claims
    with StudyIndex.open(small.path) as index:
        assert (len(index), index.in_memory) == (12, False)
    tried["harmed indexes"] += 1


@pytest.mark.campaign
@pytest.mark.parametrize("epochs", [10, 100])
def test_a_hundred_thousand_records_are_indexed_and_opened_in_time(
    tmp_path: Path, repository: Path, epochs: int
) -> None:
    """Processor time: other programs on the machine do not count. The limit is for one core."""
    base = of_epochs(published_record(repository), epochs)
    store = StudyStore.create(tmp_path / "study", "schema = 1\n", "d", "large")
    for number in range(RECORDS):
        record = replace(base, run_id=f"{number:016x}", replicate=number)
        folder = store.run_dir(record.run_id)
        folder.mkdir()
        (folder / "run.json").write_text(record.to_json())  # without a sync for each
    began = time.process_time()
    with store.index() as index:
        assert len(index) == RECORDS
    indexed = time.process_time() - began
    began = time.process_time()
    with store.index() as index:
        assert len(index) == RECORDS
    opened = time.process_time() - began
    assert indexed < 60.0, indexed
    assert opened < 2.0, opened
