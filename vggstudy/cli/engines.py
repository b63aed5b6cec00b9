"""Options, progress and state of the engines that execute runs elsewhere: SLURM and Ray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vggstudy.cli.console import Console, duration
from vggstudy.cli.progress import PlainProgress, result_text, run_name
from vggstudy.errors import ExecutionError, LedgerError
from vggstudy.ledger import RunRecord
from vggstudy.plan import PlannedRun

if TYPE_CHECKING:
    from vggstudy.execution import Engine
    from vggstudy.study.progress import Progress
    from vggstudy.study.study import Study

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("local", "slurm", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What the command line says about the engine.

    Attributes
    ----------
    name : str
        One of `ENGINES`.
    slurm : tuple of str
        ``key=value,...`` texts for sbatch.
    ray_address : str or None
    pack : int or None
        Runs of a job or task.
    detach : bool
        Submit to SLURM and leave.
    """

    name: str = "local"
    slurm: tuple[str, ...] = ()
    ray_address: str | None = None
    pack: int | None = None
    detach: bool = False

    def __post_init__(self) -> None:
        """Refuse options of an engine that is not used."""
        owners = (
            ("--slurm", bool(self.slurm), ("slurm",)),
            ("--detach", self.detach, ("slurm",)),
            ("--ray-address", self.ray_address is not None, ("ray",)),
            ("--pack", self.pack is not None, ("slurm", "ray")),
        )
        for option, given, engines in owners:
            if given and self.name not in engines:
                msg = f"{option} needs --engine {' or '.join(engines)}"
                raise click.UsageError(msg)

    @property
    def remote(self) -> bool:
        """Whether runs are executed elsewhere."""
        return self.name != "local"

    def jobs(self, jobs: int | None, devices: list[str]) -> int | None:
        """Workers of a pack: one a device unless said otherwise, whatever this machine has."""
        return jobs or max(1, len(devices)) if self.remote else jobs

    def make(self) -> Engine | None:
        """The engine; None for the local one.

        Raises
        ------
        UsageError
            If an option of SLURM or an address is not what it should be.
        """
        from vggstudy.execution.packing import Packing

        packing = Packing(size=self.pack)
        try:
            if self.name == "slurm":
                from vggstudy.execution.slurm.engine import SlurmEngine
                from vggstudy.execution.slurm.options import SlurmSettings, parse_options

                options = parse_options(self.slurm)
                settings = SlurmSettings(options=options, packing=packing, detach=self.detach)
                return SlurmEngine(settings)
            if self.name == "ray":
                from vggstudy.execution.ray.engine import RayEngine, RaySettings

                return RayEngine(RaySettings(address=self.ray_address, packing=packing))
        except ExecutionError as error:
            raise click.UsageError(str(error)) from None
        return None


def engine_options(command: F) -> F:
    """Options that choose the engine; the command receives them as one `EngineChoice`."""
    for option in reversed(
        (
            click.option(
                "--engine",
                "engine_name",
                type=click.Choice(ENGINES),
                default="local",
                show_default=True,
                help="Where runs are executed.",
            ),
            click.option(
                "--slurm",
                multiple=True,
                metavar="KEY=VALUE,...",
                help="Options for sbatch, e.g. partition=gpu,time=60,gpus-per-node=1.",
            ),
            click.option("--detach", is_flag=True, help="Submit to SLURM and leave."),
            click.option(
                "--ray-address",
                metavar="HOST:PORT",
                help="A running Ray cluster, or auto on one of its nodes; a local one by default.",
            ),
            click.option(
                "--pack",
                type=click.IntRange(1, 100_000),
                help="Runs of a SLURM job or Ray task; by default about 10 minutes of them.",
            ),
        )
    ):
        command = option(command)
    return command


class RemoteProgress(PlainProgress):
    """One line a finished run, with the seconds that it took where it was executed."""

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """Print the run's line."""
        self.done += 1
        took = duration(float(record.timings.get("total_s", 0.0)))
        text = f"{result_text(record, self.label(record))}, {took}"
        self.line(f"[{self.done}/{self.total}] {run_name(run)}: {text}")


def refuse_held(study: Study) -> None:
    """Refuse to execute elsewhere what SLURM's queue holds already.

    Where SLURM does not answer nothing can be told: the study may have been copied from a cluster.

    Raises
    ------
    LedgerError
        If jobs hold runs of the study.
    """
    held = _held(study)
    if isinstance(held, dict) and held:
        msg = (
            f"{len(held)} of the study's runs are in SLURM's queue and would be executed twice: "
            f"use --engine slurm, or end the jobs first (scancel --me, names as in "
            f"{study.path}/slurm)"
        )
        raise LedgerError(msg)


def queue_counts(console: Console, study: Study, progress: Progress) -> dict[str, int]:
    """Lacking runs that SLURM's queue holds, by "queued" and "running"; empty without a queue."""
    held = _held(study) if progress.lacking else {}
    if isinstance(held, str):
        console.warn(f"which runs are queued is unknown: {held}")
        return {}
    states = Counter(held[run.run_id] for run in progress.lacking if run.run_id in held)
    return {name: states[name] for name in ("queued", "running")} if held else {}


def queue_text(counts: dict[str, int]) -> str:
    """``; in SLURM: 12 queued, 4 in running jobs``, or nothing."""
    if not counts:
        return ""
    return f"; in SLURM: {counts['queued']} queued, {counts['running']} in running jobs"


def _held(study: Study) -> dict[str, str] | str:
    """Runs that SLURM holds, or why that cannot be told."""
    from vggstudy.execution.slurm.engine import held_runs

    try:
        return held_runs(study.path)
    except ExecutionError as error:
        return str(error)
