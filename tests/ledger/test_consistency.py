"""A record that says one thing in two ways is damage, and the two places are named."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import DamagedFileError, RunRecord
from vggstudy.ledger.consistency import consistency_problem
from vggstudy.ledger.recall import recall_problem
from vggstudy.ledger.sealed import seal

Record = dict[str, Any]


@pytest.fixture(scope="module")
def published(repository: Path) -> list[bytes]:
    """Two hundred records that were computed, not made up."""
    pack = repository / "report/reference/depth-batch-norm-cpu/records.jsonl.xz"
    return lzma.open(pack).read().splitlines(keepends=True)


@pytest.fixture
def record(published: list[bytes]) -> Record:
    """A finished run of 17 epochs, the 11th selected by the validation accuracy."""
    found: Record = json.loads(published[0])
    assert found["result"]["selected_epoch"] == 11
    del found["checksum"]
    return found


def test_every_published_record_agrees_with_itself(published: list[bytes]) -> None:
    for line in published:
        RunRecord.from_json(line)


def change(path: str, value: Any) -> Callable[[Record], None]:
    def apply(record: Record) -> None:
        *parents, leaf = path.split(".")
        node: Any = record
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        node[int(leaf) if isinstance(node, list) else leaf] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (change("result.metrics.test_accuracy", 0.999), "by test_recall it lies between"),
        (change("result.metrics.test_accuracy", 1.2), "no accuracy can be"),
        (change("result.metrics.test_balanced_accuracy", 0.4), "the mean of test_recall"),
        (change("result.test_recall.3", 0.9), "mean of test_recall"),
        (change("result.test_recall", [0.5]), "test_recall has 1 entries, data.classes 10"),
        (change("result.metrics.val_accuracy", 0.32), "curves.val_accuracy at epoch 11"),
        (change("result.metrics.val_loss", 2.5), "curves.val_loss at epoch 11"),
        (change("result.metrics.train_accuracy", 0.4576), "no number of 1200 images"),
        (change("result.metrics.test_loss", -1.0), "no loss can be"),
        (change("result.curves.val_accuracy.2", 0.9), "best at 3"),
        (change("result.curves.val_accuracy.2", 0.2371), "no number of 300 images"),
        (change("result.curves.val_accuracy.2", 1.5), "no accuracy can"),
        (change("result.curves.val_loss.2", None), "no number at epoch 3"),
        (change("result.curves.val_loss.16", 2.0), "the last of curves.val_loss 2"),
        (change("result.final.val_accuracy", 0.31), "the last of curves.val_accuracy"),
        (change("result.selected_epoch", 12), "curves.val_accuracy is best at 11"),
        (change("result.selected_epoch", 18), "selected_epoch is 18, of 17"),
        (change("result.selected_epoch", None), "best at 11"),
        (change("result.epochs", 18), "curves.gradient_norm has 17 entries"),
        (change("result.steps", 340), "17 epochs of 1200 images in batches of 64 are 323"),
        (change("result.data.n_train", 1300), "17 epochs of 1300 images in batches of 64 are 357"),
        (change("result.data.n_test", 1500), "1500 images"),
        (change("result.stop_reason", "epoch_cap"), "the recipe's 24 epochs"),
        (change("result.stop_reason", "non_finite"), "stop_reason 'non_finite'"),
        (change("recipe.training.early_stopping", None), "which the recipe has not"),
        (change("recipe.training.epochs", 10), "the recipe allows 10"),
        (change("recipe.training.batch_size", 32), "in batches of 32 are 646"),
        (change("recipe.training.selection", "final"), "the last one"),
        (change("recipe.training", 5), "recipe.training must be an object"),
    ],
)
def test_what_cannot_be_is_damage_that_is_named(record: Record, edit: Any, words: str) -> None:
    edit(record)
    with pytest.raises(DamagedFileError, match="not a record that vggstudy writes") as caught:
        RunRecord.from_json(seal(record))
    assert words in caught.value.reason


def test_what_cannot_be_is_not_written_either(published: list[bytes]) -> None:
    sound = RunRecord.from_json(published[0])
    fields = {name: getattr(sound, name) for name in RunRecord.__slots__}
    result = {**sound.result, "steps": 1}
    with pytest.raises(ValueError, match="steps is 1"):
        RunRecord(**{**fields, "result": result}).to_json()


def test_a_diverged_run_ends_at_its_first_number_that_is_not_finite(record: Record) -> None:
    result = record["result"]
    result |= {"status": "diverged", "stop_reason": "non_finite"}
    record["status"] = "diverged"
    result["curves"]["train_loss"][-1] = None
    assert consistency_problem(record) is None
    result["curves"]["train_loss"][-2] = None
    assert "epoch 16" in str(consistency_problem(record))


def test_a_run_that_diverged_before_any_checkpoint_has_no_metrics(record: Record) -> None:
    result = record["result"]
    record["status"] = "diverged"
    result |= {"status": "diverged", "stop_reason": "non_finite", "epochs": 1, "steps": 19}
    result["curves"] = {name: values[:1] for name, values in result["curves"].items()}
    result["curves"]["val_loss"] = [None]
    result["final"] = {"val_loss": None}
    result["selected_epoch"] = None
    result["test_recall"] = [None] * 10
    assert "no epoch was selected" in str(consistency_problem(record))
    result["metrics"] = dict.fromkeys(result["metrics"])
    assert consistency_problem(record) is None


@pytest.mark.parametrize("seed", range(20))
def test_recalls_and_accuracy_of_any_predictions_agree(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [rng.randrange(0, 60) for _ in range(rng.randrange(1, 12))]
    sizes[0] += 1
    hits = [rng.randrange(size + 1) for size in sizes]
    recalls = [hit / size if size else None for hit, size in zip(hits, sizes, strict=True)]
    known = [value for value in recalls if value is not None]
    metrics = {
        "test_accuracy": sum(hits) / sum(sizes),
        "test_balanced_accuracy": sum(known) / len(known),
    }
    data = {"n_test": sum(sizes)}
    assert recall_problem(recalls, metrics=metrics, data=data) is None
    shifted = {**metrics, "test_accuracy": min(known) - 0.01}
    assert recall_problem(recalls, metrics=shifted, data=data) is not None


def test_one_image_more_than_the_recalls_allow_is_noticed() -> None:
    """Ten classes of 36 images, one of which misses two: 358 of 360, and no other number."""
    recalls = [1.0] * 9 + [34 / 36]
    data = {"n_test": 360}
    balanced = {"test_balanced_accuracy": sum(recalls) / 10}
    true = {**balanced, "test_accuracy": 358 / 360}
    assert recall_problem(recalls, metrics=true, data=data) is None
    for hits in (360, 200):
        other = {**balanced, "test_accuracy": hits / 360}
        assert recall_problem(recalls, metrics=other, data=data) is not None
