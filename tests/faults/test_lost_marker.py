"""A lost or damaged study.json is made anew by the doctor, or refused in exact words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import StudyStore
from vggstudy.ledger.sealed import seal


def torn(marker: Path) -> None:
    marker.write_bytes(marker.read_bytes()[:-100])


def edited(marker: Path) -> None:
    marker.write_bytes(marker.read_bytes().replace(b"small", b"large"))


def emptied(marker: Path) -> None:
    marker.write_bytes(b"")


@pytest.mark.parametrize("harm", [Path.unlink, torn, edited, emptied])
def test_the_doctor_makes_a_marker_anew_and_the_study_goes_on(
    cli: Any, small: Any, harm: Any, tried: Counter[str], tree_digest: Any
) -> None:
    records = tree_digest(small.path / "runs")
    claims = cli("analyze", "small", "--json").out
    harm(small.path / "study.json")
    refused = cli("status", "small")
    assert refused.code == 5
    assert "'vggstudy doctor small' makes it anew from protocol.toml" in refused.err
    mended = cli("doctor", "small")
    assert mended.code == 0, mended.err
    assert "was made anew from protocol.toml, which plans 12 of the recorded runs" in mended.out
    assert tree_digest(small.path / "runs") == records
    store = StudyStore.open(small.path)
    assert store.protocol_text == small.text
    assert store.protocol_digest == small.protocol.digest()
    assert store.created_at == "2026-01-01T00:00:00+00:00"
    assert "was lost and made anew" in store.amendments[-1].diff
    assert cli("analyze", "small", "--json").out == claims
    tried["lost markers"] += 1


def test_a_damaged_marker_is_kept_under_another_name(cli: Any, small: Any) -> None:
    for name in ("study.json.damaged", "study.json.damaged1"):
        torn(small.path / "study.json")
        was = (small.path / "study.json").read_bytes()
        assert name in cli("doctor", "small").out
        assert (small.path / name).read_bytes() == was


def test_records_of_a_larger_study_are_counted_apart(cli: Any, small: Any) -> None:
    path = small.path / "protocol.toml"
    path.write_text(small.text.replace("replicates = 3", "replicates = 2"))
    (small.path / "study.json").unlink()
    assert "plans 8 of the recorded runs, 4 others are not planned" in cli("doctor", "small").out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "could not be read: No such file or directory"),
        (lambda path: path.write_text("schema = 1"), "'name' is missing"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (
            lambda path: path.write_text(path.read_text().replace("seed = 1", "seed = 2")),
            "plans 12 runs and none of the 12 that are recorded",
        ),
    ],
    ids=["missing", "incomplete", "binary", "another study's"],
)
def test_what_cannot_vouch_for_the_records_is_refused(
    cli: Any, small: Any, change: Any, words: str, tree_digest: Any
) -> None:
    (small.path / "study.json").unlink()
    change(small.path / "protocol.toml")
    before = tree_digest(small.path)
    refused = cli("doctor", "small")
    assert refused.code == 5
    assert words in refused.err
    assert "study.json is lost or damaged and cannot be made anew" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert tree_digest(small.path) == before


def test_the_marker_of_a_newer_version_is_never_replaced(cli: Any, small: Any) -> None:
    marker = small.path / "study.json"
    marker.write_text(seal({"format": "vggstudy-study", "schema": 9}))
    before = marker.read_bytes()
    refused = cli("doctor", "small")
    assert refused.code == 5
    assert "written by a newer vggstudy" in refused.err
    assert marker.read_bytes() == before


def test_a_study_in_use_is_not_mended(cli: Any, small: Any) -> None:
    with StudyStore.open(small.path).lock():
        (small.path / "study.json").unlink()
        refused = cli("doctor", "small")
    assert refused.code == 5
    assert "is locked by process" in refused.err


def test_a_folder_that_never_was_a_study_is_left_alone(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "protocol.toml").write_text("schema = 1")
    assert cli("doctor", tmp_path / "mine").code == 5
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["protocol.toml"]
