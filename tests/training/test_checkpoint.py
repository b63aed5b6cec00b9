"""Interrupted runs: resumed to the bit, refused when they are others, started again when torn."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vggstudy.errors import ExecutionError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import (
    CheckpointMismatch,
    Interrupted,
    TrainingResult,
    prepare_data,
    train_run,
)
from vggstudy.training import checkpoint as checkpoint_file

Make = Callable[..., Recipe]

PLATEAU = {"name": "plateau", "patience": 1, "factor": 0.3}
RECIPES: list[dict[str, Any]] = [
    {
        "model_batch_norm": True,
        "model_dropout": 0.3,
        "data_flip": True,
        "data_crop": 2,
        "data_data_norm": True,
        "training_scheduler": PLATEAU,
        "training_early_stopping": {"patience": 4, "min_epochs": 2},
    },
    {
        "training_optimizer": "sgd",
        "training_momentum": 0.9,
        "training_lr": 0.01,
        "training_scheduler": {"name": "cosine"},
        "training_test_every_epoch": True,
    },
    {"training_optimizer": "adamw", "training_selection": "final", "training_batch_size": 24},
    {"training_lr": 1e-9, "training_early_stopping": {"patience": 3, "min_delta": 0.1}},
    {"training_precision": "bfloat16", "training_scheduler": {"name": "step", "step_size": 2}},
]


class StopAt:
    """Asks to stop before the given epochs are exceeded, once each."""

    def __init__(self, *calls: int) -> None:
        self.calls, self.count = calls, 0

    def __call__(self) -> bool:
        self.count += 1
        return self.count in self.calls


@pytest.mark.parametrize("changes", RECIPES, ids=["adam", "sgd", "adamw", "patience", "bfloat16"])
def test_an_interrupted_run_resumes_to_the_bit(
    changes: dict[str, Any], make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(training_epochs=5, **changes)
    straight = train_run(recipe, seeds, cache_dir=cache_dir)
    path = tmp_path / "checkpoint.pt"
    for done in (2, 3):
        with pytest.raises(Interrupted, match=f"after epoch {done}"):
            train_run(
                recipe,
                seeds,
                cache_dir=cache_dir,
                checkpoint=path,
                should_stop=StopAt(3 if done == 2 else 2),
            )
    resumed = train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path)
    assert resumed.result == straight.result
    assert resumed.timings["resumed_at"] == [2, 3]
    assert len(resumed.timings["epoch_s"]) == straight.result["epochs"]
    assert resumed.timings["total_s"] > sum(resumed.timings["epoch_s"])


def test_a_stop_before_the_first_epoch_loses_nothing(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Interrupted) as caught:
        train_run(
            make_recipe(), seeds, cache_dir=cache_dir, checkpoint=path, should_stop=lambda: True
        )
    assert caught.value.epoch == 0
    straight = train_run(make_recipe(), seeds, cache_dir=cache_dir).result
    resumed = train_run(make_recipe(), seeds, cache_dir=cache_dir, checkpoint=path).result
    assert resumed == straight


KILLED = """
import os, signal, sys
from pathlib import Path
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import steps, train_run

recipe = Recipe.model_validate_json(sys.argv[1])
cache, path, steps_left, epochs_left = Path(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:])
step = steps.TrainStep.__call__

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def counting(self, images, targets):
    global steps_left
    step(self, images, targets)
    steps_left -= 1
    if steps_left == 0:
        kill()

def between(report):
    global epochs_left
    epochs_left -= 1
    if epochs_left == 0:
        kill()

steps.TrainStep.__call__ = counting
train_run(
    recipe, Seeds(init=11, order=22, augmentation=33, dropout=44, split=55),
    cache_dir=cache, checkpoint=path, on_epoch=between,
)
"""


@pytest.mark.parametrize(
    ("steps", "epochs", "resumed_at"), [(10, 0, [2]), (0, 3, [3])], ids=["within", "between"]
)
def test_a_killed_run_resumes_to_the_bit(
    steps: int,
    epochs: int,
    resumed_at: list[int],
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    tmp_path: Path,
) -> None:
    recipe = make_recipe(training_epochs=4, **RECIPES[0])
    straight = train_run(recipe, seeds, cache_dir=cache_dir)
    path = tmp_path / "checkpoint.pt"
    arguments = [recipe.model_dump_json(), str(cache_dir), str(path), str(steps), str(epochs)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, check=False, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    resumed = train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path)
    assert resumed.timings["resumed_at"] == resumed_at
    assert resumed.result == straight.result


@pytest.fixture
def written(make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path) -> Path:
    """The checkpoint of a run that was stopped after its first epoch."""
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Interrupted):
        train_run(make_recipe(), seeds, cache_dir=cache_dir, checkpoint=path, should_stop=StopAt(2))
    return path


def resume(
    recipe: Recipe, seeds: Seeds, cache_dir: Path, path: Path, **options: Any
) -> TrainingResult:
    return train_run(recipe, seeds, cache_dir=cache_dir, checkpoint=path, **options)


def test_the_checkpoint_of_another_recipe_is_refused_with_what_differs(
    written: Path, make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    with pytest.raises(CheckpointMismatch, match=r"recipe\.training\.lr: .* None, .* 0\.01") as e:
        resume(make_recipe(training_lr=0.01), seeds, cache_dir, written)
    assert len(e.value.differences) == 1
    assert isinstance(e.value, ExecutionError)
    assert written.exists()


def test_the_checkpoint_of_another_replicate_is_refused(
    written: Path, make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    with pytest.raises(CheckpointMismatch, match=r"seeds\.order: the checkpoint has 22, .* 23"):
        resume(make_recipe(), replace(seeds, order=23), cache_dir, written)


def test_a_checkpoint_of_other_images_is_refused(
    written: Path,
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = prepare_data(make_recipe().data, cache_dir=cache_dir)
    other = replace(images, digest="other")
    monkeypatch.setattr("vggstudy.training.session.prepare_data", lambda *args, **options: other)
    with pytest.raises(CheckpointMismatch, match=r"data: the checkpoint has .* this run has other"):
        resume(make_recipe(), seeds, cache_dir, written)


def test_a_checkpoint_with_other_threads_is_refused(
    written: Path, make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    with pytest.raises(CheckpointMismatch, match="threads: the checkpoint has 1, this run has 2"):
        resume(make_recipe(), seeds, cache_dir, written, threads=2)


def test_a_checkpoint_of_another_torch_is_refused(
    written: Path,
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "__version__", "3.0.0")
    with pytest.raises(CheckpointMismatch, match=r"torch: .* this run has 3\.0\.0"):
        resume(make_recipe(), seeds, cache_dir, written)


@pytest.mark.parametrize("cut", [0, 10, 2000, -1])
def test_a_torn_checkpoint_is_reported_and_the_run_starts_again(
    cut: int,
    written: Path,
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    written.write_bytes(written.read_bytes()[:cut])
    resumed = resume(make_recipe(), seeds, cache_dir, written)
    assert "is damaged: the run starts again" in caplog.text
    assert resumed.timings["resumed_at"] == []
    assert resumed.result == train_run(make_recipe(), seeds, cache_dir=cache_dir).result


def test_a_changed_byte_is_noticed(
    written: Path,
    make_recipe: Make,
    seeds: Seeds,
    cache_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = bytearray(written.read_bytes())
    data[len(data) // 2] ^= 1
    written.write_bytes(data)
    resume(make_recipe(), seeds, cache_dir, written)
    assert "is damaged" in caplog.text


def write_sealed(path: Path, content: object) -> None:
    """Write a file with a checkpoint's form and any content."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    stored = buffer.getvalue()
    path.write_bytes(checkpoint_file.MAGIC + hashlib.sha256(stored).digest() + stored)


@pytest.mark.parametrize("content", [[1, 2], {}, {"fingerprint": {}, "state": 3}])
def test_a_sealed_file_of_another_content_is_no_checkpoint(tmp_path: Path, content: object) -> None:
    write_sealed(tmp_path / "checkpoint.pt", content)
    with pytest.raises(checkpoint_file.DamagedCheckpoint):
        checkpoint_file.read_checkpoint(tmp_path / "checkpoint.pt", fingerprint={})


def test_a_checkpoint_is_never_executed(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    path = tmp_path / "checkpoint.pt"
    write_sealed(path, {"fingerprint": {}, "state": Harmful()})
    with pytest.raises(checkpoint_file.DamagedCheckpoint):
        checkpoint_file.read_checkpoint(path, fingerprint={})
    assert not (tmp_path / "executed").exists()


def test_a_failed_write_keeps_the_checkpoint_before_it(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExecutionError, match=r"checkpoint\.pt: No space left on device"):
        checkpoint_file.write_checkpoint(written, fingerprint={}, state={})
    assert written.read_bytes() == before


def test_checkpoints_are_written_no_more_often_than_asked(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    seen: list[bool] = []

    def look(report: object) -> None:
        seen.append(path.exists())

    train_run(
        make_recipe(),
        seeds,
        cache_dir=cache_dir,
        checkpoint=path,
        checkpoint_every_s=3600,
        on_epoch=look,
    )
    assert seen == [False, False, False]
    train_run(make_recipe(), seeds, cache_dir=cache_dir, checkpoint=path, on_epoch=look)
    assert seen[3:] == [True, True, True]


def test_a_stop_writes_a_checkpoint_whenever_the_last_one_was(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Interrupted):
        train_run(
            make_recipe(),
            seeds,
            cache_dir=cache_dir,
            checkpoint=path,
            checkpoint_every_s=3600,
            should_stop=StopAt(3),
        )
    assert resume(make_recipe(), seeds, cache_dir, path).timings["resumed_at"] == [2]


def test_an_interruption_without_a_checkpoint_is_an_interruption(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    with pytest.raises(Interrupted):
        train_run(make_recipe(), seeds, cache_dir=cache_dir, should_stop=StopAt(2))


def test_failures_survive_the_way_from_a_worker() -> None:
    mismatch = pickle.loads(pickle.dumps(CheckpointMismatch(Path("a.pt"), ["x: 1", "y: 2"])))
    assert mismatch.differences == ("x: 1", "y: 2")
    assert "a.pt cannot be resumed: x: 1; y: 2" in str(mismatch)
    assert pickle.loads(pickle.dumps(Interrupted(3))).epoch == 3
