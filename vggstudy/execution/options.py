"""How runs are executed: workers, devices, threads, retries. Never part of a run's identity."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vggstudy.errors import ExecutionError
from vggstudy.training.lanes.count import MAX_LANES

_DEVICE = re.compile(r"^(cpu|cuda(:\d+)?)$")


@dataclass(frozen=True, slots=True)
class FunctionPlace:
    """Where a worker finds a function that somebody handed over.

    Attributes
    ----------
    module, name : str
        Module, and the function's qualified name in it.
    script : str or None
        The file of a function that was defined in a script that is executed, ``__main__``.
    path : tuple of str
        Where modules are looked for.
    """

    module: str
    name: str
    script: str | None = None
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainerSite:
    """What the execution of a trainer of one's own needs besides the runs.

    That it is there says that somebody has consented to execute the trainer.

    Attributes
    ----------
    folder : Path
        Where commands are executed.
    quantities : tuple of str
        What every run that finishes must report at its end.
    code : tuple of str
        Patterns of the files that make the code.
    keep_files : bool
        Whether a run's folder stays when it has its result.
    function : FunctionPlace or None
        The function that trains; None where a command does.
    """

    folder: Path
    quantities: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    keep_files: bool = False
    function: FunctionPlace | None = None


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Settings of one execution.

    Attributes
    ----------
    jobs : int
        Worker processes.
    devices : tuple of str
        "cpu" or "cuda:N"; worker i computes on device i modulo their number.
    threads : int
        Intra-op threads of a run on CPU. They change the order of sums and so the bits of a
        result: one number for all of a study's runs.
    retries : int
        Further attempts at a run that crashed, with the same seeds.
    timeout_s : float or None
        Seconds without a finished epoch after which a worker counts as hung; without them there is
        no limit on a CPU, and one measured by `stalls.StallLimit` on a GPU.
    checkpoint_every_s : float
        Least seconds between two checkpoints of a run.
    data_roots : tuple of Path
        Folders in which a relative ``data.root`` is looked for, in order.
    cache_dir : Path or None
        Where decoded images are kept; the user's cache folder by default.
    lanes : int or None
        Runs that a worker trains at a time; None measures it on a GPU and takes one on a CPU.
    graphs : bool
        Whether a GPU repeats recorded steps, where a network can be recorded.
    train_measured : bool
        Whether the selected checkpoint of a run is measured on its training split, too.
    trainer : TrainerSite or None
        Needed where a trainer of one's own trains: without it nothing of it is executed.
    jobs_given, threads_given : bool
        Whether somebody named these numbers; `layout` may choose others where nobody did.
    """

    jobs: int
    devices: tuple[str, ...] = ("cpu",)
    threads: int = 1
    retries: int = 1
    timeout_s: float | None = None
    checkpoint_every_s: float = 10.0
    data_roots: tuple[Path, ...] = ()
    cache_dir: Path | None = None
    lanes: int | None = None
    graphs: bool = True
    train_measured: bool = True
    trainer: TrainerSite | None = None
    jobs_given: bool = True
    threads_given: bool = True


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_options(
    *,
    jobs: int | None = None,
    devices: Sequence[str] = (),
    threads: int | None = None,
    retries: int = 1,
    timeout_s: float | None = None,
    data_roots: Sequence[Path] = (),
    cache_dir: Path | None = None,
    lanes: int | None = None,
    graphs: bool = True,
) -> ExecutionOptions:
    """Fill in what was not said: CPU, one worker a core (or a GPU), one thread a run.

    Raises
    ------
    ExecutionError
        If a device is not of the form ``cpu``, ``cuda`` or ``cuda:N``, or a number is too small.
    """
    numbers = (("jobs", jobs, 1), ("threads", threads, 1), ("lanes", lanes, 1))
    for name, value, least in (*numbers, ("retries", retries, 0)):
        if value is not None and value < least:
            msg = f"{name} must be at least {least}, got {value}"
            raise ExecutionError(msg)
    if lanes is not None and lanes > MAX_LANES:
        msg = f"lanes must be at most {MAX_LANES}, got {lanes}"
        raise ExecutionError(msg)
    for device in devices:
        if not _DEVICE.match(device):
            msg = f"device '{device}' is unknown: write cpu, cuda or cuda:N"
            raise ExecutionError(msg)
    named = tuple("cuda:0" if device == "cuda" else device for device in devices) or ("cpu",)
    workers = len(named) if named != ("cpu",) else max(1, available_cores() // (threads or 1))
    environment = os.environ.get("VGGSTUDY_DATA")
    roots = [*data_roots, *([Path(environment)] if environment else [])]
    return ExecutionOptions(
        jobs=jobs or workers,
        devices=named,
        threads=threads or 1,
        retries=retries,
        timeout_s=timeout_s,
        data_roots=tuple(roots),
        cache_dir=cache_dir,
        lanes=lanes,
        graphs=graphs,
        jobs_given=jobs is not None,
        threads_given=threads is not None,
    )
