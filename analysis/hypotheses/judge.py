"""Registered hypotheses: evidence for each part, Holm over all of them, a verdict each.

Every part answers at any confidence level, so Holm's steps need no p-values: step 1 asks every
hypothesis at ``1 - alpha / m``, and each decision raises the share of those that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.verdicts import (
    DECIDED,
    Evidence,
    Verdict,
    all_of,
    shared_level,
)
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.multiplicity import holm_steps
from vggstudy.stated.hypotheses import Hypothesis, parts_of


@dataclass(frozen=True, slots=True)
class HypothesisResult:
    """A hypothesis with its verdict.

    Attributes
    ----------
    id, text : str
    verdict : Verdict
    level : float
        Confidence at which it was decided: adjusted by Holm over all hypotheses, and for looks.
    reason : Note or None
        Why it is not estimable.
    parts : tuple of Evidence
        One for every part of the hypothesis, in order, at that level; one that contradicts there,
        at its share of the error.
    resamples : int
        Behind the Monte Carlo errors of a borderline verdict.
    registered : bool
        Whether it was stated before there was any run.
    registration : Note or None
        When it was stated, where that was later or is not known.
    """

    id: str
    text: str
    verdict: Verdict
    level: float
    reason: Note | None
    parts: tuple[Evidence, ...]
    resamples: int
    registered: bool = True
    registration: Note | None = None

    @property
    def verdict_in_words(self) -> str:
        """``supported``, ``not estimable``, ``borderline at this B (9999)``."""
        if self.verdict == Verdict.BORDERLINE:
            return f"borderline at this B ({self.resamples})"
        return self.verdict.value.replace("_", " ")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; infinite ends as ``inf`` and ``-inf`` in words."""
        found: dict[str, Any] = _plain(self)
        return found


def _plain(value: Any) -> Any:
    """JSON has no infinity and no enumeration."""
    if isinstance(value, Note):
        return value.to_dict()
    if isinstance(value, Evidence):
        return {**_fields(value), "rule": value.rule.text}
    if isinstance(value, HypothesisResult):
        return _fields(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return str(value) if isinstance(value, Verdict) else value


def _fields(value: Evidence | HypothesisResult) -> dict[str, Any]:
    """A record's fields as plain JSON values."""
    return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}


def judge(
    specs: Sequence[Hypothesis],
    evaluator: Evaluator,
    *,
    confidence: float,
    late: Mapping[str, Note] | None = None,
) -> tuple[HypothesisResult, ...]:
    """Verdicts on all hypotheses, Holm over them.

    Parameters
    ----------
    specs : sequence of Hypothesis
        The family is all of them, whether or not the data allow each to be estimated.
    evaluator : Evaluator
    confidence : float
        Of the whole family, at all looks together where there are several: what Holm's steps leave
        to a hypothesis is then spent look by look (Maurer & Bretz 2013, Statistics in
        Biopharmaceutical Research 5, 311-320).
    late : mapping of str to Note, optional
        By id, when those were stated that were not stated before any run.
    """
    brief = evaluator.brief()
    steps = holm_steps(
        [_decides(spec, brief) for spec in specs], confidence=confidence, members=len(specs)
    )
    return tuple(
        _result(spec, evaluator, level, (late or {}).get(spec.id))
        for spec, level in zip(specs, steps.confidence, strict=True)
    )


def _decides(spec: Hypothesis, evaluator: Evaluator) -> Callable[[float], bool]:
    """Whether a hypothesis is supported or contradicted at a level."""
    return lambda level: _evidence(spec, evaluator, level).verdict in DECIDED


def _evidence(spec: Hypothesis, evaluator: Evaluator, level: float) -> Evidence:
    return all_of(spec.id, _parts(spec, evaluator, level), level=level)


def _parts(spec: Hypothesis, evaluator: Evaluator, level: float) -> list[Evidence]:
    """Evidence for every part; one that contradicts, at its share of the error.

    That all parts hold is supported when each is, at the level itself: one false part is enough
    to prevent it. It is contradicted when one part is, and each has its chance to err.
    """
    found = [evaluator.evidence(part, level) for part in parts_of(spec)]
    shared = shared_level(level, len(found))
    return [
        evaluator.evidence(part, shared) if one.verdict == Verdict.CONTRADICTED else one
        for part, one in zip(parts_of(spec), found, strict=True)
    ]


def _result(
    spec: Hypothesis, evaluator: Evaluator, level: float, late: Note | None
) -> HypothesisResult:
    found = _evidence(spec, evaluator, level)
    return HypothesisResult(
        id=spec.id,
        text=spec.text,
        verdict=found.verdict,
        level=evaluator.maker.how.nominal(level),
        reason=found.reason,
        parts=tuple(_parts(spec, evaluator, level)),
        resamples=evaluator.maker.how.resampling.resamples,
        registered=late is None,
        registration=late,
    )
