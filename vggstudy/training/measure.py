"""Steps a second of a run, measured on its own batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from vggstudy.training.session import Assignment, Session, Site

WARM_UP_STEPS = 2
"""The first steps choose oneDNN's kernels and fill the allocator."""

WINDOW_S = 0.5


def steps_per_second(
    assignment: Assignment, site: Site, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Train for half a second, at least one step, and forget it.

    Parameters
    ----------
    assignment : Assignment
        Without a checkpoint.
    site : Site
    clock : callable
        Seconds, on a CPU.

    Raises
    ------
    StudyError
        As `train_run` says.
    """
    with site.computing(assignment.recipe):
        run = Session(assignment, site).run
        run.begin_epoch()
        batches, steps = len(run.bounds), 0

        def step() -> None:
            nonlocal steps
            at = steps % batches
            run.stepper.issue(at, at + 1)
            steps += 1

        for _ in range(WARM_UP_STEPS):
            step()
        begun, since = steps, clock()
        while True:
            step()
            elapsed = clock() - since
            if elapsed >= WINDOW_S:
                return (steps - begun) / elapsed
