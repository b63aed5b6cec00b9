"""A study with declared looks stops by itself; each look is taken once, and nothing is skipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vggstudy.analysis.numbers.fixed_width import fixed_width_level
from vggstudy.errors import AnalysisError, LedgerError, ProtocolError
from vggstudy.execution.local.pool import Tally
from vggstudy.ledger.journal import JOURNAL_NAME, read_journal
from vggstudy.protocol import parse_protocol
from vggstudy.study import driving, stopping
from vggstudy.study.analyze import analyze, report
from vggstudy.study.basis import basis_of
from vggstudy.study.stopping import EVENT
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "looks"
[design]
replicates = 12
seed = 1
[design.factors]
batch_norm = [false, true]
[design.stopping]
looks = [4, 8]
decided = ["H1"]
[data]
name = "digits"
[model]
depth = 11
[training]
epochs = 20
[analysis]
resamples = 199
[[hypotheses]]
id = "H1"
text = "Batch normalisation raises accuracy."
kind = "claim"
claim = "accuracy.diff.batch_norm"
direction = "above"
threshold = 0.0
"""

WIDTH = PROTOCOL.replace(
    'decided = ["H1"]', 'claim = "accuracy.diff.batch_norm"\nhalf_width = 0.01'
)

SEEN = 0.05
"""An effect that the second look sees, and the first does not."""


class Invented:
    """An engine whose runs differ between the cells by an effect, in steps of 1/200."""

    def __init__(self, tricks: Any, effect: float, *, lost: Sequence[int] = ()) -> None:
        self.record_of, self.effect, self.lost = tricks.record_of, effect, list(lost)
        self.handed: list[int] = []

    def __call__(self, runs: Any, store: Any, options: Any, listener: Any) -> Tally:
        """Execute them, those of a lost replicate as crashed."""
        self.handed.append(len(runs))
        crashed = 0
        for run in runs:
            listener.started(run, worker=0)
            if run.replicate in self.lost:
                crashed += 1
                continue
            record = self.record(run)
            store.write_record(record)
            listener.finished(run, record)
        return Tally(len(runs) - crashed, crashed, 0, interrupted=False)

    def record(self, run: Any) -> Any:
        """A run of the cell's accuracy, with noise of its own."""
        record = self.record_of(run)
        rng = np.random.default_rng([run.replicate, run.levels["batch_norm"]])
        wanted = 0.8 + self.effect * run.levels["batch_norm"] + 0.02 * rng.standard_normal()
        accuracy = round(wanted * 200) / 200
        for name in ("test_accuracy", "test_balanced_accuracy", "val_accuracy"):
            record.result["metrics"][name] = accuracy
        record.result["final"]["val_accuracy"] = accuracy
        record.result["curves"]["val_accuracy"] = [accuracy] * 20
        return record


def study_of(folder: Path, text: str = PROTOCOL) -> Study:
    return Study(parse_protocol(text), folder / "looks", text=text)


def looks_in_journal(study: Study) -> list[tuple[int, int, bool]]:
    journal = read_journal(study.path)
    assert journal is not None
    assert journal.faults == ()
    return [
        (e.values["look"], e.values["replicates"], e.values["met"])
        for e in journal.entries
        if e.event == EVENT
    ]


@pytest.fixture
def ran(tmp_path: Path, tricks: Any) -> Study:
    """A study whose effect is seen at the second of three looks."""
    study = study_of(tmp_path)
    study.run(engine=Invented(tricks, SEEN))
    return study


def test_a_study_stops_at_the_look_that_decides(ran: Study) -> None:
    assert looks_in_journal(ran) == [(1, 4, False), (2, 8, True)]
    assert (len(ran.plan.runs), len(ran.whole.runs)) == (16, 24)
    assert ran.progress().lacking == ()
    again = Study.open(ran.path)
    assert (len(again.plan.runs), again.progress().lacking) == (16, ())
    assert again.run(engine=_refusing).finished == 0
    assert looks_in_journal(ran) == [(1, 4, False), (2, 8, True)]


def _refusing(runs: Any, store: Any, options: Any, listener: Any) -> Tally:
    assert not runs
    return Tally(0, 0, 0, interrupted=False)


def test_without_an_effect_all_looks_are_taken(tmp_path: Path, tricks: Any) -> None:
    study, engine = study_of(tmp_path), Invented(tricks, 0.0)
    assert study.run(engine=engine) == Tally(24, 0, 0, interrupted=False)
    assert engine.handed == [8, 8, 8]
    assert looks_in_journal(study) == [(1, 4, False), (2, 8, False), (3, 12, False)]


def test_claims_and_verdicts_have_the_level_of_the_look(ran: Study) -> None:
    """The nominal levels are R's: 2 Phi(2.5114) - 1 at the second of three looks."""
    result = analyze(ran)
    claim = result.claims["accuracy.diff.batch_norm"]
    assert claim.level == pytest.approx(0.98798, abs=2e-5)
    assert claim.n == 16
    assert [note.code for note in claim.warnings if note.code == "sequential"]
    assert "look 2 of 3" in result.warnings[0].text
    assert "98.8%" in result.warnings[0].text
    assert not any("have not been run" in note.text for note in result.warnings)
    assert result.hypotheses[0].verdict == "supported"
    assert result.hypotheses[0].level == claim.level
    assert "98.8% interval" in result.summary()
    demanded = result.claims["accuracy.median@batch_norm=true"]
    assert demanded.level == claim.level


def test_between_looks_only_the_last_look_is_analysed(tmp_path: Path, tricks: Any) -> None:
    study, engine = study_of(tmp_path), Invented(tricks, 0.0)
    study.run(engine=engine, limit=3)
    with pytest.raises(AnalysisError, match="nothing is analysed before the first look"):
        analyze(Study.open(study.path))
    study = Study.open(study.path)
    study.run(engine=engine, limit=7)  # five to the look and two after it
    assert looks_in_journal(study) == [(1, 4, False)]
    assert analyze(study).claims["accuracy.mean"].n == 8
    assert len(study.to_frame()) == 24
    assert "look 2 of 3 comes at 8 replicates" in _said(study)


def _said(study: Study) -> str:
    return "\n".join(remark.note.text for remark in basis_of(study).remarks)


def test_a_look_waits_for_runs_that_crashed(tmp_path: Path, tricks: Any) -> None:
    study = study_of(tmp_path)
    tally = study.run(engine=Invented(tricks, SEEN, lost=[3]))
    assert (tally.finished, tally.crashed) == (6, 2)
    assert looks_in_journal(study) == []
    Study.open(study.path).run(engine=Invented(tricks, SEEN))
    assert looks_in_journal(study) == [(1, 4, False), (2, 8, True)]


def test_a_driver_killed_at_a_look_neither_takes_it_twice_nor_skips_it(
    tmp_path: Path, tricks: Any, monkeypatch: pytest.MonkeyPatch, ran: Study
) -> None:
    """Killed before the look was noted, and right after: the journal ends up the same."""
    whole = stopping.note_taken
    for after in (False, True):
        study = study_of(tmp_path / str(after))

        def killed(*arguments: Any, noted: bool = after) -> None:
            if noted:
                whole(*arguments)
            raise KeyboardInterrupt

        for look in (1, 2):
            with monkeypatch.context() as patch:
                patch.setattr(driving, "note_taken", killed)
                with pytest.raises(KeyboardInterrupt):
                    Study.open(study.path).run(
                        engine=Invented(tricks, SEEN)
                    ) if study.exists else study.run(engine=Invented(tricks, SEEN))
            if not after and look == 1:
                continue
        Study.open(study.path).run(engine=Invented(tricks, SEEN))
        assert looks_in_journal(study) == [(1, 4, False), (2, 8, True)]
        assert analyze(Study.open(study.path)).inputs_digest == analyze(ran).inputs_digest


def test_looks_of_a_journal_that_is_gone_come_out_the_same(ran: Study, tricks: Any) -> None:
    before = analyze(ran).claims["accuracy.diff.batch_norm"]
    (ran.path / JOURNAL_NAME).unlink()
    study = Study.open(ran.path)
    with pytest.raises(AnalysisError, match="'vggstudy run' takes it"):
        analyze(study)
    study.run(engine=Invented(tricks, SEEN))
    assert looks_in_journal(study) == [(1, 4, False), (2, 8, True)]
    assert analyze(study).claims["accuracy.diff.batch_norm"] == before


def test_a_journal_that_cannot_be_written_stops_the_study(
    tmp_path: Path, tricks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vggstudy.study.stopping.append", full)
    study = study_of(tmp_path)
    with pytest.raises(LedgerError, match="No space left on device"):
        study.run(engine=Invented(tricks, SEEN))
    monkeypatch.undo()
    Study.open(study.path).run(engine=Invented(tricks, SEEN))
    assert looks_in_journal(study) == [(1, 4, False), (2, 8, True)]


def test_a_half_width_stops_a_study_without_spending(tmp_path: Path, tricks: Any) -> None:
    study = study_of(tmp_path, WIDTH.replace("half_width = 0.01", "half_width = 0.025"))
    study.run(engine=Invented(tricks, 0.0))
    looks = looks_in_journal(study)
    assert looks[-1][2]
    result = analyze(study)
    claim = result.claims["accuracy.diff.batch_norm"]
    assert claim.high is not None
    assert claim.low is not None
    assert (claim.high - claim.low) / 2 <= 0.025
    assert claim.level == fixed_width_level((4, 8, 12), 0.95) > 0.97
    assert "the half-width of accuracy.diff.batch_norm was" in _said(study)
    never = study_of(tmp_path / "never", WIDTH.replace("0.01\n", "0.0001\n"))
    never.run(engine=Invented(tricks, 0.0))
    assert looks_in_journal(never)[-1] == (3, 12, False)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("looks = [4, 8]", "looks = [4, 6]", "design.stopping"),
        ('[design.stopping]\nlooks = [4, 8]\ndecided = ["H1"]\n', "", "design.stopping"),
        ("replicates = 12", "replicates = 20", "design.replicates"),
        ("replicates = 12", "replicates = 8", "design.replicates"),
        ("resamples = 199", "resamples = 199\nconfidence = 0.9", "analysis.confidence"),
        ("threshold = 0.0", "threshold = -0.1", "hypothesis H1"),
    ],
)
def test_looks_do_not_change_after_results(ran: Study, old: str, new: str, what: str) -> None:
    files = {path: path.read_bytes() for path in ran.path.rglob("*") if path.is_file()}
    changed = study_of(ran.path.parent, PROTOCOL.replace(old, new))
    with pytest.raises(ProtocolError, match=f"{what} cannot change after 16 runs have a result"):
        changed.run(engine=_refusing)
    left = {path: path.read_bytes() for path in ran.path.rglob("*") if path.is_file()}
    index = {path for path in files if path.name.startswith("index.sqlite")}
    assert {p: b for p, b in left.items() if p not in index and "sqlite" not in p.name} == {
        p: b for p, b in files.items() if p not in index
    }


def test_looks_may_be_declared_before_there_is_a_result(tmp_path: Path, tricks: Any) -> None:
    plain = PROTOCOL.replace('[design.stopping]\nlooks = [4, 8]\ndecided = ["H1"]\n', "")
    study_of(tmp_path, plain).run(engine=lambda *_: Tally(0, 0, 24, interrupted=True))
    study = study_of(tmp_path)
    study.run(engine=Invented(tricks, SEEN))
    assert looks_in_journal(study)[-1] == (2, 8, True)


def test_a_study_analysed_before_its_end_says_so_where_no_looks_were_declared(
    tmp_path: Path, tricks: Any
) -> None:
    plain = PROTOCOL.replace('[design.stopping]\nlooks = [4, 8]\ndecided = ["H1"]\n', "")
    study, engine = study_of(tmp_path, plain), Invented(tricks, 0.0)
    study.run(engine=engine, limit=10)
    first = analyze(study)
    assert not any("no looks were declared" in note.text for note in first.warnings)
    study.to_frame()  # a table of cells is no analysis
    analyze(study)
    study.run(engine=engine)
    result = analyze(study)
    assert "looks: 1, the first at 10 of 24 results" in result.warnings[0].text
    codes = [note.code for note in result.claims["accuracy.diff.batch_norm"].warnings]
    assert "looked_early" in codes
    assert "no looks were declared" in _said(study)
    page = report(study, tmp_path / "report.html").read_text()
    assert "no looks were declared" in page


def test_the_report_shows_looks_bounds_and_spent_error(ran: Study, tmp_path: Path) -> None:
    page = report(ran, tmp_path / "report.html").read_text()
    assert "Looks that were declared" in page
    for text in ("99.98%", "98.8%", "95.37%", "0.0121", "H1 supported"):
        assert text in page


def test_commands_tell_looks_and_their_cost(
    ran: Study, cli: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(PROTOCOL)
    code, text = cli("check", tmp_path / "p.toml")
    assert code == 0
    assert "stop when H1 is supported or contradicted" in text
    code, text = cli("plan", tmp_path / "p.toml", "--study", tmp_path / "new", "--json")
    rows = json.loads(text)["looks"]
    assert [(row["look"], row["replicates"]) for row in rows] == [(1, 4), (2, 8), (3, 12)]
    assert [row["spent"] for row in rows] == pytest.approx([0.000207, 0.012097, 0.05], abs=1e-6)
    code, text = cli("status", ran.path)
    assert code == 0
    assert "16 of 16 runs done" in text
    assert ", stopped" in text
    code, text = cli("run", tmp_path / "p.toml", "--study", ran.path)
    assert code == 0
    assert "the study stopped" in text


def test_the_cost_of_each_look_is_that_of_its_runs(tmp_path: Path, tricks: Any) -> None:
    from vggstudy.study.cost import cost_of_looks

    study = study_of(tmp_path)
    study.run(engine=Invented(tricks, 0.0), limit=4)
    seconds = [found[1] for found in cost_of_looks(study, study.progress()) if found]
    assert seconds == pytest.approx([2.0 * (8 - 4), 2.0 * (16 - 4), 2.0 * (24 - 4)])
