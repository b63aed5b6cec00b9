"""What the precision of a recipe means on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import (
    CheckpointMismatch,
    Interrupted,
    TrainingResult,
    determinism,
    train_run,
)

Make = Callable[..., Recipe]
Train = Callable[[str], TrainingResult]


@pytest.fixture
def train(make_recipe: Make, seeds: Seeds, cache_dir: Path) -> Train:
    """A run of two epochs in a precision."""

    def run(precision: str) -> TrainingResult:
        recipe = make_recipe(training_precision=precision, training_epochs=2, model_batch_norm=True)
        return train_run(recipe, seeds, cache_dir=cache_dir)

    return run


def test_tf32_is_float32_on_a_cpu_and_the_record_says_so(train: Train) -> None:
    plain, tf32 = train("float32"), train("tf32")
    assert tf32.result == plain.result
    assert tf32.numerics == plain.numerics
    assert tf32.numerics["precision"] == "float32"
    assert tf32.numerics["tf32"] is False


def test_bfloat16_computes_otherwise_and_the_same_twice(train: Train) -> None:
    plain, first, second = train("float32"), train("bfloat16"), train("bfloat16")
    assert first.result == second.result
    assert first.numerics["precision"] == first.numerics["autocast"] == "bfloat16"
    assert first.numerics.keys() - plain.numerics.keys() == {"bfloat16"}
    # 5 %: dozens of roundings to 8 significant bits, 0.4 % each, that mostly cancel.
    before, after = (done.result["curves"]["train_loss"][0] for done in (plain, first))
    assert before != after
    assert after == pytest.approx(before, rel=0.05)


def test_bfloat16_learns_as_float32_does(make_recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    changes: dict[str, Any] = {
        "data_train": 240, "model_width": 0.125, "model_batch_norm": True, "training_epochs": 8
    }  # fmt: skip
    accuracies = {
        precision: train_run(
            make_recipe(**changes, training_precision=precision), seeds, cache_dir=cache_dir
        ).result["metrics"]["test_accuracy"]
        for precision in ("float32", "bfloat16")
    }
    # Chance is 0.25; with 24 test images 0.7 lies more than five standard errors above it.
    assert min(accuracies.values()) > 0.7


def interrupted(recipe: Recipe, seeds: Seeds, cache_dir: Path, folder: Path) -> Path:
    """The checkpoint of a run that was stopped after its first epoch."""
    path, asked = folder / "checkpoint.pt", iter((False, True))
    with pytest.raises(Interrupted):
        train_run(
            recipe, seeds, cache_dir=cache_dir, checkpoint=path, should_stop=lambda: next(asked)
        )
    return path


def test_bfloat16_resumes_to_the_bits_of_an_uninterrupted_run(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(training_precision="bfloat16", training_epochs=3, model_batch_norm=True)
    straight = train_run(recipe, seeds, cache_dir=cache_dir)
    path = interrupted(recipe, seeds, cache_dir, tmp_path)
    resumed = train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path)
    assert resumed.timings["resumed_at"] == [1]
    assert resumed.result == straight.result


def test_a_run_in_bfloat16_is_not_resumed_by_other_instructions(
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = make_recipe(training_precision="bfloat16", training_epochs=2)
    path = interrupted(recipe, seeds, cache_dir, tmp_path)
    monkeypatch.setattr(determinism, "bfloat16_instructions", lambda: ("of another kind",))
    with pytest.raises(
        CheckpointMismatch, match=r"bfloat16: the checkpoint has .* of another kind"
    ):
        train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path)
