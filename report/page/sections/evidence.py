"""The parts of hypotheses: what is asked of each, in words and in one unit, and what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.notes import Named
from vggstudy.claim_ids import split_claim_id
from vggstudy.report.page.sections.s04_accuracy import outcome_scale
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import (
    PERCENT,
    PLAIN,
    POINTS,
    Display,
    Unit,
    confidence_text,
    read,
    unit_of,
)
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import brief, measured
from vggstudy.rounding import references_of, round_interval

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.hypotheses.judge import HypothesisResult
    from vggstudy.analysis.hypotheses.verdicts import Evidence
    from vggstudy.analysis.notes import Note

VERDICTS = {
    "supported": mark("supported"),
    "contradicted": mark("contradicted"),
    "inconclusive": mark("inconclusive"),
    "borderline": mark("borderline"),
    "not_estimable": mark("not estimable"),
}
SIGNS = {
    "supported": "✓",
    "contradicted": "✗",
    "inconclusive": "?",
    "borderline": "≈",
    "not_estimable": "–",
}
"""Beside the word, so that no verdict is told by its colour alone."""

ASKED = {
    "above": mark("must be above %(threshold)s"),
    "below": mark("must be below %(threshold)s"),
    "model_above": mark("must be above %(threshold)s"),
    "model_below": mark("must be below %(threshold)s"),
    "within_margin": mark("must be within ±%(threshold)s"),
}
"""When a part is supported, by the name of its rule."""

SHAPES = ("rises_and_falls", "falls_and_rises")
"""Rules that ask for the shape of a curve and for no number."""

AXES = {
    "slope_log2": mark("log odds"),
    "slope_linear": mark("log odds"),
    "needed_log2": mark("doublings"),
    "tolerated_log2": mark("doublings"),
}
"""What numbers count that are of no claim, by what is estimated."""


@dataclass(frozen=True, slots=True)
class Part:
    """One interval of a hypothesis, ready for print.

    Attributes
    ----------
    key : str
        Hypothesis and number of the part: "H1.2".
    head, where : str
        What is estimated, or what must be seen, and where.
    axis : str
        What its numbers count: "percentage points".
    shown : Display or None
    """

    key: str
    evidence: Evidence
    head: str
    where: str
    unit: Unit
    axis: str
    shown: Display | None

    @property
    def word(self) -> str:
        """Its verdict."""
        return gettext(VERDICTS[self.evidence.verdict.value])

    @property
    def sign(self) -> str:
        """The verdict's sign."""
        return SIGNS[self.evidence.verdict.value]

    @property
    def what(self) -> str:
        """What is estimated and where."""
        return ", ".join(filter(None, (self.head, self.where)))

    @property
    def place(self) -> str:
        """Where, as it begins a line."""
        return capitalise(self.where)

    @property
    def asked(self) -> str:
        """Where the interval must lie, in its own unit: "must be below 50%"."""
        rule = self.evidence.rule
        if rule.name not in ASKED or not self.evidence.thresholds:
            return "" if self.head == _sentence(rule) else _sentence(rule)
        return gettext(ASKED[rule.name]) % {"threshold": threshold_text(self.evidence, self.unit)}

    @property
    def id(self) -> str:
        """What is estimated as an id; nothing where models are compared, which have none."""
        return "" if _models(self.evidence) else self.evidence.estimand

    @property
    def estimate(self) -> str:
        """The estimate with its unit; nothing where only bounds are known."""
        return read(self.shown.estimate) if self.shown and self.shown.rounded.estimate else ""

    @property
    def ends(self) -> str:
        """The interval; nothing where there is none."""
        return read(self.shown.ends) if self.shown else ""

    @property
    def level(self) -> str:
        """The interval's kind: "99.17% CI"."""
        return f"{confidence_text(self.evidence.level)} CI"

    @property
    def found(self) -> str:
        """What there is where there is no interval."""
        notes = [self.evidence.reason] if self.evidence.reason else self.evidence.cautions
        return capitalise(spoken(notes[-1])) if notes else ""


def parts_of(view: StudyView, result: HypothesisResult) -> Iterator[Part]:
    """The intervals of a hypothesis, those inside a composed part one by one."""
    leaves = [leaf for part in result.parts for leaf in _leaves(part)]
    for number, leaf in enumerate(leaves, start=1):
        unit, axis = _unit(view, leaf)
        key = f"{result.id}.{number}" if len(leaves) > 1 else result.id
        yield Part(key, leaf, *_what(view, leaf), unit, axis, _shown(leaf, unit))


def threshold_text(evidence: Evidence, unit: Unit) -> str:
    """The threshold, or the larger margin, as it was stated: in the unit, and not rounded.

    0 needs no unit.
    """
    scaled = (Decimal(repr(float(max(evidence.thresholds)))) * unit.scale).normalize() + 0
    number = f"{scaled:f}"
    return read(number if number == "0" else f"{number}{unit.after(number)}")


def _leaves(evidence: Evidence) -> Iterator[Evidence]:
    """Evidence that is not composed of others."""
    if not evidence.parts:
        yield evidence
    for part in evidence.parts:
        yield from _leaves(part)


def axis_words(claim: Claim) -> str:
    """What a claim's numbers count."""
    named = {PERCENT: gettext("percent"), PLAIN: friendly(claim.outcome)}
    return named.get(unit_of(claim), gettext("percentage points"))


def _unit(view: StudyView, evidence: Evidence) -> tuple[Unit, str]:
    """What numbers are printed as, and what they count."""
    claim = view.claims.get(evidence.estimand)
    if claim is not None:
        return unit_of(claim), axis_words(claim)
    if evidence.what is None:  # two models, compared in the outcome's unit
        if evidence.estimand.startswith("converged: ") or outcome_scale(view) == 100:
            return POINTS, gettext("percentage points")
        return PLAIN, friendly(view.outcome)
    name = evidence.what.name
    counted = friendly(str(evidence.what.values["factor"]))
    return PLAIN, gettext(AXES[name]) if name in AXES else counted


def _what(view: StudyView, evidence: Evidence) -> tuple[str, str]:
    """What is estimated, or must be seen, and where; its name where there are no words."""
    if pair := _models(evidence):
        first, second = (_places(view, cell.cells[0]) for cell in pair)
        words = gettext("%(first)s minus %(second)s") % {"first": first, "second": second}
        return capitalise(measured(view, evidence.estimand.partition(":")[0])), words
    try:
        held = [(part.factor, part.levels[0]) for part in split_claim_id(evidence.estimand).held]
    except ValueError:
        held = []
    if evidence.rule.name in SHAPES:
        return _sentence(evidence.rule), _places(view, held)
    claim = view.claims.get(evidence.estimand)
    if claim is not None:
        return brief(view, claim), ""
    if evidence.what is None:
        return evidence.estimand, ""
    return _sentence(evidence.what), _places(view, held)


def _sentence(note: Note) -> str:
    """A note as it begins a line."""
    return capitalise(spoken(note))


def _models(evidence: Evidence) -> tuple[Named, Named] | None:
    """The two models that a part of a ranking compares."""
    first, second = (evidence.rule.values.get(gap) for gap in ("claim", "other"))
    if isinstance(first, Named) and isinstance(second, Named):
        return first, second
    return None


def _places(view: StudyView, held: Sequence[tuple[str, str]]) -> str:
    """Levels as data write them, in words: "depth 19, with batch normalisation"."""
    wanted = set(held)
    return ", ".join(
        factor.phrase(level)
        for factor in view.factors
        for level in factor.levels
        if (factor.name, write_level(level)) in wanted
    )


def _shown(evidence: Evidence, unit: Unit) -> Display | None:
    """The numbers in print: no digit on the wrong side of the threshold."""
    ends = [
        None if value is None or not math.isfinite(value) else value
        for value in (evidence.estimate, evidence.low, evidence.high)
    ]
    if ends[1] is None and ends[2] is None:
        return None
    marks = references_of(unit.limits, evidence.thresholds)
    rounded = round_interval(*ends, references=marks, scale=unit.scale)
    return Display(rounded, unit, confidence_text(evidence.level))
