"""What stops a run without being a result of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vggstudy.errors import ExecutionError

LACKS_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed")
"""Words of torch, CUDA and its libraries, which have no class of their own for it."""


class Interrupted(Exception):  # noqa: N818 - a request that was met, not an error
    """A run was asked to stop; its checkpoint, where one was asked for, is on disk.

    Attributes
    ----------
    epoch : int
        Epochs that are done.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(f"interrupted after epoch {epoch}")

    def __reduce__(self) -> tuple[type[Interrupted], tuple[int]]:
        """Survive the way from a worker process."""
        return type(self), (self.epoch,)


class CheckpointMismatch(ExecutionError):  # noqa: N818 - named in the package's interface
    """A checkpoint belongs to another recipe, machine or version than the run to resume.

    Attributes
    ----------
    differences : tuple of str
        One line for each thing that differs: ``name: checkpoint has a, this run has b``.
    """

    def __init__(self, path: Path, differences: Sequence[str]) -> None:
        self.path = path
        self.differences = tuple(differences)
        super().__init__(
            f"{path} cannot be resumed: {'; '.join(self.differences)}. "
            "Resume where it was written, or remove it to start this run again"
        )

    def __reduce__(self) -> tuple[type[CheckpointMismatch], tuple[Path, tuple[str, ...]]]:
        """Survive the way from a worker process."""
        return type(self), (self.path, self.differences)


def lacks_memory(error: BaseException) -> bool:
    """Whether a failure says that memory ran out, on the host or on a device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(words in text for words in LACKS_MEMORY)
