"""What studies of n runs a cell will show: simulated ones, each through the analysis itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import HypothesisResult, judge
from vggstudy.analysis.hypotheses.stopping import Stop, half_width
from vggstudy.analysis.hypotheses.verdicts import DECIDED, Evidence
from vggstudy.analysis.numbers.looks import Look
from vggstudy.analysis.planning.ahead import (
    Prediction,
    claim_ahead,
    hypothesis_ahead,
)
from vggstudy.analysis.planning.pilot import Pilot
from vggstudy.analysis.planning.run_model import RunModel
from vggstudy.analysis.planning.sequential import Declared, looks_ahead
from vggstudy.stated.hypotheses import Hypothesis, Part, parts_of

DRAWN = 999
"""Bootstrap resamples of a simulated study at most; their noise is averaged over studies."""

POSSIBLE = 3
"""Studies of runs that come out as the pilot suggests, to one of runs as it leaves possible."""

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
    declared : Declared or None
        Looks, at which studies stop.
    """

    claims: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    how: How
    power: float = 0.8
    declared: Declared | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What one study shows.

    Attributes
    ----------
    claims : tuple of Finding
    verdicts : tuple of HypothesisResult
    look : int
        At which it ended, from 1.
    full : Shown or None
        What it would show at its last look, where it ended before.
    """

    claims: tuple[Finding, ...]
    verdicts: tuple[HypothesisResult, ...]
    look: int = 1
    full: Shown | None = None

    @property
    def whole(self) -> Shown:
        """What all its runs show."""
        return self.full or self


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


@dataclass(frozen=True)
class _Analysed:
    """A simulated study, or what there is of it at a look; nothing is computed before it is asked.

    Attributes
    ----------
    model : RunModel
    n : int
        Runs a cell.
    question : Question
    key : sequence of int
        Names the study.
    settled : mapping of str to Evidence
    look : Look or None
    """

    model: RunModel
    n: int
    question: Question
    key: Sequence[int]
    settled: Settled
    look: Look | None = None

    @cached_property
    def maker(self) -> _Maker:
        """Claims of its runs."""
        asked = self.question.how
        drawn = min(DRAWN, asked.resampling.resamples)
        resampling = replace(asked.resampling, resamples=drawn, seed=self.key[-1])
        how = replace(asked, resampling=resampling).looking(self.look)
        cells, *further = map(Cells.from_table, self.model.draw(self.n, self.key))
        others = {one.table.outcome: one for one in further}
        return _Maker(cells, how, "", others, scale=math.sqrt(drawn / asked.resampling.resamples))

    @cached_property
    def verdicts(self) -> tuple[HypothesisResult, ...]:
        """On all hypotheses."""
        evaluator = _Evaluator(self.maker, verdicts_only=True, settled=self.settled)
        confidence = self.question.how.confidence
        return judge(self.question.hypotheses, evaluator, confidence=confidence)

    @cached_property
    def claims(self) -> tuple[Finding, ...]:
        """Findings of all claims that are asked for."""
        return tuple(map(self.finding, self.question.claims))

    def finding(self, text: str) -> Finding:
        """That of one claim."""
        return self.maker.finding(self.maker.parse(text))

    def stops(self, stop: Stop) -> bool:
        """Whether the study ends with this look, if it is not the last."""
        if stop.claim is None:
            return stop.by_verdicts({one.id: one.verdict for one in self.verdicts})
        ends = self.finding(stop.claim).interval
        return stop.by_width(None if ends is None else half_width(ends.low, ends.high))

    def shown(self, look: int = 1, full: Shown | None = None) -> Shown:
        """All of it."""
        return Shown(self.claims, self.verdicts, look, full)


def show(
    model: RunModel, n: int, question: Question, key: Sequence[int], settled: Settled | None = None
) -> Shown:
    """Draw a study and analyse it; one with looks, look by look until it stops.

    Parameters
    ----------
    model : RunModel
    n : int
        Runs a cell, at the last look.
    question : Question
    key : sequence of int
        Names the study.
    settled : mapping of str to Evidence, optional
        Of parts of hypotheses, by their ``repr``, whose evidence is taken as known.
    """
    declared = question.declared
    if declared is None:
        return _Analysed(model, n, question, key, settled or {}).shown()
    looks = declared.looks(n)
    for look in looks:
        runs = look.replicates[look.number - 1]
        found = _Analysed(model, runs, question, key, settled or {}, look)
        if look is looks[-1]:
            return found.shown(look.number)
        if found.stops(declared.stop):
            break
    full = _Analysed(model, n, question, key, settled or {}, looks[-1])
    return found.shown(look.number, full.shown())


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
            claim_ahead(
                text,
                [x.claims[i] for x in e],
                [x.claims[i] for x in p],
                [x.whole.claims[i] for x in e],
                question.power,
            )
            for i, text in enumerate(question.claims)
        )
        hypotheses = (
            hypothesis_ahead(
                one,
                [x.verdicts[i] for x in e],
                [x.verdicts[i] for x in p],
                [x.whole.verdicts[i] for x in e],
                question.power,
            )
            for i, one in enumerate(question.hypotheses)
        )
        found = Prediction(self.n, len(e), tuple(claims), tuple(hypotheses))
        if question.declared is None:
            return found
        ended = looks_ahead(
            question.declared.looks(self.n),
            question.how.confidence,
            [x.look for x in e],
            [x.look for x in p],
        )
        return replace(found, looks=ended)


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
