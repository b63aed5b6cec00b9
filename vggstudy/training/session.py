"""One run under way: its live state, its checkpoint, its clock and what it is issued by."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from vggstudy.errors import DataError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.settings import Recipe
from vggstudy.training.batches import RunData, batch_bounds, load_splits
from vggstudy.training.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from vggstudy.training.datasets import prepare_data
from vggstudy.training.determinism import deterministic, device_model, numerics, tensors_sha256
from vggstudy.training.loop import Run
from vggstudy.training.models import build_model, check_batches, state_tensors
from vggstudy.training.peak_memory import peak_bytes, reset_peak
from vggstudy.training.results import EpochReport, TrainingResult, finite
from vggstudy.training.splits import split_rows
from vggstudy.training.summary import summarise

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where runs are trained: what all runs of a process share.

    Attributes
    ----------
    device : torch.device
    threads : int
        Threads inside an operation on the CPU.
    data_roots : tuple of Path
        Folders in which relative paths of a recipe are looked for, in order.
    cache_dir : Path or None
        Folder of the decoded images; the platform's by default.
    checkpoint_every_s : float
        Least seconds between two checkpoints of a run; 0 writes one after every epoch.
    """

    device: torch.device
    threads: int = 1
    data_roots: tuple[Path, ...] = ()
    cache_dir: Path | None = None
    checkpoint_every_s: float = 0.0

    def computing(self, recipe: Recipe) -> AbstractContextManager[None]:
        """The block in which a recipe computes: its switches hold for the whole process."""
        return deterministic(self.device, threads=self.threads, precision=recipe.training.precision)

    def load(self, job: Job) -> RunData:
        """The splits of a run, on the device."""
        data = job.recipe.data
        cache = prepare_data(data, data_roots=self.data_roots, cache_dir=self.cache_dir)
        split = split_rows(cache, data, split_seed=job.seeds.split)
        return load_splits(cache, split, data, self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to train.

    Attributes
    ----------
    recipe : Recipe
    seeds : Seeds
    checkpoint : Path or None
        Written at epoch boundaries, resumed from where it exists, removed by the caller.
    """

    recipe: Recipe
    seeds: Seeds
    checkpoint: Path | None = None


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


class Session:
    """One run between its set-up and its result.

    Parameters
    ----------
    job : Job
    site : Site
    data : RunData or None
        The run's splits where they lie on the device already; they are loaded otherwise.

    Attributes
    ----------
    run : Run
    execution : dict
        How the run is computed: never what it depends on.
    held_bytes : int or None
        What the run was measured to hold of its device's memory, where it shares that.

    Raises
    ------
    DataError, ProtocolError, ExecutionError, CheckpointMismatch
        As `train_run` says.
    """

    def __init__(self, job: Job, site: Site, data: RunData | None = None) -> None:
        started = time.perf_counter()
        reset_peak()
        self.job, self.site = job, site
        loaded = data if data is not None else site.load(job)
        parts = Parts(data_s=time.perf_counter() - started)
        self.run, fingerprint = _set_up(
            job.recipe, job.seeds, loaded, site.threads, site.data_roots
        )
        self.keeper = Keeper(
            job.checkpoint, site.checkpoint_every_s, fingerprint, parts, since=started
        )
        self.keeper.resume(self.run)
        self.execution: dict[str, Any] = {}
        self.held_bytes: int | None = None

    def finish_epoch(self, numbers: Sequence[float]) -> EpochReport:
        """Take an epoch's sums; write a checkpoint, if it is time to."""
        run = self.run
        values = run.finish_epoch(numbers)
        if run.stop_reason is None:
            self.keeper.keep(run)
        return EpochReport(
            epoch=run.epoch,
            epochs=self.job.recipe.training.epochs,
            seconds=run.clock.epoch_s[-1],
            values={name: finite(value) for name, value in values.items()},
        )

    def interrupt(self) -> None:
        """Write a checkpoint, whenever the last one was."""
        self.keeper.keep(self.run, always=True)

    def result(self) -> TrainingResult:
        """Measure the selected checkpoint, once the run is over."""
        result = summarise(self.run)
        parts = self.keeper.parts
        parts.total_s += time.perf_counter() - self.keeper.since
        device = self.site.device
        timings = {
            **self.run.clock.state(),
            **asdict(parts),
            "peak_memory_bytes": self.held_bytes or _peak_memory(device),
        }
        precision = self.job.recipe.training.precision
        bits = numerics(device, threads=self.site.threads, precision=precision)
        return TrainingResult(
            result=result, timings=timings, numerics=bits, execution=self.execution
        )


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


def _peak_memory(device: torch.device) -> int:
    """Most bytes held: by the run on a GPU, by the process during the run on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_bytes()
