"""Ensembles of replicates: what they are made of, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vggstudy.errors import LedgerError, ProtocolError
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.plan import Plan, make_plan
from vggstudy.probabilities import ImageProbabilities
from vggstudy.protocol import Protocol, parse_protocol
from vggstudy.study.analyze import analyze
from vggstudy.study.ensembles import ensemble_frame, ensemble_scores
from vggstudy.study.runs import study_frame
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study

TARGETS = [0, 1, 1, 0]


def says(first: list[float], targets: list[int] | None = None) -> ImageProbabilities:
    """Probabilities of class 0 for each image; the rest is class 1's."""
    values = np.array([[p, 1 - p] for p in first], dtype=np.float32)
    return ImageProbabilities(values, np.array(targets or TARGETS, dtype=np.uint16))


def test_an_ensemble_takes_the_mean_of_the_probabilities() -> None:
    # Alone, both are right on three of four images; the surer one decides where they differ.
    one, two = says([0.9, 0.1, 0.6, 0.9]), says([0.4, 0.2, 0.1, 0.8])
    assert (one.accuracy, two.accuracy) == (0.75, 0.75)
    found = ensemble_scores([one, two], ["a", "b"])
    assert found == {"ensemble_accuracy": 1.0, "ensemble_gain": 0.25}


def test_an_ensemble_of_one_network_gains_nothing() -> None:
    member = says([0.9, 0.6, 0.1, 0.3])
    found = ensemble_scores([member, member, member], ["a", "b", "c"])
    assert found == {"ensemble_accuracy": member.accuracy, "ensemble_gain": 0.0}


def test_members_of_other_test_images_are_refused_by_name() -> None:
    with pytest.raises(LedgerError, match=r"runs a and b were tested on other images"):
        ensemble_scores([says([0.9] * 4), says([0.9] * 4, [1, 1, 1, 0])], ["a", "b"])


def test_probabilities_survive_the_record_bit_by_bit() -> None:
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(3), size=7).astype(np.float32)
    before = ImageProbabilities(values, rng.integers(0, 3, 7).astype(np.uint16))
    after = ImageProbabilities.from_json(before.to_json())
    assert np.array_equal(before.values, after.values)
    assert np.array_equal(before.targets, after.targets)


DAMAGED: list[dict[str, Any]] = [
    {"format": "pickle"},
    {"shape": [3, 2]},
    {"shape": "many"},
    {"values": "AAAA"},
    {"targets": "not base64!"},
]


@pytest.mark.parametrize("change", DAMAGED)
def test_stored_arrays_that_are_not_what_they_say_are_refused(change: dict[str, Any]) -> None:
    stored = {**says([0.9] * 4).to_json(), **change}
    with pytest.raises(LedgerError, match="test probabilities"):
        ImageProbabilities.from_json(stored)


PROTOCOL = """
schema = 1
name = "ensembles"
[design]
replicates = 5
seed = 1
[design.factors]
batch_size = [8, 16]
[data]
name = "synthetic"
[model]
depth = 11
[training]
store_probabilities = true
[analysis]
outcomes = ["ensemble_accuracy", "ensemble_gain"]
ensemble_size = 2
resamples = 199
"""


def record(plan: Plan, index: int, *, stored: ImageProbabilities | None, accuracy: float) -> Any:
    run = plan.runs[index]
    result: dict[str, Any] = {
        "status": "finished",
        "metrics": {"val_accuracy": accuracy, "test_accuracy": accuracy},
        "curves": {"val_accuracy": [accuracy], "val_loss": [1.0], "train_loss": [1.0]},
        "final": {"val_accuracy": accuracy, "val_loss": 1.0},
        "selected_epoch": 1,
        "epochs": 1,
        "data": {"majority_rate": 0.1, "n_validation": 1000},
    }
    if stored is not None:
        result["test_probabilities"] = stored.to_json()
    return RunRecord(
        run_id=run.run_id, cell_id=run.cell_id, study_seed=run.study_seed,
        replicate=run.replicate, seeding=run.seeding, levels=dict(run.levels),
        recipe=run.recipe.model_dump(mode="json"), status="finished",
        attempts=[
            {"number": 1, "started_at": "2026-01-01T00:00:00Z", "duration_s": 1.0,
             "failure": None}
        ],
        result=result, timings={}, environment={},
    )  # fmt: skip


def probabilities(rng: np.random.Generator) -> ImageProbabilities:
    """Forty images of two classes, each right with probability 0.8 or so."""
    targets = np.tile([0, 1], 20)
    sure = rng.beta(3, 1.5, size=40)
    first = np.where(targets == 0, sure, 1 - sure)
    return says(first.tolist(), targets.tolist())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two cells of five runs; in the second one the fourth run has not learned."""
    made = Study(parse_protocol(PROTOCOL), path=tmp_path / "ensembles", text=PROTOCOL)
    store = StudyStore.create(made.path, PROTOCOL, made.protocol.digest(), "ensembles")
    rng = np.random.default_rng(4)
    for index, run in enumerate(made.plan.runs):
        learns = (run.levels["batch_size"], run.replicate) != (16, 3)
        own = probabilities(rng)
        accuracy = own.accuracy if learns else 0.1
        store.write_record(record(made.plan, index, stored=own, accuracy=accuracy))
    return made


def test_replicates_are_cut_into_disjoint_groups_by_their_index(study: Study) -> None:
    frame = ensemble_frame(study.plan, study.store(), study.to_frame())
    # Five replicates give two ensembles of two; the fifth run belongs to none.
    assert frame[["batch_size", "replicate", "outcome"]].to_numpy().tolist() == [
        [8, 0, "converged"],
        [8, 1, "converged"],
        [16, 0, "converged"],
        [16, 1, "failed_to_learn"],
    ]
    members = [
        ImageProbabilities.from_json(
            study.store().read_record(run.run_id).result["test_probabilities"]
        )
        for run in study.plan.runs
        if run.levels["batch_size"] == 8 and run.replicate in (2, 3)
    ]
    expected = ensemble_scores(members, ["a", "b"])
    assert frame.loc[1, "ensemble_accuracy"] == expected["ensemble_accuracy"]
    assert frame.loc[1, "ensemble_gain"] == expected["ensemble_gain"]


def test_an_ensemble_lacks_what_a_member_lacks(study: Study) -> None:
    store, run = study.store(), study.plan.runs[0]
    (store.record_path(run.run_id)).unlink()
    frame = ensemble_frame(study.plan, store, study_frame(study.plan, store))
    assert frame["outcome"].tolist()[0] == "missing"
    assert frame["ensemble_accuracy"].isna().tolist() == [True, False, False, False]


def test_ensembles_are_claims_with_intervals_beside_those_of_runs(study: Study) -> None:
    result = analyze(study)
    one = result.claims["ensemble_accuracy.mean@batch_size=8"]
    assert one.k == 2
    frame = ensemble_frame(study.plan, study.store(), study.to_frame())
    assert one.estimate == pytest.approx(frame["ensemble_accuracy"][:2].mean())
    assert "ensemble_gain.mean" in result.claims
    assert result.claims["accuracy.mean@batch_size=8"].k == 5


def test_the_index_leaves_probabilities_in_the_records(study: Study) -> None:
    with study.store().index() as index:
        assert all("test_probabilities" not in row.summary["result"] for row in index.rows())
    assert len(open_source(study).further) == 2


WRONG = [
    ("store_probabilities = true", "", "ensembles need training.store_probabilities = true"),
    ("ensemble_size = 2", "ensemble_size = 6", "an ensemble of 6 runs needs as many replicates"),
    (
        "[analysis]\n",
        '[analysis]\noutcome = "ensemble_gain"\n',
        "analysis.outcome is measured on every run: put ensemble_gain in outcomes",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_protocol_that_cannot_give_ensembles_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        parse_protocol(PROTOCOL.replace(old, new))


def test_the_setting_is_part_of_a_run_as_its_record_depends_on_it() -> None:
    with_it, without = (
        make_plan(Protocol.model_validate(parse_protocol(text).model_dump(by_alias=True)))
        for text in (
            PROTOCOL,
            PROTOCOL.replace("store_probabilities = true", "").replace(
                'outcomes = ["ensemble_accuracy", "ensemble_gain"]', ""
            ),
        )
    )
    assert with_it.runs[0].run_id != without.runs[0].run_id
