"""The shipped protocols: what they ask, and that their claims answer their sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.plan import make_plan
from vggstudy.protocol import LoadedProtocol, load_protocol, network, shipped_protocols
from vggstudy.study.analyze import analyze
from vggstudy.study.runs import MEASURED

STUDIES = [
    "architectures",
    "depth-batch-norm",
    "depth-batch-norm-source",
    "head-and-overfitting",
    "stability",
    "tuning",
]
REPEATING = [name for one in STUDIES for name in (one, f"{one}-small")]

MADE_UP_REPLICATES = 4
"""Replicates of a made-up ledger: enough for every interval, and few enough to be quick."""

FRACTIONS = ("_accuracy", "_recall")


@pytest.fixture(scope="session")
def loaded() -> Callable[[str], LoadedProtocol]:
    found = {name: load_protocol(path) for name, path in shipped_protocols().items()}
    return found.__getitem__


@pytest.mark.parametrize("name", REPEATING)
def test_a_repeated_study_states_question_hypotheses_and_source(
    name: str, loaded: Callable[[str], LoadedProtocol]
) -> None:
    protocol = loaded(name).protocol
    assert protocol.title
    assert protocol.question
    assert protocol.hypotheses
    assert protocol.source is not None
    assert protocol.source.summary
    assert protocol.source.figures
    assert protocol.design.replicates >= 3


@pytest.mark.parametrize("name", STUDIES)
def test_a_small_version_asks_what_the_full_one_asks(
    name: str, loaded: Callable[[str], LoadedProtocol]
) -> None:
    full, small = loaded(name).protocol, loaded(f"{name}-small").protocol
    # The small study of architectures needs no network, and so has no pretrained weights.
    own = [factor for factor in full.design.factors if factor != "weights"]
    assert list(small.design.factors) == own
    assert small.data is not None
    assert small.data.name in {"digits", "synthetic"}
    if name != "architectures":
        assert [h.id for h in small.hypotheses] == [h.id for h in full.hypotheses]
    assert small.training.optimizer == full.training.optimizer
    assert small.training.selected_by == full.training.selected_by


@pytest.mark.parametrize("name", REPEATING)
def test_only_the_study_that_repeats_its_source_uses_the_test_set(
    name: str, loaded: Callable[[str], LoadedProtocol]
) -> None:
    one = loaded(name)
    uses = any(network(cell.recipe).training.uses_test_every_epoch for cell in one.cells)
    assert uses == name.startswith("depth-batch-norm-source")
    warned = any("test set selects the checkpoint" in warning for warning in one.warnings)
    assert warned == uses


def made_up(one: LoadedProtocol) -> pd.DataFrame:
    """A ledger in which every run gave data and most have learned."""
    protocol = one.protocol
    outcomes = {protocol.analysis.outcome, *protocol.analysis.outcomes}
    rng = np.random.default_rng(1)
    rows = []
    for run in make_plan(protocol, one.cells).runs:
        if run.replicate >= MADE_UP_REPLICATES:
            continue
        learned = run.replicate < 3 or rng.random() < 0.5
        row: dict[str, Any] = {
            **run.levels,
            "replicate": run.replicate,
            "outcome": "converged" if learned else "failed_to_learn",
        }
        for column in outcomes:
            value = rng.uniform(0.4, 0.9) if learned else rng.uniform(0.1, 0.2)
            row[column] = value if column.endswith(FRACTIONS) else 100 * value
        rows.append(row)
    return pd.DataFrame(rows)


def analysed(one: LoadedProtocol) -> AnalysisResult:
    """The analysis of a made-up ledger, with few resamples."""
    settings = one.protocol.analysis.model_copy(update={"resamples": 99})
    protocol = one.protocol.model_copy(update={"analysis": settings})
    return analyze(made_up(one), protocol=protocol)


@pytest.mark.parametrize("name", REPEATING)
def test_every_figure_of_a_source_is_answered_by_a_claim_with_an_interval(
    name: str, loaded: Callable[[str], LoadedProtocol]
) -> None:
    one = loaded(name)
    assert one.protocol.source is not None
    result = analysed(one)
    for figure in one.protocol.source.figures:
        assert figure.claim in list(result.claims), figure.claim
        assert result.claims[figure.claim].available, result.claims[figure.claim].reason_text
    undecided = {h.id: h.reason for h in result.hypotheses if h.verdict == "not_estimable"}
    # Where the grid has three replicates, all made-up runs have learned: no level is needed.
    assert {reason.code for reason in undecided.values() if reason} <= {"all_converged"}


@pytest.mark.parametrize("name", REPEATING)
def test_every_outcome_is_measured(name: str, loaded: Callable[[str], LoadedProtocol]) -> None:
    asked = loaded(name).protocol.analysis.outcomes
    special = {"ensemble_accuracy", "ensemble_gain", "class_9_recall"}
    assert set(asked) <= {*MEASURED, *special}
