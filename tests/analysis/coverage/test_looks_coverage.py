"""Studies that stop at a look: false verdicts, coverage after stopping, runs that were spared.

``pytest -m coverage tests/analysis/coverage/test_looks_coverage.py`` prints the table. Two cells
of normal values, or of runs that converge or not, are looked at when both have 5, 10, 15, 20 and 25
runs; a study stops where the difference of the cells is decided, or its interval is short enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import judge
from vggstudy.analysis.numbers.looks import Look, Rule
from vggstudy.stated.hypotheses import ClaimHypothesis

GROUP = "looks at 5, 10, 15, 20, 25 runs of two cells"
LOOKS = (5, 10, 15, 20, 25)
STUDIES = 2000
SD = 0.02


@dataclass(frozen=True, slots=True)
class Stopped:
    """What simulated studies came to, as shares; runs of a cell on average."""

    supported: float
    contradicted: float
    held: float
    cell_held: float
    runs: float


def table_of(values: np.ndarray, converged: np.ndarray) -> RunTable:
    """Runs of two cells, shape (2, n)."""
    n = values.shape[1]
    return RunTable(
        factors=("arm",),
        levels={"arm": (0, 1)},
        codes=np.repeat([0, 1], n)[:, None],
        replicate=tuple(map(str, range(2 * n))),
        label=np.where(converged, 0, 1).ravel().astype(np.int64),
        value=values.ravel(),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )


def simulated_studies(
    rule: Rule | None,
    effect: float,
    *,
    studies: int,
    claim: str = "accuracy.diff.arm",
    width: float | None = None,
    rates: tuple[float, float] = (1.0, 1.0),
) -> Stopped:
    """Studies that stop by a rule; without one, as if each look were the only one.

    An interval beyond 0 decides: with the 199 resamples of here many verdicts would be borderline.
    """
    rng = np.random.default_rng([41, round(1000 * effect), *(round(100 * r) for r in rates)])
    truth = effect * SD if claim.startswith("accuracy") else rates[1] - rates[0]
    spec = ClaimHypothesis(
        id="H", text="more", kind="claim", claim=claim, direction="above", threshold=0.0
    )
    ends: list[tuple[bool, bool, bool, bool, int]] = []
    for seed in range(studies):
        values = 0.7 + SD * rng.standard_normal((2, LOOKS[-1]))
        values[1] += effect * SD
        converged = rng.random((2, LOOKS[-1])) < np.array(rates)[:, None]
        for number, n in enumerate(LOOKS, start=1):
            how = How(0.95, Resampling("calibrated", 199, seed, 131_072))
            how = how.looking(None if rule is None else Look(number, LOOKS, rule))
            cells = Cells.from_table(table_of(values[:, :n], converged[:, :n]))
            maker = ClaimMaker(cells, how, "simulated")
            (found,) = judge([spec], Evaluator(maker), confidence=0.95)
            part = found.parts[0]
            low = -np.inf if part.low is None else part.low
            high = np.inf if part.high is None else part.high
            done = low > 0 or high < 0 if width is None else (high - low) / 2 <= width
            if n == LOOKS[-1] or done:
                break
        one = maker.finding(maker.parse("accuracy.mean@arm=1")).interval
        cell = one is None or one.low <= 0.7 + effect * SD <= one.high
        ends.append((low > 0, high < 0, bool(low <= truth <= high), bool(cell), n))
    return Stopped(*(float(x) for x in np.mean(ends, axis=0)))


NAMES = {"obrien_fleming": "O'Brien-Fleming", "pocock": "Pocock"}


@pytest.mark.parametrize("rule", list(NAMES))
def test_few_studies_without_an_effect_are_decided(rule: Rule) -> None:
    found = simulated_studies(rule, 0.0, studies=250)
    # 5% on both sides together, with three Monte Carlo errors; 13% where looks are not allowed for.
    assert found.supported + found.contradicted <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 250)
    assert found.held >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 250)


@pytest.mark.coverage
@pytest.mark.parametrize("rule", list(NAMES))
def test_a_false_difference_is_decided_as_often_as_the_level_says(
    rule: Rule, simulated: Callable[..., None]
) -> None:
    found = simulated_studies(rule, 0.0, studies=STUDIES)
    name = NAMES[rule]
    false = found.supported + found.contradicted
    simulated(GROUP, f"{name}, no effect: decided", false, STUDIES, most=0.05, nominal=0.05)
    simulated(GROUP, f"{name}, no effect: interval", found.held, STUDIES, least=0.94)
    assert found.runs > 24


@pytest.mark.coverage
def test_looks_that_are_not_allowed_for_decide_more_often(simulated: Callable[..., None]) -> None:
    found = simulated_studies(None, 0.0, studies=STUDIES)
    false = found.supported + found.contradicted
    simulated(GROUP, "replaced: each look at 95%, no effect: decided", false, STUDIES, least=0.10)
    simulated(GROUP, "replaced: each look at 95%: interval", found.held, STUDIES, most=0.92)


@pytest.mark.coverage
@pytest.mark.parametrize("effect", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("rule", list(NAMES))
def test_intervals_after_stopping_hold_the_difference(
    rule: Rule, effect: float, simulated: Callable[..., None]
) -> None:
    found = simulated_studies(rule, effect, studies=STUDIES)
    name = f"{NAMES[rule]}, {effect:g} SD (mean n = {found.runs:.1f})"
    simulated(GROUP, f"{name}: interval", found.held, STUDIES, least=0.93)
    simulated(GROUP, f"{name}: mean of a cell", found.cell_held, STUDIES, least=0.93)
    simulated(GROUP, f"{name}: supported", found.supported, STUDIES)


@pytest.mark.coverage
@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.5, 0.9), (0.1, 0.4)])
def test_intervals_after_stopping_hold_a_difference_of_probabilities(
    rates: tuple[float, float], simulated: Callable[..., None]
) -> None:
    found = simulated_studies(
        "pocock", 0.0, studies=STUDIES, claim="converged.diff.arm", rates=rates
    )
    name = f"Pocock, p = {rates[0]:g} and {rates[1]:g} (mean n = {found.runs:.1f})"
    simulated(GROUP, f"{name}: interval", found.held, STUDIES, least=0.93)
    if rates[0] == rates[1]:
        false = found.supported + found.contradicted
        simulated(GROUP, f"{name}: decided", false, STUDIES, most=0.05, nominal=0.05)


@pytest.mark.coverage
@pytest.mark.parametrize("width", [0.5, 0.7, 1.0, 1.4])
def test_intervals_of_a_fixed_width_hold_the_difference(
    width: float, simulated: Callable[..., None]
) -> None:
    plain = simulated_studies(None, 0.0, studies=STUDIES, width=width * SD)
    found = simulated_studies("fixed_width", 0.0, studies=STUDIES, width=width * SD)
    name = f"half-width {width:g} SD (mean n = {found.runs:.1f})"
    simulated(GROUP, f"{name}: interval", found.held, STUDIES, least=0.94)
    simulated(GROUP, f"{name}: mean of a cell", found.cell_held, STUDIES, least=0.94)
    simulated(GROUP, f"half-width {width:g} SD, replaced: at 95%", plain.held, STUDIES, least=0.9)
