"""What studies of n runs a cell will show: simulated ones, each through the analysis itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import HypothesisResult, judge
from vggstudy.analysis.hypotheses.verdicts import DECIDED, Evidence, Verdict
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.planning.pilot import Pilot
from vggstudy.analysis.planning.run_model import RunModel
from vggstudy.stated.hypotheses import Hypothesis, Part, parts_of

DRAWN = 999
"""Bootstrap resamples of a simulated study at most; their noise is averaged over studies."""

POSSIBLE = 3
"""Studies of runs that come out as the pilot suggests, to one of runs as it leaves possible."""

TAILS = (0.1, 0.9)
"""Between these shares of studies lies what is given as a range."""


Settled = dict[str, Evidence]
"""Evidence that is taken as known, by the ``repr`` of a part of a hypothesis."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every study.

    Attributes
    ----------
    claims : tuple of str
        Ids whose intervals are asked for.
    hypotheses : tuple of Hypothesis
        All that the analysis will judge, for Holm's method is over all of them.
    how : How
        As the analysis of the real study will have it.
    power : float
        With which a smallest effect is found.
    """

    claims: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    how: How
    power: float = 0.8


@dataclass(frozen=True, slots=True)
class ClaimAhead:
    """The interval of a claim, before there are runs.

    Attributes
    ----------
    id : str
    half_width : float or None
        Half of the interval's width in the middle study; None where that has no interval.
    low, high : float or None
        Eight of ten studies lie between, those that the pilot leaves possible; None likewise.
    available : float
        Share of studies in which there is an interval.
    smallest : float or None
        Distance from a reference at which the interval excludes it with the power asked for.
    """

    id: str
    half_width: float | None
    low: float | None
    high: float | None
    available: float
    smallest: float | None


@dataclass(frozen=True, slots=True)
class PartAhead:
    """One part of a hypothesis.

    Attributes
    ----------
    estimand : str
    power : float
        Share of studies in which it is supported at the hypothesis' level.
    smallest : float or None
        Distance from the threshold at which the part is supported with the power asked for; of an
        equivalence the smallest margin; None where the part is on no single number.
    """

    estimand: str
    power: float
    smallest: float | None


@dataclass(frozen=True, slots=True)
class HypothesisAhead:
    """The verdict on a hypothesis, before there are runs.

    Attributes
    ----------
    id : str
    power : float
        Share of studies that support it, if runs come out as the pilot suggests.
    error : float
        Its Monte Carlo standard error.
    contradicted : float
        Share of studies that contradict it.
    assured : float
        Share that support it among studies that the pilot leaves possible.
    parts : tuple of PartAhead
    """

    id: str
    power: float
    error: float
    contradicted: float
    assured: float
    parts: tuple[PartAhead, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What so many studies of n runs a cell show."""

    n: int
    studies: int
    claims: tuple[ClaimAhead, ...]
    hypotheses: tuple[HypothesisAhead, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What one study shows: findings of claims, and verdicts."""

    claims: tuple[Finding, ...]
    verdicts: tuple[HypothesisResult, ...]


@dataclass(frozen=True, slots=True)
class _Maker(ClaimMaker):
    """Claims of a simulated study, their Monte Carlo errors as with all resamples."""

    scale: float = 1.0

    def finding(self, asked: Estimand, confidence: float | None = None) -> Finding:
        """Fewer resamples are drawn than the real analysis has; a verdict must not suffer."""
        found = ClaimMaker.finding(self, asked, confidence)
        ends = found.interval
        if self.scale == 1.0 or ends is None or ends.mc_error_low is None:
            return found
        high = ends.mc_error_high
        errors = self.scale * ends.mc_error_low, None if high is None else self.scale * high
        return replace(
            found, interval=replace(ends, mc_error_low=errors[0], mc_error_high=errors[1])
        )


@dataclass(frozen=True, slots=True)
class _Evaluator(Evaluator):
    """Evidence of a simulated study, as far as its verdicts need it."""

    settled: Settled = field(default_factory=dict)

    def evidence(self, part: Part, level: float) -> Evidence:
        """What is settled is not asked anew."""
        known = self.settled.get(repr(part))
        return Evaluator.evidence(self, part, level) if known is None else known


def show(
    model: RunModel, n: int, question: Question, key: Sequence[int], settled: Settled | None = None
) -> Shown:
    """Draw a study and analyse it.

    Parameters
    ----------
    model : RunModel
    n : int
        Runs a cell.
    question : Question
    key : sequence of int
        Names the study.
    settled : mapping of str to Evidence, optional
        Of parts of hypotheses, by their ``repr``, whose evidence is taken as known.
    """
    resampling = question.how.resampling
    drawn = min(DRAWN, resampling.resamples)
    how = replace(question.how, resampling=replace(resampling, resamples=drawn, seed=key[-1]))
    cells, *further = map(Cells.from_table, model.draw(n, key))
    maker = _Maker(
        cells,
        how,
        "",
        {one.table.outcome: one for one in further},
        scale=math.sqrt(drawn / resampling.resamples),
    )
    findings = tuple(maker.finding(maker.parse(text)) for text in question.claims)
    evaluator = _Evaluator(maker, verdicts_only=True, settled=settled or {})
    verdicts = judge(question.hypotheses, evaluator, confidence=how.confidence)
    return Shown(findings, verdicts)


def settled_by(found: Sequence[Shown], question: Question) -> Settled:
    """Evidence for hypotheses on which all of some studies agree.

    A hypothesis that every study supports, or contradicts, is so in larger ones; those of which a
    part stands in another one, too, are asked anew.
    """
    parts = [repr(part) for one in question.hypotheses for part in parts_of(one)]
    known: Settled = {}
    for i, one in enumerate(question.hypotheses):
        verdicts = {shown.verdicts[i].verdict for shown in found}
        names = [repr(part) for part in parts_of(one)]
        if len(verdicts) > 1 or not verdicts <= {*DECIDED} or max(map(parts.count, names)) > 1:
            continue
        evidence = zip(names, found[-1].verdicts[i].parts, strict=True)
        known |= {name: replace(x, low=None, high=None, parts=()) for name, x in evidence}
    return known


@dataclass(frozen=True, slots=True)
class Studies:
    """Simulated studies of n runs a cell.

    Attributes
    ----------
    n : int
    expected : tuple of Shown
        Of runs that come out as the pilot suggests.
    possible : tuple of Shown
        Of runs that come out in ways that the pilot leaves possible; the same where it leaves none.
    """

    n: int
    expected: tuple[Shown, ...] = ()
    possible: tuple[Shown, ...] = ()

    def summed(self, question: Question) -> Prediction:
        """What they come to."""
        e, p = self.expected, self.possible or self.expected
        claims = (
            _claim(text, [x.claims[i] for x in e], [x.claims[i] for x in p], question.power)
            for i, text in enumerate(question.claims)
        )
        hypotheses = (
            _hypothesis(
                one.id, [x.verdicts[i] for x in e], [x.verdicts[i] for x in p], question.power
            )
            for i, one in enumerate(question.hypotheses)
        )
        return Prediction(self.n, len(e), tuple(claims), tuple(hypotheses))


def simulate(
    pilot: Pilot,
    question: Question,
    before: Studies,
    *,
    studies: int,
    seed: int,
    settled: Settled | None = None,
    tick: Callable[[], None] | None = None,
) -> Studies:
    """As many studies as are asked for, those before among them.

    Parameters
    ----------
    pilot : Pilot
    question : Question
    before : Studies
        None to begin with.
    studies : int
        That follow the pilot; a third as many follow what it leaves possible.
    seed : int
    settled : mapping, optional
        See `show`.
    tick : callable, optional
        Called after every study.
    """
    n = before.n

    def shown(model: RunModel, kind: int, i: int) -> Shown:
        found = show(model, n, question, (seed, kind, i), settled)
        if tick is not None:
            tick()
        return found

    expected = [shown(pilot.model, 0, i) for i in range(len(before.expected), studies)]
    most = 0 if pilot.sure else studies // POSSIBLE
    possible = [
        shown(pilot.possible((seed, 1, i)), 2, i) for i in range(len(before.possible), most)
    ]
    return Studies(n, (*before.expected, *expected), (*before.possible, *possible))


def predict(pilot: Pilot, n: int, question: Question, *, studies: int, seed: int) -> Prediction:
    """What studies of n runs a cell will show; see `simulate`."""
    made = simulate(pilot, question, Studies(n), studies=studies, seed=seed)
    return made.summed(question)


def _claim(
    text: str, expected: Sequence[Finding], possible: Sequence[Finding], power: float
) -> ClaimAhead:
    """The intervals of one claim."""
    widths = _half_widths(expected)
    low, high = np.quantile(_half_widths(possible), TAILS, method="nearest")
    found = [x for x in expected if x.interval is not None and x.estimate is not None]
    return ClaimAhead(
        id=text,
        half_width=_finite(float(np.quantile(widths, 0.5, method="nearest"))),
        low=_finite(float(low)),
        high=_finite(float(high)),
        available=len(found) / len(expected),
        smallest=_smallest(
            [
                (x.estimate, x.interval.low, x.interval.high)
                for x in found
                if x.interval is not None and x.estimate is not None
            ],
            len(expected),
            power,
        ),
    )


def _half_widths(found: Sequence[Finding]) -> FloatArray:
    """Half of each interval's width; infinite where there is none."""
    return np.array(
        [math.inf if x.interval is None else (x.interval.high - x.interval.low) / 2 for x in found]
    )


def _hypothesis(
    name: str,
    expected: Sequence[HypothesisResult],
    possible: Sequence[HypothesisResult],
    aimed: float,
) -> HypothesisAhead:
    """The verdicts on one hypothesis."""
    power, count = _share(expected, Verdict.SUPPORTED), len(expected)
    parts = [
        _part([one.parts[i] for one in expected], aimed) for i in range(len(expected[0].parts))
    ]
    return HypothesisAhead(
        id=name,
        power=power,
        error=math.sqrt(power * (1 - power) / count),
        contradicted=_share(expected, Verdict.CONTRADICTED),
        assured=_share(possible, Verdict.SUPPORTED),
        parts=tuple(parts),
    )


def _share(results: Sequence[HypothesisResult], verdict: Verdict) -> float:
    return sum(one.verdict == verdict for one in results) / len(results)


def _part(found: Sequence[Evidence], power: float) -> PartAhead:
    """The evidence for one part, study by study."""
    supported = sum(one.verdict == Verdict.SUPPORTED for one in found) / len(found)
    return PartAhead(found[0].estimand, supported, _smallest_of(found, power))


def _smallest_of(found: Sequence[Evidence], power: float) -> float | None:
    """The smallest effect that a part of a hypothesis finds."""
    known = [x for x in found if x.low is not None and x.high is not None]
    margins = [x for x in known if len(x.thresholds) == 2]
    if margins:
        ends = [max(-(x.low or 0.0), x.high or 0.0) for x in margins]
        return _quantile(ends, len(found), power)
    if found[0].parts:
        pairs = len(found[0].parts)
        alike = [x for x in found if len(x.parts) == pairs]
        each = [_smallest_of([x.parts[i] for x in alike], power) for i in range(pairs)]
        numbers = [x for x in each if x is not None]
        return max(numbers) if len(numbers) == pairs and _of_pairs(found[0]) else None
    if not known or not known[0].thresholds:
        return None
    return _smallest(
        [
            (x.estimate, x.low, x.high)
            for x in known
            if x.estimate is not None and x.low is not None and x.high is not None
        ],
        len(found),
        power,
    )


def _of_pairs(one: Evidence) -> bool:
    """Whether each of its parts is an interval that is set against one threshold."""
    return all(len(part.thresholds) == 1 for part in one.parts)


def _smallest(
    found: Sequence[tuple[float, float, float]], studies: int, power: float
) -> float | None:
    """How far from a threshold the truth must lie for the interval to exclude it.

    An interval is taken to move with the truth: it excludes what lies farther from the truth than
    its end on that side. The larger of both sides is given.
    """
    if not found:
        return None
    estimate, low, high = np.array(found).T
    truth = float(estimate.mean())
    sides = [_quantile(x, studies, power) for x in (truth - low, high - truth)]
    known = [x for x in sides if x is not None]
    return max(known) if len(known) == len(sides) else None


def _quantile(values: Sequence[float] | FloatArray, studies: int, power: float) -> float | None:
    """Quantile among all studies; those without a value come last."""
    missing = studies - len(values)
    padded = np.concatenate([np.asarray(values, dtype=np.float64), np.full(missing, math.inf)])
    return _finite(float(np.quantile(padded, power, method="higher")))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
