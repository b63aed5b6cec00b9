"""One run under way: its live state, its checkpoint, its clock and what it is issued by."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vggstudy.errors import DataError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.aside import Aside, Directly
from vggstudy.training.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from vggstudy.training.data.batches import RunData, batch_bounds, load_splits
from vggstudy.training.data.datasets import prepare_data
from vggstudy.training.data.splits import split_rows
from vggstudy.training.determinism import (
    arithmetic,
    deterministic,
    device_model,
    numerics,
    tensors_sha256,
)
from vggstudy.training.loop import Run
from vggstudy.training.nets.build import build_model, check_batches, state_tensors
from vggstudy.training.peak_memory import peak_bytes, reset_peak
from vggstudy.training.pending import InThread, Stages
from vggstudy.training.results import EpochReport, TrainingResult, finite
from vggstudy.training.summary import Fetch, summarise

logger = logging.getLogger(__name__)

_TRAINABLE: set[tuple[object, ...]] = set()
"""Networks, sizes of images and of batches that are known to go together."""

CHECKPOINT_SHARE = 0.02
"""Share of the driving thread's time that checkpoints may take."""


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

    def load(self, assignment: Assignment) -> RunData:
        """The splits of a run, on the device."""
        data = assignment.recipe.data
        cache = prepare_data(data, data_roots=self.data_roots, cache_dir=self.cache_dir)
        split = split_rows(cache, data, split_seed=assignment.seeds.split)
        return load_splits(cache, split, data, self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One run to train.

    Attributes
    ----------
    recipe : Recipe
    seeds : Seeds
    checkpoint : Path or None
        Written at epoch boundaries, resumed from where it exists, removed by the caller.
    train_measured : bool
        Whether the selected checkpoint is measured on the training split, too.
    """

    recipe: Recipe
    seeds: Seeds
    checkpoint: Path | None = None
    train_measured: bool = True

    @property
    def cell(self) -> str:
        """The same for all runs that differ in their seeds alone."""
        return self.recipe.model_dump_json()

    @property
    def reads(self) -> str:
        """The same for all runs that read the same splits."""
        return f"{self.recipe.data.model_dump_json()} {self.seeds.split}"


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
    """Writes the checkpoints of one run.

    Attributes
    ----------
    path : Path or None
    every_s : float
        Least seconds between two checkpoints; 0 writes one after every epoch, and waits for it.
    fingerprint : dict
        What a checkpoint must share with the run that resumes it.
    aside : Aside
        Where they are written.
    parts : Parts
    since : float
        When this part of the run began.
    written_at : float
        When the last checkpoint was begun, by the same clock.
    cost_s : float
        What that took of the driving thread.
    epoch : int
        Epochs that were done then.
    writing : Future or None
        The checkpoint that is being written.
    """

    path: Path | None
    every_s: float
    fingerprint: dict[str, Any]
    aside: Aside
    parts: Parts
    since: float
    written_at: float = 0.0
    cost_s: float = 0.0
    epoch: int = 0
    writing: Future[None] | None = None

    def resume(self, run: Run, state: Mapping[str, Any] | None) -> None:
        """Continue from a checkpoint that was read, if there was one."""
        self.written_at = self.since
        if state is None:
            return
        run.restore(state["run"])
        before = state["parts"]
        self.parts.data_s += before["data_s"]
        self.parts.total_s += before["total_s"]
        self.parts.resumed_at = [*before["resumed_at"], run.epoch]
        self.epoch = run.epoch

    def keep(self, run: Run, *, always: bool = False) -> None:
        """Begin to write a checkpoint, if it is time to; ``always`` waits until it is written.

        Raises
        ------
        ExecutionError
            If this one, or the one before it, cannot be written.
        """
        self.settle(wait=always)
        now = time.perf_counter()
        if self.path is None or self.epoch == run.epoch or not (always or self._due(now)):
            return
        parts = asdict(self.parts)
        parts["total_s"] += now - self.since
        write = partial(_write, self.path, self.fingerprint)
        self.writing = self.aside.submit({"run": run.state(), "parts": parts}, write)
        self.written_at, self.epoch = now, run.epoch
        self.settle(wait=always or self.every_s == 0)
        self.cost_s = time.perf_counter() - now

    def _due(self, now: float) -> bool:
        """Whether it is time: what they cost the driving thread stays within its share."""
        pause_s = max(self.every_s, self.cost_s / CHECKPOINT_SHARE if self.every_s else 0.0)
        return now - self.written_at >= pause_s and (self.aside.idle or self.every_s == 0)

    def settle(self, *, wait: bool) -> None:
        """Take note of how writing ended, if it has."""
        if self.writing is not None and (wait or self.writing.done()):
            writing, self.writing = self.writing, None
            writing.result()


def _write(path: Path, fingerprint: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint."""
    write_checkpoint(path, fingerprint=fingerprint, state=state)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run before its first epoch, on the host: any thread may prepare it, one at a time.

    Attributes
    ----------
    data : RunData
        On the device.
    model : nn.Module
        On the CPU, as initialised.
    fingerprint : dict
        What the run's bits depend on.
    state : dict or None
        Of its checkpoint.
    data_s, total_s : float
        Seconds for the data, and for everything.
    """

    data: RunData
    model: nn.Module
    fingerprint: dict[str, Any]
    state: dict[str, Any] | None
    data_s: float
    total_s: float


def prepare(assignment: Assignment, site: Site, data: RunData | None = None) -> Prepared:
    """Do all that a run needs before it comes to its device.

    Draws initial weights from torch's global generator, as its modules do: no two threads of a
    process may prepare at a time, nor draw from that generator meanwhile.

    Parameters
    ----------
    assignment : Assignment
    site : Site
    data : RunData or None
        The run's splits, where another run has loaded the same.

    Raises
    ------
    StudyError
        As `train_run` says.
    """
    if assignment.recipe.model.name != "vgg":
        import_module("vggstudy.training.nets.torchvision")  # seconds that are no run's own
    started = time.perf_counter()
    reset_peak()
    loaded = data if data is not None else site.load(assignment)
    data_s = time.perf_counter() - started
    model, fingerprint = _build(assignment.recipe, assignment.seeds, loaded, site)
    state = _read(assignment.checkpoint, fingerprint)
    total_s = time.perf_counter() - started
    return Prepared(loaded, model, fingerprint, state, data_s=data_s, total_s=total_s)


def _read(path: Path | None, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state in a checkpoint, if there is one that is whole."""
    if path is None or not path.exists():
        return None
    try:
        return read_checkpoint(path, fingerprint=fingerprint)
    except DamagedCheckpoint:
        logger.warning("%s is damaged: the run starts again from its seeds", path)
        return None


class Session:
    """One run between its set-up and its result.

    Parameters
    ----------
    assignment : Assignment
    site : Site
    prepared : Prepared or None
        What `prepare` made; it is made here otherwise.
    aside : Aside or None
        Where weights are hashed and checkpoints written; in the calling thread by default.

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

    def __init__(
        self,
        assignment: Assignment,
        site: Site,
        prepared: Prepared | None = None,
        *,
        aside: Aside | None = None,
    ) -> None:
        ready = prepare(assignment, site) if prepared is None else prepared
        since = time.perf_counter() - ready.total_s
        self.assignment, self.site, self.aside = assignment, site, aside or Directly()
        self.run = Run(assignment.recipe, assignment.seeds, ready.data, ready.model)
        self.keeper = Keeper(
            assignment.checkpoint,
            site.checkpoint_every_s,
            ready.fingerprint,
            self.aside,
            Parts(data_s=ready.data_s),
            since=since,
        )
        self.keeper.resume(self.run, ready.state)
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
            epochs=self.assignment.recipe.training.epochs,
            seconds=run.clock.epoch_s[-1],
            values={name: finite(value) for name, value in values.items()},
        )

    def interrupt(self) -> None:
        """Write a checkpoint, whenever the last one was."""
        self.keeper.keep(self.run, always=True)

    def close(self) -> None:
        """Let no checkpoint be written any more; how the last one ended is of no interest."""
        with suppress(Exception):
            self.keeper.settle(wait=True)

    def conclude(self, fetch: Fetch) -> Stages[TrainingResult]:
        """Measure the selected checkpoint, once the run is over, in stages."""
        measured = self.assignment.train_measured
        result = yield from summarise(self.run, self.aside, fetch, train_measured=measured)
        if self.keeper.writing is not None:  # whoever removes the checkpoint must be the last
            yield InThread(self.keeper.writing)
            self.keeper.settle(wait=True)
        parts = self.keeper.parts
        parts.total_s += time.perf_counter() - self.keeper.since
        device = self.site.device
        timings = {
            **self.run.clock.state(),
            **asdict(parts),
            "peak_memory_bytes": self.held_bytes or _peak_memory(device),
        }
        precision = self.assignment.recipe.training.precision
        bits = numerics(device, threads=self.site.threads, precision=precision)
        return TrainingResult(
            result=result, timings=timings, numerics=bits, execution=self.execution
        )


def _build(
    recipe: Recipe, seeds: Seeds, data: RunData, site: Site
) -> tuple[nn.Module, dict[str, Any]]:
    """The network as initialised, and what the run's bits depend on."""
    model = build_model(
        recipe.model,
        n_classes=len(data.classes),
        side=data.side,
        seed=seeds.init,
        data_roots=site.data_roots,
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
    shapes = (recipe.model.model_dump_json(), len(data.classes), data.side, *sizes)
    if shapes not in _TRAINABLE:  # shapes alone decide: found out once a cell and process
        check_batches(model, side=data.side, sizes=sizes)
        _TRAINABLE.add(shapes)
    device = data.train.targets.device
    fingerprint = {
        "recipe": recipe.identity(),
        "seeds": asdict(seeds),
        "device": device_model(device),
        **arithmetic(device, settings.precision),
        "torch": str(torch.__version__),
        "threads": site.threads if device.type == "cpu" else None,
        "data": data.digest,
        "initial_parameters": tensors_sha256(state_tensors(model)),
    }
    return model, fingerprint


def _peak_memory(device: torch.device) -> int:
    """Most bytes held: by the run on a GPU, by the process during the run on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_bytes()
