"""How many runs a cell: the least number that reaches each target, and what the design finds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from vggstudy.analysis.planning.ahead import ClaimAhead, HypothesisAhead, Prediction
from vggstudy.analysis.planning.pilot import Pilot
from vggstudy.analysis.planning.predicting import (
    POSSIBLE,
    Question,
    Settled,
    Studies,
    settled_by,
    simulate,
)
from vggstudy.analysis.planning.sequential import Declared

LEAST = 2
"""Runs of a cell: one says nothing of how much they vary."""

GROWTH = 1.4
"""Ratio of successive numbers of runs that are tried."""

ROUGH = 4
"""A number of runs is tried with this part of the studies first."""

FEWEST = 20
"""Studies with which it is tried at least."""

FAR = 2.0
"""Monte Carlo errors from its target beyond which a power need not be known better."""

HOPELESS, AGAINST = 0.02, 0.5
"""A hypothesis that at most this share of studies supports and this share contradicts will not be
supported by more runs."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached.

    Attributes
    ----------
    kind : str
        A claim's half-width, at most; or a hypothesis' power, at least.
    id : str
    value : float
    """

    kind: Literal["half_width", "power"]
    id: str
    value: float


@dataclass(frozen=True, slots=True)
class Reached:
    """A target with the number of runs a cell that reaches it.

    Attributes
    ----------
    target : Target
    n : int or None
        Where runs come out as the pilot suggests; None where no number that was tried does.
    assured : int or None
        Of a claim: with which nine of ten studies reach it, of those that the pilot leaves
        possible. Of a hypothesis: with which as large a share of these supports it as was asked.
    """

    target: Target
    n: int | None
    assured: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found.

    Attributes
    ----------
    reached : tuple of Reached
    points : tuple of Prediction
        By the number of runs a cell, all that were tried.
    design : int
        Runs a cell of the design as it is; among the points.
    bought : int or None
        Runs a cell that the budget buys; among the points.
    most : int
        Largest number that was to be tried.
    studies, seed : int
    power : float
        With which smallest effects are found.
    declared : Declared or None
        Looks of the design: numbers of runs are then those of the last look, and the others come at
        the same shares of it.
    """

    reached: tuple[Reached, ...]
    points: tuple[Prediction, ...]
    design: int
    bought: int | None
    most: int
    studies: int
    seed: int
    power: float
    declared: Declared | None = None

    def at(self, n: int) -> Prediction:
        """The prediction for a number of runs that was tried."""
        return next(point for point in self.points if point.n == n)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


Watch = Callable[[int, int], None]
"""Told the runs a cell that are tried, after every study, and how many studies that takes."""


def tried(most: int) -> Iterator[int]:
    """Numbers of runs a cell in the order in which they are tried: each one, then ever fewer."""
    n = LEAST
    while n < most:
        yield n
        n = max(n + 1, round(n * GROWTH))
    yield most


def make_plan(
    pilot: Pilot,
    question: Question,
    targets: Sequence[Target],
    *,
    design: int,
    bought: int | None = None,
    most: int = 100,
    studies: int = 80,
    seed: int = 0,
    watch: Watch | None = None,
) -> Plan:
    """Find the runs a cell that reach each target.

    Numbers of runs are tried with some of the studies, until every target is reached or none is to
    be hoped for; those next to a target, the design and what a budget buys with all.

    Parameters
    ----------
    pilot : Pilot
    question : Question
    targets : sequence of Target
    design : int
        Runs a cell of the design as it is.
    bought : int, optional
        Runs a cell that a budget buys.
    most : int
        Runs a cell at most.
    studies : int
        Simulated ones a number of runs.
    seed : int
    watch : callable, optional
        See `Watch`.
    """
    search = _Search(pilot, question, studies, seed, watch)
    search.climb(targets, tried(most))
    for n in sorted({design, *([] if bought is None else [bought])}):
        search.run(n, studies, afresh=True)
    points = search.points()
    return Plan(
        tuple(_reached(target, points) for target in targets),
        tuple(points),
        design,
        bought,
        most,
        studies,
        seed,
        question.power,
        question.declared,
    )


def studies_at_most(most: int, studies: int) -> int:
    """Studies that a plan simulates if it has to try everything, as far as can be told."""
    rough = min(studies, max(FEWEST, studies // ROUGH))
    each = rough + rough // POSSIBLE
    return each * len([*tried(most)]) + 3 * (studies + studies // POSSIBLE)


class _Search:
    """Studies of every number of runs that was tried."""

    def __init__(
        self, pilot: Pilot, question: Question, studies: int, seed: int, watch: Watch | None
    ) -> None:
        self.pilot, self.question, self.watch = pilot, question, watch
        self.studies, self.seed = studies, seed
        self.found: dict[int, Studies] = {}
        self.settled: dict[int, Settled] = {}

    def run(self, n: int, studies: int, *, afresh: bool = False) -> None:
        """Simulate as many studies of n runs, those that there are among them.

        Afresh is without those of which something was taken as settled.
        """
        if afresh and self.settled.pop(n, {}):
            del self.found[n]
        before = self.found.get(n, Studies(n))
        known = {} if afresh else self.settled.setdefault(n, self._settled(n))
        self.found[n] = simulate(
            self.pilot,
            self.question,
            before,
            studies=studies,
            seed=self.seed,
            settled=known,
            tick=None if (watch := self.watch) is None else lambda: watch(n, studies),
        )

    def climb(self, targets: Sequence[Target], numbers: Iterator[int]) -> None:
        """Try ever larger numbers until every target is done, those next to one with all studies.

        These may move where a curve meets its target, so that more is tried.
        """
        rough = min(self.studies, max(FEWEST, self.studies // ROUGH))
        for n in numbers:
            self.run(n, rough)
            while all(_done(target, self.points()) for target in targets):
                near = {m for one in targets for m in _around(one, self.points())}
                if all(self.whole(m) for m in near):
                    return
                for m in sorted(near):
                    self.run(m, self.studies)
        for m in sorted({m for one in targets for m in _around(one, self.points())}):
            self.run(m, self.studies)

    def whole(self, n: int) -> bool:
        """Whether there are all studies of n runs."""
        return len(self.found[n].expected) >= self.studies

    def points(self) -> list[Prediction]:
        """What was found, by the number of runs."""
        return [self.found[n].summed(self.question) for n in sorted(self.found)]

    def _settled(self, n: int) -> Settled:
        """On what all studies of the two numbers of runs before agree.

        With looks nothing: that studies agree where they end tells nothing of their first look.
        """
        if self.question.declared is not None:
            return {}
        smaller = sorted(m for m in self.found if m < n)[-2:]
        if len(smaller) < 2:
            return {}
        shown = [x for m in smaller for x in (*self.found[m].expected, *self.found[m].possible)]
        return settled_by(shown, self.question)


def claim_at(point: Prediction, name: str) -> ClaimAhead:
    """The claim of an id."""
    return next(one for one in point.claims if one.id == name)


def hypothesis_at(point: Prediction, name: str) -> HypothesisAhead:
    """The hypothesis of an id."""
    return next(one for one in point.hypotheses if one.id == name)


def _done(target: Target, points: Sequence[Prediction]) -> bool:
    """Whether no more runs need to be tried for a target."""
    found = _reached(target, points)
    if target.kind == "half_width":
        return found.n is not None and found.assured is not None
    return found.n is not None or hopeless(hypothesis_at(points[-1], target.id))


def hopeless(one: HypothesisAhead) -> bool:
    """Whether more runs would only speak against a hypothesis."""
    return one.power <= HOPELESS and one.contradicted >= AGAINST


def _around(target: Target, points: Sequence[Prediction]) -> list[int]:
    """Numbers of runs that were tried on both sides of what reaches a target."""
    found = _reached(target, points)
    near = []
    for n in (found.n, found.assured if target.kind == "half_width" else None):
        if n is not None:
            above = next(i for i, point in enumerate(points) if point.n >= n)
            pair = points[max(above - 1, 0) : above + 1]
            if not _clear(target, pair):
                near += [point.n for point in pair]
    return near


def _clear(target: Target, pair: Sequence[Prediction]) -> bool:
    """Whether more studies would hardly move the number: neighbours, far off on both sides."""
    if target.kind != "power" or pair[-1].n - pair[0].n > 1:
        return False
    return all(
        abs(hypothesis_at(point, target.id).power - target.value)
        > FAR * (target.value * (1 - target.value) / point.studies) ** 0.5
        for point in pair
    )


def _reached(target: Target, points: Sequence[Prediction]) -> Reached:
    """Where the curves through all points meet the target."""
    ns = [point.n for point in points]
    if target.kind == "half_width":
        claims = [claim_at(point, target.id) for point in points]
        need = -math.log(target.value)
        middle, wide = ([_log(x) for x in side] for side in _sides(claims))
        return Reached(target, _crossing(ns, middle, need), _crossing(ns, wide, need))
    ahead = [hypothesis_at(point, target.id) for point in points]
    need = float(ndtri(target.value))
    middle, assured = ([_probit(x) for x in side] for side in _shares(ahead))
    return Reached(
        target,
        _crossing(ns, middle, need, scale=math.sqrt),
        _crossing(ns, assured, need, scale=math.sqrt),
    )


def _sides(claims: Sequence[ClaimAhead]) -> tuple[list[float | None], list[float | None]]:
    """Half-widths in the middle, and of the wide studies."""
    return [one.half_width for one in claims], [one.high for one in claims]


def _shares(ahead: Sequence[HypothesisAhead]) -> tuple[list[float], list[float]]:
    """Power where runs come out as expected, and as is possible."""
    return [one.power for one in ahead], [one.assured for one in ahead]


def _log(width: float | None) -> float:
    """A half-width so that narrower is more; without one there is none."""
    return -math.inf if width is None else -math.log(max(width, 1e-300))


def _probit(share: float) -> float:
    """A share as a normal quantile, kept from its ends."""
    return float(ndtri(min(max(share, 1e-3), 1 - 1e-3)))


def _crossing(
    ns: Sequence[int],
    values: Sequence[float],
    need: float,
    scale: Callable[[float], float] = math.log,
) -> int | None:
    """The least whole number at which an increasing curve through the points is high enough.

    Between points the curve is a line on the scale given: a half-width goes like a power of n, the
    normal quantile of a power like the root of n.
    """
    rising = np.maximum.accumulate(np.asarray(values, dtype=np.float64))
    above = np.flatnonzero(rising >= need)
    if not above.size:
        return None
    i = int(above[0])
    if i == 0 or not math.isfinite(rising[i - 1]):
        return ns[i]
    at = [scale(n) for n in range(ns[i - 1], ns[i] + 1)]
    share = (need - rising[i - 1]) / (rising[i] - rising[i - 1])
    wanted = at[0] + share * (at[-1] - at[0])
    return next((ns[i - 1] + j for j, x in enumerate(at) if x >= wanted - 1e-12), ns[i])
