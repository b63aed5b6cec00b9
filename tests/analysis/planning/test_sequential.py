"""Planned studies with looks are those that the analysis would stop, look by look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.stats import t as student

from vggstudy.analysis import analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.stopping import Stop, half_width
from vggstudy.analysis.hypotheses.verdicts import DECIDED
from vggstudy.analysis.numbers.looks import Look
from vggstudy.analysis.numbers.sequential import bounds
from vggstudy.analysis.planning.pilot import Pilot, read_pilot
from vggstudy.analysis.planning.planning import Target, make_plan
from vggstudy.analysis.planning.predicting import Question, predict, show
from vggstudy.analysis.planning.sequential import Declared, mean_replicates
from vggstudy.stated.hypotheses import Hypothesis

HYPOTHESIS: TypeAdapter[Hypothesis] = TypeAdapter(Hypothesis)
CLAIM = "accuracy.diff.m"
SD, LOOKS = 0.02, (6, 12, 18)
TableMaker = Callable[..., RunTable]


def _pilot(make_table: TableMaker, gap: float) -> Pilot:
    """Two cells of which everything is stated."""
    values = {(m,): [0.6, 0.62, 0.64] for m in (0, 1)}
    pilot = read_pilot(Cells.from_table(make_table(values, ["m"])), [], shared_seeds=False)
    mean, sd = np.array([[0.6, 0.6 + gap]]), np.full((1, 2), SD)
    sure = np.full(2, np.inf)
    return replace(pilot, model=replace(pilot.model, mean=mean, sd=sd), n=sure, k=sure)


def _question(stop: Stop, rule: str = "pocock", resamples: int = 199) -> Question:
    stated = {"id": "H1", "text": "x", "kind": "claim", "claim": CLAIM, "direction": "above"}
    hypothesis = HYPOTHESIS.validate_python({**stated, "threshold": 0.0})
    how = How(0.95, Resampling("calibrated", resamples, 0, 131_072))
    declared = Declared(LOOKS, rule, stop)  # type: ignore[arg-type]
    return Question((CLAIM,), (hypothesis,), how, declared=declared)


@pytest.mark.parametrize(
    ("rule", "stop"),
    [("pocock", Stop(("H1",))), ("fixed_width", Stop((), CLAIM, 0.016))],
)
def test_a_planned_study_ends_where_the_analysis_ends_it(
    rule: str, stop: Stop, make_table: TableMaker
) -> None:
    model, question = _pilot(make_table, 1.2 * SD).model, _question(stop, rule)
    ended = set()
    for seed in range(12):
        shown = show(model, LOOKS[-1], question, (3, 0, seed))
        for number, runs in enumerate(LOOKS, start=1):
            (table,) = model.draw(runs, (3, 0, seed))
            result = analyze(
                table,
                resamples=199,
                seed=seed,
                hypotheses=question.hypotheses,
                look=Look(number, LOOKS, rule),  # type: ignore[arg-type]
                headline_only=True,
            )
            claim = result.claims[CLAIM]
            if rule == "pocock":
                done = result.hypotheses[0].verdict in DECIDED
            else:
                half = half_width(claim.low, claim.high)
                done = half is not None and half <= 0.016
            if done:
                break
        ends = shown.claims[0].interval
        assert shown.look == number
        assert ends is not None
        assert (ends.low, ends.high) == (claim.low, claim.high)
        assert shown.verdicts[0].verdict == result.hypotheses[0].verdict
        ended.add(number)
    assert len(ended) >= 2


def _brute_force(gap: float, studies: int) -> tuple[np.ndarray, float]:
    """Share of studies that Welch's interval ends at each look, and that it supports."""
    rng = np.random.default_rng(5)
    values = SD * rng.standard_normal((2, studies, LOOKS[-1]))
    values[1] += gap
    nominal = bounds("pocock", tuple(n / LOOKS[-1] for n in LOOKS), 0.95).nominal
    look, above = np.full(studies, len(LOOKS)), np.zeros(studies, dtype=bool)
    going = np.ones(studies, dtype=bool)
    for number, (n, level) in enumerate(zip(LOOKS, nominal, strict=True), start=1):
        part = values[..., :n].var(axis=-1, ddof=1) / n
        se = np.sqrt(part.sum(axis=0))
        df = part.sum(axis=0) ** 2 / (part**2 / (n - 1)).sum(axis=0)
        apart = values[1, :, :n].mean(axis=-1) - values[0, :, :n].mean(axis=-1)
        reach = student.ppf((1 + level) / 2, df) * se
        done = going & (np.abs(apart) > reach)
        look[done], above[done & (apart > 0)] = number, True
        going &= ~done
    return np.bincount(look, minlength=4)[1:] / studies, float(above.mean())


def test_looks_stop_as_often_as_studies_that_are_simulated_by_hand(
    make_table: TableMaker,
) -> None:
    ended, power = _brute_force(1.1 * SD, 20_000)
    question = _question(Stop(("H1",)), resamples=999)
    ahead = predict(_pilot(make_table, 1.1 * SD), LOOKS[-1], question, studies=150, seed=4)
    # Three Monte Carlo errors of 150 studies are 12 points, and the bootstrap is not Welch's.
    assert [one.stops for one in ahead.looks] == pytest.approx(ended.tolist(), abs=0.12)
    assert ahead.hypotheses[0].power == pytest.approx(power, abs=0.12)
    by_hand = float(ended @ np.array(LOOKS))
    assert mean_replicates(ahead.looks) == pytest.approx(by_hand, abs=1.3)
    assert sum(one.stops for one in ahead.looks) == pytest.approx(1)
    assert [one.replicates for one in ahead.looks] == [*LOOKS]


def test_a_smallest_effect_is_that_of_the_last_look(make_table: TableMaker) -> None:
    """However early studies end of which the effect is large."""
    question = _question(Stop(("H1",)), resamples=999)
    near, far = (
        predict(_pilot(make_table, gap * SD), LOOKS[-1], question, studies=40, seed=4)
        for gap in (0.0, 5.0)
    )
    assert far.looks[0].stops > 0.9
    assert far.claims[0].smallest == pytest.approx(near.claims[0].smallest, rel=1e-6)
    assert (far.claims[0].half_width or 0) > 1.2 * (near.claims[0].half_width or 0)


def test_looks_come_at_the_same_shares_of_another_maximum() -> None:
    declared = Declared(LOOKS, "pocock", Stop(("H1",)))
    assert declared.at_most(18) == LOOKS
    assert declared.at_most(36) == (12, 24, 36)
    assert declared.at_most(7) == (2, 5, 7)
    assert declared.at_most(3) == (2, 3)
    assert declared.at_most(2) == (2,)
    assert [look.number for look in declared.looks(36)] == [1, 2, 3]


def test_a_plan_with_looks_takes_nothing_as_settled(make_table: TableMaker) -> None:
    """What ends every small study says nothing of when a larger one ends."""
    pilot, question = _pilot(make_table, 4 * SD), _question(Stop(("H1",)))
    target = Target("power", "H1", 0.99)
    plan = make_plan(pilot, question, [target], design=2, most=6, studies=8, seed=2)
    assert plan.points[-1].hypotheses[0].power > 0.9
    for point in plan.points[2:]:
        whole = predict(pilot, point.n, question, studies=point.studies, seed=2)
        assert point.looks == whole.looks
