"""What the precision of a recipe means on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import TrainingResult, train_run

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
    # 5 %: dozens of roundings to 8 significant bits, 0.4 % each, that mostly cancel.
    before, after = (done.result["curves"]["train_loss"][0] for done in (plain, first))
    assert before != after
    assert after == pytest.approx(before, rel=0.05)
