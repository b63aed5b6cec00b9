"""What a study was before: each protocol in force, and how many runs there were when it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from vggstudy.analysis.notes import Note, say
from vggstudy.errors import ProtocolError
from vggstudy.identity import digest
from vggstudy.ledger.history import Version
from vggstudy.ledger.rows import IndexRow
from vggstudy.plan import Plan, make_plan
from vggstudy.protocol import Protocol, parse_protocol
from vggstudy.study.touched import touched

if TYPE_CHECKING:
    from vggstudy.analysis.claims.touched import Touched

WORDS = ("title", "question", "name", "source")
"""Parts of a protocol that change no run, no number and no verdict."""

PARTS = ("data", "model", "training", "trainer", "parameters", "label", "analysis")


@dataclass(frozen=True)
class Stage:
    """One protocol of a study, from when it was put in force.

    Attributes
    ----------
    since : str or None
        ISO 8601; None for a protocol that was never put in force.
    digest : str
    protocol : Protocol or None
        None where the amendments do not lead back to it.
    existed : int
        Runs that had begun and came to a result, of those that are recorded.
    """

    since: str | None
    digest: str
    protocol: Protocol | None
    existed: int

    @cached_property
    def planned(self) -> int:
        """Runs that the protocol plans."""
        try:
            return 0 if self.protocol is None else len(make_plan(self.protocol).runs)
        except ProtocolError:  # a version of before planned cells that this one refuses
            return 0

    @cached_property
    def hypotheses(self) -> dict[str, object]:
        """What each hypothesis states, by its id; blanks in its words do not count."""
        if self.protocol is None:
            return {}
        return {one.id: stated(one) for one in self.protocol.hypotheses}


def stated(hypothesis: object) -> object:
    """What a hypothesis states, to be compared: everything but what others found."""
    content = hypothesis.model_dump(  # type: ignore[attr-defined]
        mode="json", exclude={"source"}, exclude_defaults=True
    )
    return {**content, "text": " ".join(content["text"].split())}


def hypothesis_digests(protocol: Protocol) -> dict[str, str]:
    """The digest of what each hypothesis states, by its id."""
    return {one.id: digest(stated(one)) for one in protocol.hypotheses}


def plan_digest(plan: Plan) -> str:
    """The digest of the ids of all planned runs."""
    return digest(sorted(plan.by_id))


def stages(
    versions: Sequence[Version],
    starts: Mapping[str, datetime],
    protocol: Protocol,
    *,
    noted: Mapping[tuple[str, str], Set[str]] | None = None,
    gone: Set[str] = frozenset(),
) -> tuple[Stage, ...]:
    """Every protocol of a study with the runs of its time, oldest first.

    Parameters
    ----------
    versions : sequence of Version
        From the ledger.
    starts : mapping of str to datetime
        Run id to when the attempt began that gave its result.
    protocol : Protocol
        The one that is asked about: a stage of its own where it was not put in force.
    noted : mapping, optional
        Date and digest of an amendment to the runs that the journal knows from before it.
    gone : set of str
        Runs of which only the journal knows.
    """

    def existed(version: Version) -> int:
        since = moment(version.since, unknown=LATEST)
        before = {run for run, start in starts.items() if start < since}
        return len(before | set((noted or {}).get((version.since, version.digest), ())))

    found = [
        Stage(version.since, version.digest, _parsed(version.text), existed(version))
        for version in versions
    ]
    if protocol.digest() != versions[-1].digest:
        asked = Stage(None, protocol.digest(), protocol, len(starts.keys() | gone))
        found += [asked] if changes(found[-1], asked) else []
    return tuple(found)


def began(row: IndexRow) -> datetime | None:
    """When the attempt began to which a run owes its result; None without a result."""
    if row.reason is not None or row.status == "crashed":
        return None
    attempts = row.summary["attempts"]
    return moment(str(attempts[-1]["started_at"])) if attempts else moment("")


EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def moment(text: str, *, unknown: datetime = EARLIEST) -> datetime:
    """A time; one without a zone is UTC, in place of one that cannot be read is another."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return unknown
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parsed(text: str | None) -> Protocol | None:
    """The protocol of a text that this version reads."""
    try:
        return None if text is None else parse_protocol(text)
    except ProtocolError:
        return None


def amendments(past: Sequence[Stage], total: int) -> list[tuple[Note, bool]]:
    """What each amendment changed, how many runs there were and what it touches; if after any.

    Parameters
    ----------
    past : sequence of Stage
    total : int
        Runs that are planned or recorded.
    """
    found = []
    for before, after in pairwise(past):
        rules = changes(before, after)
        date = (after.since or "")[:10]
        if after.since is None:
            note = say("not_put_in_force", n=after.existed, all=total, rules=rules)
        elif rules:
            note = say("amended", date=date, n=after.existed, all=total, rules=rules)
        else:
            note = say("amended_in_words", date=date)
        late = bool(rules) and after.existed > 0
        found.append((note, late))
        if late:
            rules = [*touches(before, after).notes]
            found.append((say("amendment_touches", date=date or "-", rules=rules), False))
    return found


def registrations(
    past: Sequence[Stage], total: int, looks: Sequence[str] = ()
) -> dict[str, Registration]:
    """When each hypothesis of the last protocol was first stated as it is, by its id.

    Parameters
    ----------
    past : sequence of Stage
    total : int
        Runs that are planned or recorded.
    looks : sequence of str
        When results were looked at, ISO 8601.
    """
    first = min(looks, key=moment, default=None)
    found = {}
    for name, content in past[-1].hypotheses.items():
        at = next(i for i, stage in enumerate(past) if stage.hypotheses.get(name) == content)
        earlier = past[:at]
        known = not earlier or any(stage.protocol is not None for stage in earlier)
        changed = any(name in stage.hypotheses for stage in earlier)
        since = past[at].since
        seen = first if first and since and moment(first) < moment(since) else None
        found[name] = Registration(name, since, past[at].existed, total, known, changed, seen)
    return found


@dataclass(frozen=True, slots=True)
class Registration:
    """When a hypothesis was first stated as it is now.

    Attributes
    ----------
    id : str
    since : str or None
        ISO 8601; None for a protocol that was never put in force.
    existed, total : int
        Runs that there were then, of all that are planned or recorded.
    known : bool
        Whether any protocol of before is known.
    changed : bool
        Whether it stated something else before.
    looked : str or None
        When results were first looked at, if that was before.
    """

    id: str
    since: str | None
    existed: int
    total: int
    known: bool
    changed: bool
    looked: str | None = None

    @property
    def note(self) -> Note | None:
        """When it was stated, unless that was before there was any run."""
        if not self.existed:
            return None
        counts = {"n": self.existed, "all": self.total}
        if not self.known:
            return say("not_known_before", **counts)
        kind = "changed_late" if self.changed else "added_late"
        if self.looked is None:
            return say(kind, **counts)
        seen = "changed_looked" if self.changed else "added_looked"
        return say(seen, kind, **counts, date=self.looked[:10])


def changes(before: Stage, after: Stage) -> list[Note]:
    """What differs between two protocols; nothing where only words do."""
    if before.protocol is None or after.protocol is None:
        return [say("change_unknown")]
    old, new = before.protocol, after.protocol
    found = []
    if old.design.replicates != new.design.replicates:
        found.append(say("replicates_changed", a=old.design.replicates, b=new.design.replicates))
    if before.planned != after.planned:
        found.append(say("plan_changed", a=before.planned, b=after.planned))
    design = {"replicates"} if found else set()
    if old.design.model_dump(exclude=design) != new.design.model_dump(exclude=design):
        found.append(say("part_changed", name="design"))
    found += [
        say("part_changed", name=part) for part in PARTS if getattr(old, part) != getattr(new, part)
    ]
    return [*found, *_restated(before.hypotheses, after.hypotheses)]


def touches(before: Stage, after: Stage) -> Touched:
    """What the change from one protocol to the next touches."""
    old, new = before.hypotheses, after.hypotheses
    restated = {name for name in {**old, **new} if old.get(name) != new.get(name)}
    return touched(before.protocol, after.protocol, restated)


def _restated(old: Mapping[str, object], new: Mapping[str, object]) -> list[Note]:
    """Hypotheses that came, changed or went."""
    names = {
        "hypothesis_added": [name for name in new if name not in old],
        "hypothesis_changed": [name for name in new if name in old and old[name] != new[name]],
        "hypothesis_withdrawn": [name for name in old if name not in new],
    }
    return [say(kind, name=name) for kind, found in names.items() for name in found]
