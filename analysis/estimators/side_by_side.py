"""Models ranked by accuracy and by reliability, side by side, and by both in one.

Among models that hardly ever fail, what failures could still cost dominates the expected outcome:
40 of 40 converged runs leave a failure rate of 9% open, which no spread of accuracies outweighs.
Its two parts are told apart by as many runs as each needs.
"""

from __future__ import annotations

import itertools

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.ranking import (
    MAX_MODELS,
    Comparison,
    Model,
    Ranking,
    models_of,
    rank_models,
    ranking_of,
    refused_ranking,
)
from vggstudy.analysis.notes import Reason, say
from vggstudy.analysis.numbers.intervals import Interval

MOST_COMPARED = 14
"""Levels of a factor up to which a summary tells its pairs apart."""


def told_apart(name: str, rankings: tuple[Ranking, ...]) -> str:
    """How many pairs each ranking tells apart, in a line; or why there is no such ranking."""
    parts = []
    for ranking in rankings:
        apart = sum(pair.better is not None for pair in ranking.comparisons)
        said = f"not available ({ranking.reason.code})" if ranking.reason else f"{apart}"
        parts.append(f"{said} by {ranking.outcome}")
    size = max(len(ranking.comparisons) for ranking in rankings)
    return f"pairs of {name} told apart, of {size} at once: {', '.join(parts)}"


def rank_reliability(
    cells: Cells, factors: tuple[str, ...], *, confidence: float, shared_seeds: bool = False
) -> Ranking:
    """Rank models by their probability of converging.

    Every pair has the interval of a difference of two probabilities at its share of the error
    (Bonferroni), so that all hold together whatever the probabilities.

    Parameters
    ----------
    cells : Cells
    factors : tuple of str
    confidence : float
        Of all comparisons, and so of all rank intervals, together.
    shared_seeds : bool
        Runs of one replicate share their seeds across cells.
    """
    models = models_of(cells.table, factors)
    if not 2 <= len(models) <= MAX_MODELS:
        lost = say("models_beyond_ranking", Reason.TOO_FEW_RUNS, n=len(models), most=MAX_MODELS)
        return refused_ranking("converged", confidence, lost)
    pairs = list(itertools.combinations(range(len(models)), 2))

    def found(groups: list[Group], level: float) -> Finding:
        # The runs of one cell never share seeds with one another.
        shared = shared_seeds and sum(group.cells.size for group in groups) > 1
        return estimate_converged(cells, groups, confidence=level, shared_seeds=shared)

    single = [found(_of(model, cells), confidence) for model in models]
    level = 1 - (1 - confidence) / len(pairs)
    both = [
        found([*_of(models[j], cells), Group(-1, _of(models[i], cells)[0].cells)], level)
        for i, j in pairs
    ]
    for one in (*single, *both):
        if one.reason is not None:
            return refused_ranking("converged", confidence, one.reason)
    compared = [Comparison(i, j, x) for (i, j), x in zip(pairs, _intervals(both), strict=True)]
    return ranking_of("converged", models, _intervals(single), compared, confidence, lower=False)


def _of(model: Model, cells: Cells) -> list[Group]:
    return model.contrast.groups(cells)


def _intervals(found: list[Finding]) -> list[Interval]:
    return [one.interval for one in found if one.interval is not None]


def side_by_side(
    cells: Cells,
    factors: tuple[str, ...],
    *,
    confidence: float,
    seed: int,
    shared_seeds: bool = False,
) -> tuple[Ranking, ...]:
    """Rankings by the outcome among converged runs, by reliability, and by the expected outcome.

    The parameters are those of `rank_models`; the last one only where the outcome has bounds.
    """
    table = cells.table
    outcomes = [table.outcome, *(["expected"] if table.bounds else [])]
    first, *last = (
        rank_models(
            cells,
            factors,
            outcome=outcome,
            confidence=confidence,
            seed=seed,
            shared_seeds=shared_seeds,
        )
        for outcome in outcomes
    )
    reliable = rank_reliability(cells, factors, confidence=confidence, shared_seeds=shared_seeds)
    return (first, reliable, *last)
