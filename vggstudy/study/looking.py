"""What is to be said of looks: those that a protocol declared, and early ones that none did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vggstudy.analysis.notes import Caution, Note, say
from vggstudy.ledger.journal import ANALYSED, RESULTS, Journal, read_journal
from vggstudy.protocol import Protocol
from vggstudy.study.remarks import Remark
from vggstudy.study.stopping import Looks, Taken

if TYPE_CHECKING:
    from vggstudy.report.page.context import DeclaredLook
    from vggstudy.study.study import Study


def cautions(study: Study, confidence: float) -> tuple[Note, ...]:
    """What every claim of a study says of looks; nothing where none was taken early.

    Parameters
    ----------
    study : Study
    confidence : float
        With which intervals are to hold at all declared looks together.
    """
    looks = study.looks
    if looks is None:
        journal = read_journal(study.path)
        early = None if journal is None else looked_early(journal)
        return () if early is None else (early,)
    number = study.look or 1
    from vggstudy.analysis.numbers.intervals import percent  # SciPy

    level = looks.look(number).nominal(confidence)
    name = "at_fixed_width" if looks.rule == "fixed_width" else "at_look"
    return (
        say(
            name,
            Caution.SEQUENTIAL,
            n=number,
            all=len(looks.replicates),
            level=percent(level),
            name=percent(confidence),
        ),
    )


def looked_early(journal: Journal) -> Note | None:
    """That results were analysed before others came; None where they were not.

    Analyses between which no result came count once.
    """
    seen: set[str] = set()
    looks: list[int] = []
    for entry in journal.entries:
        if entry.event in RESULTS and entry.run is not None:
            seen.add(entry.run)
        elif entry.event == ANALYSED and len(seen) not in looks:
            looks.append(len(seen))
    early = [n for n in looks if n < len(seen)]
    if not early:
        return None
    return say("looked_early", Caution.LOOKED_EARLY, k=len(early), n=early[0], all=len(seen))


def look_note(looks: Looks, taken: Taken, protocol: Protocol) -> Note:
    """A declared look and what it came to."""
    name = "look_went_on"
    if taken.number == len(looks.replicates):
        name = "look_ended"
    elif taken.met:
        name = "look_stopped"
    return say(
        name,
        n=taken.number,
        all=len(looks.replicates),
        runs=taken.replicates,
        date=taken.at[:10],
        text=_outcome(taken, protocol),
    )


def _outcome(taken: Taken, protocol: Protocol) -> Note:
    """Verdicts, or a half-width."""
    stopping = protocol.design.stopping
    if stopping is None or stopping.claim is None:
        rules = [
            say("verdict_at_look", name=name, what=verdict.replace("_", " "))
            for name, verdict in taken.verdicts.items()
        ]
        return say("verdicts_at_look", rules=rules)
    if taken.half_width is None:
        return say("no_half_width_at_look", claim=stopping.claim)
    return say(
        "half_width_at_look", claim=stopping.claim, a=taken.half_width, b=stopping.half_width
    )


def shown_looks(study: Study) -> list[DeclaredLook]:
    """The declared looks as the report shows them."""
    from vggstudy.report.page.context import DeclaredLook

    looks, protocol = study.looks, study.protocol
    if looks is None:
        return []
    taken = {one.number: one for one in looks.taken}
    return [
        DeclaredLook(
            replicates=row["replicates"],
            level=row["level"],
            spent=row["spent"],
            date=row.get("at"),
            outcome=_outcome(taken[row["look"]], protocol) if row["look"] in taken else None,
        )
        for row in looks.rows(protocol.analysis.confidence)
    ]


def look_notes(looks: Looks | None, protocol: Protocol) -> Iterator[Note]:
    """Every declared look that was taken, and the one that comes next."""
    if looks is None:
        return
    for taken in looks.taken:
        yield look_note(looks, taken, protocol)
    if looks.next is not None:
        number = len(looks.taken) + 1
        yield say("look_to_come", n=number, all=len(looks.replicates), runs=looks.next)


def look_remarks(study: Study, journal: Journal | None) -> Iterator[Remark]:
    """The same as remarks, or that results were analysed early without a declaration."""
    yield from map(Remark, look_notes(study.looks, study.protocol))
    if study.looks is None and journal is not None and (note := looked_early(journal)):
        yield Remark(note)
