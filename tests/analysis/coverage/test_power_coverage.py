"""Predicted power against studies made by another generator and put through the whole analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.special import expit

from vggstudy.analysis import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.stopping import Stop
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.looks import Look
from vggstudy.analysis.numbers.sequential import Spending
from vggstudy.analysis.planning.ahead import Prediction
from vggstudy.analysis.planning.pilot import Pilot
from vggstudy.analysis.planning.predicting import Question, predict
from vggstudy.analysis.planning.run_model import RunModel
from vggstudy.analysis.planning.sequential import Declared, mean_replicates
from vggstudy.stated.hypotheses import Hypothesis

HYPOTHESIS: TypeAdapter[Hypothesis] = TypeAdapter(Hypothesis)
X = (1, 2, 4, 8)
RESAMPLES = 199

MORE = 2
"""Studies behind a prediction, to one that is analysed as a whole."""


@dataclass(frozen=True)
class Case:
    """A hypothesis, and a truth of two arms of four levels that it finds now and then."""

    name: str
    stated: dict[str, Any]
    n: int
    p: FloatArray
    mean: FloatArray
    studies: int
    seed_sd: float = 0.0

    @property
    def hypothesis(self) -> Hypothesis:
        return HYPOTHESIS.validate_python({"id": "H1", "text": "It holds.", **self.stated})


SD, FAILED = 0.01, 0.1
ALL, SOME = np.ones(8), np.full(8, 0.8)
FLAT = np.full(8, 0.8)
ARMS = np.repeat([0.0, 1.0], 4)
CURVE = np.tile([0.0, 0.012, 0.013, 0.0], 2)


def _claim(claim: str, threshold: float = 0.0) -> dict[str, Any]:
    return {"kind": "claim", "claim": claim, "threshold": threshold, "direction": "above"}


SLOPE = {"kind": "slope", "along": "x", "direction": "above"}
ORDER = {"kind": "threshold_order", "along": "x", "compare": "arm", "direction": "above"}
RISING = expit(1.2 * np.tile(np.arange(4) - 1.2, 2))
APART = expit(1.6 * (np.tile(np.arange(4.0), 2) - 0.8 - 1.2 * ARMS))
RANKS = {
    "kind": "ranking",
    "factors": ["arm"],
    "outcome": "accuracy",
    "order": [{"arm": 1}, {"arm": 0}],
}
EQUIVALENT = {"kind": "equivalence", "claim": "accuracy.diff.arm", "margin": 0.006}
BOTH = [_claim("accuracy.diff.arm"), _claim("converged.p", 0.65)]
CASES = [
    Case("claim on means", _claim("accuracy.diff.arm"), 5, SOME, FLAT + 0.012 * ARMS, 800),
    Case("claim on probabilities", _claim("converged.diff.arm"), 10, 0.6 + 0.3 * ARMS, FLAT, 800),
    Case("claim on expected", _claim("expected.diff.arm"), 10, 0.6 + 0.3 * ARMS, FLAT, 800),
    Case("equivalence", EQUIVALENT, 9, ALL, FLAT, 800),
    Case("equivalence, shared seeds", EQUIVALENT, 10, ALL, FLAT, 800, seed_sd=0.01),
    Case("slope", {**SLOPE, "threshold": 0.5}, 8, RISING, FLAT, 400),
    Case("threshold order", ORDER, 9, APART, FLAT, 80),
    Case("peak", {"kind": "peak", "along": "x"}, 8, ALL, FLAT + 1.7 * CURVE, 600),
    Case("ranking", RANKS, 4, ALL, FLAT + 0.009 * ARMS, 700),
    Case("all of two parts", {"kind": "all", "parts": BOTH}, 7, SOME, FLAT + 0.012 * ARMS, 800),
]


def _ahead(case: Case, declared: Declared | None = None) -> Prediction:
    """What is predicted from the true numbers."""
    template = _table(case, np.random.default_rng(0))
    codes = np.array([(arm, x) for arm in range(2) for x in range(4)])
    nothing = tuple(np.zeros((0, 1)) for _ in range(8))
    model = RunModel(
        tables=(template,),
        codes=codes,
        converges=case.p,
        mean=case.mean[None],
        sd=np.full((1, 8), np.hypot(SD, case.seed_sd)),
        failed=tuple(np.full((1, 1), FAILED) for _ in range(8)),
        shapes=nothing,
        correlation=np.eye(1),
        seed_sd=case.seed_sd,
    )
    sure = np.full(8, np.inf)
    how = How(0.95, Resampling("calibrated", RESAMPLES, 0, 131_072), case.seed_sd > 0)
    question = Question((), (case.hypothesis,), how, declared=declared)
    pilot = Pilot(model, sure, sure, None, (0.5, 0.5))
    return predict(pilot, case.n, question, studies=MORE * case.studies, seed=7)


def _table(case: Case, rng: np.random.Generator) -> RunTable:
    """Runs from plain NumPy, in a data frame as a user has it."""
    seeds = rng.normal(0, case.seed_sd, case.n)
    rows = []
    for cell in range(8):
        for run in range(case.n):
            learned = rng.random() < case.p[cell]
            value = case.mean[cell] + seeds[run] + rng.normal(0, SD)
            outcome = "converged" if learned else "failed_to_learn"
            rows.append((cell // 4, X[cell % 4], run, outcome, value if learned else FAILED))
    frame = pd.DataFrame(rows, columns=["arm", "x", "replicate", "outcome", "test_accuracy"])
    return RunTable.from_frame(frame, factors=["arm", "x"], chance=FAILED)


def _found(case: Case) -> float:
    """Share of studies in which the analysis supports the hypothesis."""
    rng, supported = np.random.default_rng(17), 0
    for seed in range(case.studies):
        result = analyze(
            _table(case, rng),
            resamples=RESAMPLES,
            seed=seed,
            seeding="shared" if case.seed_sd else "independent",
            hypotheses=[case.hypothesis],
            headline_only=True,
        )
        supported += result.hypotheses[0].verdict == "supported"
    return supported / case.studies


@pytest.mark.coverage
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_power_of_every_kind_is_as_predicted(case: Case, simulated: Any) -> None:
    ahead, found = _ahead(case).hypotheses[0].power, _found(case)
    assert 0.1 < ahead < 0.97  # nothing is shown by a power of 0 or 1
    # Within three points, and the prediction's Monte Carlo error; `simulated` allows three errors
    # of the share that is found.
    margin = 0.03 + (ahead * (1 - ahead) / (MORE * case.studies)) ** 0.5
    simulated(
        "power found where power was predicted",
        f"{case.name}, n={case.n}; {ahead:.0%} predicted",
        found,
        case.studies,
        least=round(ahead - margin, 3),
        most=round(min(ahead + margin, 1.0), 3),
        nominal=ahead,
    )


LOOKS = (4, 8, 12)
BY_MEANS = Case("claim on means", _claim("accuracy.diff.arm"), 12, SOME, FLAT + 0.006 * ARMS, 400)
BY_SHARES = Case(
    "claim on probabilities", _claim("converged.diff.arm"), 12, 0.5 + 0.3 * ARMS, FLAT, 400
)


def _ended(case: Case, spending: Spending) -> tuple[list[int], int]:
    """Studies that the analysis ends at each look, and how many it supports the hypothesis in."""
    rng, ended, supported = np.random.default_rng(23), [0] * len(LOOKS), 0
    for seed in range(case.studies):
        table = _table(case, rng)
        for number, n in enumerate(LOOKS, start=1):
            runs = np.flatnonzero([int(name) < n for name in table.replicate])
            result = analyze(
                table.part(runs),
                resamples=RESAMPLES,
                seed=seed,
                seeding="independent",
                hypotheses=[case.hypothesis],
                look=Look(number, LOOKS, spending),
                headline_only=True,
            )
            if result.hypotheses[0].verdict in {"supported", "contradicted"}:
                break
        ended[number - 1] += 1
        supported += result.hypotheses[0].verdict == "supported"
    return ended, supported


@pytest.mark.coverage
@pytest.mark.parametrize(
    ("case", "spending"), [(BY_MEANS, "obrien_fleming"), (BY_SHARES, "pocock")], ids=["means", "p"]
)
def test_studies_with_looks_end_as_predicted(
    case: Case, spending: Spending, simulated: Any
) -> None:
    ahead = _ahead(case, Declared(LOOKS, spending, Stop(("H1",))))
    ended, supported = _ended(case, spending)
    shares = [
        ("supported", ahead.hypotheses[0].power, supported),
        *(
            (f"end at look {one.number}", one.stops, count)
            for one, count in zip(ahead.looks, ended, strict=True)
        ),
    ]
    for what, told, count in shares:
        margin = 0.03 + (told * (1 - told) / (MORE * case.studies)) ** 0.5
        simulated(
            "studies with looks at 4, 8, 12 runs, as predicted",
            f"{case.name}, {spending}: {what}; {told:.0%} predicted",
            count / case.studies,
            case.studies,
            least=round(max(told - margin, 0.0), 3),
            most=round(min(told + margin, 1.0), 3),
            nominal=told,
        )
    mean = sum(n * count for n, count in zip(LOOKS, ended, strict=True)) / case.studies
    assert mean_replicates(ahead.looks) == pytest.approx(mean, abs=0.6)  # 3 standard errors
