"""How often a run that only guesses is labelled converged, and one that gets all right failed.

``pytest -m coverage tests/analysis/coverage/test_label_coverage.py`` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.protocol import LabelRule
from vggstudy.study.labels import convergence_threshold, exceeds

RULE = LabelRule()
GROUP = "labels: runs that guess, and runs that learned"

# Validation images, share of their commonest class, epochs.
RUNS = [(10, 0.5, 10), (60, 0.5, 30), (300, 0.1, 24), (500, 0.9, 40)]


def _labelled(best: np.ndarray, n: int, majority: float, comparisons: int) -> float:
    """Share of runs labelled converged whose best epoch has so many images right."""
    threshold = convergence_threshold(
        majority_rate=majority,
        n_validation=n,
        margin=RULE.margin,
        alpha=RULE.alpha,
        comparisons=comparisons,
    )
    return float(np.mean([exceeds(k / n, threshold) for k in best.tolist()]))


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "majority", "epochs"), RUNS)
def test_a_run_that_guesses_is_seldom_labelled_converged(
    simulated: Callable[..., None], n: int, majority: float, epochs: int
) -> None:
    """Every epoch guesses anew, the commonest class's share right; the best epoch is judged."""
    studies = 20_000
    rng = np.random.default_rng([7, n, epochs])
    best = rng.binomial(n, majority, (studies, epochs)).max(axis=1)
    share = _labelled(best, n, majority, epochs)
    case = f"a run that guesses is converged, {n} images, majority {majority}, {epochs} epochs"
    simulated(GROUP, case, share, studies, most=RULE.alpha, nominal=RULE.alpha)


@pytest.mark.coverage
@pytest.mark.parametrize("runs", [8, 80, 640])
def test_a_run_that_learned_converges_whatever_else_is_planned(
    simulated: Callable[..., None], runs: int
) -> None:
    """95 of 100 right at every epoch of ten, ten images of two classes: the best epoch has all.

    Counting the epochs of all planned runs, none of these runs converged in a grid of 10 or more.
    """
    studies, n, epochs = 2_000, 10, 10
    rng = np.random.default_rng([8, runs])
    best = rng.binomial(n, 0.95, (studies, epochs)).max(axis=1)
    share = _labelled(best, n, 0.5, epochs)
    assert _labelled(best, n, 0.5, epochs * runs) == 0.0
    case = f"a run right in 95% is converged, 10 images of 2 classes, in a grid of {runs}"
    simulated(GROUP, case, share, studies, least=0.99, nominal=0.99)
