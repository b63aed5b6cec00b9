"""How often hypotheses on losses are supported: where they hold, and where they just fail.

``pytest -m coverage tests/analysis/coverage/test_direction_coverage.py`` prints the table. Taken
as a score, a loss with a trough never supported that a level in the middle is best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.peak import PeakTest, peak_test
from vggstudy.analysis.estimators.ranking import rank_models
from vggstudy.analysis.numbers.arrays import FloatArray

GROUP = "losses: support of a best level in the middle, and of a lowest mean"
STUDIES, RUNS = 600, 5
LEVELS = tuple(2**k for k in range(3, 11))
SHAPES: dict[str, FloatArray] = {
    "a trough": np.asarray(0.01 * (np.arange(8) - 3.5) ** 2, dtype=np.float64),
    "a plateau after a fall": np.asarray(-0.02 * np.minimum(np.arange(8), 4), dtype=np.float64),
    "no effect": np.zeros(8),
}


def _cells(mean: FloatArray, levels: tuple[int, ...], rng: np.random.Generator) -> Cells:
    index = np.repeat(np.arange(len(levels)), RUNS)
    table = RunTable(
        factors=("x",),
        levels={"x": levels},
        codes=index[:, None],
        replicate=tuple(str(i) for i in range(index.size)),
        label=np.zeros(index.size, dtype=np.int64),
        value=0.5 + mean[index] + 0.02 * rng.standard_normal(index.size),
        outcome="test_loss",
        chance=None,
        label_rule="simulated",
        lower_is_better=True,
    )
    return Cells.from_table(table)


@pytest.mark.coverage
@pytest.mark.parametrize("shape", SHAPES)
def test_a_level_in_the_middle_is_best_where_the_loss_has_a_trough(
    simulated: Callable[..., None], shape: str
) -> None:
    rng = np.random.default_rng(19)
    supported = 0
    for study in range(STUDIES):
        cells = _cells(SHAPES[shape], LEVELS, rng)
        axis = axis_of(cells.table, "x", "log2")
        test = peak_test(cells, axis, (), seed=study, shared_seeds=False)
        assert isinstance(test, PeakTest)
        supported += test.p_value <= 0.05
    band = {"least": 0.9} if shape == "a trough" else {"most": 0.05}
    nominal = next(iter(band.values()))
    case = f"a level in the middle is best: {shape}, n={RUNS}"
    simulated(GROUP, case, supported / STUDIES, STUDIES, nominal=nominal, **band)


@pytest.mark.coverage
@pytest.mark.parametrize(("gap", "band"), [(0.0, {"most": 0.05}), (0.1, {"least": 0.9})])
def test_the_lowest_mean_is_ranked_first(
    simulated: Callable[..., None], gap: float, band: dict[str, float]
) -> None:
    """Four models, the first lower by the gap; equal ones are seldom told apart at all."""
    rng = np.random.default_rng(20)
    found = 0
    for study in range(STUDIES):
        cells = _cells(np.array([-gap, 0.0, 0.0, 0.0]), (1, 2, 3, 4), rng)
        ranks = rank_models(cells, ("x",), outcome="test_loss", confidence=0.95, seed=study)
        assert ranks.reason is None
        told = any(pair.better is not None for pair in ranks.comparisons)
        found += ranks.rank_high[0] == 1 if gap else told
    nominal = next(iter(band.values()))
    what = "the lowest of four models is ranked first" if gap else "equal models are told apart"
    simulated(GROUP, f"{what}, n={RUNS}", found / STUDIES, STUDIES, nominal=nominal, **band)
