"""Looks that a protocol declares: which were taken, what they came to, which is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.errors import AnalysisError, LedgerError, Problem, ProtocolError
from vggstudy.files import explain
from vggstudy.ledger import StudyStore
from vggstudy.ledger.journal import JOURNAL_NAME, Journal, append, read_journal
from vggstudy.protocol import Protocol, parse_protocol

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult
    from vggstudy.analysis.hypotheses.stopping import Stop
    from vggstudy.analysis.numbers.looks import Look, Rule

EVENT = "look"
"""Of the journal: a declared look."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A look that was taken, as the journal tells it.

    Attributes
    ----------
    number, replicates : int
    at : str
        By the driver's clock, ISO 8601 in UTC.
    met : bool
        Whether the target was reached.
    verdicts : mapping of str to str
        Of the hypotheses of the target.
    half_width : float or None
        Of the claim of the target; None where that had no interval, or one without an end.
    """

    number: int
    replicates: int
    at: str
    met: bool
    verdicts: Mapping[str, str]
    half_width: float | None = None


@dataclass(frozen=True, slots=True)
class Looks:
    """The declared looks of a study, and what became of them.

    Attributes
    ----------
    replicates : tuple of int
        Of every cell at each look, the maximum last.
    rule : str
        How looks are allowed for: `vggstudy.analysis.numbers.looks.Rule`.
    taken : tuple of Taken
        In order.
    """

    replicates: tuple[int, ...]
    rule: Rule
    taken: tuple[Taken, ...] = ()

    @property
    def stopped(self) -> Taken | None:
        """The look at which the study stopped; None while it goes on."""
        last = self.taken[-1] if self.taken else None
        return last if last and (last.met or last.number == len(self.replicates)) else None

    @property
    def next(self) -> int | None:
        """Replicates of the look that comes next; None where the study has stopped."""
        return None if self.stopped else self.replicates[len(self.taken)]

    @property
    def bound(self) -> int:
        """Replicates that may be run before anything else is decided."""
        return self.next or self.taken[-1].replicates

    def look(self, number: int) -> Look:
        """A look, as the analysis takes it."""
        from vggstudy.analysis.numbers.looks import Look  # SciPy

        return Look(number, self.replicates, self.rule)

    def rows(self, confidence: float) -> list[dict[str, Any]]:
        """Every look with its level, the error spent up to it and what it came to, for JSON."""
        found = []
        for number, replicates in enumerate(self.replicates, start=1):
            look = self.look(number)
            row: dict[str, Any] = {
                "look": number,
                "replicates": replicates,
                "level": look.nominal(confidence),
                "spent": look.spent(confidence),
            }
            if number <= len(self.taken):
                one = self.taken[number - 1]
                row |= {"at": one.at, "met": one.met}
                row |= {"verdicts": dict(one.verdicts)} if one.verdicts else {}
                row |= {} if one.half_width is None else {"half_width": one.half_width}
            found.append(row)
        return found


def declared(protocol: Protocol) -> Looks | None:
    """The looks of a protocol, none of them taken; None where it declares none."""
    stopping = protocol.design.stopping
    if stopping is None:
        return None
    rule: Rule = "fixed_width" if stopping.decided is None else "obrien_fleming"
    return Looks(stopping.replicates(protocol.design), stopping.spending or rule)


def stop_of(protocol: Protocol) -> Stop | None:
    """What stops a study at one of its looks; None where none are declared."""
    from vggstudy.analysis.hypotheses.stopping import Stop  # SciPy

    stopping = protocol.design.stopping
    if stopping is None:
        return None
    if stopping.decided is not None:
        return Stop(tuple(stopping.decided))
    return Stop((), stopping.claim, stopping.half_width)


def looks_of(protocol: Protocol, folder: Path) -> Looks | None:
    """The looks of a study, those in its journal taken."""
    found = declared(protocol)
    journal = read_journal(folder) if found is not None else None
    if found is None or journal is None:
        return found
    return Looks(found.replicates, found.rule, taken_looks(journal, found.replicates))


def taken_looks(journal: Journal, replicates: tuple[int, ...]) -> tuple[Taken, ...]:
    """Looks in a journal, in order, as far as they are those that were declared.

    A look that two drivers noted, on file systems without locks, counts once.
    """
    found: list[Taken] = []
    for entry in journal.entries:
        at = len(found)
        values = entry.values
        if entry.event != EVENT or at >= len(replicates) or (found and found[-1].met):
            continue
        if (values.get("look"), values.get("replicates")) != (at + 1, replicates[at]):
            continue
        half = values.get("half_width")
        found.append(
            Taken(
                number=at + 1,
                replicates=replicates[at],
                at=entry.at,
                met=values.get("met") is True,
                verdicts=dict(values.get("verdicts") or {}),
                half_width=half if isinstance(half, float) else None,
            )
        )
    return tuple(found)


def outcome_of(protocol: Protocol, result: AnalysisResult) -> dict[str, Any]:
    """What a look came to, for the journal: verdicts or a half-width, and whether that is enough.

    Raises
    ------
    AnalysisError
        If the table does not have the claim of the target.
    """
    from vggstudy.analysis.hypotheses.stopping import half_width

    if (stop := stop_of(protocol)) is None:
        raise ValueError("the protocol declares no looks")
    if stop.decided:
        found = {one.id: one.verdict for one in result.hypotheses}
        verdicts = {name: str(found[name]) for name in stop.decided}
        return {"verdicts": verdicts, "met": stop.by_verdicts(found)}
    if stop.claim is None or stop.claim not in result.claims:
        raise AnalysisError(f"design.stopping.claim: there is no claim {stop.claim!r}")
    claim = result.claims[stop.claim]
    half = half_width(claim.low, claim.high)
    return {"half_width": half, "met": stop.by_width(half)}


def note_taken(folder: Path, looks: Looks, outcome: Mapping[str, Any], confidence: float) -> None:
    """Put a look into the journal, so that it survives a power cut.

    Raises
    ------
    LedgerError
        If it cannot be written: a study whose looks are not kept does not go on.
    """
    number = len(looks.taken) + 1
    look = looks.look(number)
    event = {
        "event": EVENT,
        "look": number,
        "replicates": looks.replicates[number - 1],
        "level": look.nominal(confidence),
        "spent": look.spent(confidence),
        **outcome,
    }
    try:
        append(folder, [event], create=True, sync=True)
    except OSError as error:
        raise LedgerError(explain(error, folder / JOURNAL_NAME, "written")) from error


def refuse_changed_looks(store: StudyStore, protocol: Protocol) -> None:
    """Refuse a protocol that changes looks, or what they decide by, after results exist.

    Raises
    ------
    ProtocolError
        Saying what changed. Nothing is written.
    """
    if store.protocol_digest == protocol.digest():
        return
    try:
        old = parse_protocol(store.protocol_text)
    except ProtocolError:  # of a version that this one cannot read: no looks were declared then
        return
    if old.design.stopping is None and protocol.design.stopping is None:
        return
    changed = _changed(old, protocol)
    if changed is None:
        return
    with store.index() as index:
        results = sum(
            row.reason is None and row.status != "crashed" for row in index.rows(curves=False)
        )
    if results:
        runs = "1 run has" if results == 1 else f"{results} runs have"
        message = f"{changed} cannot change after {runs} a result: looks are fixed in advance"
        raise ProtocolError([Problem(message)], store.name)


def _changed(old: Protocol, new: Protocol) -> str | None:
    """The first thing that looks rest on and that differs, by its path in the protocol."""
    names = new.design.stopping.decided if new.design.stopping else None
    pairs: dict[str, tuple[object, object]] = {
        "design.stopping": (old.design.stopping, new.design.stopping),
        "design.replicates": (old.design.replicates, new.design.replicates),
        "analysis.confidence": (old.analysis.confidence, new.analysis.confidence),
    }
    words = {"text", "source"}
    before, after = (
        {one.id: one.model_dump(exclude=words) for one in p.hypotheses} for p in (old, new)
    )
    pairs |= {f"hypothesis {name}": (before.get(name), after.get(name)) for name in names or ()}
    return next((name for name, (was, now) in pairs.items() if was != now), None)
