"""Two processes give what one gives, whatever becomes of the second."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

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


def in_helper(work: Callable[[], None], x: int, parent: int) -> int:
    """Do something in the forked process; here, wait until it has taken a task or died."""
    if os.getpid() != parent:
        work()
    return x


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


def fail() -> None:
    raise OSError("no")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("work", [fail, die, interrupt])
def test_what_the_other_process_does_not_do_is_done_here(work: Callable[[], None]) -> None:
    parent = os.getpid()
    tasks = [partial(in_helper, work, x, parent) for x in range(200)]
    assert together(tasks) == list(range(200))


@pytest.mark.usefixtures("forking")
def test_an_exception_of_a_task_is_raised_here_and_leaves_no_process() -> None:
    tasks: list[Callable[[], object]] = [partial(square, x) for x in range(20)]
    with pytest.raises(OSError, match="no"):
        together([*tasks, fail, *tasks])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.usefixtures("forking")
def test_a_result_that_cannot_be_pickled_is_made_here() -> None:
    def make(x: int) -> Callable[[], int]:
        return lambda: x

    found = together([partial(make, x) for x in range(50)])
    assert [one() for one in found] == list(range(50))


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
