"""Deletions, reruns, looks and amendments show, by the journal that runs keep."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vggstudy.execution.attempt import attempt_entry, record_crash
from vggstudy.execution.local.pool import Tally
from vggstudy.ledger import StudyStore
from vggstudy.ledger.journal import JOURNAL_NAME, read_journal
from vggstudy.protocol import parse_protocol
from vggstudy.study import keeping
from vggstudy.study.basis import basis_of
from vggstudy.study.packing import pack
from vggstudy.study.register import register
from vggstudy.study.study import Study

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


class Invented:
    """An engine that trains nothing: its results are invented, some attempts crash first."""

    def __init__(self, record_of: Any, crashing: Sequence[str] = ()) -> None:
        self.record_of, self.crashing = record_of, list(crashing)

    def __call__(self, runs: Any, store: Any, options: Any, listener: Any) -> Tally:
        for run in runs:
            listener.started(run, worker=0)
            if run.run_id in self.crashing:
                failure = {"kind": "killed", "message": "gone"}
                entry = attempt_entry("2100-01-01T00:00:00+00:00", 1.0, failure)  # type: ignore[arg-type]
                record_crash(run, store, entry, environment={"host": "here"})
                listener.crashed(run, failure, retry=True)
                listener.started(run, worker=0)
            record = self.record_of(run)
            store.write_record(record)
            listener.finished(run, record)
        return Tally(len(runs), 0, 0, interrupted=False)


@pytest.fixture
def ran(tmp_path: Path, tricks: Any, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Forty runs, by a driver."""
    monkeypatch.chdir(tmp_path)
    study = Study(parse_protocol(tricks.text), Path("forty"), text=tricks.text)
    study.run(engine=Invented(tricks.record_of))
    return study


def events(study: Study) -> list[str]:
    found = read_journal(study.path)
    assert found is not None
    assert found.faults == ()
    return [entry.event for entry in found.entries]


def said(study: Study) -> str:
    return "\n".join(remark.note.text for remark in basis_of(study).remarks)


def test_a_run_notes_what_happens(ran: Study) -> None:
    assert events(ran) == ["created", *["started", "recorded"] * 40]
    assert basis_of(ran).odd == ()
    assert "the journal knows of no look" in said(ran)


def test_a_run_with_nothing_to_do_notes_nothing(ran: Study, tricks: Any) -> None:
    before = events(ran)
    ran.run(engine=Invented(tricks.record_of))
    assert events(ran) == before


def test_crashes_and_retries_show(tmp_path: Path, tricks: Any) -> None:
    study = Study(parse_protocol(tricks.text), tmp_path / "forty", text=tricks.text)
    study.run(engine=Invented(tricks.record_of, [study.plan.runs[3].run_id]), limit=5)
    assert events(study)[7:11] == ["started", "crashed", "retried", "recorded"]
    assert "1 attempts crashed, 1 were made again" in said(study)


def test_looks_show_once_each_time_that_something_came(tmp_path: Path, tricks: Any) -> None:
    study = Study(parse_protocol(tricks.text), tmp_path / "forty", text=tricks.text)
    study.run(engine=Invented(tricks.record_of), limit=12)
    study.to_frame()
    study.to_frame()
    assert events(study).count("looked") == 1
    study.run(engine=Invented(tricks.record_of))
    study.to_frame()
    assert events(study).count("looked") == 2
    assert "looked at 2 times, first on" in said(study)
    assert "with 12 of 40 results" in said(study)


def test_deleted_results_are_named_and_so_are_those_made_again(ran: Study, tricks: Any) -> None:
    assert tricks.drop_failed(ran.path) == 6
    gone = said(ran)
    assert "6 results that the journal knows are gone" in gone
    late = "2100-01-02T00:00:00+00:00"
    ran.run(engine=Invented(lambda run: tricks.record_of(run, start=late)))
    again = said(ran)
    assert "are gone" not in again
    assert "6 runs came to a result more than once" in again


def test_what_was_bent_counts_the_deleted_runs(ran: Study, tricks: Any) -> None:
    tricks.drop_failed(ran.path)
    late = Study(parse_protocol(tricks.text + tricks.hypothesis), ran.path)
    with late.held():
        pass
    assert "hypothesis H1: added after 40 of 40 runs" in said(late)


def test_an_order_does_not_depend_on_clocks(ran: Study, tricks: Any) -> None:
    # Records say that they began in 2100, after the amendment of today.
    late = Study(parse_protocol(tricks.text + tricks.hypothesis), ran.path)
    with late.held():
        pass
    (hypothesis,) = basis_of(late).registrations
    assert (hypothesis.existed, hypothesis.total) == (40, 40)


def test_replaced_and_foreign_records_are_named(ran: Study, tricks: Any) -> None:
    first, second = ran.plan.runs[:2]
    path = ran.path / "runs" / first.run_id / "run.json"
    path.write_text(tricks.record_of(first, start="2100-05-01T00:00:00+00:00").to_json())
    assert "1 records are not those that the journal knows" in said(ran)
    shutil.rmtree(ran.path / "runs" / second.run_id)
    (ran.path / JOURNAL_NAME).unlink()
    with ran.held():
        pass
    StudyStore.open(ran.path).write_record(tricks.record_of(second))
    assert "1 records are not in the journal" in said(ran)
    with ran.held():  # as after jobs of a cluster whose driver was gone
        pass
    assert events(ran)[-1] == "found"
    assert "are not in the journal" not in said(ran)


def test_an_old_study_has_none_and_gets_one_by_its_next_run(forty: Study, tricks: Any) -> None:
    forty.to_frame()
    assert not (forty.path / JOURNAL_NAME).exists()
    assert "there is no journal" in said(forty)
    assert basis_of(forty).odd == ()
    forty.run(engine=Invented(tricks.record_of))
    assert events(forty) == ["opened", *["found"] * 40]
    assert "when there were 40 runs already" in said(forty)


def test_an_amendment_that_the_marker_lost_is_named(ran: Study, tricks: Any) -> None:
    marker = (ran.path / "study.json").read_bytes()
    late = Study(parse_protocol(tricks.text + tricks.hypothesis), ran.path)
    with late.held():
        pass
    (ran.path / "study.json").write_bytes(marker)
    assert "which the study hides" in said(Study.open(ran.path))


def test_a_shortened_journal_is_named_by_a_receipt(ran: Study) -> None:
    register(ran)
    path = ran.path / JOURNAL_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    assert "no longer holds" not in said(ran)
    path.write_bytes(b"".join(lines[:-10]))
    assert "no longer holds the entry that receipt 0001 names" in said(ran)
    assert not basis_of(ran).sound


def test_a_journal_that_cannot_be_written_stops_no_run(
    tmp_path: Path, tricks: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping, "append", full)
    study = Study(parse_protocol(tricks.text), tmp_path / "forty", text=tricks.text)
    tally = study.run(engine=Invented(tricks.record_of), limit=5)
    assert tally.finished == 5
    assert len([r for r in caplog.records if JOURNAL_NAME in r.getMessage()]) <= 2
    monkeypatch.undo()
    study.run(engine=Invented(tricks.record_of), limit=1)
    assert events(study)[:6] == ["opened", *["found"] * 5]


def test_a_journal_of_somebody_else_is_passed_over_with_a_sentence(ran: Study, cli: Any) -> None:
    path = ran.path / JOURNAL_NAME
    path.unlink()
    path.symlink_to("/etc/passwd")
    code, text = cli("verify", ran.path)
    assert (code, "is a link" in text) == (3, True)


# -- Packs -------------------------------------------------------------------------------------


def test_a_pack_carries_journal_receipts_and_a_manifest_with_what_is_missing(
    ran: Study, tricks: Any, cli: Any
) -> None:
    register(ran)
    tricks.drop_failed(ran.path)
    assert cli("pack", ran.path, "packed")[0] == 0
    manifest = json.loads(Path("packed/manifest.json").read_text())
    assert (manifest["planned"], len(manifest["missing"])) == (40, 6)
    assert manifest["root"] == basis_of(ran).root == basis_of(Study.open("packed")).root
    assert {"journal.jsonl", "registrations/0001.json"} <= set(manifest["files"])
    code, text = cli("verify", "packed")
    assert code == 0
    assert "pack is what its manifest says" in text
    assert "6 results that the journal knows are gone" in text
    before = Path("packed", JOURNAL_NAME).read_bytes()
    cli("status", "packed")
    assert Path("packed", JOURNAL_NAME).read_bytes() == before  # a pack is never written
    assert cli("unpack", "packed", "again")[0] == 0
    assert Path("again", JOURNAL_NAME).read_bytes() == before
    assert basis_of(Study.open("again")).root == manifest["root"]


@pytest.mark.parametrize("name", ["journal.jsonl", "protocol.toml", "manifest.json"])
def test_a_pack_that_was_changed_is_not_what_its_manifest_says(
    ran: Study, cli: Any, name: str
) -> None:
    pack(ran.path, Path("packed"))
    path = Path("packed", name)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) if len(lines) > 1 else lines[0][:-9] + b'"9"}\n')
    code, text = cli("verify", "packed")
    assert code == 3, text
    assert "manifest" in text


@needs_keygen
def test_a_signature_holds_for_its_key_and_for_nobody_else(ran: Study, cli: Any) -> None:
    for name in ("own", "other"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", name]
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
        key = Path(f"{name}.pub").read_text()
        Path(f"{name}.signers").write_text(f'{name}@example.org namespaces="vggstudy" {key}')
    assert cli("pack", ran.path, "packed", "--sign", "own")[0] == 0
    code, text = cli("verify", "packed")
    assert (code, "signed by the key SHA256:" in text) == (0, True)
    code, text = cli("verify", "packed", "--signers", "own.signers")
    assert (code, "signed by own@example.org" in text) == (0, True)
    code, text = cli("verify", "packed", "--signers", "other.signers")
    assert (code, "does not hold" in text) == (3, True)
    Path("packed/manifest.json").write_text(
        Path("packed/manifest.json").read_text().replace('"planned":40', '"planned":41')
    )
    assert cli("verify", "packed")[0] == 3
    # Packed again without a key, nothing is signed any more.
    pack(ran.path, Path("packed"))
    assert not Path("packed/manifest.json.sig").exists()
    code, text = cli("verify", "packed", "--signers", "own.signers", "--strict")
    assert (code, "is not signed" in text) == (1, True)


def test_signing_without_ssh_keygen_is_one_sentence(
    ran: Study, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("key").write_text("x")
    monkeypatch.setenv("PATH", os.devnull)
    code, text = cli("pack", ran.path, "packed", "--sign", "key")
    assert (code, "needs ssh-keygen" in text) == (5, True)
