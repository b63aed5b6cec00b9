"""What a study's numbers rest on: runs, protocol, amendments; and what is odd in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise, zip_longest
from typing import Any

from vggstudy.analysis.notes import Named, Note, say
from vggstudy.ledger import Amendment
from vggstudy.ledger.journal import Journal, read_journal
from vggstudy.ledger.merkle import study_root
from vggstudy.ledger.rows import IndexRow
from vggstudy.plan import Plan
from vggstudy.stated.base import write_level
from vggstudy.study.chronicle import journal_remarks
from vggstudy.study.looking import look_remarks
from vggstudy.study.manifests import manifest_remarks
from vggstudy.study.past import (
    Registration,
    Stage,
    amendments,
    began,
    changes,
    registrations,
    stages,
    touches,
)
from vggstudy.study.receipts import Trusted, study_receipts
from vggstudy.study.remarks import SHORT, Remark
from vggstudy.study.study import Study
from vggstudy.study.versions import version_remarks

MOST_NAMED = 6
"""So many planned runs are named one by one."""

FEW_NAMED = 3
"""So many others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the numbers of a study rest on.

    Attributes
    ----------
    protocol_digest : str
        Of the protocol that plans the runs.
    root : str
        Merkle root over all planned runs, missing ones included: `vggstudy.ledger.merkle`.
    inputs_digest : str or None
        Of what the claims were made from; None where nothing was analysed.
    planned : int
    missing, crashed, damaged, unplanned : tuple of str
        Run ids: planned without a record; planned with nothing but failed attempts; with a record
        that cannot be trusted; recorded and not planned.
    past : tuple of Stage
        Every protocol that was in force.
    diffs : tuple of str
        What each amendment changed, line by line.
    registrations : tuple of Registration
        When each hypothesis was stated.
    remarks : tuple of Remark
        All of it in sentences, in the order in which it is read.
    """

    protocol_digest: str
    root: str
    inputs_digest: str | None = None
    planned: int
    missing: tuple[str, ...] = ()
    crashed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    unplanned: tuple[str, ...] = ()
    past: tuple[Stage, ...] = ()
    diffs: tuple[str, ...] = ()
    registrations: tuple[Registration, ...] = ()
    remarks: tuple[Remark, ...] = field(default=())

    @property
    def odd(self) -> tuple[Note, ...]:
        """What keeps the study from being what was planned before its first run."""
        return tuple(remark.note for remark in self.remarks if remark.odd)

    @property
    def damage(self) -> tuple[str, ...]:
        """What cannot be trusted, in words."""
        return tuple(remark.note.text for remark in self.remarks if remark.damage)

    @property
    def sound(self) -> bool:
        """Whether every file of the study can be trusted."""
        return not self.damage

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "protocol": self.protocol_digest,
            "root": self.root,
            "inputs": self.inputs_digest,
            "planned": self.planned,
            "recorded": self.planned - len(self.missing),
            "missing": list(self.missing),
            "crashed": list(self.crashed),
            "damaged": list(self.damaged),
            "unplanned": list(self.unplanned),
            "amendments": [
                {
                    "date": after.since,
                    "protocol": after.digest,
                    "runs": after.existed,
                    "changes": [note.text for note in changes(before, after)],
                    "touches": [note.text for note in touches(before, after).notes],
                    "diff": diff,
                }
                for (before, after), diff in zip_longest(pairwise(self.past), self.diffs)
            ],
            "hypotheses": [
                {
                    "id": one.id,
                    "since": one.since,
                    "runs": one.existed,
                    "registered": one.note is None,
                }
                for one in self.registrations
            ],
            "remarks": [{**one.note.to_dict(), "odd": one.odd} for one in self.remarks],
        }


def basis_of(
    study: Study, *, inputs_digest: str | None = None, trusted: Trusted | None = None
) -> Basis:
    """What a study's numbers rest on.

    Parameters
    ----------
    study : Study
    inputs_digest : str, optional
        Of what its claims were made from.
    trusted : Trusted, optional
        What the reader brings along to check what others attest; without it that is only named.

    Raises
    ------
    LedgerError
        If the study cannot be read; damaged records are told of, and are no error.
    """
    told = _told(study)
    plan, past, rows = study.plan, told.past, told.rows
    state = _State(plan, rows)
    root = study_root(plan.by_id, {run: told.checksums.get(run) for run in rows})
    registered = registrations(past, told.total, told.looks)
    remarks = [
        *_digests(study.protocol.digest(), root, inputs_digest),
        *state.remarks(),
        *version_remarks(told.environments),
        *_amended(past, told.total),
        *map(hypothesis_remark, registered.values()),
        *journal_remarks(told.journal, told.checksums, told.results, told.amendments),
        *look_remarks(study, told.journal),
        *manifest_remarks(study.path, root, trusted),
        *study_receipts(study.path, past, [*told.starts.values()], trusted, told.journal),
    ]
    return Basis(
        protocol_digest=study.protocol.digest(),
        root=root,
        inputs_digest=inputs_digest,
        planned=len(plan.runs),
        missing=state.missing,
        crashed=state.crashed,
        damaged=state.damaged,
        unplanned=state.unplanned,
        past=past,
        diffs=tuple(one.diff for one in told.amendments),
        registrations=tuple(registered.values()),
        remarks=tuple(remarks),
    )


def stated(study: Study) -> dict[str, Registration]:
    """When each hypothesis of a study was first stated as it is, by its id."""
    if not study.protocol.hypotheses:
        return {}
    told = _told(study)
    return registrations(told.past, told.total, told.looks)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the ledger tells of a study."""

    rows: dict[str, IndexRow]
    environments: list[tuple[dict[str, Any], int]]
    checksums: dict[str, str | None]
    starts: dict[str, datetime]
    results: frozenset[str]
    journal: Journal | None
    amendments: tuple[Amendment, ...]
    past: tuple[Stage, ...]
    total: int

    @property
    def looks(self) -> list[str]:
        """When results were looked at."""
        return self.journal.looks() if self.journal else []


def _told(study: Study) -> _Told:
    """Read the ledger."""
    store, plan = study.store(), study.plan
    with store.index() as index:
        rows = {row.run_id: row for row in index.rows(curves=False)}
        environments = index.environments()
    starts = {run: start for run, row in rows.items() if (start := began(row)) is not None}
    journal = read_journal(study.path)
    noted = set(journal.results()) if journal else set()
    past = stages(
        store.protocols(),
        starts,
        study.protocol,
        noted=journal.amendments() if journal else None,
        gone=noted,
    )
    return _Told(
        rows=rows,
        environments=environments,
        checksums=store.checksums(),
        starts=starts,
        results=frozenset(starts),
        journal=journal,
        amendments=store.amendments,
        past=past,
        total=len(plan.by_id.keys() | rows.keys() | noted),
    )


class _State:
    """Which runs are there, and which are not."""

    def __init__(self, plan: Plan, rows: Mapping[str, IndexRow]) -> None:
        self.plan, self.rows = plan, rows
        intact = {run: row for run, row in rows.items() if row.reason is None}
        self.missing = tuple(run for run in plan.by_id if run not in rows)
        self.damaged = tuple(run for run in rows if run not in intact)
        self.crashed = tuple(
            run for run in plan.by_id if run in intact and intact[run].status == "crashed"
        )
        self.unplanned = tuple(run for run in rows if run not in plan.by_id)

    def remarks(self) -> Iterator[Remark]:
        """The counts, and the runs by name that are not as planned."""
        planned, recorded = len(self.plan.runs), len(self.plan.runs) - len(self.missing)
        if self.missing:
            yield Remark(say("planned_recorded", n=recorded, planned=planned))
            yield self._named("planned_missing", self.missing, planned)
        else:
            yield Remark(say("all_planned_recorded", planned=planned))
        if self.crashed:
            yield self._named("planned_crashed", self.crashed, planned)
        if self.damaged:
            remark = self._named("records_damaged", self.damaged)
            planned_too = any(run in self.plan.by_id for run in self.damaged)
            yield Remark(remark.note, odd=True, damage=planned_too)
        if self.unplanned:
            yield self._named("no_longer_planned", self.unplanned)

    def _named(self, name: str, runs: Sequence[str], planned: int | None = None) -> Remark:
        """A remark that names runs, all of which the JSON has."""
        most = MOST_NAMED if planned is not None else FEW_NAMED
        names = Named(tuple(map(self._words, runs[:most])), max(0, len(runs) - most))
        values: dict[str, object] = {"n": len(runs), "names": names}
        if planned is not None:
            values["planned"] = planned
        return Remark(say(name, **values), odd=True)

    def _words(self, run_id: str) -> tuple[tuple[str, str], ...]:
        """A run by its id, levels and replicate, as far as they are known."""
        if planned := self.plan.by_id.get(run_id):
            levels, replicate = dict(planned.levels), planned.replicate
        elif (row := self.rows.get(run_id)) is not None and row.reason is None:
            known = row.summary["levels"]
            order = [name for name in self.plan.factors if name in known]
            levels = {name: known[name] for name in [*order, *sorted(known.keys() - {*order})]}
            replicate = row.summary["replicate"]
        else:
            return (("run", run_id),)
        told = {**levels, "replicate": replicate}
        return (("run", run_id), *((name, write_level(level)) for name, level in told.items()))


def _digests(protocol: str, root: str, inputs: str | None) -> Iterator[Remark]:
    """What identifies the study."""
    yield Remark(say("rests_on", name=protocol[:SHORT], other=root[:SHORT]))
    if inputs is not None:
        yield Remark(say("rests_on_inputs", name=inputs[:SHORT]))


def _amended(past: Sequence[Stage], total: int) -> Iterator[Remark]:
    """Every amendment of the protocol."""
    if len(past) == 1:
        yield Remark(say("never_amended"))
    for note, late in amendments(past, total):
        yield Remark(note, odd=late)


def hypothesis_remark(one: Registration) -> Remark:
    """When a hypothesis was stated."""
    if one.note is not None:
        return Remark(say("hypothesis_late", name=one.id, text=one.note), odd=True)
    return Remark(say("hypothesis_registered", name=one.id, date=(one.since or "")[:10]))
