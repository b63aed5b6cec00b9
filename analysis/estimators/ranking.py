"""Ranks of models by their mean, from simultaneous comparisons of all pairs.

A model's rank interval holds every rank that the comparisons leave open: 1 plus the number of
models that are certainly better, to M minus the number that are certainly worse. All M intervals
hold together at the confidence of the comparisons.

References
----------
.. [1] Al Mohamad, Goeman & van Zwet (2022), Annals of the Institute of Statistical Mathematics 74,
   1-19 (simultaneous intervals for ranks from Tukey's comparisons, section 3).
.. [2] Zou & Donner (2008), Statistics in Medicine 27, 1693-1702 (variance recovered from limits).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Group
from vggstudy.analysis.data.failed_values import unknown_failures
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.expected import estimate_expected
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.seed_ranks import MIN_SEEDS, compare_over_seeds
from vggstudy.analysis.estimators.seeds import models_by_seed
from vggstudy.analysis.notes import ModelReason, Note, Reason, note_of, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.bootstrap import quantile
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.multiplicity import CellMeans, max_t, pairwise
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.analysis.numbers.student import satterthwaite, student_t, t_interval

DRAWS = 20_000
"""Draws behind the critical value of all pairs."""

MAX_MODELS = 200
"""Models that are compared with one another: 19,900 pairs."""


@dataclass(frozen=True, slots=True)
class Model:
    """One combination of levels of the factors that are ranked.

    Attributes
    ----------
    levels : tuple of (str, int)
        Factor and level index, sorted by factor.
    name : str
        ``batch_norm=true, depth=19``.
    """

    levels: tuple[tuple[str, int], ...]
    name: str

    @property
    def contrast(self) -> Contrast:
        """The mean over all other factors."""
        return Contrast(conditions=tuple(Condition(name, (level,)) for name, level in self.levels))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second model minus the first.

    Attributes
    ----------
    first, second : int
        Indices of models.
    interval : Interval
        Simultaneous with all other pairs.
    lower_is_better : bool
    """

    first: int
    second: int
    interval: Interval
    lower_is_better: bool = False

    @property
    def better(self) -> int | None:
        """Index of the model that is certainly better, if one is."""
        low, high = (self.first, self.second)
        if self.lower_is_better:
            low, high = high, low
        if self.interval.low > 0:
            return high
        return low if self.interval.high < 0 else None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Models in order of their mean, with all comparisons.

    Attributes
    ----------
    outcome : str
    models : tuple of Model
    estimates : tuple of Interval
        One a model, at the confidence asked for, each on its own.
    comparisons : tuple of Comparison
        All pairs, holding together.
    rank_low, rank_high : tuple of int
        Best and worst rank of each model; 1 is the best mean.
    confidence : float
    reason : Note or None
        Why there is no ranking; everything above is then empty.
    lower_is_better : bool
        Whether the best mean is the lowest one.
    """

    outcome: str
    models: tuple[Model, ...]
    estimates: tuple[Interval, ...]
    comparisons: tuple[Comparison, ...]
    rank_low: tuple[int, ...]
    rank_high: tuple[int, ...]
    confidence: float
    reason: Note | None = None
    lower_is_better: bool = False

    @property
    def order(self) -> list[int]:
        """Models from the best estimate to the worst."""
        sign = 1 if self.lower_is_better else -1
        return sorted(range(len(self.models)), key=lambda i: sign * self.estimates[i].estimate)

    def comparison(self, first: int, second: int) -> Interval:
        """Interval of the second model minus the first."""
        for pair in self.comparisons:
            if (pair.first, pair.second) == (first, second):
                return pair.interval
            if (pair.first, pair.second) == (second, first):
                old = pair.interval
                return Interval(
                    -old.estimate,
                    -old.high,
                    -old.low,
                    old.method,
                    mc_error_low=old.mc_error_high,
                    mc_error_high=old.mc_error_low,
                )
        raise KeyError((first, second))


def models_of(table: RunTable, factors: tuple[str, ...]) -> list[Model]:
    """Every combination of levels of the named factors, the last one fastest."""
    names = [range(len(table.levels[factor])) for factor in factors]
    found = []
    for levels in itertools.product(*names):
        held = sorted(zip(factors, levels, strict=True))
        text = ", ".join(f"{name}={write_level(table.levels[name][i])}" for name, i in held)
        found.append(Model(tuple(held), text))
    return found


def rank_models(
    cells: Cells,
    factors: tuple[str, ...],
    *,
    outcome: str,
    confidence: float,
    seed: int,
    shared_seeds: bool = False,
) -> Ranking:
    """Rank the combinations of some factors, averaged over all others with equal weights.

    Parameters
    ----------
    cells : Cells
    factors : tuple of str
    outcome : str
        ``expected`` for the mean over all runs, failed ones included; otherwise that of converged
        runs.
    confidence : float
        Of all comparisons, and so of all rank intervals, together.
    seed : int
        With the family's name, the seed of the draws behind the critical value.
    shared_seeds : bool
        Runs of one replicate share their seeds across cells: models are compared within seeds.
    """
    models = models_of(cells.table, factors)
    name = f"{outcome}.rank.{'*'.join(sorted(factors))}"
    if not 2 <= len(models) <= MAX_MODELS:
        count, name = len(models), "models_beyond_ranking"
        lost = say(name, Reason.TOO_FEW_RUNS, n=count, most=MAX_MODELS)
        return refused_ranking(outcome, confidence, lost)
    if shared_seeds:
        return _rank_over_seeds(cells, models, name, outcome, confidence, seed)
    rank = _rank_expected if outcome == "expected" else _rank_converged
    return rank(cells, models, name, outcome, confidence, seed)


def refused_ranking(outcome: str, confidence: float, reason: Note) -> Ranking:
    """No ranking, and why."""
    return Ranking(outcome, (), (), (), (), (), confidence, reason)


def _rank_expected(
    cells: Cells, models: list[Model], name: str, outcome: str, confidence: float, seed: int
) -> Ranking:
    """All pairs of two-part means: MOVER limits at the level of the maximum of all pairs."""
    groups = [model.contrast.groups(cells) for model in models]
    found = [estimate_expected(cells, group, confidence=confidence) for group in groups]
    if reason := _first_reason(found):
        return refused_ranking(outcome, confidence, reason)
    estimates = [finding.interval for finding in found if finding.interval is not None]
    z = normal_quantile(confidence)
    errors = np.array([(x.high - x.low) / (2 * z) for x in estimates])
    pairs = list(itertools.combinations(range(len(models)), 2))
    critical, error = _critical(errors, pairs, confidence, seed, name)
    level = float(2 * ndtr(critical) - 1)
    comparisons = []
    for first, second in pairs:
        both = [*groups[second], Group(-1, groups[first][0].cells)]
        finding = estimate_expected(cells, both, confidence=level)
        if finding.interval is None:
            return refused_ranking(outcome, confidence, finding.reason or _unknown())
        comparisons.append(_compared(first, second, finding.interval, error / critical))
    return ranking_of(
        outcome, models, estimates, comparisons, confidence, lower=cells.table.lower_is_better
    )


def _first_reason(found: list[Finding]) -> Note | None:
    return next((finding.reason for finding in found if finding.reason), None)


def _unknown() -> Note:
    return say("no_difference_made", Reason.NO_VARIANCE)


def _critical(
    errors: FloatArray, pairs: list[tuple[int, int]], confidence: float, seed: int, name: str
) -> tuple[float, float]:
    """Quantile of the largest standardised difference of independent means, and its error."""
    first, second = np.array(pairs, dtype=np.int64).T
    spread = np.sqrt(errors[first] ** 2 + errors[second] ** 2)
    usable = spread > 0
    if not usable.any():
        return normal_quantile(confidence), 0.0
    drawn = claim_generator(seed, name).standard_normal((DRAWS, errors.size)) * errors
    rows = max(1, 4_000_000 // len(pairs))
    maxima = [
        _largest(drawn[i : i + rows], first[usable], second[usable], spread[usable])
        for i in range(0, DRAWS, rows)
    ]
    found = quantile(np.sort(np.concatenate(maxima)), confidence)
    return max(found.value, normal_quantile(confidence)), found.mc_error


def _largest(
    drawn: FloatArray, first: IntArray, second: IntArray, spread: FloatArray
) -> FloatArray:
    return np.asarray((np.abs(drawn[:, second] - drawn[:, first]) / spread).max(axis=1))


def _compared(first: int, second: int, found: Interval, relative_error: float) -> Comparison:
    """A comparison, with the error of the critical value carried to its ends."""
    interval = Interval(
        found.estimate,
        found.low,
        found.high,
        "max_t_mover",
        mc_error_low=relative_error * (found.estimate - found.low),
        mc_error_high=relative_error * (found.high - found.estimate),
    )
    return Comparison(first, second, interval)


def _rank_converged(
    cells: Cells, models: list[Model], name: str, outcome: str, confidence: float, seed: int
) -> Ranking:
    """All pairs of saturated means of converged runs, by max-t."""
    groups = [model.contrast.groups(cells)[0] for model in models]
    used = np.concatenate([group.cells for group in groups])
    if reason := unavailable(cells, used, cells.k, minimum=2, what="converged runs"):
        return refused_ranking(outcome, confidence, reason)
    rows = np.zeros((len(models), len(cells)))
    for row, group in zip(rows, groups, strict=True):
        row[group.cells] = group.weights
    lent = lent_variance(cells)
    if reason := no_lender(cells, used, lent):
        return refused_ranking(outcome, confidence, reason)
    rows = rows[:, used]
    means = CellMeans(cells.mean[used], lent.variance[used], cells.k[used])
    weights, pairs = pairwise(rows)
    rng = claim_generator(seed, name)
    compared = max_t(means, weights, confidence=confidence, rng=rng)
    single = [_alone(means, row, confidence) for row in rows]
    comparisons = [Comparison(i, j, compared.interval(k)) for k, (i, j) in enumerate(pairs)]
    return ranking_of(
        outcome, models, single, comparisons, confidence, lower=cells.table.lower_is_better
    )


def _rank_over_seeds(
    cells: Cells, models: list[Model], name: str, outcome: str, confidence: float, seed: int
) -> Ranking:
    """All pairs of models' means within seeds, of converged runs or of all."""
    everyone = outcome == "expected"
    weights = np.zeros((len(cells), len(models)))
    for column, model in enumerate(models):
        group = model.contrast.groups(cells)[0]
        weights[group.cells, column] = group.weights
    used = np.flatnonzero(weights.any(axis=1))
    if everyone and (lost := unknown_failures(cells, used)):
        return refused_ranking(outcome, confidence, lost)
    found = models_by_seed(cells, weights, everyone=everyone)
    if len(found.seeds) < MIN_SEEDS:
        few = "ranking_needs_labelled_seeds" if everyone else "ranking_needs_seeds"
        values = {"n": len(found.seeds), "least": MIN_SEEDS}
        return refused_ranking(outcome, confidence, say(few, ModelReason.TOO_FEW_SEEDS, **values))
    try:
        compared = compare_over_seeds(
            found.values, confidence=confidence, rng=claim_generator(seed, name)
        )
    except ValueError as error:
        return refused_ranking(outcome, confidence, note_of(error, Reason.NO_VARIANCE))
    single = [_over_seeds(column, confidence) for column in found.values.T]
    comparisons = [
        Comparison(i, j, x) for (i, j), x in zip(compared.pairs, compared.intervals, strict=True)
    ]
    return ranking_of(
        outcome, models, single, comparisons, confidence, lower=cells.table.lower_is_better
    )


def _over_seeds(values: FloatArray, confidence: float) -> Interval:
    """One model's mean with Student's interval over seeds; no width where seeds agree."""
    mean = float(values.mean())
    if not values.std() > 0:
        return Interval(mean, mean, mean, "seeds_t")
    return replace(student_t(values, confidence=confidence), method="seeds_t")


def _alone(means: CellMeans, row: FloatArray, confidence: float) -> Interval:
    """One model's mean with Satterthwaite's interval."""
    own = row > 0
    spread = satterthwaite(row[own], means.variance[own], means.n[own])
    estimate = float(row @ means.mean)
    return t_interval(estimate, spread, confidence=confidence, method="satterthwaite")


def ranking_of(
    outcome: str,
    models: list[Model],
    estimates: list[Interval],
    comparisons: list[Comparison],
    confidence: float,
    *,
    lower: bool,
) -> Ranking:
    """Ranks that the comparisons leave open ([1]_, section 3)."""
    comparisons = [replace(pair, lower_is_better=lower) for pair in comparisons]
    low, high = [1] * len(models), [len(models)] * len(models)
    for pair in comparisons:
        if pair.better is None:
            continue
        worse = pair.first if pair.better == pair.second else pair.second
        low[worse] += 1
        high[pair.better] -= 1
    return Ranking(
        outcome,
        tuple(models),
        tuple(estimates),
        tuple(comparisons),
        tuple(low),
        tuple(high),
        confidence,
        lower_is_better=lower,
    )
