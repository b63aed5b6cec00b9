"""Studies to be set side by side: their claims, their verdicts, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.notes import Named, Note, say
from vggstudy.protocol import Protocol

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.analysis.comparing.pooled import Pooling
    from vggstudy.analysis.comparing.studies import Comparison

PARTS = ("design", "data", "model", "training", "label", "analysis")
"""Sections of a protocol that may change a number."""

MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the studies.

    Attributes
    ----------
    name : str
    claims : ClaimSet
    verdicts : mapping of str to str
        Of its hypotheses, by id; of a claims file those of its registered claims, by the claim.
    protocol : Protocol or None
        None of a claims file, and of a table without one.
    """

    name: str
    claims: ClaimSet
    verdicts: Mapping[str, str] = field(default_factory=dict)
    protocol: Protocol | None = None

    @classmethod
    def of_result(cls, name: str, result: AnalysisResult, protocol: Protocol | None) -> Compared:
        """A study, or a table, that was analysed."""
        verdicts = {one.id: str(one.verdict.value) for one in result.hypotheses}
        return cls(name, result.claims, verdicts, protocol)

    @classmethod
    def of_claims(cls, name: str, claims: ClaimSet) -> Compared:
        """A file of claims."""
        verdicts = {one.id: one.verdict for one in claims.values() if one.verdict is not None}
        return cls(name, claims, verdicts)

    @property
    def inputs(self) -> set[str]:
        """Digests of what the claims were made from."""
        return {claim.inputs_digest for claim in self.claims.values()}


def compare_two(
    first: Compared, second: Compared, *, match: Sequence[str] = (), margin: float | None = None
) -> Comparison:
    """The second study beside the first; see `vggstudy.analysis.comparing.studies.compare`."""
    from vggstudy.analysis.comparing.studies import Verdicts, compare

    return compare(
        (first.name, second.name),
        first.claims,
        second.claims,
        match=match,
        margin=margin,
        verdicts=[
            Verdicts(name, verdict, second.verdicts[name])
            for name, verdict in first.verdicts.items()
            if name in second.verdicts
        ],
        notes=[*_notes(first, second)],
    )


def compare_several(studies: Sequence[Compared], *, match: Sequence[str] = ()) -> Pooling:
    """Three studies or more; see `vggstudy.analysis.comparing.pooled.pool`."""
    from vggstudy.analysis.comparing.pooled import pool

    first, *others = studies
    notes = [note for other in others for note in _notes(first, other)]
    return pool(
        {each.name: each.claims for each in studies}, match=match, notes=[*dict.fromkeys(notes)]
    )


def _notes(first: Compared, second: Compared) -> Iterator[Note]:
    """What a reader must know of a pair."""
    if first.inputs & second.inputs:
        yield say("same_inputs")
        return
    if first.protocol is None or second.protocol is None:
        return
    a, b = (_settings(one.protocol) for one in (first, second) if one.protocol is not None)
    differ = [name for name in [*a, *(n for n in b if n not in a)] if a.get(name) != b.get(name)]
    cells = tuple(((name, f"{a.get(name, '-')} | {b.get(name, '-')}"),) for name in differ)
    if cells:
        named = Named(cells[:MOST_NAMED], max(0, len(cells) - MOST_NAMED))
        yield say("settings_differ", names=named)
    if first.protocol.design.seed == second.protocol.design.seed:
        yield say("seeds_match", name=str(first.protocol.design.seed))


def _settings(protocol: Protocol) -> dict[str, Any]:
    """Settings that may change a number, by their dotted names; the seed is told of by itself."""
    content = protocol.model_dump(mode="json", by_alias=True)
    found: dict[str, Any] = {}
    for part in PARTS:
        _flatten(part, content.get(part), found)
    found.pop("design.seed", None)
    return found


def _flatten(name: str, value: Any, found: dict[str, Any]) -> None:
    """Leaves of nested tables."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _flatten(f"{name}.{key}", inner, found)
    elif value is not None:
        found[name] = value
