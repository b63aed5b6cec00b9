"""Two processes give what one gives, whatever becomes of the second."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.context import ForkProcess

import pytest

from vggstudy import together as module
from vggstudy.together import MAX_TASKS, fork_is_safe, together

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


@pytest.fixture
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork although pytest's workers have threads: no task here takes one of their locks."""
    monkeypatch.setattr(module, "fork_is_safe", lambda: True)


def square(x: int) -> tuple[int, int]:
    return x * x, os.getpid()


class Shared:
    """Tasks of which the other process takes one at least: the first one here waits for that."""

    def __init__(self, work: Callable[[int], object]) -> None:
        self.work, self.parent = work, os.getpid()
        self.heard, self.said = os.pipe()

    def __call__(self, x: int) -> object:
        if os.getpid() != self.parent:
            os.write(self.said, b".")
            return self.work(x)
        if x < 2:  # the first that this process takes, whichever the other has
            os.read(self.heard, 1)
            os.write(self.said, b".")
        return x

    def tasks(self, count: int) -> list[Callable[[], object]]:
        return [partial(self, x) for x in range(count)]


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("count", [0, 1, 2, 7, 300, MAX_TASKS, MAX_TASKS + 1])
def test_results_come_in_the_order_of_the_tasks(count: int) -> None:
    found = together([partial(square, x) for x in range(count)])
    assert [value for value, _ in found] == [x * x for x in range(count)]


@pytest.mark.usefixtures("forking")
def test_both_processes_take_tasks() -> None:
    one, other = os.pipe(), os.pipe()

    def meet(said: int, heard: int) -> int:
        """Ends only when the other task has begun."""
        os.write(said, b".")
        os.read(heard, 1)
        return os.getpid()

    pids = together([partial(meet, one[1], other[0]), partial(meet, other[1], one[0])])
    for end in (*one, *other):
        os.close(end)
    assert len({*pids, os.getpid()}) == 2


def fail(x: int = 0) -> None:
    raise OSError(f"no {x}")


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(_: int) -> None:
    raise KeyboardInterrupt


def unpicklable(x: int) -> Callable[[], int]:
    return lambda: x


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("work", [fail, die, interrupt, unpicklable])
def test_what_the_other_process_does_not_do_is_done_here(work: Callable[[int], object]) -> None:
    assert together(Shared(work).tasks(200)) == list(range(200))


@pytest.mark.usefixtures("forking")
def test_where_no_process_can_be_made_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(ForkProcess, "start", refuse)
    found = together([partial(square, x) for x in range(9)])
    assert found == [(x * x, os.getpid()) for x in range(9)]


@pytest.mark.usefixtures("forking")
def test_an_exception_of_a_task_is_raised_here_and_leaves_no_process() -> None:
    tasks: list[Callable[[], object]] = [partial(square, x) for x in range(20)]
    with pytest.raises(OSError, match="no"):
        together([*tasks, fail, *tasks])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_beside_another_thread_nothing_is_forked() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert not fork_is_safe()
        assert {pid for _, pid in together([partial(square, x) for x in range(9)])} == {os.getpid()}
    finally:
        over.set()
        thread.join()


@pytest.mark.usefixtures("forking")
def test_what_must_be_done_here_is_done_first_and_the_other_process_begins_meanwhile() -> None:
    heard, said = os.pipe()
    places: list[int] = []

    def first() -> None:
        os.read(heard, 1)  # the other process is at work
        places.append(os.getpid())

    def task() -> int:
        os.write(said, b".")
        return os.getpid()

    found = together([task] * 5, first=first)
    assert places == [os.getpid()]
    assert len({*found, os.getpid()}) == 2


@pytest.mark.usefixtures("forking")
def test_what_fails_first_is_raised_and_leaves_no_process() -> None:
    with pytest.raises(OSError, match="no 0"):
        together([partial(square, x) for x in range(20)], first=fail)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_plain_loop_does_what_comes_first_first() -> None:
    done: list[int] = []
    together([partial(done.append, 1)], first=partial(done.append, 0))
    assert done == [0, 1]
