"""One run, from its recipe and seeds to its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.streams import lane_streams
from vggstudy.training.results import EpochReport, TrainingResult
from vggstudy.training.session import Assignment, Session, Site


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
    graphs: bool = True,
    train_measured: bool = True,
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
    graphs : bool
        Whether steps are recorded and replayed on a GPU: quicker, to the same bits.
    train_measured : bool
        Whether the selected checkpoint is measured on the training split, too.

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
    site = Site(
        device=open_device(device),
        threads=threads,
        data_roots=tuple(data_roots),
        cache_dir=cache_dir,
        checkpoint_every_s=checkpoint_every_s,
    )
    with site.computing(recipe):
        if site.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(site.device)
        (stream,) = lane_streams(site.device, 1, graphs=graphs)
        with stream.active():
            session = Session(
                Assignment(
                    recipe=recipe,
                    seeds=seeds,
                    checkpoint=checkpoint,
                    train_measured=train_measured,
                ),
                site,
            )
        lane = Lane(session, stream, step_s=0.0)
        if site.device.type == "cuda":
            session.execution = {"lanes": 1, "lanes_reason": None, **lane.execution}
        try:
            while not lane.over:
                if should_stop is not None and should_stop():
                    raise lane.interrupt()
                report = lane.run_epoch()
                if on_epoch is not None:
                    on_epoch(report)
            return lane.finish()
        finally:
            lane.close()
