"""Registered hypotheses: evidence for each part, Holm over all of them, a verdict each.

Every part answers at any confidence level, so Holm's steps need no p-values: step 1 asks every
hypothesis at ``1 - alpha / m``, and each decision raises the share of those that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.specs import HypothesisSpec
from vggstudy.analysis.hypotheses.verdicts import DECIDED, Evidence, Verdict, all_of
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.multiplicity import holm_steps


@dataclass(frozen=True, slots=True)
class HypothesisResult:
    """A hypothesis with its verdict.

    Attributes
    ----------
    id, text : str
    verdict : Verdict
    level : float
        Confidence at which it was decided: adjusted by Holm over all hypotheses.
    reason : Note or None
        Why it is not estimable.
    parts : tuple of Evidence
        One for every part of the hypothesis, in order, at that level.
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
    specs: Sequence[HypothesisSpec], evaluator: Evaluator, *, confidence: float
) -> tuple[HypothesisResult, ...]:
    """Verdicts on all hypotheses, Holm over them.

    Parameters
    ----------
    specs : sequence of HypothesisSpec
        The family is all of them, whether or not the data allow each to be estimated.
    evaluator : Evaluator
    confidence : float
        Of the whole family.
    """
    steps = holm_steps(
        [_decides(spec, evaluator) for spec in specs], confidence=confidence, members=len(specs)
    )
    return tuple(
        _result(spec, evaluator, level) for spec, level in zip(specs, steps.confidence, strict=True)
    )


def _decides(spec: HypothesisSpec, evaluator: Evaluator) -> Callable[[float], bool]:
    """Whether a hypothesis is supported or contradicted at a level."""
    return lambda level: _evidence(spec, evaluator, level).verdict in DECIDED


def _evidence(spec: HypothesisSpec, evaluator: Evaluator, level: float) -> Evidence:
    parts = [evaluator.evidence(part, level) for part in spec.parts]
    return all_of(spec.id, parts, level=level)


def _result(spec: HypothesisSpec, evaluator: Evaluator, level: float) -> HypothesisResult:
    found = _evidence(spec, evaluator, level)
    return HypothesisResult(
        id=spec.id,
        text=spec.text,
        verdict=found.verdict,
        level=level,
        reason=found.reason,
        parts=tuple(evaluator.evidence(part, level) for part in spec.parts),
        resamples=evaluator.maker.how.resampling.n_resamples,
        registered=spec.registration is None,
        registration=spec.registration,
    )
