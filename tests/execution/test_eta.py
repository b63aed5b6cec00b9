"""The time left follows from what has finished."""

from __future__ import annotations

from vggstudy.execution.eta import Estimator
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import parse_protocol

PROTOCOL = """\
schema = 1
name = "eta"
[design]
replicates = 2
seed = 0
[design.factors]
batch_size = [16, 32]
[data]
name = "synthetic"
[model]
depth = 11
"""


def planned() -> tuple[PlannedRun, ...]:
    return make_plan(parse_protocol(PROTOCOL)).runs


def test_nothing_is_said_before_a_run_has_finished() -> None:
    runs = planned()
    estimator = Estimator(runs, jobs=1)
    estimator.started(runs[0], 0.0)
    assert estimator.seconds_left(5.0) is None


def test_cell_means_are_used_where_they_are_known_and_the_overall_mean_elsewhere() -> None:
    small, large, small_again, large_again = planned()
    estimator = Estimator((small, large, small_again, large_again), jobs=1)
    estimator.started(small, 0.0)
    assert estimator.finished(small, 10.0) == 10.0
    assert estimator.seconds_left(10.0) == 30.0  # one run of the known cell, two like it
    estimator.started(large, 10.0)
    estimator.finished(large, 40.0)
    assert estimator.seconds_left(40.0) == 40.0  # 10 s and 30 s


def test_workers_share_the_work_but_the_longest_run_is_the_least_time() -> None:
    small, large, *rest = planned()
    known = {small.cell_id: [10.0], large.cell_id: [100.0]}
    estimator = Estimator((small, large, *rest), jobs=4, known=known)
    assert estimator.seconds_left(0.0) == 100.0  # 220 s of work, but one run takes 100 s


def test_run_beyond_its_expected_time_still_counts_a_little() -> None:
    run, *_ = planned()
    estimator = Estimator([run], jobs=1, known={run.cell_id: [10.0]})
    estimator.started(run, 0.0)
    assert estimator.seconds_left(50.0) == 0.5


def test_crashed_run_is_expected_again_only_if_it_is_retried() -> None:
    run, *_ = planned()
    estimator = Estimator([run], jobs=1, known={run.cell_id: [10.0]})
    estimator.started(run, 0.0)
    estimator.forget(run, retry=True)
    assert estimator.seconds_left(0.0) == 10.0
    estimator.started(run, 0.0)
    estimator.forget(run, retry=False)
    assert estimator.seconds_left(0.0) is None
