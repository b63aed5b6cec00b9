"""What a study's journal tells, set against its records: deletions, reruns, looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from vggstudy.analysis.notes import Named, say
from vggstudy.ledger import Amendment
from vggstudy.ledger.journal import ANALYSED, LOOKED, RESULTS, Journal
from vggstudy.study.remarks import SHORT, Remark

MOST_NAMED = 6

FAULTS = {"edited": "journal_edited", "gap": "journal_gap", "fork": "journal_fork"}


def journal_remarks(
    journal: Journal | None,
    checksums: Mapping[str, str | None],
    results: Set[str],
    amendments: Sequence[Amendment],
) -> Iterator[Remark]:
    """What the journal tells.

    Parameters
    ----------
    journal : Journal or None
    checksums : mapping of str to str or None
        Of every record, by run id.
    results : set of str
        Runs whose record holds a result.
    amendments : sequence of Amendment
        As the study's marker knows them.
    """
    if journal is None or not journal.entries:
        yield Remark(say("no_journal"))
        return
    last = journal.entries[-1]
    values = {"n": len(journal.entries), "date": last.at, "name": last.checksum[:SHORT]}
    yield Remark(say("journal_is", **values))
    yield from _faults(journal)
    yield from _beginning(journal)
    yield from _records(journal, checksums, results)
    yield from _attempts(journal)
    yield from _looks(journal)
    known = {(one.date, one.new_digest) for one in amendments}
    for date, digest in journal.amendments():
        if (date, digest) not in known:
            note = say("amendment_gone", date=date[:10], name=digest[:SHORT])
            yield Remark(note, odd=True)


def _faults(journal: Journal) -> Iterator[Remark]:
    """Lines that are not what was written, and torn ones."""
    for fault in journal.faults[:MOST_NAMED]:
        damage = fault.kind != "fork"
        yield Remark(say(FAULTS[fault.kind], n=fault.line), odd=True, damage=damage)
    if journal.repaired:
        yield Remark(say("journal_repaired", n=journal.repaired))
    if journal.torn:
        yield Remark(say("journal_torn", n=journal.torn))


def _beginning(journal: Journal) -> Iterator[Remark]:
    """That the journal begins later than the study."""
    first = journal.entries[0]
    if first.event == "opened":
        runs = first.values.get("runs", 0)
        count = runs if isinstance(runs, int) else 0
        yield Remark(say("journal_late", date=first.at[:10], n=count))


def _records(
    journal: Journal, checksums: Mapping[str, str | None], results: Set[str]
) -> Iterator[Remark]:
    """Results that are gone, changed, made twice, or that the journal does not know."""
    told = journal.results()
    lists = {
        "results_gone": [run for run in told if run not in checksums],
        "results_replaced": [
            run for run, known in told.items() if run in checksums and checksums[run] not in known
        ],
        "results_twice": [run for run, known in told.items() if len(known) > 1],
        "results_beside": [run for run in results if run not in told],
    }
    for name, runs in lists.items():
        if runs:
            ordered = sorted(runs)
            named = Named(
                tuple((("run", run),) for run in ordered[:MOST_NAMED]),
                max(0, len(ordered) - MOST_NAMED),
            )
            yield Remark(say(name, n=len(runs), names=named), odd=True)


def _attempts(journal: Journal) -> Iterator[Remark]:
    """Attempts that crashed, and those that were made again."""
    crashed = sum(entry.event == "crashed" for entry in journal.entries)
    again = sum(entry.event == "retried" for entry in journal.entries)
    if crashed:
        yield Remark(say("attempts_crashed", n=crashed, k=again))


def _looks(journal: Journal) -> Iterator[Remark]:
    """How often results were looked at, and how many there were at first."""
    seen: set[str] = set()
    looks = []
    for entry in journal.entries:
        if entry.event in RESULTS and entry.run is not None:
            seen.add(entry.run)
        elif entry.event in {LOOKED, ANALYSED}:
            looks.append((len(seen), entry.at[:10]))
    if looks:
        first, date = looks[0]
        values = {"k": len(looks), "n": first, "all": len(seen), "date": date}
        yield Remark(say("looked_at", **values))
    else:
        yield Remark(say("never_looked_at"))
