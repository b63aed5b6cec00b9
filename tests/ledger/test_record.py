from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.errors import LedgerError
from vggstudy.ledger import DamagedFileError, RunRecord
from vggstudy.ledger.marker import Marker
from vggstudy.ledger.record import read_record_file
from vggstudy.ledger.sealed import seal


def kind_of(data: str | bytes) -> str:
    with pytest.raises(DamagedFileError) as caught:
        RunRecord.from_json(data)
    assert isinstance(caught.value, LedgerError)
    return caught.value.kind


def resealed(text: str, **changes: Any) -> str:
    """The record with other fields and a right checksum, as a careless program would write it."""
    payload = {**json.loads(text), **changes}
    del payload["checksum"]
    return seal(payload)


def test_a_record_is_read_as_it_was_written(make_record: Any, make_crash: Any) -> None:
    for record in (make_record(3), make_crash(4)):
        assert RunRecord.from_json(record.to_json()) == record


def test_a_record_of_schema_1_loads_forever(fixtures: Path) -> None:
    record = RunRecord.from_json((fixtures / "run-schema-1.json").read_bytes())
    assert (record.run_id, record.replicate, record.status) == ("0000000000000007", 7, "finished")
    assert record.levels == {"batch_norm": True, "depth": 11}
    assert record.result["curves"]["train_loss"] == [2.3, 1.25, 0.5]
    assert record.attempts[0]["failure"] is None
    assert record.environment["path"] == "caf\N{LATIN SMALL LETTER E WITH ACUTE} \udcff"
    # Computed when the schema was fixed; claims refer to records by it.
    assert record.content_digest() == (
        "c09746bc09b0984cae0fdd176a13bd8d0fd52c3008c81744960f9d7f5118cad1"
    )


def test_schema_1_is_still_written_byte_by_byte(fixtures: Path) -> None:
    text = (fixtures / "run-schema-1.json").read_bytes()
    assert RunRecord.from_json(text).to_json().encode() == text


def test_a_marker_of_schema_1_loads_forever(fixtures: Path) -> None:
    marker = Marker.from_json((fixtures / "study-schema-1.json").read_bytes())
    assert (marker.name, marker.protocol_digest) == ("depth", "d2")
    assert marker.amendments[0].diff.endswith('+name = "b"')


def test_the_deterministic_part_of_equal_runs_is_byte_identical(make_record: Any) -> None:
    one = make_record()
    other = make_record(
        attempts=[{"number": 2, "started_at": "later", "duration_s": 9, "failure": None}],
        timings={"total_s": 99.0},
        environment={"host": "elsewhere"},
        levels={"batch_norm": True, "depth": 11.0},
    )
    assert one.deterministic_json() == other.deterministic_json()
    assert one.content_digest() == other.content_digest()
    assert one.to_json() != other.to_json()


@pytest.mark.parametrize("name", ["study_seed", "replicate", "levels", "recipe", "result"])
def test_everything_else_is_part_of_the_content(make_record: Any, name: str) -> None:
    value: object = {"levels": {"a": 1}, "recipe": {"a": 1}, "result": {"curves": {}}}.get(name, 5)
    assert (
        replace(make_record(), **{name: value}).content_digest() != make_record().content_digest()
    )


def test_every_flipped_byte_is_noticed(make_record: Any) -> None:
    data = make_record().to_json().encode()
    for position in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            flipped = bytearray(data)
            flipped[position] ^= mask
            assert kind_of(bytes(flipped)) in {"torn", "edited", "foreign"}


def test_every_truncation_is_noticed(make_record: Any) -> None:
    data = make_record().to_json().encode()
    assert {kind_of(data[:length]) for length in range(len(data))} == {"torn"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda text: text + "\n", "torn"),
        (lambda text: text + " ", "torn"),
        (lambda text: "\0" * len(text), "torn"),
        (lambda text: text.replace("0.75", "0.85"), "edited"),
        (lambda text: json.dumps(json.loads(text), indent=1) + "\n", "edited"),
        (lambda text: '{"a": 1}\n', "foreign"),
        (lambda text: "[1, 2]\n", "foreign"),
        (lambda text: "<html></html>", "foreign"),
        (lambda text: "{" * 100_000, "torn"),
        (lambda text: "[" * 100_000, "foreign"),
        (lambda text: '{"a":' * 100_000 + "}\n", "foreign"),
        (lambda text: resealed(text, schema=2), "newer"),
        (lambda text: resealed(text, schema=2, levels="another shape"), "newer"),
        (lambda text: resealed(text, schema=0), "foreign"),
        (lambda text: resealed(text, schema=True), "foreign"),
        (lambda text: resealed(text, format="vggstudy-study"), "foreign"),
        (lambda text: resealed(text, status="done"), "foreign"),
        (lambda text: resealed(text, replicate="3"), "foreign"),
        (lambda text: resealed(text, replicate=True), "foreign"),
        (lambda text: resealed(text, result={"curves": {"a": [1], "b": [1, 2]}}), "foreign"),
        (lambda text: resealed(text, result={"curves": {"a": ["1"]}}), "foreign"),
        (lambda text: resealed(text, result={"metrics": {"val_accuracy": "x"}}), "foreign"),
        (lambda text: resealed(text, result={"status": "diverged"}), "foreign"),
        (lambda text: resealed(text, status="crashed"), "foreign"),
        (lambda text: resealed(text, provenance={"attempts": [1]}), "foreign"),
        (lambda text: resealed(text, study_seed=10**400), "foreign"),
        (lambda text: text.replace("0.75", "1e999"), "foreign"),
        (lambda text: text.replace("0.75", "NaN"), "foreign"),
        (lambda text: text.replace("0.75", "-Infinity"), "foreign"),
        (lambda text: text.replace("0.75", "9" * 5000), "foreign"),
    ],
)
def test_damage_is_told_apart(make_record: Any, change: Any, kind: str) -> None:
    assert kind_of(change(make_record().to_json())) == kind


@given(st.binary(max_size=200))
def test_no_bytes_give_anything_but_a_named_damage(data: bytes) -> None:
    assert kind_of(data) in {"torn", "edited", "foreign"}
    assert kind_of(b"{" + data + b"}\n") in {"torn", "edited", "foreign"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_never_written(make_record: Any, value: float) -> None:
    with pytest.raises(ValueError, match=r"finite|must be a number or null"):
        make_record(timings={"total_s": value}).to_json()
    with pytest.raises(ValueError, match="finite"):
        make_record(result={"curves": {"train_loss": [value]}}).to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "done"}, r"status must be one of finished, diverged, crashed, got 'done'"),
        ({"status": "crashed"}, r"a crashed run has no result"),
        ({"status": "diverged"}, r"status is 'diverged', that of the result 'finished'"),
        ({"attempts": ["first"]}, r"attempts must be objects"),
        ({"levels": ["depth"]}, r"levels must be dict, got list"),
    ],
)
def test_a_record_that_contradicts_itself_is_not_written(
    make_record: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_record(**changes).to_json()


def test_a_name_that_is_not_utf8_survives(make_record: Any) -> None:
    record = make_record(environment={"host": "a\udcffb"}, levels={"root": "\ud800"})
    text = record.to_json()
    assert text.encode()  # the file holds valid UTF-8
    assert RunRecord.from_json(text) == record
    assert len(record.content_digest()) == 64


def test_a_record_in_the_folder_of_another_run_is_named(make_record: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(make_record(1).to_json())
    with pytest.raises(
        DamagedFileError, match=r"run\.json: holds the record of run 0{15}1"
    ) as caught:
        read_record_file(path, run_id="2" * 16)
    assert caught.value.kind == "foreign"
