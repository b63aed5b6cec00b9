"""One GPU: the same bits for the same run, and the arithmetic that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import CheckpointMismatch, Interrupted, train_run

pytestmark = pytest.mark.gpu

Make = Callable[..., Recipe]


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_repeated_run_is_equal_in_every_result(
    precision: str, optimizer: str, recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    chosen = recipe(precision=precision, optimizer=optimizer)
    first, second = (
        train_run(chosen, seeds, device="cuda", cache_dir=cache_dir).result for _ in range(2)
    )
    assert first == second
    assert first["status"] == "finished"


def test_an_interrupted_run_resumes_to_the_bit(
    recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    chosen = recipe(precision="bfloat16")
    straight = train_run(chosen, seeds, device="cuda", cache_dir=cache_dir)
    answers = iter([False, False, True])
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Interrupted):
        train_run(
            chosen,
            seeds,
            device="cuda",
            cache_dir=cache_dir,
            checkpoint=path,
            should_stop=lambda: next(answers),
        )
    resumed = train_run(chosen, seeds, device="cuda", cache_dir=cache_dir, checkpoint=path)
    assert resumed.timings["resumed_at"] == [2]
    assert resumed.result == straight.result


def test_a_checkpoint_of_the_cpu_is_refused(
    recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    train_run(recipe(), seeds, cache_dir=cache_dir, checkpoint=path)
    with pytest.raises(CheckpointMismatch, match="device: the checkpoint has cpu"):
        train_run(recipe(), seeds, device="cuda", cache_dir=cache_dir, checkpoint=path)


@pytest.mark.arithmetic
def test_the_first_epoch_agrees_with_the_cpu(recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    # Without dropout, whose generators differ, both compute the same sums in another order. Small
    # steps of plain descent keep the rounding of float32 from growing over the eight steps.
    chosen = recipe(
        model={"depth": 11, "width": 0.25, "batch_norm": True},
        epochs=1,
        optimizer="sgd",
        lr=1e-4,
    )
    cpu, gpu = (
        train_run(chosen, seeds, device=device, cache_dir=cache_dir).result
        for device in ("cpu", "cuda")
    )
    assert gpu["curves"]["train_loss"] == pytest.approx(cpu["curves"]["train_loss"], rel=1e-3)
    assert gpu["data"] == cpu["data"]


MODELS = ["vgg11", "resnet18", "densenet121", "efficientnet_b0", "mnasnet0_5", "vit_b_32"]


@pytest.mark.parametrize("name", MODELS)
def test_torchvision_models_train_deterministically(
    name: str, recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    base = recipe(model={"name": f"torchvision:{name}"}, epochs=1, batch_size=32, drop_last=True)
    data = base.data.model_copy(update={"train": 80, "test": 20, "resize": 64})
    chosen = base.model_copy(update={"data": data})
    first, second = (
        train_run(chosen, seeds, device="cuda", cache_dir=cache_dir).result for _ in range(2)
    )
    assert first == second


def test_peak_memory_is_that_of_the_run(recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    small, large = (
        train_run(
            recipe(model={"depth": 11, "width": width}, epochs=1),
            seeds,
            device="cuda",
            cache_dir=cache_dir,
        ).timings["peak_memory_bytes"]
        for width in (0.125, 1.0)
    )
    assert 0 < small < large
