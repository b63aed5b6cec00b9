"""Commands on runs: plan, run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console, common, duration, size
from vggstudy.cli.engines import EngineChoice, engine_options, refuse_held
from vggstudy.cli.given import split
from vggstudy.cli.looks import look_rows, looks_line, show_looks
from vggstudy.cli.status import progress_counts, progress_line
from vggstudy.cli.trainers import ask_consent, trainer_options, warn_of_code
from vggstudy.plan import select_runs
from vggstudy.protocol import load_protocol
from vggstudy.stated.base import write_level
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from vggstudy.cli.progress import PlainProgress
    from vggstudy.execution import ExecutionOptions
    from vggstudy.plan import PlannedRun
    from vggstudy.study.pilot import Corner

RUNS_REMAIN = 4
INTERRUPTED = 130

study_option = click.option(
    "--study",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the study; studies/NAME by default.",
)
devices_option = click.option(
    "--devices", default="cpu", show_default=True, help="cpu, or cuda:0,cuda:1,..."
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of the protocol, e.g. training.lr=0.01.",
)


@click.command("plan")
@click.argument("protocol")
@study_option
@set_option
@click.option("--pilot", is_flag=True, help="Train one epoch in the grid's corners to tell time.")
@devices_option
@common
def plan_command(
    console: Console,
    protocol: str,
    folder: Path | None,
    overrides: tuple[str, ...],
    devices: str,
    *,
    pilot: bool,
) -> None:
    """Show what the study of PROTOCOL will run, has run and lacks, and what that takes.

    Times come from the runs that the ledger holds, as the range over its cells, or from a pilot.
    """
    from vggstudy.study.cost import cost_of_looks, estimate_cost
    from vggstudy.study.outcomes import check_outcomes
    from vggstudy.study.validation import check_validation

    loaded = load_protocol(protocol, overrides=overrides)
    study = Study.load(loaded, folder)
    progress = study.progress()
    unsure = [
        *check_outcomes(loaded.protocol),
        *check_validation(study.plan, loaded, study.registered_comparisons),
    ]
    warn_of_code(console, study)
    corners = _pilot(console, study, loaded.path, devices) if pilot else []
    cost = estimate_cost(study, progress, corners)
    rows = look_rows(study.looks, loaded.protocol, cost_of_looks(study, progress, corners))
    if console.as_json:
        cells = study.plan.n_cells
        counts = progress_counts(progress)
        content = {"name": loaded.protocol.name, "study": str(study.path), "cells": cells}
        looks = {"looks": rows} if rows else {}
        console.json("plan", {**content, **counts, **looks, "cost": cost.to_dict()})
        return
    replicates = study.plan.replicates
    console.data(
        f"{loaded.protocol.name}: {study.plan.n_cells} cells x {replicates} replicates = "
        f"{len(study.plan.runs)} runs, in {study.path}"
    )
    for factor, levels in loaded.protocol.design.factors.items():
        console.data(f"  {factor}: {', '.join(write_level(level) for level in levels)}")
    console.data(progress_line(progress))
    show_looks(console, study.looks, loaded.protocol, rows)
    if progress.lacking and cost.seconds is not None:
        low, middle, high = cost.seconds
        runs = "run" if len(progress.lacking) == 1 else "runs"
        console.data(
            f"time for the {len(progress.lacking)} lacking {runs} on one worker: about "
            f"{duration(middle)} ({duration(low)} to {duration(high)}), from {cost.basis}"
        )
    elif progress.lacking:
        console.data(f"time: {cost.basis}")
    console.data(f"disk: about {size(cost.disk_bytes)}")
    for warning in (*loaded.warnings, *unsure):
        console.warn(warning)


def _pilot(console: Console, study: Study, protocol: Path, devices: str) -> list[Corner]:
    """Run the pilot, saying so."""
    from vggstudy.execution import resolve_options
    from vggstudy.study.pilot import run_pilot

    console.say("pilot: one epoch in each corner of the grid")
    roots = (protocol.resolve().parent, Path.cwd())
    return run_pilot(study, resolve_options(devices=split(devices), data_roots=roots))


MAX_DIGITS = 6
"""No number that makes sense here has so many."""


def _lanes(context: click.Context, parameter: click.Parameter, value: str) -> int | None:  # noqa: ARG001 - click's signature
    """A number of lanes; None for "auto"."""
    if value == "auto":
        return None
    if not (value.isascii() and value.isdecimal() and len(value) < MAX_DIGITS):
        msg = f"'{value}' is neither auto nor a number"
        raise click.BadParameter(msg)
    return int(value)


@click.command("run")
@click.argument("protocol")
@study_option
@click.option("-j", "--jobs", type=click.IntRange(1, 1024), help="Worker processes.")
@devices_option
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Threads of a run on CPU, for the whole study; measured once and kept by default.",
)
@click.option(
    "--lanes",
    default="auto",
    show_default=True,
    callback=_lanes,
    metavar="auto|N",
    help="Runs at a time on each GPU; auto measures how many gain, 1 on CPU.",
)
@click.option(
    "--graphs/--no-graphs",
    default=True,
    help="Whether a GPU repeats recorded steps (the default) or is given one operation after "
    "another: slower, to the same bits.",
)
@set_option
@click.option("--only", multiple=True, metavar="FACTOR=LEVEL", help="Only such runs.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many runs.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Further attempts at a run that crashed.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Kill a worker that finishes no epoch for so long. By default never on a CPU; on a GPU "
    "after 20 times the cell's longest epoch, and at least 5 minutes.",
)
@click.option(
    "--per-device",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Worker processes for each of --devices; instead of --jobs.",
)
@engine_options
@trainer_options
@click.option("--dry-run", is_flag=True, help="List the runs that would be executed.")
@click.option(
    "--report", "reports", is_flag=True, help="Write the report when every run has a result."
)
@common
def run_command(
    console: Console,
    protocol: str,
    folder: Path | None,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    limit: int | None,
    *,
    dry_run: bool,
    reports: bool,
    engine_name: str,
    slurm: tuple[str, ...],
    detach: bool,
    ray_address: str | None,
    pack: int | None,
    per_device: int | None,
    allow_command: str | None,
    trainer: str | None,
    **execution: Any,
) -> int:
    """Execute the runs that the study of PROTOCOL lacks.

    Always resumes: runs with a result stay as they are, an interrupted run goes on from its
    checkpoint. The first Ctrl-C lets running runs write a checkpoint and stops. With --engine slurm
    it only stops waiting: the jobs go on, and the same command finds them again.
    """
    from vggstudy.study.outcomes import check_outcomes
    from vggstudy.study.validation import check_validation

    choice = EngineChoice(
        name=engine_name, slurm=slurm, ray_address=ray_address, pack=pack, detach=detach
    )
    loaded = load_protocol(protocol, overrides=overrides)
    study = Study.load(loaded, folder)
    unsure = [
        *check_outcomes(loaded.protocol),
        *check_validation(study.plan, loaded, study.registered_comparisons),
    ]
    for warning in (*loaded.warnings, *unsure):
        console.warn(warning)
    if reports and console.as_json:
        raise click.UsageError("--report and --json: give one of them, not both")
    if dry_run:
        _list_runs(console, study, only, limit)
        return 0
    devices = split(execution["devices"])
    execution["jobs"] = choice.jobs(_jobs(execution["jobs"], per_device, devices), devices)
    if study.progress().lacking:
        ask_consent(console, study, allow_command)
    options = _options(loaded.path, **execution)
    consent = {"allow_command": allow_command, "trainer": trainer}
    code = _execute(console, study, only, limit, options, choice, consent, reports=reports)
    if reports and code == 0:
        _report(console, study)
    return code


def _report(console: Console, study: Study) -> None:
    """Write the report as 'report' does, unless runs are lacking."""
    from vggstudy.cli.results import report_command

    if study.progress().lacking:
        console.say("no report yet: it is written when every run has a result")
        return
    said = {"quiet": console.quiet, "verbose": console.verbose}
    click.get_current_context().invoke(report_command, source=str(study.path), **said)


def _jobs(jobs: int | None, per_device: int | None, devices: Sequence[str]) -> int | None:
    """Worker processes in all."""
    if per_device is None:
        return jobs
    if jobs is not None:
        raise click.UsageError("--jobs and --per-device: give one of them, not both")
    return per_device * max(1, len(devices))


def _options(
    protocol: Path,
    *,
    jobs: int | None,
    devices: str,
    threads: int | None,
    lanes: int | None,
    graphs: bool,
    retries: int,
    timeout: float | None,
) -> ExecutionOptions:
    """Execution options from the command line; data are looked for beside the protocol too."""
    from vggstudy.execution import resolve_options

    return resolve_options(
        jobs=jobs,
        devices=split(devices),
        threads=threads,
        lanes=lanes,
        graphs=graphs,
        retries=retries,
        timeout_s=timeout,
        data_roots=(protocol.resolve().parent, Path.cwd()),
    )


def _list_runs(console: Console, study: Study, only: Sequence[str], limit: int | None) -> None:
    """The runs that `run` would execute, in order."""
    selected = {run.run_id for run in select_runs(study.plan, only)}
    runs = [run for run in study.progress().lacking if run.run_id in selected][:limit]
    if console.as_json:
        entries = [{"run_id": r.run_id, "replicate": r.replicate, **r.levels} for r in runs]
        console.json("dry-run", {"runs": entries})
        return
    console.table(
        ("run", *study.plan.factors, "replicate"),
        [(r.run_id, *map(write_level, r.levels.values()), r.replicate) for r in runs],
    )
    console.say(f"{len(runs)} run{'' if len(runs) == 1 else 's'} would be executed")


def _watching(
    console: Console, study: Study, *, remote: bool, reports: bool
) -> Callable[[Sequence[PlannedRun], ExecutionOptions], PlainProgress]:
    """What shows how runs go on; where a report is to follow, it imports that in idle time."""
    from vggstudy.cli.engines import RemoteProgress
    from vggstudy.cli.progress import LiveProgress, PlainProgress
    from vggstudy.cli.results import import_report
    from vggstudy.execution.eta import Estimator
    from vggstudy.study.cost import seconds_by_cell

    def watch(runs: Sequence[PlannedRun], chosen: ExecutionOptions) -> PlainProgress:
        by_id = study.plan.by_id
        estimator = Estimator(runs, jobs=chosen.jobs, known=seconds_by_cell(study))
        kind = LiveProgress if console.live else PlainProgress
        kind = RemoteProgress if remote else kind
        watching = kind(
            console, runs, lambda record: study.label(by_id[record.run_id], record), estimator
        )
        if reports:
            watching.at_last(chosen.jobs, import_report)
        return watching

    return watch


def _execute(
    console: Console,
    study: Study,
    only: Sequence[str],
    limit: int | None,
    options: ExecutionOptions,
    choice: EngineChoice,
    consent: Mapping[str, str | None],
    *,
    reports: bool,
) -> int:
    """Execute and say what came of it."""
    from vggstudy.study.agreement import planned_rows, warn_of_images

    engine = choice.make()
    if choice.name != "slurm":
        refuse_held(study)
    tally = study.run(
        options=options,
        only=only,
        limit=limit,
        listener=_watching(console, study, remote=choice.remote, reports=reports),
        engine=engine,
        allow_command=consent["allow_command"],
        trainer=consent["trainer"],
    )
    warn_of_images(study.plan, planned_rows(study.plan, study.store()))
    progress = study.progress()
    if console.as_json:
        counts = {"executed": tally.finished, "interrupted": tally.interrupted}
        rows = look_rows(study.looks, study.protocol)
        looks = {"looks": rows} if rows else {}
        content = {"study": str(study.path), **counts, **progress_counts(progress)}
        console.json("run", {**content, **looks})
    else:
        nothing = "nothing to run; " if not tally.finished + tally.crashed + tally.left else ""
        console.say(f"{study.path}: {nothing}{progress_line(progress)}{looks_line(study)}")
    if choice.detach:
        console.say("the same command finds the jobs again; 'vggstudy status' tells their state")
        return 0
    if tally.interrupted:
        console.say("interrupted; the same command goes on from here")
        return INTERRUPTED
    if not progress.lacking and not console.as_json and not reports:
        console.say(f"next: vggstudy report {shlex.quote(str(study.path))}")
    remain = tally.crashed or (progress.lacking and limit is None and not only)
    if remain and console.quiet:  # everything else that would say so is silent
        console.warn(f"{study.path}: {progress_line(progress)}")
    return RUNS_REMAIN if remain else 0
