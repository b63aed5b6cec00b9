"""What has been asked of a device and may not be there yet."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Pending(Protocol):
    """Something that has been asked for."""

    def ready(self) -> bool:
        """Whether it is there; never waits."""


class PendingNumbers(Pending, Protocol):
    """Numbers on their way from the device."""

    def values(self) -> list[float]:
        """The numbers; waits for them."""


Stages = Generator[Pending, None, T]
"""Work in stages. Each yields what the next one needs, and is to go on once that is ready."""


class Done:
    """Numbers that are there: on the host, work is done when it is issued."""

    def __init__(self, numbers: list[float] | None = None) -> None:
        self._numbers = numbers or []

    def ready(self) -> bool:
        """Always."""
        return True

    def values(self) -> list[float]:
        """The numbers."""
        return self._numbers


READY = Done()
"""What a stage yields that only lets others have their turn."""


def at_once(stages: Stages[T]) -> T:
    """The result of stages that wait for nothing, one behind the other."""
    while True:
        try:
            next(stages)
        except StopIteration as end:
            result: T = end.value
            return result
