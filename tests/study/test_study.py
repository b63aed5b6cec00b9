"""A study keeps its folder: what was run stays, what changed is recorded, strangers are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vggstudy.errors import AnalysisError, ExecutionError, LedgerError
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.ledger.sealed import seal
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.analyze import analyze
from vggstudy.study.places import find_study
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study, protocol_text

PROTOCOL = """\
schema = 1
name = "small"
# a comment that belongs to the author
[design]
replicates = 3
seed = 1
[design.factors]
depth = [11, 19]
batch_norm = [false, true]
[data]
name = "digits"
[training]
epochs = 20
"""

START = "2026-01-01T00:00:00+00:00"


def result_of(accuracy: float, *, epochs: int = 20) -> dict[str, Any]:
    """A training result whose validation and test accuracy are the same."""
    metrics = {
        **dict.fromkeys(("test_accuracy", "test_balanced_accuracy", "val_accuracy"), accuracy),
        "train_accuracy": min(1.0, accuracy + 0.1),
        **dict.fromkeys(("test_loss", "val_loss", "train_loss"), 1.0),
    }
    curves = {
        "train_loss": [2.0 - 0.05 * epoch for epoch in range(epochs)],
        "val_accuracy": [accuracy] * epochs,
        "val_loss": [1.0] * epochs,
    }
    return {
        "status": "finished",
        "stop_reason": "epoch_cap",
        "epochs": epochs,
        "selected_epoch": 1,
        "curves": curves,
        "metrics": metrics,
        "final": {"val_loss": 1.0, "val_accuracy": accuracy},
        "steps": 100,
        "parameters": {"count": 10, "trainable": 10},
        "parameters_and_statistics": 12,
        "data": {"majority_rate": 0.1, "n_validation": 200},
    }


def write_record(store: StudyStore, run: PlannedRun, accuracy: float | None) -> None:
    """Put a finished (or, without an accuracy, a crashed) run into the ledger."""
    failure = None if accuracy is not None else {"kind": "killed", "message": "gone"}
    record = make_record(
        run,
        status="finished" if accuracy is not None else "crashed",
        attempts=[attempt_entry(START, 2.0, failure)],  # type: ignore[arg-type]
        result=result_of(accuracy) if accuracy is not None else {},
        timings={"total_s": 2.0, "epoch_s": [0.1] * 20, "peak_memory_bytes": 5},
        environment={"host": "here"},
    )
    store.write_record(record)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Twelve planned runs: depth 11 and batch normalisation learn; one crashed, one missing."""
    study = Study(parse_protocol(PROTOCOL), tmp_path / "small", text=PROTOCOL)
    store = StudyStore.create(study.path, PROTOCOL, study.protocol.digest(), "small")
    for run in study.plan.runs[:-1]:
        learns = run.levels["depth"] == 11 or run.levels["batch_norm"]
        accuracy = 0.9 + 0.01 * run.replicate if learns else 0.1
        crashed = run.replicate == 2 and run.levels == {"depth": 19, "batch_norm": False}
        write_record(store, run, None if crashed else accuracy)
    return study


def test_frame_has_a_row_for_every_planned_run_whatever_became_of_it(study: Study) -> None:
    frame = study.to_frame()
    assert len(frame) == 12
    assert frame["outcome"].value_counts().to_dict() == {
        "converged": 8,
        "failed_to_learn": 2,
        "crashed": 1,
        "missing": 1,
    }
    learned = frame[frame["outcome"] == "converged"].iloc[0]
    assert (learned["test_accuracy"], learned["seconds"], learned["epochs"]) == (0.9, 2.0, 20)
    assert learned["generalisation_gap"] == pytest.approx(0.1)
    assert list(frame.columns[:5]) == ["run_id", "cell_id", "depth", "batch_norm", "replicate"]


def test_frame_of_another_rule_relabels_without_the_runs(study: Study) -> None:
    from vggstudy.protocol import LabelRule
    from vggstudy.study.runs import study_frame

    strict = study_frame(study.plan, study.store(), LabelRule(margin=0.85))
    assert (strict["outcome"] == "converged").sum() == 0


def test_frames_of_several_rules_are_those_of_each_from_records_read_once(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vggstudy.protocol import LabelRule
    from vggstudy.study import runs

    rules = [LabelRule(margin=0.05), LabelRule(margin=0.85), LabelRule(checkpoint="final")]
    store = study.store()
    alone = [runs.study_frame(study.plan, store, rule) for rule in rules]
    read: list[int] = []
    original = runs.recorded_rows

    def spy(*given: Any) -> Any:
        read.append(1)
        return original(*given)

    monkeypatch.setattr(runs, "recorded_rows", spy)
    together = runs.relabelled_frames(study.plan, store, rules)
    assert read == [1]
    for one, other in zip(together, alone, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_failed_runs_that_were_still_improving_can_count_as_converged(study: Study) -> None:
    from vggstudy.study.runs import with_unfinished

    frame = study.to_frame()
    failed = frame.index[frame["outcome"] == "failed_to_learn"]
    frame.loc[failed, "completion"] = ["unfinished", "stopped"]
    counted = with_unfinished(frame)
    assert counted.loc[failed, "outcome"].tolist() == ["converged", "failed_to_learn"]
    assert frame.loc[failed, "outcome"].tolist() == ["failed_to_learn"] * 2


def test_a_label_is_a_function_of_its_own_run(tmp_path: Path) -> None:
    """19% of 300 images right: beyond guessing for a run of 20 epochs, whatever else is planned."""
    outcomes: dict[str, set[str]] = {"run": set(), "study": set()}
    for whose, found in outcomes.items():
        for replicates in (1, 3, 3000):
            text = PROTOCOL.replace("replicates = 3", f"replicates = {replicates}")
            study = Study(parse_protocol(f'{text}[label]\ncomparisons = "{whose}"\n'), tmp_path)
            result = result_of(0.173)
            result["data"]["n_validation"] = 300
            record = make_record(
                study.plan.runs[0],
                status="finished",
                attempts=[attempt_entry(START, 2.0, None)],
                result=result,
                timings={"total_s": 2.0, "epoch_s": [0.1] * 20, "peak_memory_bytes": 5},
                environment={"host": "here"},
            )
            found.add(study.label(study.plan.runs[0], record).outcome)
    assert outcomes == {"run": {"converged"}, "study": {"converged", "failed_to_learn"}}


def test_a_study_keeps_the_label_rule_with_which_it_was_registered(study: Study) -> None:
    assert study.registered_comparisons == "run"
    marker = study.path / "study.json"
    content = json.loads(marker.read_text())
    assert (content["schema"], content.pop("comparisons")) == (2, "run")
    content.pop("checksum")
    marker.write_text(seal({**content, "schema": 1}))
    old = Study.open(study.path)
    assert old.registered_comparisons == "study"
    store = StudyStore.open(study.path)
    store.amend(f"{PROTOCOL}# more\n", old.protocol.digest(), "2026-02-03")
    assert json.loads(marker.read_text())["schema"] == 1
    assert Study.open(study.path).registered_comparisons == "study"


def test_progress_counts_what_is_lacking(study: Study) -> None:
    progress = study.progress()
    assert [len(g) for g in (progress.done, progress.crashed, progress.pending)] == [10, 1, 1]
    assert [run.run_id for run in progress.lacking] == [
        progress.pending[0].run_id,
        progress.crashed[0].run_id,
    ]


def test_records_that_the_protocol_no_longer_plans_stay_and_are_counted(study: Study) -> None:
    fewer = Study(parse_protocol(PROTOCOL.replace("[11, 19]", "[11]")), study.path)
    progress = fewer.progress()
    assert (len(progress.done), progress.unplanned) == (6, 5)
    assert len(list(fewer.store().records())) == 11


def test_damaged_record_is_named_and_nothing_is_analysed_without_it(study: Study) -> None:
    path = study.store().record_path(study.plan.runs[0].run_id)
    path.write_bytes(path.read_bytes()[:-40])
    assert len(study.progress().damaged) == 1
    with pytest.raises(LedgerError, match=str(path)):
        study.to_frame()


def test_run_that_a_newer_version_recorded_is_not_executed(study: Study) -> None:
    path = study.store().record_path(study.plan.runs[0].run_id)
    payload = json.loads(path.read_text())
    del payload["checksum"]
    path.write_text(seal({**payload, "schema": 99}))
    with pytest.raises(LedgerError, match=r"run\.json: written by a newer vggstudy .* upgrade"):
        study.run(jobs=1)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(study: Study, limit: int) -> None:
    with pytest.raises(ExecutionError, match=f"limit must be at least 1, got {limit}"):
        study.run(jobs=1, limit=limit)


def test_fused_kernels_without_a_gpu_are_refused_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    text = PROTOCOL + 'kernels = "fused"\n'
    study = Study(parse_protocol(text), tmp_path / "fused", text=text)
    with pytest.raises(ExecutionError, match=r'"fused" needs a GPU: give --devices cuda:0'):
        study.run()
    assert not study.path.exists()


def test_folder_of_another_study_is_refused(study: Study) -> None:
    other = parse_protocol(PROTOCOL.replace('"small"', '"other"'))
    with pytest.raises(LedgerError, match="holds the study 'small', not 'other'"):
        Study(other, study.path).progress()


def test_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(LedgerError, match="not a study"):
        Study(parse_protocol(PROTOCOL), tmp_path / "full").progress()


def test_unknown_study_names_those_that_there_are(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study.path.rename(tmp_path / "moved")
    (tmp_path / "studies").mkdir()
    (tmp_path / "moved").rename(tmp_path / "studies" / "small")
    assert find_study("small") == Path("studies/small")
    with pytest.raises(LedgerError, match="nor at studies/smal; did you mean 'small'"):
        find_study("smal")
    with pytest.raises(LedgerError, match="studies here: small"):
        find_study("other")


def test_moved_study_opens_with_its_protocol(study: Study, tmp_path: Path) -> None:
    study.path.rename(tmp_path / "elsewhere")
    opened = Study.open(tmp_path / "elsewhere")
    assert opened.protocol == study.protocol
    assert opened.text == PROTOCOL


def test_analysis_of_a_study_counts_crashed_and_missing_runs_apart(study: Study) -> None:
    result = analyze(study)
    claim = result.claims["converged.p@batch_norm=false,depth=19"]
    assert (claim.k, claim.n) == (0, 2)
    assert result.claims["converged.p@batch_norm=true,depth=19"].n == 2
    assert result.flow.planned == 12


def test_outcome_that_is_not_recorded_is_refused_with_a_suggestion(study: Study) -> None:
    text = PROTOCOL + '[analysis]\noutcome = "test_acuracy"\n'
    changed = Study(parse_protocol(text), study.path)
    with pytest.raises(AnalysisError, match="did you mean 'test_accuracy'"):
        open_source(changed)


def test_protocol_made_in_python_becomes_a_file_that_says_the_same() -> None:
    protocol = parse_protocol(PROTOCOL)
    assert parse_protocol(protocol_text(protocol)) == protocol
