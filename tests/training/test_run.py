"""One run from recipe to result: what is recorded, and every setting at work."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vggstudy.errors import DataError, ExecutionError
from vggstudy.identity import Seeds
from vggstudy.probabilities import ImageProbabilities
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training import EpochReport, Interrupted, TrainingResult, prepare_data, train_run
from vggstudy.training.data.batches import SplitTensors
from vggstudy.training.data.splits import split_rows
from vggstudy.training.evaluate import Evaluation
from vggstudy.training.loop import Best
from vggstudy.training.pending import Stages
from vggstudy.training.steps import evaluation_of

Make = Callable[..., Recipe]
Train = Callable[..., TrainingResult]


@pytest.fixture
def train(make_recipe: Make, seeds: Seeds, cache_dir: Path) -> Train:
    def run(*, options: dict[str, Any] | None = None, **changes: Any) -> TrainingResult:
        return train_run(make_recipe(**changes), seeds, cache_dir=cache_dir, **(options or {}))

    return run


def test_a_run_records_everything_and_is_json(train: Train) -> None:
    done = train()
    result = done.result
    assert json.loads(json.dumps(done.to_dict(), allow_nan=False)) == done.to_dict()
    assert result["status"] == "finished"
    assert result["stop_reason"] == "epoch_cap"
    assert result["epochs"] == 3
    assert result["steps"] == 3 * 4
    assert sorted(result["curves"]) == sorted(
        ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "gradient_norm"]
    )
    assert {len(curve) for curve in result["curves"].values()} == {3}
    assert result["data"]["n_train"] == 64
    assert result["data"]["n_validation"] == 16
    assert result["data"]["n_test"] == 24
    assert result["data"]["majority_rate"] == 0.25
    assert result["data"]["channel_mean"] is None
    assert len(done.timings["epoch_s"]) == 3
    assert done.timings["total_s"] > sum(done.timings["epoch_s"])
    assert done.numerics["deterministic_algorithms"] is True
    assert done.numerics["threads"] == 1


def test_the_selected_metrics_are_those_of_the_selected_epoch(train: Train) -> None:
    result = train(training_epochs=6, model_batch_norm=True).result
    losses = result["curves"]["val_loss"]
    selected = result["selected_epoch"]
    assert selected == 1 + losses.index(min(losses))
    assert result["metrics"]["val_loss"] == losses[selected - 1]
    assert result["metrics"]["val_accuracy"] == result["curves"]["val_accuracy"][selected - 1]
    assert result["final"]["val_loss"] == losses[-1]


def test_without_the_training_split_the_other_numbers_are_the_same(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vggstudy.training.loop import Run

    measured: list[int] = []

    def evaluate(run: Run, split: SplitTensors) -> Stages[Evaluation]:
        measured.append(len(split))
        return evaluation_of(run.step, run.data, split)

    monkeypatch.setattr(Run, "evaluate", evaluate)
    everything = train(model_batch_norm=True).result
    assert measured == [64, 24]  # training and test images; the epoch has measured the validation's
    fewer = train(options={"train_measured": False}, model_batch_norm=True).result
    assert measured == [64, 24, 24]
    assert fewer.pop("measured_on") == ["val", "test"]
    assert everything.pop("measured_on") == ["train", "val", "test"]
    assert {everything["metrics"].pop(f"train_{kind}") for kind in ("loss", "accuracy")} != {None}
    assert fewer == everything


def test_ties_select_the_first_of_the_best_epochs(train: Train) -> None:
    result = train(training_selection="val_accuracy", training_lr=1e-9, training_epochs=4).result
    assert len(set(result["curves"]["val_accuracy"])) == 1
    assert result["selected_epoch"] == 1
    assert result["selected_sha256"] != result["parameters_sha256"]


@pytest.mark.parametrize("quantity", ["val_loss", "val_accuracy"])
def test_a_later_epoch_must_be_better_not_equal(quantity: str) -> None:
    best, model = Best(quantity), torch.nn.Linear(1, 1)
    for epoch in (1, 2):
        best.offer(epoch, {quantity: 0.5}, model)
    assert best.epoch == 1


def test_final_selects_the_last_epoch(train: Train) -> None:
    result = train(training_selection="final", training_lr=0.05).result
    assert result["selected_epoch"] == 3
    assert result["selected_sha256"] == result["parameters_sha256"]


def test_stored_probabilities_give_the_recorded_accuracy_and_change_nothing_else(
    train: Train,
) -> None:
    plain = train().result
    kept = train(training_store_probabilities=True).result
    stored = ImageProbabilities.from_json(kept.pop("test_probabilities"))
    assert kept == plain
    assert stored.values.shape == (24, 4)
    assert stored.accuracy == plain["metrics"]["test_accuracy"]
    # Sums of four float32 numbers are off by a few units of 2^-24 at most.
    assert np.allclose(stored.values.sum(axis=1), 1, atol=1e-6)


def test_recall_averages_to_the_balanced_accuracy(train: Train) -> None:
    result = train(model_batch_norm=True, training_epochs=5).result
    recall = result["test_recall"]
    assert len(recall) == 4
    # The test split is balanced: both accuracies are the same mean.
    assert result["metrics"]["test_balanced_accuracy"] == pytest.approx(sum(recall) / 4)
    assert result["metrics"]["test_accuracy"] == pytest.approx(sum(recall) / 4)


def test_a_network_with_batch_normalisation_learns_the_textures(train: Train) -> None:
    result = train(
        data_train=240, model_width=0.125, model_batch_norm=True, training_epochs=8
    ).result
    # Chance is 0.25; with 24 test images 0.7 lies more than five standard errors above it.
    assert result["metrics"]["test_accuracy"] > 0.7


def test_the_first_training_loss_is_that_of_a_reference_loop(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    from vggstudy.training.draws import epoch_order
    from vggstudy.training.nets.build import build_model

    recipe = make_recipe(
        training_epochs=1, training_optimizer="sgd", training_lr=0.01, data_data_norm=True
    )
    result = train_run(recipe, seeds, cache_dir=cache_dir).result
    data = prepare_data(recipe.data, cache_dir=cache_dir)
    rows = split_rows(data, recipe.data, split_seed=seeds.split).train
    images = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).contiguous() / 255
    mean, std = images.mean((0, 2, 3)), images.std((0, 2, 3), correction=0)
    images = (images - mean[:, None, None]) / std[:, None, None]
    targets = torch.from_numpy(data.labels[rows])
    model = build_model(recipe.model, n_classes=4, side=32, seed=seeds.init)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses, norms = [], []
    for batch in torch.split(epoch_order(seeds.order, 1, 64), 16):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images[batch]), targets[batch])
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norms.append(math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients)))
        losses.append(float(loss.detach()))
        optimizer.step()
    # Other layouts and kernels: float32 carries seven digits, of which a few are lost.
    assert result["curves"]["train_loss"] == [pytest.approx(sum(losses) / 4, rel=1e-5)]
    assert result["curves"]["gradient_norm"] == [pytest.approx(sum(norms) / 4, rel=1e-4)]
    assert result["data"]["channel_mean"] == pytest.approx(mean.tolist(), rel=1e-5)


def test_early_stopping_is_recorded(train: Train) -> None:
    result = train(
        training_epochs=30,
        training_lr=1e-9,
        training_early_stopping={"patience": 2, "min_epochs": 5, "min_delta": 0.1},
    ).result
    assert result["stop_reason"] == "early_stopping"
    assert result["epochs"] == 5


def test_stopping_on_the_test_loss_records_its_curve(train: Train) -> None:
    result = train(training_early_stopping={"monitor": "test_loss", "patience": 9}).result
    curve = result["curves"]["test_loss"]
    assert len(curve) == len(result["curves"]["test_accuracy"]) == 3
    assert result["selected_epoch"] == 1 + curve.index(min(curve))
    assert result["metrics"]["test_loss"] == min(curve)


def test_a_plateau_reduces_the_recorded_rate(train: Train) -> None:
    result = train(
        training_epochs=5,
        training_optimizer="sgd",
        training_lr=1e-9,
        training_scheduler={"name": "plateau", "patience": 1, "factor": 0.5},
    ).result
    assert result["curves"]["lr"] == [1e-9, 1e-9, 1e-9, 5e-10, 5e-10]


def test_a_scaled_rate_is_recorded(train: Train) -> None:
    result = train(training_epochs=1, training_lr=0.008, training_lr_scaling="linear").result
    assert result["curves"]["lr"] == [0.001]  # batches of 16 for a reference of 128


WORKING = [
    {"training_optimizer": "sgd", "training_momentum": 0.9, "training_lr": 0.01},
    {"training_optimizer": "adamw", "training_weight_decay": 0.01},
    {"training_loss": "weighted_cross_entropy"},
    {"training_output": "softmax"},
    {"training_output": "log_softmax"},
    {"training_precision": "bfloat16", "model_batch_norm": True},
    {"training_precision": "tf32"},
    {"training_scheduler": {"name": "cosine"}},
    {"training_scheduler": {"name": "step", "step_size": 1}},
    {"training_drop_last": True, "training_batch_size": 24},
    {"training_batch_size": 24, "model_batch_norm": True},
    {"training_batch_size": 4096},
    {"training_batch_size": 63, "model_batch_norm": True},
    {"training_test_every_epoch": True},
    {"data_flip": True, "data_crop": 4},
    {"data_data_norm": True},
    {"data_resize": 48},
    {"model_head": "512", "model_dropout": 0.5, "model_init": "he_normal"},
    {"model_head": "4096x2", "model_dropout": 0.5, "model_init": "torchvision"},
    {"model_dropout": 0.2, "model_init": "glorot_uniform", "model_depth": 13},
]


@pytest.mark.parametrize("changes", WORKING, ids=lambda each: ",".join(each))
def test_every_setting_takes_effect_and_leaves_finite_curves(
    changes: dict[str, Any], train: Train
) -> None:
    result = train(training_epochs=2, **changes).result
    assert result["status"] == "finished"
    assert all(value is not None for curve in result["curves"].values() for value in curve)
    batch_size = int(changes.get("training_batch_size", 16))
    whole, ragged = divmod(64, batch_size)
    per_epoch = whole + (ragged > 0 and not changes.get("training_drop_last"))
    assert result["steps"] == 2 * per_epoch


CHANGING = [
    {"training_weight_decay": 0.1},
    {"training_output": "softmax"},
    {"training_precision": "bfloat16"},
    {"data_flip": True},
    {"data_crop": 4},
    {"data_data_norm": True},
    {"model_dropout": 0.2},
    {"model_init": "he_normal"},
    {"model_init": "glorot_uniform"},
    {"model_head": "512"},
    {"data_resize": 48},
    {"data_imbalance": 4.0},
    {"training_lr_scaling": "linear"},
    {"training_optimizer": "sgd"},
    {"training_drop_last": True, "training_batch_size": 24},
]


@pytest.mark.parametrize("changes", CHANGING, ids=lambda each: ",".join(each))
def test_a_setting_changes_the_weights(changes: dict[str, Any], train: Train) -> None:
    plain = train(training_epochs=1).result
    changed = train(training_epochs=1, **changes).result
    assert changed["parameters_sha256"] != plain["parameters_sha256"]


@pytest.mark.parametrize("stream", ["init", "order", "augmentation", "dropout", "split"])
def test_every_stream_of_seeds_matters_and_only_where_it_is_used(
    stream: str, make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    from dataclasses import replace

    plain = make_recipe(training_epochs=1)
    full = make_recipe(training_epochs=1, model_dropout=0.3, data_flip=True)
    other = replace(seeds, **{stream: 777})

    def weights(recipe: Recipe, chosen: Seeds) -> str:
        found = train_run(recipe, chosen, cache_dir=cache_dir).result["parameters_sha256"]
        return str(found)

    assert weights(full, seeds) != weights(full, other)
    unused = stream in ("augmentation", "dropout")
    assert (weights(plain, seeds) == weights(plain, other)) == unused


def test_a_diverged_run_stops_and_says_so(train: Train) -> None:
    done = train(training_optimizer="sgd", training_lr=1e30, training_epochs=5)
    result = done.result
    assert result["status"] == "diverged"
    assert result["stop_reason"] == "non_finite"
    assert result["epochs"] == 1
    assert result["selected_epoch"] is None
    assert result["curves"]["train_loss"] == [None]
    assert result["metrics"]["test_accuracy"] is None
    assert result["selected_sha256"] is None
    json.dumps(done.to_dict(), allow_nan=False)


def test_a_run_that_diverges_late_keeps_its_best_checkpoint(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vggstudy.training import schedule

    def explode(self: schedule.Schedule, epoch: int, value: float) -> None:
        self.rate = 1e30 if epoch == 2 else self.rate

    monkeypatch.setattr(schedule.Schedule, "advance", explode)
    result = train(training_epochs=5, training_optimizer="sgd", training_lr=0.01).result
    assert result["status"] == "diverged"
    assert result["epochs"] == 3
    assert result["selected_epoch"] in (1, 2)
    assert result["metrics"]["test_accuracy"] is not None
    assert result["final"]["val_loss"] is None


def test_every_epoch_is_reported(train: Train) -> None:
    reports: list[EpochReport] = []
    result = train(options={"on_epoch": reports.append}).result
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert {report.epochs for report in reports} == {3}
    for name, curve in result["curves"].items():
        assert [report.values[name] for report in reports] == curve


def test_training_sees_no_validation_or_test_image(
    make_recipe: Make, cache_dir: Path, seeds: Seeds
) -> None:
    recipe = make_recipe()
    data = prepare_data(recipe.data, cache_dir=cache_dir)
    split = split_rows(data, recipe.data, split_seed=seeds.split)
    assert not set(split.train) & (set(split.validation) | set(split.test))


def test_dropping_the_only_batch_is_refused(train: Train) -> None:
    with pytest.raises(DataError, match="drops the only batch: 64 training images"):
        train(training_batch_size=100, training_drop_last=True)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "meta"])
def test_a_device_that_is_not_there_is_one_clear_error(device: str, train: Train) -> None:
    with pytest.raises(ExecutionError, match=rf"device '{device}'"):
        train(options={"device": device})


def test_digits_train(seeds: Seeds, cache_dir: Path) -> None:
    recipe = Recipe(
        data=DataSettings(name="digits", train=200, test=50),
        model=ModelSettings(depth=11, width=0.0625, batch_norm=True),
        training=TrainingSettings(epochs=1, batch_size=50),
    )
    result = train_run(recipe, seeds, cache_dir=cache_dir).result
    assert (result["data"]["n_train"], result["data"]["n_test"]) == (180, 50)


def test_a_torchvision_model_trains(make_recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    base = make_recipe(training_epochs=1)
    model = ModelSettings(name="torchvision:mobilenet_v3_small")
    recipe = base.model_copy(update={"model": model})
    first, second = (train_run(recipe, seeds, cache_dir=cache_dir).result for _ in range(2))
    assert first == second
    assert first["parameters_and_statistics"] > first["parameters"]["count"]


def test_a_model_whose_modules_have_versions_trains_and_resumes(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    # MNASNet refuses the weights of its first version, which weights without a version count as.
    base = make_recipe(training_epochs=2)
    model = ModelSettings(name="torchvision:mnasnet0_5")
    recipe = base.model_copy(update={"model": model})
    straight = train_run(recipe, seeds, cache_dir=cache_dir)
    path = tmp_path / "checkpoint.pt"
    answers = iter([False, True])
    with pytest.raises(Interrupted):
        train_run(
            recipe, seeds, cache_dir=cache_dir, checkpoint=path, should_stop=lambda: next(answers)
        )
    resumed = train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path)
    assert resumed.timings["resumed_at"] == [1]
    assert resumed.result == straight.result
