"""Work for the host on what a run has on its device, beside the thread that drives the device.

Hashing or writing all weights of a network takes hundreds of milliseconds. In the driving thread
every lane would wait for it; so a copy is taken on the device, in the order of the run's own work,
and another thread brings it to the host and works on it there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from torch import Tensor
from torch.utils._pytree import tree_map

Out = TypeVar("Out")


class Aside(Protocol):
    """Where work on a run's tensors is done."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be done."""

    def submit(self, value: Any, call: Callable[[Any], Out]) -> Future[Out]:
        """Call with a value as it is now: tensors, plain values, lists and mappings of them."""


class Background:
    """One thread, in which calls are made one after another.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._last: Future[Any] | None = None

    @property
    def idle(self) -> bool:
        """Whether all calls have ended."""
        return self._last is None or self._last.done()

    def submit(self, call: Callable[[], Out]) -> Future[Out]:
        """Make a call after those before it."""
        future = self._pool.submit(call)
        self._last = future
        return future

    def close(self) -> None:
        """Finish the call that is being made, make no other, and end the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Directly:
    """In the calling thread, without a copy."""

    @property
    def idle(self) -> bool:
        """Always."""
        return True

    def submit(self, value: Any, call: Callable[[Any], Out]) -> Future[Out]:
        """Call at once."""
        return immediate(lambda: call(value))


class Beside:
    """In a thread of its own, on a copy.

    Parameters
    ----------
    stage : callable
        Takes a copy of a tensor, in the order of the run's work; calling the result brings the
        copy to the host, in any thread (`LaneStream.stage`).
    thread : Background
    """

    def __init__(self, stage: Callable[[Tensor], Callable[[], Tensor]], thread: Background) -> None:
        self.stage, self.thread = stage, thread

    @property
    def idle(self) -> bool:
        """Whether the thread has nothing to do."""
        return self.thread.idle

    def submit(self, value: Any, call: Callable[[Any], Out]) -> Future[Out]:
        """Take a copy now, and call with it when the thread comes to it."""

        def keep(leaf: Any) -> Any:
            return _Kept(self.stage(leaf)) if isinstance(leaf, Tensor) else leaf

        # Lists and mappings are made anew too: the run goes on to change its own.
        kept = tree_map(keep, value)
        return self.thread.submit(lambda: call(tree_map(_bring, kept)))


class _Kept:
    """A copy of a tensor that has not been brought to the host."""

    def __init__(self, bring: Callable[[], Tensor]) -> None:
        self.bring = bring


def _bring(leaf: Any) -> Any:
    """Bring a copy to the host; anything else stays."""
    return leaf.bring() if isinstance(leaf, _Kept) else leaf


def immediate(call: Callable[[], Out]) -> Future[Out]:
    """A call that is made at once, as a future: it holds the result, or what was raised."""
    future: Future[Out] = Future()
    try:
        future.set_result(call())
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
    return future
