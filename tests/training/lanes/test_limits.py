"""How many lanes: by measurement, and within a device's memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.failures import lacks_memory
from vggstudy.training.lanes.count import MAX_LANES, MAX_STREAMS, WINDOW_S, LaneCount
from vggstudy.training.lanes.memory import KEPT, LIBRARIES, MemoryBudget, expected_bytes

Make = Callable[..., Recipe]


def search(rates: dict[int, float], *, limit: int = MAX_LANES) -> LaneCount:
    """Let a search find a number of lanes on a device with the given rates."""
    count = LaneCount.measured(limit)
    for _ in range(20):
        wanted = count.wanted
        work_s = rates.get(wanted, 0.0) * WINDOW_S
        count.note(active=wanted, work_s=work_s, wall_s=WINDOW_S)
    assert count.settled
    return count


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ({1: 1.0, 2: 1.9, 4: 3.5, 8: 3.55}, 4),
        ({1: 1.0, 2: 1.0}, 1),
        ({1: 1.0, 2: 0.5, 4: 8.0}, 1),  # the first step that gains nothing ends the search
        ({1: 1, 2: 2, 4: 4, 8: 8, 16: 16, 24: 24}, MAX_LANES),
        ({}, 1),  # nothing is recorded: rates of single operations are not known
    ],
)
def test_lanes_double_for_as_long_as_that_gains(rates: dict[int, float], found: int) -> None:
    assert search(rates).wanted == found


def test_lanes_leave_streams_to_others() -> None:
    assert MAX_LANES < MAX_STREAMS


def test_a_limit_of_one_needs_no_search() -> None:
    assert LaneCount.measured(1).settled


def test_times_with_empty_lanes_are_left_out_and_begin_no_window_anew() -> None:
    count = LaneCount.measured()
    count.note(active=1, work_s=1.0, wall_s=WINDOW_S / 2)
    count.note(active=0, work_s=0.0, wall_s=10 * WINDOW_S)
    assert count.wanted == 1
    count.note(active=1, work_s=1.0, wall_s=WINDOW_S / 2)
    assert (count.wanted, count.best_rate) == (2, 2.0 / WINDOW_S)


def test_a_number_that_was_asked_for_is_only_lowered_by_a_lack_of_memory() -> None:
    count = LaneCount.fixed(6)
    count.note(active=6, work_s=0.0, wall_s=100.0)
    assert count.wanted == 6
    count.lower(4, "memory ran short at 5 lanes")
    count.lower(5, "later")
    assert (count.wanted, count.limit, count.reason) == (4, 4, "memory ran short at 5 lanes")
    count.lower(0, "and again")
    assert (count.wanted, count.reason) == (1, "and again")


def test_a_search_ends_where_memory_does() -> None:
    count = LaneCount.measured()
    count.note(active=1, work_s=WINDOW_S, wall_s=WINDOW_S)
    count.note(active=2, work_s=2 * WINDOW_S, wall_s=WINDOW_S)
    assert count.wanted == 4
    count.lower(3, "memory ran short at 4 lanes")
    assert (count.wanted, count.settled) == (3, True)


def test_the_first_lane_always_may_begin() -> None:
    assert MemoryBudget(total=0, margin=10**12).admits(10**12, free=0)


def test_a_lane_needs_room_in_the_budget_and_beside_the_margin() -> None:
    budget = MemoryBudget(total=100, margin=10)
    budget.took("a", "cell", used=40, expected=30)
    need = budget.need("cell", expected=30)
    assert need == 40
    assert budget.admits(need, free=50)
    assert not budget.admits(need, free=49)
    budget.took("b", "cell", used=40, expected=30)
    assert not budget.admits(need, free=1000)
    budget.release("a")
    assert budget.admits(need, free=1000)


def test_a_cell_without_a_measurement_is_guessed_from_the_worst_ratio_so_far() -> None:
    budget = MemoryBudget(total=1000, margin=10)
    assert budget.need("new", expected=100) == 200
    budget.took("a", "known", used=350, expected=100)
    assert budget.need("new", expected=100) == 350
    assert budget.need("strange", expected=None) == 1000


def test_the_most_that_a_cell_has_held_is_kept() -> None:
    budget = MemoryBudget(total=1000, margin=10)
    for used in (100, 300, 200):
        budget.took("a", "cell", used=used, expected=None)
    assert budget.need("cell", expected=None) == 300
    assert budget.held == {"a": 300}


def test_memory_is_short_where_lanes_together_reach_the_margin() -> None:
    budget = MemoryBudget(total=100, margin=10)
    budget.took("a", "cell", used=95, expected=None)
    assert not budget.short(free=5)  # alone there is nobody to wait for
    budget.took("b", "cell", used=1, expected=None)
    assert budget.short(free=5)
    assert not budget.short(free=10)


def test_memory_of_ended_lanes_is_given_back_where_somebody_needs_it() -> None:
    # Giving it back waits for all lanes.
    budget = MemoryBudget(total=1000, margin=10)
    budget.took("a", "cell", used=30, expected=None)
    assert not budget.should_return("new", 50, free=900)  # nothing is left behind
    budget.release("a")
    assert budget.should_return("new", 50, free=900)  # a new cell is to be measured
    assert not budget.should_return("cell", 50, free=900)
    budget.took("b", "cell", used=30, expected=None)
    assert budget.should_return("cell", 50, free=40)  # no room beside the margin
    budget.release("b")
    assert budget.left > KEPT * budget.total
    assert budget.should_return("cell", 50, free=900)


def test_expected_bytes_grow_with_the_batch_by_what_a_step_keeps(make_recipe: Make) -> None:
    sizes = [
        expected_bytes(make_recipe(training_batch_size=size), n_classes=4, side=32)
        for size in (8, 16, 24)
    ]
    first, second, third = (size or 0 for size in sizes)
    assert second - first == third - second > 0
    assert first > LIBRARIES
    # By hand: the first block keeps its input (3 channels) and, of float32, the 4 channels after
    # the convolution at least, for each of 32 x 32 pixels.
    assert second - first > 8 * 4 * 1024 * (3 + 4)


def test_adam_is_expected_to_hold_one_more_copy_of_the_weights(make_recipe: Make) -> None:
    sgd, adam = (
        expected_bytes(make_recipe(training_optimizer=name), n_classes=4, side=32) or 0
        for name in ("sgd", "adam")
    )
    from vggstudy.training.nets.build import describe_model

    count = describe_model(make_recipe(), 4, 32).count
    assert adam - sgd == 4 * count


def test_a_model_that_cannot_be_laid_out_is_expected_to_take_anything(
    make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computes(settings: object, **sizes: int) -> None:
        raise NotImplementedError

    monkeypatch.setattr("vggstudy.training.lanes.memory.bare_model", computes)
    assert expected_bytes(make_recipe(), n_classes=4, side=32) is None


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("x"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("operation not permitted when stream is capturing"), False),
        (ValueError("memory"), False),
    ],
)
def test_a_lack_of_memory_is_known_by_its_class_or_words(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) == lacks
