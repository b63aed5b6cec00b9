"""Independent pieces of work on two processes: where a fork is safe, half of the time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any, TypeVar

T = TypeVar("T")

TICKET = struct.Struct("=H")
MAX_TASKS = 1_000
"""Tickets that any pipe takes at once."""


def together(
    tasks: Sequence[Callable[[], T]], *, first: Callable[[], object] | None = None
) -> list[T]:
    """Results of functions without arguments, in their order.

    This process and a forked one take the next task in turn. The results are those of a plain loop:
    a task must change nothing but what it returns, which must be picklable. What fails in the other
    process is done again in this one, so that its exception is raised here. What must be done in
    this process, such as an import, is `first`: the other one has begun with the tasks meanwhile.

    A plain loop is taken on one core, away from Linux, where no process can be made, and where
    other threads of Python run, whose locks a forked process would find as they were.
    """
    if not 2 <= len(tasks) <= MAX_TASKS or not fork_is_safe():
        return _alone(tasks, first)
    tickets = _tickets(len(tasks))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    try:
        try:
            helper = _fork(tasks, tickets, sender)
        except OSError:  # a limit of the system
            return _alone(tasks, first)
        finally:
            sender.close()  # this process' copy: the other's end is then the only one
        try:
            if first is not None:
                first()
            found = _take(tasks, tickets)
            found |= _answer(receiver)
        finally:
            helper.kill()  # it has answered, or nobody waits for it
            helper.join()
    finally:
        os.close(tickets)
        receiver.close()
    return [found[i] if i in found else task() for i, task in enumerate(tasks)]


def _alone(tasks: Sequence[Callable[[], T]], first: Callable[[], object] | None) -> list[T]:
    """A plain loop."""
    if first is not None:
        first()
    return [task() for task in tasks]


def _fork(tasks: Sequence[Callable[[], T]], tickets: int, sender: Connection) -> ForkProcess:
    """The other process, at work."""
    context = multiprocessing.get_context("fork")
    helper = context.Process(target=_help, args=(tasks, tickets, sender), daemon=True)
    with warnings.catch_warnings():
        # Python counts the waiting threads of a linear algebra library, which survive a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        helper.start()
    return helper


def fork_is_safe() -> bool:
    """Whether a second process can be forked here, and has a core to run on."""
    return (
        sys.platform == "linux"
        and len(os.sched_getaffinity(0)) > 1
        and threading.active_count() == 1
        and not multiprocessing.current_process().daemon
    )


def _tickets(count: int) -> int:
    """A pipe that holds the number of every task; whoever reads one has taken it."""
    receiver, sender = os.pipe()
    os.write(sender, b"".join(TICKET.pack(i) for i in range(count)))
    os.close(sender)
    return receiver


def _take(tasks: Sequence[Callable[[], T]], tickets: int) -> dict[int, T]:
    """Do the next task that nobody has taken until there is none."""
    found = {}
    while ticket := os.read(tickets, TICKET.size):
        (i,) = TICKET.unpack(ticket)
        found[i] = tasks[i]()
    return found


def _help(tasks: Sequence[Callable[[], T]], tickets: int, sender: Connection) -> None:
    """Take tasks in the other process; says nothing if one fails or an interrupt comes."""
    with contextlib.suppress(BaseException):
        sender.send(_take(tasks, tickets))


def _answer(receiver: Connection) -> dict[int, Any]:
    """What the other process has done; nothing if it failed or was killed."""
    with contextlib.suppress(EOFError, OSError):
        found: dict[int, Any] = receiver.recv()
        return found
    return {}
