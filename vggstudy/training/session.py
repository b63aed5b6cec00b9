"""One run under way: its live state, its clock and what it is issued by."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vggstudy.errors import DataError
from vggstudy.extras import require_fused_kernels
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.apparatus import Apparatus
from vggstudy.training.aside import Aside, Background, Directly
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
from vggstudy.training.ending import Ending
from vggstudy.training.keeper import Keeper, Parts, read_state
from vggstudy.training.loop import Run
from vggstudy.training.nets.build import build_model, check_batches, state_tensors
from vggstudy.training.peak_memory import peak_bytes, reset_peak
from vggstudy.training.pending import Stages
from vggstudy.training.results import EpochReport, finite
from vggstudy.training.summary import Fetch, summarise

_TRAINABLE: set[tuple[object, ...]] = set()
"""Networks, sizes of images and of batches that are known to go together."""


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
    if assignment.recipe.training.kernels == "fused":
        require_fused_kernels([site.device.type])
    if assignment.recipe.model.name != "vgg":
        import_module("vggstudy.training.nets.torchvision")  # seconds that are no run's own
    started = time.perf_counter()
    reset_peak()
    loaded = data if data is not None else site.load(assignment)
    data_s = time.perf_counter() - started
    model, fingerprint = _build(assignment.recipe, assignment.seeds, loaded, site)
    state = read_state(assignment.checkpoint, fingerprint)
    total_s = time.perf_counter() - started
    return Prepared(loaded, model, fingerprint, state, data_s=data_s, total_s=total_s)


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
    draws : Background or None
        Where epochs are drawn ahead; in the calling thread, when they begin, by default.
    apparatus : Apparatus or None
        Of a run of the same cell that is over, and which this one takes over.
    owned : bool
        Whether to copy the splits, so that another run can take them over in turn.

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
        draws: Background | None = None,
        apparatus: Apparatus | None = None,
        owned: bool = False,
    ) -> None:
        ready = prepare(assignment, site) if prepared is None else prepared
        recipe = assignment.recipe
        # What another run's tensors are written from lives until an epoch has been waited for.
        self._taken = ready if apparatus else None
        if apparatus is None:
            apparatus = Apparatus.of(recipe, ready.data, ready.model, owned=owned)
        else:
            apparatus.take_over(recipe, ready.data, ready.model)
        since = time.perf_counter() - ready.total_s
        self.assignment, self.site, self.aside = assignment, site, aside or Directly()
        self.run = Run(recipe, assignment.seeds, apparatus, thread=draws)
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
        run, self._taken = self.run, None
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
        """Let nothing be drawn or written any more; how the last checkpoint ended is of no use."""
        self.run.draws.drop()
        with suppress(Exception):
            self.keeper.settle(wait=True)

    def conclude(self, fetch: Fetch) -> Stages[Ending]:
        """Do all that a run needs of its device once it is over, in stages.

        Another run can take over its apparatus then.
        """
        self.run.draws.drop()
        measured = self.assignment.train_measured
        summary = yield from summarise(self.run, self.aside, fetch, train_measured=measured)
        device = self.site.device
        settings = self.assignment.recipe.training
        return Ending(
            summary,
            self.keeper,
            clock=self.run.clock.state(),
            peak_bytes=self.held_bytes or _peak_memory(device),
            numerics=numerics(device, threads=self.site.threads, settings=settings),
            execution=self.execution,
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
        **arithmetic(device, settings),
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
