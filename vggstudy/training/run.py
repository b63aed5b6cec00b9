"""One run, from its recipe and seeds to its result."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vggstudy.errors import DataError
from vggstudy.identity import Seeds
from vggstudy.protocol.settings import Recipe
from vggstudy.training.batches import RunData, batch_bounds, load_splits
from vggstudy.training.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from vggstudy.training.datasets import prepare_data
from vggstudy.training.determinism import (
    deterministic,
    device_model,
    numerics,
    open_device,
    tensors_sha256,
)
from vggstudy.training.evaluate import Scores, class_recall
from vggstudy.training.failures import Interrupted
from vggstudy.training.loop import Run
from vggstudy.training.models import build_model, check_batches, model_size, state_tensors
from vggstudy.training.results import EpochReport, TrainingResult, finite
from vggstudy.training.splits import split_rows

logger = logging.getLogger(__name__)


def train_run(
    recipe: Recipe,
    seeds: Seeds,
    *,
    device: str = "cpu",
    threads: int = 1,
    data_roots: Sequence[Path] = (),
    cache_dir: Path | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 0.0,
    on_epoch: Callable[[EpochReport], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train one network and measure it.

    The result is a function of recipe, seeds, device model, threads and versions alone: not of
    what ran before in the process, nor of where or how often the run was interrupted.

    Parameters
    ----------
    recipe : Recipe
    seeds : Seeds
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``.
    threads : int
        Threads inside an operation on the CPU.
    data_roots : sequence of Path
        Folders in which relative paths of the recipe are looked for, in order.
    cache_dir : Path or None
        Folder of the decoded images; the platform's by default.
    checkpoint : Path or None
        Written at epoch boundaries, resumed from where it exists, removed by the caller.
    checkpoint_every_s : float
        Least seconds between two checkpoints; 0 writes one after every epoch.
    on_epoch : callable or None
        Told of every epoch, after its checkpoint.
    should_stop : callable or None
        Asked before every epoch.

    Returns
    -------
    TrainingResult

    Raises
    ------
    DataError
        If the data are missing or not what the recipe needs.
    ProtocolError
        If torchvision has no such data set, model or weights.
    ExecutionError
        If there is no such device, or a checkpoint cannot be written.
    CheckpointMismatch
        If the checkpoint belongs to another run, or to another machine or version.
    Interrupted
        If ``should_stop`` said so; the checkpoint is on disk.
    """
    where = open_device(device)
    with deterministic(where, threads=threads, precision=recipe.training.precision):
        started = time.perf_counter()
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
        cache = prepare_data(recipe.data, data_roots=data_roots, cache_dir=cache_dir)
        split = split_rows(cache, recipe.data, split_seed=seeds.split)
        data = load_splits(cache, split, recipe.data, where)
        parts = Parts(data_s=time.perf_counter() - started)
        run, fingerprint = _set_up(recipe, seeds, data, threads, data_roots)
        keeper = Keeper(checkpoint, checkpoint_every_s, fingerprint, parts, since=started)
        keeper.resume(run)
        _train(run, keeper, on_epoch, should_stop)
        result = summarise(run)
        parts.total_s += time.perf_counter() - started
        timings = {
            **run.clock.state(),
            **asdict(parts),
            "peak_memory_bytes": _peak_memory(where),
        }
        bits = numerics(where, threads=threads, precision=recipe.training.precision)
    return TrainingResult(result=result, timings=timings, numerics=bits)


@dataclass(slots=True)
class Parts:
    """Seconds over all parts of an interrupted run.

    Attributes
    ----------
    data_s, total_s : float
    resumed_at : list of int
        Epochs that were done when the run was resumed.
    """

    data_s: float = 0.0
    total_s: float = 0.0
    resumed_at: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Keeper:
    """Writes and reads the checkpoint of one run.

    Attributes
    ----------
    path : Path or None
    every_s : float
    fingerprint : dict
        What a checkpoint must share with the run that resumes it.
    parts : Parts
    since : float
        When this part of the run began.
    written_at : float
        When the last checkpoint was written, by the same clock.
    epoch : int
        Epochs that were done then.
    """

    path: Path | None
    every_s: float
    fingerprint: dict[str, Any]
    parts: Parts
    since: float
    written_at: float = 0.0
    epoch: int = 0

    def resume(self, run: Run) -> None:
        """Continue from the checkpoint, if there is one that is whole."""
        self.written_at = self.since
        if self.path is None or not self.path.exists():
            return
        try:
            state = read_checkpoint(self.path, fingerprint=self.fingerprint)
        except DamagedCheckpoint:
            logger.warning("%s is damaged: the run starts again from its seeds", self.path)
            return
        run.restore(state["run"])
        before = state["parts"]
        self.parts.data_s += before["data_s"]
        self.parts.total_s += before["total_s"]
        self.parts.resumed_at = [*before["resumed_at"], run.epoch]
        self.epoch = run.epoch

    def keep(self, run: Run, *, always: bool = False) -> None:
        """Write a checkpoint, if it is time to."""
        now = time.perf_counter()
        due = always or now - self.written_at >= self.every_s
        if self.path is None or not due or self.epoch == run.epoch:
            return
        parts = asdict(self.parts)
        parts["total_s"] += now - self.since
        state = {"run": run.state(), "parts": parts}
        write_checkpoint(self.path, fingerprint=self.fingerprint, state=state)
        self.written_at, self.epoch = now, run.epoch


def _set_up(
    recipe: Recipe, seeds: Seeds, data: RunData, threads: int, data_roots: Sequence[Path]
) -> tuple[Run, dict[str, Any]]:
    """The run before its first epoch, and what its bits depend on."""
    model = build_model(
        recipe.model,
        n_classes=len(data.classes),
        side=data.side,
        seed=seeds.init,
        data_roots=data_roots,
    )
    settings = recipe.training
    count = len(data.train)
    bounds = batch_bounds(count, settings.batch_size, drop_last=settings.drop_last)
    if not bounds:
        msg = (
            f"training.drop_last drops the only batch: {count} training images, "
            f"batch_size = {settings.batch_size}"
        )
        raise DataError(msg)
    sizes = sorted({stop - start for start, stop in bounds}, reverse=True)
    check_batches(model, side=data.side, sizes=sizes)
    device = data.train.targets.device
    fingerprint = {
        "recipe": recipe.identity(),
        "seeds": asdict(seeds),
        "device": device_model(device),
        "torch": str(torch.__version__),
        "threads": threads if device.type == "cpu" else None,
        "data": data.digest,
        "initial_parameters": tensors_sha256(state_tensors(model)),
    }
    return Run(recipe, seeds, data, model), fingerprint


def _train(
    run: Run,
    keeper: Keeper,
    on_epoch: Callable[[EpochReport], None] | None,
    should_stop: Callable[[], bool] | None,
) -> None:
    """Train until the run is over or asked to stop."""
    while run.stop_reason is None:
        if should_stop is not None and should_stop():
            keeper.keep(run, always=True)
            raise Interrupted(run.epoch)
        values = run.run_epoch()
        if run.stop_reason is None:
            keeper.keep(run)
        if on_epoch is not None:
            report = EpochReport(
                epoch=run.epoch,
                epochs=run.recipe.training.epochs,
                seconds=run.clock.epoch_s[-1],
                values={name: finite(value) for name, value in values.items()},
            )
            on_epoch(report)


def summarise(run: Run) -> dict[str, Any]:
    """Measure the selected checkpoint and collect what the run computed.

    Leaves the selected weights in the model.
    """
    last = tensors_sha256(state_tensors(run.model))
    metrics, recall, selected = _selected_metrics(run)
    size = model_size(run.model)
    return {
        "status": "diverged" if run.diverged else "finished",
        "stop_reason": run.stop_reason,
        "epochs": run.epoch,
        "steps": run.steps,
        "selected_epoch": run.selected_epoch,
        "curves": {name: [finite(v) for v in curve] for name, curve in run.curves.items()},
        "metrics": metrics,
        "test_recall": recall,
        "final": {name: finite(run.curves[name][-1]) for name in ("val_loss", "val_accuracy")},
        "parameters_sha256": last,
        "selected_sha256": selected,
        "parameters": {"count": size.count, "trainable": size.trainable},
        "parameters_and_statistics": size.with_statistics,
        "data": _describe_data(run.data),
    }


def _selected_metrics(
    run: Run,
) -> tuple[dict[str, float | None], list[float | None], str | None]:
    """Metrics, recall and digest of the selected checkpoint; none if a run diverged before."""
    names = ("train", "val", "test")
    metrics: dict[str, float | None] = {
        f"{name}_{kind}": None for name in names for kind in ("loss", "accuracy")
    }
    metrics["test_balanced_accuracy"] = None
    n_classes = len(run.data.classes)
    if run.selected_epoch is None:
        return metrics, [None] * n_classes, None
    if run.best.weights:
        run.model.load_state_dict(run.best.weights)
    for name, split in zip(
        names, (run.data.train, run.data.validation, run.data.test), strict=True
    ):
        evaluation = run.evaluate(split)
        scores = Scores.of(evaluation.totals.tolist(), len(split))
        metrics[f"{name}_loss"] = finite(scores.loss)
        metrics[f"{name}_accuracy"] = scores.accuracy
    recall = class_recall(
        evaluation.predictions.cpu().numpy(), run.data.test.targets.cpu().numpy(), n_classes
    )
    metrics["test_balanced_accuracy"] = float(np.mean([r for r in recall if r is not None]))
    return metrics, recall, tensors_sha256(state_tensors(run.model))


def _describe_data(data: RunData) -> dict[str, Any]:
    """Sizes and statistics of the splits."""
    validation = data.validation.targets.cpu().numpy()
    statistics = data.statistics
    return {
        "digest": data.digest,
        "n_train": len(data.train),
        "n_validation": len(data.validation),
        "n_test": len(data.test),
        "classes": list(data.classes),
        "majority_rate": int(np.bincount(validation).max()) / len(validation),
        "channel_mean": list(statistics.mean) if statistics else None,
        "channel_std": list(statistics.std) if statistics else None,
    }


def _peak_memory(device: torch.device) -> int:
    """Most bytes held: by the run on a GPU, by the process so far on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
