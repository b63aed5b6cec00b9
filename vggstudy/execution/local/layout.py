"""How a machine's cores are divided: workers times threads, chosen once for a study and kept.

Threads inside an operation decide how sums are split, and so the bits of a result. A study
therefore keeps the number it began with, wherever and with however many workers it goes on;
only ``--threads`` changes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from vggstudy.execution.options import ExecutionOptions, available_cores
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.ledger.conduct import Conduct, Division, read_conduct, write_conduct
from vggstudy.plan import PlannedRun
from vggstudy.processor import BFLOAT16, bfloat16_instructions
from vggstudy.protocol import Recipe

MIN_EPOCHS = 100
"""Least epochs, over all runs to come, for which a measurement of some seconds is worth while."""

MARGIN = 1.1
"""More threads must be so many times as fast: noise must not decide about a study's bits."""

Measure = Callable[[Sequence[tuple[int, int]]], tuple[Division, ...]]
"""From (workers, threads) to what each was measured at; empty if nothing could be measured."""


def divisions(cores: int) -> list[tuple[int, int]]:
    """Workers and threads whose product is the number of cores, fewest threads first."""
    return [(cores // threads, threads) for threads in range(1, cores + 1) if cores % threads == 0]


def fastest(trials: Sequence[Division]) -> Division:
    """The first trial that no later one outdoes by `MARGIN`.

    Parameters
    ----------
    trials : sequence of Division
        Fewest threads first; at least one.
    """
    best = trials[0]
    for trial in trials[1:]:
        if trial.steps_per_s > MARGIN * best.steps_per_s:
            best = trial
    return best


def settle(
    options: ExecutionOptions,
    store: StudyStore,
    runs: Sequence[PlannedRun],
    *,
    measure: Measure | None,
    note: Callable[[str], None],
) -> ExecutionOptions:
    """Fix the threads of a study's runs, and its workers where they were not named.

    Parameters
    ----------
    options : ExecutionOptions
        As the user said, the rest by default.
    store : StudyStore
        Keeps the choice; its lock is held.
    runs : sequence of PlannedRun
        Runs to come.
    measure : callable or None
        None where nothing can be measured: the runs are executed elsewhere.
    note : callable
        Told of a measurement, and of a change of threads.

    Returns
    -------
    options : ExecutionOptions
        With the threads to use; those of a GPU unchanged.

    Raises
    ------
    LedgerError
        If the choice cannot be read or kept.
    """
    if not runs or options.devices != ("cpu",):
        return options
    if measure is not None and (told := emulation(options, runs)):
        note(told)
    kept = None if options.threads_given else _kept(store)
    if options.threads_given:
        conduct = Conduct(threads=options.threads, workers=options.jobs, chosen_by="user")
        _tell_change(store, conduct, note)
    elif kept is not None:
        conduct = kept
    else:
        conduct = _choose(options, runs, measure, note)
    if conduct != kept:
        write_conduct(store.path, conduct)
    workers = options.jobs if options.jobs_given else max(1, available_cores() // conduct.threads)
    return replace(options, threads=conduct.threads, jobs=workers)


def _kept(store: StudyStore) -> Conduct | None:
    """What was chosen before; by the records where a study was begun before choices were kept."""
    found = read_conduct(store.path)
    if found is not None:
        return found
    for record in store.records():
        if (threads := _threads(record)) is not None:
            return Conduct(threads=threads, workers=1, chosen_by="records")
    return None


def _threads(record: RunRecord) -> int | None:
    """Threads of a run that has been executed on CPU."""
    numerics = record.environment.get("numerics", {})
    threads = numerics.get("threads")
    return threads if type(threads) is int and numerics.get("cuda") is None else None


def _tell_change(store: StudyStore, conduct: Conduct, note: Callable[[str], None]) -> None:
    """Say so where runs with another number of threads are in the study."""
    before = _kept(store)
    if before is not None and before.threads != conduct.threads:
        note(
            f"this study's runs had {_count(before.threads, 'thread')} so far and have "
            f"{conduct.threads} from here on: rounding differs between the two"
        )


def _choose(
    options: ExecutionOptions,
    runs: Sequence[PlannedRun],
    measure: Measure | None,
    note: Callable[[str], None],
) -> Conduct:
    """One thread, unless a measurement is worth while and finds more to be faster."""
    default = Conduct(threads=1, workers=options.jobs, chosen_by="default")
    candidates = divisions(available_cores())
    worth = sum(run.recipe.epochs or 0 for run in runs) >= MIN_EPOCHS
    if measure is None or options.jobs_given or len(candidates) == 1 or not worth:
        return default
    trials = measure(candidates)
    if not trials:
        return default
    best = fastest(trials)
    speeds = ", ".join(
        f"{_count(t.workers, 'worker')} x {_count(t.threads, 'thread')} {t.steps_per_s:.3g} steps/s"
        for t in trials
    )
    note(f"measured {speeds}: {best.workers} x {best.threads} chosen")
    return Conduct(
        threads=best.threads, workers=best.workers, chosen_by="measurement", trials=trials
    )


def emulation(options: ExecutionOptions, runs: Sequence[PlannedRun]) -> str | None:
    """What to say of runs in bfloat16 on a processor that has no instructions for it."""
    asked = any(
        isinstance(run.recipe, Recipe) and run.recipe.training.precision == "bfloat16"
        for run in runs
    )
    if options.devices == ("cpu",) and asked and bfloat16_instructions() == ():
        return (
            'training.precision = "bfloat16": this processor has no instructions for it '
            f"({', '.join(BFLOAT16)}) and emulates them, slower than float32"
        )
    return None


def _count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def geometric_mean(values: Sequence[float]) -> float:
    """So that a cell of slow steps counts as much as one of fast steps."""
    return math.exp(math.fsum(map(math.log, values)) / len(values))
