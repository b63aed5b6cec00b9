"""The plan: the order of runs, their number, and the selection of some."""

from __future__ import annotations

import time
from typing import Any

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.plan import Plan, describe_levels, make_plan, select_runs
from vggstudy.protocol import Protocol, grid


def protocol(factors: dict[str, list[Any]], replicates: int = 1, **design: Any) -> Protocol:
    return Protocol.model_validate(
        {
            "schema": 1,
            "name": "x",
            "design": {"replicates": replicates, "seed": 0, "factors": factors, **design},
            "data": {"name": "digits"},
            "model": {"depth": 11},
        }
    )


FACTORS: dict[str, list[Any]] = {
    "depth": [11, 19],
    "lr": [0.001, 1e-10],
    "batch_norm": [False, True],
    "optimizer": ["sgd"],
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(protocol(FACTORS, replicates=3))


def test_all_cells_come_once_before_any_comes_twice(plan: Plan) -> None:
    assert [run.replicate for run in plan.runs] == [0] * 8 + [1] * 8 + [2] * 8
    cells = [run.cell_id for run in plan.runs]
    assert cells[:8] == cells[8:16] == cells[16:]
    assert len(set(cells)) == plan.n_cells == len(plan.cells) == 8


def test_cells_are_in_the_order_of_the_grid(plan: Plan) -> None:
    assert [describe_levels(run.levels) for run in plan.runs[:3]] == [
        "depth=11, lr=0.001, batch_norm=false, optimizer=sgd",
        "depth=11, lr=0.001, batch_norm=true, optimizer=sgd",
        "depth=11, lr=1e-10, batch_norm=false, optimizer=sgd",
    ]


def test_every_run_has_its_own_id(plan: Plan) -> None:
    assert len(plan.by_id) == len(plan.runs) == 24
    assert all(plan.by_id[run.run_id] is run for run in plan.runs)


def test_factors_keep_the_order_of_the_protocol(plan: Plan) -> None:
    assert plan.factors == tuple(FACTORS)


def test_cells_that_were_resolved_already_give_the_same_plan(plan: Plan) -> None:
    cells, _ = grid(plan.protocol)
    assert make_plan(plan.protocol, cells).runs == plan.runs


def test_grid_that_cannot_be_run_cannot_be_planned() -> None:
    with pytest.raises(ProtocolError) as caught:
        make_plan(protocol({"depth": [12], "dept": [11]}))
    assert str(caught.value).splitlines() == [
        "x: depth must be 11, 13, 16 or 19, got 12",
        "x: factor 'dept' is no setting of [data], [model] or [training] (did you mean 'depth'?)",
    ]


# -- Selection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "count"),
    [
        ([], 24),
        (["depth=11"], 12),
        (["depth=11", "batch_norm=true"], 6),
        (["depth=11", "depth=19"], 24),
        (["replicate=0"], 8),
        (["replicate=0", "replicate=2", "depth=19"], 8),
        (["optimizer=sgd"], 24),
        ([" lr = 0.001 "], 12),
        (["lr=1e-3"], 12),
        (["lr=1.0E-10"], 12),
        (["depth=11.0"], 12),
        (["model.depth=11"], 12),
        (["training.lr=0.001", "lr=1e-10"], 24),
    ],
)
def test_selection_has_the_runs_that_match(plan: Plan, only: list[str], count: int) -> None:
    chosen = list(select_runs(plan, only))
    assert len(chosen) == count
    assert chosen == [run for run in plan.runs if run in chosen]  # in the plan's order


def test_selection_is_by_level(plan: Plan) -> None:
    chosen = list(select_runs(plan, ["depth=19", "batch_norm=false"]))
    assert {(run.levels["depth"], run.levels["batch_norm"]) for run in chosen} == {(19, False)}


SYNTAX = "write it as factor=level; factors: depth, lr, batch_norm, optimizer, replicate"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("depth", SYNTAX + " (did you mean 'depth'?)"),
        ("dept=11", SYNTAX + " (did you mean 'depth'?)"),
        ("epochs=11", SYNTAX),
        ("", SYNTAX),
        ("=", SYNTAX),
        ("patience=3", SYNTAX),
        ("depth=13", "depth has the levels 11, 19"),
        ("depth=", "depth has the levels 11, 19"),
        ("depth=nan", "depth has the levels 11, 19"),
        ("lr=0.01", "lr has the levels 0.001, 1e-10"),
        ("batch_norm=True", "batch_norm has the levels false, true (did you mean 'true'?)"),
        ("optimizer=sdg", "optimizer has the levels sgd (did you mean 'sgd'?)"),
        ("replicate=3", "replicate has the levels 0, 1, 2"),
    ],
)
def test_condition_that_selects_nothing_is_refused(
    plan: Plan, condition: str, message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:  # at once, not at the first run
        select_runs(plan, [condition])
    assert str(caught.value) == f"command line: --only {condition}: {message}"


def test_all_wrong_conditions_are_listed(plan: Plan) -> None:
    with pytest.raises(ProtocolError) as caught:
        select_runs(plan, ["depth=13", "dept=11", "lr=0.001"])
    assert len(caught.value.problems) == 2


def test_many_levels_are_not_all_listed() -> None:
    plan = make_plan(protocol({"batch_size": list(range(1, 200))}))
    with pytest.raises(ProtocolError, match=r"levels 1, 2, .*, 20 and 179 more$"):
        select_runs(plan, ["batch_size=0"])


# -- Speed -----------------------------------------------------------------------------------


def test_a_hundred_thousand_runs_are_planned_quickly() -> None:
    factors: dict[str, list[Any]] = {
        "depth": [11, 13, 16, 19],
        "batch_norm": [False, True],
        "data_norm": [False, True],
        "batch_size": list(range(1, 26)),
        "lr": [k / 1000 for k in range(1, 26)],
    }
    made = protocol(factors, replicates=10)
    before = time.process_time()
    plan = make_plan(made)
    selected = sum(1 for _ in select_runs(plan, ["depth=11", "replicate=0"]))
    elapsed = time.process_time() - before
    assert (len(plan.runs), plan.n_cells, selected) == (100_000, 10_000, 2_500)
    # 0.6 s on an idle core of 2024; the bound leaves room for a busy one and for coverage.
    assert elapsed < 6
