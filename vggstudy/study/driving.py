"""Drives a study: executes what is lacking and, where looks are declared, takes them in time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from vggstudy.errors import LedgerError
from vggstudy.plan import PlannedRun
from vggstudy.study.keeping import Keeper, Noting
from vggstudy.study.looking import look_note
from vggstudy.study.stopping import note_taken, outcome_of

if TYPE_CHECKING:
    from vggstudy.execution import Crew, Engine, ExecutionOptions, Listener, Tally
    from vggstudy.ledger import StudyStore
    from vggstudy.ledger.conduct import Division
    from vggstudy.study.progress import Progress
    from vggstudy.study.study import Study

    Watch = Callable[[Sequence[PlannedRun], ExecutionOptions], AbstractContextManager[Listener]]


@dataclass(frozen=True, slots=True)
class Driver:
    """What a study is executed with.

    Attributes
    ----------
    study : Study
    options : ExecutionOptions
    watch : callable
        Makes, of the runs and the options, a context manager that gives the listener.
    engine : Engine or None
        None for this machine.
    """

    study: Study
    options: ExecutionOptions
    watch: Watch
    engine: Engine | None

    def drive(self, store: StudyStore, selected: Set[str], limit: int | None) -> Tally:
        """Execute lacking runs up to the next look, take that, and so on until nothing is to do.

        A look is due when every planned run up to it has a result, whoever executed it. The
        journal tells which were taken; what a look comes to depends on the records alone, so that
        a driver that was killed before it had noted one takes the same look again.
        """
        total = None
        while True:
            runs, progress = self._next(selected, limit)
            found, more = self._stage(store, runs, progress)
            total = found if total is None else _added(total, found)
            limit = None if limit is None else limit - found.finished - found.crashed
            if not more:
                return total

    def _next(self, selected: Set[str], limit: int | None) -> tuple[list[PlannedRun], Progress]:
        """The runs to execute now, and what there is."""
        progress, looks = self.study.progress(), self.study.looks
        most = None if looks is None else looks.bound
        runs = [
            run
            for run in progress.lacking
            if run.run_id in selected and (most is None or run.replicate < most)
        ]
        return runs[:limit], progress

    def _stage(
        self, store: StudyStore, runs: list[PlannedRun], progress: Progress
    ) -> tuple[Tally, bool]:
        """Execute runs, telling whoever watches, then look; whether there is more to run."""
        from vggstudy.execution import Crew, execute
        from vggstudy.study.codes import changed_code

        networks = self.study.protocol.trainer is None
        store.refuse_unreadable(run.run_id for run in progress.damaged)
        with contextlib.closing(Crew()) as crew, contextlib.ExitStack() as stack:
            watching = stack.enter_context(self.watch(runs, self.options))
            measured = self.engine is None and networks
            settled = _settled(self.options, store, runs, watching, crew if measured else None)
            if settled.jobs != self.options.jobs:  # what it tells of the time left is another
                stack.close()
                watching = stack.enter_context(self.watch(runs, settled))
            if runs and settled.trainer and (told := changed_code(store, settled.trainer)):
                watching.note(told)
            crashed = [run.run_id for run in progress.crashed]
            noting = Noting(watching, Keeper(self.study.path), store.checksum, crashed)
            engine = self.engine or partial(execute, crew=crew)
            found = engine(runs, store, settled, noting)
            halted = found.interrupted or found.crashed > 0
            return found, not halted and self._look(watching)

    def _look(self, watching: Listener) -> bool:
        """Take the next look where it is due; whether there is more to run after it."""
        from vggstudy.study.analyze import analyze_source
        from vggstudy.study.sources import open_source

        study = self.study
        if (looks := study.looks) is None or looks.next is None:
            return False
        if any(run.replicate < looks.next for run in study.progress().lacking):
            return False
        due = open_source(study.at_look(len(looks.taken) + 1))
        outcome = outcome_of(study.protocol, analyze_source(due, headline_only=True))
        note_taken(study.path, looks, outcome, study.protocol.analysis.confidence)
        study.forget_looks()
        if (after := study.looks) is None or len(after.taken) == len(looks.taken):
            raise LedgerError(f"{study.path}: the look that was taken is not in the journal")
        watching.note(look_note(after, after.taken[-1], study.protocol).text)
        return after.next is not None


def _added(first: Tally, second: Tally) -> Tally:
    """What two executions came to together."""
    return replace(
        second, finished=first.finished + second.finished, crashed=first.crashed + second.crashed
    )


def _settled(
    options: ExecutionOptions,
    store: StudyStore,
    runs: Sequence[PlannedRun],
    watching: Listener,
    crew: Crew | None,
) -> ExecutionOptions:
    """The options with the study's own threads: `vggstudy.execution.local.layout`.

    The crew keeps the workers of a measurement; without one nothing is measured.
    """
    from vggstudy.execution import measure_divisions, settle

    def measure(candidates: Sequence[tuple[int, int]]) -> tuple[Division, ...]:
        return measure_divisions(
            candidates, runs=runs, store=store, options=options, note=watching.note, crew=crew
        )

    return settle(options, store, runs, measure=measure if crew else None, note=watching.note)
