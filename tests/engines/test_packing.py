"""Packs hold every run once and last as long as they are meant to."""

from __future__ import annotations

import pytest

from vggstudy.errors import ExecutionError
from vggstudy.execution.packing import MAX_RUNS, UNTIMED_RUNS, Packing, make_packs
from vggstudy.plan import Plan, make_plan
from vggstudy.protocol import parse_protocol

TEXT = """\
schema = 1
name = "packed"
[design]
replicates = {replicates}
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
"""


@pytest.fixture
def plan() -> Plan:
    return make_plan(parse_protocol(TEXT.format(replicates=30)))


def test_a_pack_is_closed_when_it_is_long_enough(plan: Plan) -> None:
    fast, slow = (cell.cell_id for cell in plan.cells)
    measured = {fast: [1.0, 3.0], slow: [8.0]}
    packs = make_packs(plan.runs, Packing(seconds=60), workers=1, measured=measured)
    # A fast and a slow run in turn, 2 s and 8 s: six pairs make 60 s.
    assert [len(pack) for pack in packs] == [12] * 5
    assert [run for pack in packs for run in pack] == list(plan.runs)


def test_a_cell_without_times_is_expected_to_take_the_mean_of_all(plan: Plan) -> None:
    measured = {plan.cells[0].cell_id: [5.0]}
    packs = make_packs(plan.runs, Packing(seconds=60), workers=1, measured=measured)
    assert {len(pack) for pack in packs} == {12}


def test_a_pack_of_several_workers_holds_as_many_times_the_runs(plan: Plan) -> None:
    measured = {cell.cell_id: [5.0] for cell in plan.cells}
    packs = make_packs(plan.runs, Packing(seconds=60), workers=4, measured=measured)
    assert [len(pack) for pack in packs] == [48, 12]


def test_a_pack_keeps_every_worker_busy_however_long_its_runs_are(plan: Plan) -> None:
    measured = {cell.cell_id: [7200.0] for cell in plan.cells}
    packs = make_packs(plan.runs, Packing(), workers=4, measured=measured)
    assert {len(pack) for pack in packs} == {4}


def test_short_runs_do_not_make_a_pack_without_bound() -> None:
    plan = make_plan(parse_protocol(TEXT.format(replicates=MAX_RUNS)))
    measured = {plan.cells[0].cell_id: [0.001]}
    packs = make_packs(plan.runs, Packing(), workers=1, measured=measured)
    assert [len(pack) for pack in packs] == [MAX_RUNS] * 2


def test_without_any_time_a_pack_holds_a_few_runs_a_worker(plan: Plan) -> None:
    packs = make_packs(plan.runs, Packing(), workers=2, measured={})
    assert len(packs[0]) == 2 * UNTIMED_RUNS
    assert sum(map(len, packs)) == len(plan.runs)


def test_a_size_that_is_given_is_kept_to(plan: Plan) -> None:
    measured = {cell.cell_id: [5.0] for cell in plan.cells}
    packs = make_packs(plan.runs, Packing(size=25), workers=4, measured=measured)
    assert [len(pack) for pack in packs] == [25, 25, 10]


def test_no_runs_make_no_pack() -> None:
    assert make_packs([], Packing(), workers=1, measured={"a": [1.0]}) == []
    assert make_packs([], Packing(), workers=1, measured={}) == []


def test_an_empty_pack_is_refused() -> None:
    with pytest.raises(ExecutionError, match="a pack holds at least 1 run, got 0"):
        Packing(size=0)
