"""Studies to be set side by side: their claims, their verdicts, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.notes import Named, Note, say
from vggstudy.errors import AnalysisError
from vggstudy.plan import Plan
from vggstudy.protocol import Protocol
from vggstudy.stated.base import write_level
from vggstudy.study.sources import Source

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.analysis.comparing.like import Pairing
    from vggstudy.analysis.comparing.pairing import SeededRuns
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
    runs : SeededRuns or None
        The runs by what they drew their random numbers from; None where nothing tells it.
    source : Source or None
        Where the runs are, so that they can be analysed anew; None of a claims file.
    """

    name: str
    claims: ClaimSet
    verdicts: Mapping[str, str] = field(default_factory=dict)
    protocol: Protocol | None = None
    runs: SeededRuns | None = None
    source: Source | None = None

    @classmethod
    def of_source(cls, name: str, source: Source) -> Compared:
        """A study, or a table, which is analysed."""
        from vggstudy.study.analyze import analyze_source

        return cls.of_result(name, analyze_source(source, claims_only=True), source)

    @classmethod
    def of_result(cls, name: str, result: AnalysisResult, source: Source | None) -> Compared:
        """A study, or a table, that was analysed; without a source no seeds are known."""
        verdicts = {one.id: str(one.verdict.value) for one in result.hypotheses}
        if source is None:
            return cls(name, result.claims, verdicts)
        seeded = _seeded(result, source)
        return cls(name, result.claims, verdicts, source.protocol, seeded, source)

    @classmethod
    def of_claims(cls, name: str, claims: ClaimSet) -> Compared:
        """A file of claims."""
        verdicts = {one.id: one.verdict for one in claims.values() if one.verdict is not None}
        return cls(name, claims, verdicts)

    @property
    def confidence(self) -> float:
        """With which its intervals hold, where it stopped at a look at all of them together."""
        return next(iter(self.claims.values())).confidence

    def at(self, confidence: float) -> Compared:
        """The same with intervals of another confidence; verdicts stay what they were.

        Raises
        ------
        ValueError
            If there are no runs to analyse anew.
        """
        from vggstudy.study.analyze import analyze_source

        if self.source is None:
            raise ValueError(f"{self.name} has no runs")
        settings = self.source.settings.model_copy(update={"confidence": confidence})
        result = analyze_source(replace(self.source, settings=settings))
        return replace(self, claims=result.claims)

    @property
    def inputs(self) -> set[str]:
        """Digests of what the claims were made from."""
        return {claim.inputs_digest for claim in self.claims.values()}


def compare_two(
    first: Compared, second: Compared, *, match: Sequence[str] = (), margin: float | None = None
) -> Comparison:
    """The second study beside the first; see `vggstudy.analysis.comparing.studies.compare`."""
    from vggstudy.analysis.comparing.studies import Verdicts, compare

    (first, second), anew = _at_one_confidence((first, second))
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
        notes=[*anew, *_notes(first, second), *_partners(first, second)],
        pairing=_pairing(first, second),
    )


def compare_several(studies: Sequence[Compared], *, match: Sequence[str] = ()) -> Pooling:
    """Three studies or more; see `vggstudy.analysis.comparing.pooled.pool`."""
    from vggstudy.analysis.comparing.pooled import pool

    studies, anew = _at_one_confidence(studies)
    first, *others = studies
    notes = [*anew, *(note for other in others for note in _notes(first, other))]
    pairs = [(a.name, b.name) for a, b in combinations(studies, 2) if _common(a, b)]
    if tied := dict.fromkeys(name for pair in pairs for name in pair):
        notes.append(say("seeds_unpaired", name=", ".join(tied)))
    return pool(
        {each.name: each.claims for each in studies}, match=match, notes=[*dict.fromkeys(notes)]
    )


def _at_one_confidence(studies: Sequence[Compared]) -> tuple[list[Compared], list[Note]]:
    """The studies with intervals of one confidence, and which were analysed anew for that.

    It is that of published claims, which cannot be made anew, or else the first study's. Levels of
    looks, at which intervals hold the same together, stay each study's own.

    Raises
    ------
    AnalysisError
        If two files of claims differ in it.
    """
    from vggstudy.analysis.numbers.intervals import percent

    fixed = {percent(one.confidence): one for one in studies if one.source is None}
    if len(fixed) > 1:
        (a, one), (b, other), *_ = fixed.items()
        raise AnalysisError(
            f"intervals of {one.name} hold {a}, those of {other.name} {b}, and of neither there "
            "are runs to make them anew: compare needs one confidence"
        )
    at = next(iter(fixed.values()), studies[0]).confidence
    made = [one if percent(one.confidence) == percent(at) else one.at(at) for one in studies]
    notes = [
        say("made_anew", name=one.name, level=percent(at), other=percent(one.confidence))
        for one, now in zip(studies, made, strict=True)
        if now is not one
    ]
    return made, notes


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


def _partners(first: Compared, second: Compared) -> Iterator[Note]:
    """How many runs of the second have a partner of the same seeds in the first."""
    if found := _common(first, second):
        assert second.runs is not None
        runs = len(second.runs.names)
        yield say("seeds_paired", n=found, runs=runs, name=second.name, other=first.name)


def _common(first: Compared, second: Compared) -> int:
    """Runs of the second that have a partner in the first; 0 where both are the same runs."""
    if first.runs is None or second.runs is None or first.inputs & second.inputs:
        return 0
    known = {*first.runs.named_cells}
    return sum(key in known for key in second.runs.named_cells)


def _pairing(first: Compared, second: Compared) -> Pairing | None:
    """How claims of both go together; None where no run has a partner."""
    from vggstudy.analysis.comparing.pairing import pair

    one, other = first.runs, second.runs
    if one is None or other is None or not _common(first, second):
        return None
    return partial(pair, one, other)


def _seeded(result: AnalysisResult, source: Source) -> SeededRuns | None:
    """The runs by their seeds: those of a study's plan, or of a table's column ``seed``."""
    from vggstudy.analysis.comparing.pairing import SeededRuns, names_by_cell

    table = result.table
    names = table.seeds
    if source.study is not None:
        names = names_by_cell(table, _roots(source.study.plan))
    if names is None:
        return None
    return SeededRuns(table, names, result.seeds.shared, result.further)


def _roots(plan: Plan) -> Callable[[Mapping[str, str]], str | None]:
    """From a cell's levels to what the seeds of its replicates are derived from.

    See `vggstudy.identity.run_seeds`.
    """
    design = plan.protocol.design
    kind = "network" if plan.protocol.trainer is None else "trainer"
    cells = {
        tuple(sorted((name, write_level(x)) for name, x in cell.levels.items())): cell.cell_id
        for cell in plan.cells
    }

    def root(levels: Mapping[str, str]) -> str | None:
        found = cells.get(tuple(sorted(levels.items())))
        own = "" if design.seeding == "shared" else found
        return None if found is None else f"{kind}/{design.seeding}/{design.seed}/{own}"

    return root


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
