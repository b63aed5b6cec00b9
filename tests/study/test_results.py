"""From a study or a CSV with a protocol to verdicts, further outcomes and sensitivity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vggstudy.analysis.sensitivity import Sensitivity
from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.report import ReportContext
from vggstudy.study.analyze import analyze, analyze_source, report
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study

PROTOCOL = """
schema = 1
name = "small"
[design]
replicates = 4
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
[training]
epochs = 12
[analysis]
outcomes = ["curve_stability", "epochs"]
resamples = 99
[[hypotheses]]
id = "H1"
text = "deeper networks converge less"
kind = "claim"
claim = "converged.diff.depth"
direction = "below"
threshold = 0.0
[[hypotheses]]
id = "H2"
text = "deeper networks are less stable"
kind = "claim"
claim = "accuracy.mean@depth=11"
direction = "above"
threshold = 0.5
"""


def result_of(accuracy: float, final: float, wobble: float) -> dict[str, Any]:
    """Twelve epochs of a run whose training loss still falls."""
    losses = [1.0 + wobble * (epoch % 2) * (1 + 0.1 * epoch) for epoch in range(12)]
    metrics = {
        **dict.fromkeys(("test_accuracy", "test_balanced_accuracy", "val_accuracy"), accuracy),
        "train_accuracy": accuracy,
        **dict.fromkeys(("test_loss", "val_loss", "train_loss"), 1.0),
    }
    return {
        "status": "finished",
        "stop_reason": "epoch_cap",
        "epochs": 12,
        "selected_epoch": 1,
        "curves": {
            "train_loss": [2.0 - 0.05 * epoch for epoch in range(12)],
            "val_accuracy": [final] * 12,
            "val_loss": losses,
        },
        "metrics": metrics,
        "final": {"val_accuracy": final, "val_loss": losses[-1]},
        "steps": 100,
        "parameters": {"count": 10, "trainable": 10},
        "parameters_and_statistics": 12,
        "data": {"majority_rate": 0.1, "n_validation": 2000},
    }


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Depth 11 learns; depth 19 fails while its loss still falls."""
    study = Study(parse_protocol(PROTOCOL), tmp_path / "small", text=PROTOCOL)
    store = StudyStore.create(study.path, PROTOCOL, study.protocol.digest(), "small")
    for run in study.plan.runs:
        accuracy = 0.17 + 0.01 * run.replicate if run.levels["depth"] == 11 else 0.1
        if run.levels["depth"] == 11:
            accuracy += 0.5
        result = result_of(accuracy, accuracy, 0.1 + 0.01 * run.replicate)
        store.write_record(
            make_record(
                run,
                status="finished",
                attempts=[attempt_entry("2026-01-01T00:00:00+00:00", 2.0, None)],
                result=result,
                timings={"total_s": 2.0, "epoch_s": [0.1] * 12, "peak_memory_bytes": 5},
                environment={"host": "here"},
            )
        )
    return study


def test_a_study_s_hypotheses_and_further_outcomes_are_answered(study: Study) -> None:
    result = analyze(study)
    verdicts = {h.id: h.verdict_in_words for h in result.hypotheses}
    assert verdicts["H2"] == "supported"
    stability = result.claims["curve_stability.mean@depth=11"]
    assert stability.available
    assert stability.unit == "nats"
    # All runs end at the cap: their epochs have no variance, which is said and not guessed.
    assert result.claims["epochs.mean@depth=11"].reason == "no_variance"


def sensitivity_of(source: Study | pd.DataFrame, **more: Any) -> Sensitivity:
    found = analyze(source, sensitivity=True, **more).sensitivity
    assert found is not None
    return found


def test_counting_unfinished_runs_as_converged_changes_what_rests_on_them(study: Study) -> None:
    found = sensitivity_of(study)
    assert len(found.outcomes) == 16
    counts = {
        (o.specification.checkpoint, o.specification.unfinished): o.converged
        for o in found.outcomes
        if o.specification.margin == 0.05
    }
    # The four failed runs were still improving: in one extreme they converged.
    assert counts == {
        ("best", "failed"): 4,
        ("best", "converged"): 8,
        ("final", "failed"): 4,
        ("final", "converged"): 8,
    }
    assert "converged.diff.depth" in found.changed
    assert all("as converged" in name for name in found.changed["converged.diff.depth"])
    assert "verdicts change under at least one of 16 label rules" in found.sentence()


def test_a_table_without_curves_varies_the_margin_and_says_so() -> None:
    frame = pd.DataFrame(
        {
            "depth": [11] * 5 + [19] * 5,
            "seed": [*range(5)] * 2,
            "test_accuracy": [0.6, 0.62, 0.64, 0.61, 0.63, 0.17, 0.18, 0.17, 0.18, 0.19],
            "majority_rate": 0.1,
        }
    )
    found = sensitivity_of(frame, factors=["depth"])
    assert [o.converged for o in found.outcomes] == [10, 10, 5, 5]
    assert "no curves" in found.sentence()


def test_the_protocol_chooses_the_interval_of_a_probability(study: Study) -> None:
    asked = study.protocol.analysis.model_copy(update={"probability_interval": "mid_p"})
    source = replace(open_source(study), settings=asked)
    claims = analyze_source(source).claims
    methods = {claim.method for claim in claims.values() if claim.outcome == "converged"}
    assert {"mid_p", "exact_difference"} <= methods


def test_a_report_of_a_table_that_was_not_analysed_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"depth": [11, 19], "test_accuracy": [0.5, 0.6]})
    with pytest.raises(TypeError, match="not a DataFrame: analyze it"):
        report(frame, tmp_path / "report.html")  # type: ignore[arg-type]


def test_a_report_of_a_result_has_the_title_and_question_that_are_given(
    study: Study, tmp_path: Path
) -> None:
    result = analyze(study)
    page = report(result, tmp_path / "r.html", title="Mine", question="Is it?").read_text("utf-8")
    assert "<title>Mine" in page
    assert "is not recorded: <q>Is it?</q>" in page
    with pytest.raises(TypeError, match="stand in the context"):
        report(result, tmp_path / "r.html", context=ReportContext(), title="Mine")
    with pytest.raises(TableOptionError, match="its title and its question stand in its protocol"):
        report(study, tmp_path / "r.html", question="Is it?")


def test_a_table_that_knows_no_chance_level_says_so() -> None:
    frame = pd.DataFrame(
        {
            "depth": [11, 11, 11],
            "seed": range(3),
            "label": "converged",
            "test_accuracy": [0.6, 0.7, 0.65],
        }
    )
    found = sensitivity_of(frame, factors=["depth"])
    assert found.outcomes == ()
    assert "no chance level is known" in found.sentence()


FURTHER = """
[source]
title = "an earlier study"
[[source.figures]]
claim = "curve_stability.diff.depth@batch_size=8"
value = "less stable"
where = "text"
[[hypotheses]]
id = "H3"
text = "deeper networks are less stable"
kind = "claim"
claim = "curve_stability.diff.depth"
direction = "above"
threshold = 0.0
"""


def test_hypotheses_on_further_outcomes_are_judged_under_every_label_rule() -> None:
    protocol = parse_protocol(
        PROTOCOL.replace("depth = [11, 19]", "depth = [11, 19]\nbatch_size = [8, 16]") + FURTHER
    )
    frame = pd.DataFrame(
        [
            {
                "depth": depth,
                "batch_size": batch,
                "replicate": replicate,
                "test_accuracy": 0.6 + 0.01 * replicate,
                "curve_stability": 0.1 * depth + 0.01 * replicate,
                "epochs": 10 + replicate,
                "majority_rate": 0.1,
            }
            for depth in (11, 19)
            for batch in (8, 16)
            for replicate in range(4)
        ]
    )
    result = analyze(frame, protocol=protocol, sensitivity=True)
    assert {h.id: h.verdict for h in result.hypotheses}["H3"] == "supported"
    assert result.sensitivity is not None
    verdicts = [outcome.verdicts["H3"] for outcome in result.sensitivity.outcomes]
    assert verdicts == ["supported"] * 4
    claim = result.claims["curve_stability.diff.depth@batch_size=8"]
    assert claim.estimate == pytest.approx(0.8)


def test_levels_of_a_table_come_in_the_order_that_its_protocol_declares() -> None:
    protocol = parse_protocol(PROTOCOL.replace("depth = [11, 19]", "depth = [19, 11]"))
    frame = pd.DataFrame(
        {
            "depth": [11] * 4 + [19] * 4,
            "replicate": [*range(4)] * 2,
            "test_accuracy": [0.61, 0.62, 0.63, 0.64, 0.51, 0.52, 0.53, 0.54],
            "curve_stability": [0.1, 0.2, 0.3, 0.4] * 2,
            "epochs": [*range(4)] * 2,
            "majority_rate": 0.1,
        }
    )
    found = analyze(frame, protocol=protocol).claims["accuracy.diff.depth"]
    assert found.estimate == pytest.approx(0.1)


SEEDED = pd.DataFrame(
    [
        (m / 2, s, "converged", 0.8 + 0.01 * s + 0.004 * m + 0.001 * ((3 * s + m) % 4))
        for m in (0, 1)
        for s in range(5)
    ],
    columns=["dropout", "seed", "label", "test_accuracy"],
)


def test_a_table_s_seeds_are_read_as_asked_for() -> None:
    methods = {
        seeding: analyze(SEEDED, factors=["dropout"], seeding=seeding)
        .claims["accuracy.diff.dropout"]
        .method
        for seeding in (None, "auto", "shared", "independent")
    }
    assert methods == {
        **dict.fromkeys((None, "auto", "shared"), "seeds_t"),
        "independent": "calibrated_bootstrap",
    }


@pytest.mark.parametrize(
    ("design", "analysis", "method"),
    [
        ("", "", "seeds_t"),
        ('seeding = "independent"', "", "calibrated_bootstrap"),
        ("", 'seeding = "independent"', "calibrated_bootstrap"),
        ('seeding = "independent"', 'seeding = "shared"', "seeds_t"),
    ],
)
def test_a_protocol_says_how_the_seeds_of_a_table_are_read(
    design: str, analysis: str, method: str
) -> None:
    protocol = parse_protocol(
        f'schema = 1\nname = "seeds"\n[design]\nreplicates = 5\nseed = 1\n{design}\n'
        '[design.factors]\ndropout = [0.0, 0.5]\n[data]\nname = "digits"\n'
        f"[model]\ndepth = 11\n[analysis]\n{analysis}\n"
    )
    claims = analyze(SEEDED, protocol=protocol).claims
    assert claims["accuracy.diff.dropout"].method == method


def test_a_study_s_seeds_are_read_as_its_protocol_says(study: Study) -> None:
    source = open_source(study)
    assert (source.designed, source.seeds.other) == ("independent", None)
    with pytest.raises(AnalysisError, match=r"is a study: how its runs were seeded stands in its"):
        open_source(study, seeding="shared")
    asked = study.protocol.analysis.model_copy(update={"seeding": "shared"})
    assert replace(source, settings=asked).seeds.shared
