"""`cite verify --rerun`: how runs are drawn and trained again, and what is said of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vggstudy.cli.console import Console

if TYPE_CHECKING:
    from vggstudy.cli.progress import PlainProgress
    from vggstudy.execution import ExecutionOptions
    from vggstudy.plan import PlannedRun
    from vggstudy.study.rerun import Repeated
    from vggstudy.study.study import Study

F = TypeVar("F", bound=Callable[..., Any])

CODES = {"same": 0, "alike": 0, "different": 1, "unclear": 2}
"""What each verdict means for the exit code."""


@dataclass(frozen=True, slots=True)
class RerunChoice:
    """What the command line says of runs to train again.

    Attributes
    ----------
    count : int
        How many; 0 for none.
    seed : int or None
        Draws them; a random one by default, which nobody could foresee.
    devices : tuple of str
    """

    count: int
    seed: int | None
    devices: tuple[str, ...]


def rerun_options(command: F) -> F:
    """Options of `cite verify` that ask for runs to be trained again."""
    for option in reversed(
        (
            click.option(
                "--rerun",
                "rerun_count",
                type=click.IntRange(min=1),
                metavar="N",
                help="Train N runs of the study again, drawn at random, and compare all of their "
                "numbers.",
            ),
            click.option(
                "--rerun-seed",
                type=click.IntRange(min=0),
                metavar="SEED",
                help="Draw the runs that this seed draws; a random one by default, which is told.",
            ),
            click.option(
                "--devices",
                default="cpu",
                show_default=True,
                help="Where they are trained: cpu, or cuda:0,cuda:1,...",
            ),
        )
    ):
        command = option(command)
    return command


def rerun_study(console: Console, study: Study, choice: RerunChoice) -> dict[str, Any]:
    """Train runs again and say what came of each; the seed, the runs and the exit code.

    Raises
    ------
    StudyError
        If no run has a result, images are missing, or nothing can be executed here.
    """
    from vggstudy.cli.progress import run_name
    from vggstudy.errors import LedgerError
    from vggstudy.study.rerun import draw_runs, rerun

    seed = choice.seed if choice.seed is not None else secrets.randbelow(2**32)
    records = draw_runs(study, choice.count, seed)
    if not records:
        msg = f"{study.path} holds no run with a result that could be trained again"
        raise LedgerError(msg)
    console.say(f"training {len(records)} runs again, drawn by --rerun-seed {seed}")
    found = rerun(study, records, _options(study, choice, len(records)), _watch(console, study))
    if not console.as_json:
        for one in found:
            console.data(f"{one.verdict}: {run_name(one.run)} ({one.run.run_id}): {one.words}")
    return {"seed": seed, "code": _code(found), "runs": [_entry(one) for one in found]}


def _code(found: Sequence[Repeated]) -> int:
    """1 if a run is different, 2 if something cannot be told."""
    codes = {CODES[one.verdict] for one in found}
    return 1 if 1 in codes else max(codes)


def _entry(one: Repeated) -> dict[str, Any]:
    """A run as JSON."""
    levels = dict(one.run.levels)
    identity = {"run_id": one.run.run_id, "levels": levels, "replicate": one.run.replicate}
    return {**identity, "verdict": one.verdict, "words": one.words}


def _options(study: Study, choice: RerunChoice, count: int) -> ExecutionOptions:
    """As many workers as there is work for; images are looked for in the study's folder too."""
    from vggstudy.execution import resolve_options
    from vggstudy.execution.options import available_cores

    return resolve_options(
        jobs=min(count, available_cores()) if choice.devices == ("cpu",) else None,
        devices=choice.devices,
        data_roots=(study.path.resolve(), Path.cwd()),
    )


def _watch(
    console: Console, study: Study
) -> Callable[[Sequence[PlannedRun], ExecutionOptions], PlainProgress]:
    """Makes what prints the progress, with the time left by what the records say that runs take."""

    def watch(runs: Sequence[PlannedRun], options: ExecutionOptions) -> PlainProgress:
        from vggstudy.cli.progress import PlainProgress
        from vggstudy.execution.eta import Estimator
        from vggstudy.study.cost import seconds_by_cell

        estimator = Estimator(runs, jobs=options.jobs, known=seconds_by_cell(study))
        by_id = study.plan.by_id
        return PlainProgress(
            console, runs, lambda record: study.label(by_id[record.run_id], record), estimator
        )

    return watch
