"""Keeps a study's journal while it is run and looked at; a journal that fails stops no study."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.errors import LedgerError
from vggstudy.files import explain
from vggstudy.ledger import Failure, RunRecord, StudyStore
from vggstudy.ledger.journal import ANALYSED, JOURNAL_NAME, LOOKED, append, read_journal
from vggstudy.plan import PlannedRun

if TYPE_CHECKING:
    from vggstudy.execution import Listener

_log = logging.getLogger(__name__)


class Keeper:
    """Appends to the journal of one study; says once where it cannot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failed = False

    def note(self, event: str, *, create: bool = False, sync: bool = False, **values: Any) -> None:
        """Append one entry."""
        self.note_all([{"event": event, **values}], create=create, sync=sync)

    def note_all(
        self, events: Iterable[Mapping[str, Any]], *, create: bool = False, sync: bool = False
    ) -> None:
        """Append entries; what is missing is found by the next driver."""
        try:
            append(self.folder, events, create=create, sync=sync)
        except OSError as error:
            if not self.failed:
                _log.warning("%s", explain(error, self.folder / JOURNAL_NAME, "written"))
            self.failed = True

    def begin(self, store: StudyStore) -> None:
        """Make the journal if there is none, and note results that no driver saw come."""
        try:
            known = read_journal(self.folder)
        except LedgerError as error:
            _log.warning("%s", error)
            return
        with store.index() as index:
            rows = [row for row in index.rows(curves=False) if row.reason is None]
        checksums = store.checksums()
        told = known.results() if known else {}
        new: list[dict[str, Any]] = [
            {"event": "found", "run": row.run_id, "record": checksums.get(row.run_id)}
            for row in rows
            if row.status != "crashed" and checksums.get(row.run_id) not in told.get(row.run_id, ())
        ]
        if known is None or not known.entries:
            kind = "opened" if rows else "created"
            new.insert(0, {"event": kind, "protocol": store.protocol_digest, "runs": len(rows)})
        if new:
            self.note_all(new, create=True, sync=True)

    def amended(self, store: StudyStore) -> None:
        """Note the amendments that the journal does not have yet."""
        try:
            known = read_journal(self.folder)
        except LedgerError:
            return  # said at the beginning
        told = known.amendments() if known else {}
        new = [
            {"event": "amended", "date": one.date, "old": one.old_digest, "new": one.new_digest}
            for one in store.amendments
            if (one.date, one.new_digest) not in told
        ]
        if new:
            self.note_all(new, sync=True)


def note_look(folder: Path, runs: int, *, analysed: bool = False) -> None:
    """Note that results were looked at, unless nothing has happened since the last such look.

    A study without a journal gets none by being looked at, and one that cannot be written stays
    as it is.

    Parameters
    ----------
    folder : Path
    runs : int
        Results that there were.
    analysed : bool
        Whether claims were made of them, rather than a table of cells shown.
    """
    event = ANALYSED if analysed else LOOKED
    try:
        append(folder, [{"event": event, "runs": runs}], unless_last=event)
    except OSError as error:
        _log.debug("%s", explain(error, folder / JOURNAL_NAME, "written"))


class Noting:
    """A listener that notes what happens before it tells another one."""

    def __init__(
        self,
        inner: Listener,
        keeper: Keeper,
        checksum: Callable[[str], str | None],
        crashed: Iterable[str] = (),
    ) -> None:
        self.inner, self.keeper, self.checksum = inner, keeper, checksum
        self.has_crashed = set(crashed)

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """Note it."""
        again = run.run_id in self.has_crashed
        self.keeper.note("retried" if again else "started", run=run.run_id)
        self.inner.started(run, worker=worker)

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """Only tell it."""
        self.inner.epoch(run, report)

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """Note it, with the checksum of the record as it stands."""
        self.keeper.note("recorded", run=run.run_id, record=self.checksum(run.run_id))
        self.inner.finished(run, record)

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """Note it."""
        self.has_crashed.add(run.run_id)
        self.keeper.note("crashed", run=run.run_id, kind=failure["kind"], again=retry)
        self.inner.crashed(run, failure, retry=retry)

    def note(self, text: str) -> None:
        """Only tell it."""
        self.inner.note(text)
