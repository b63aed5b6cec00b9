"""What a process on the null device needs besides the libraries, once it imports torch.

Zeros in place of results would break a few comparisons: they are made on the host. And as no
kernel reads anything, what a recording reads is noted while it is recorded, and looked at again
whenever it is replayed.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

LIBRARY = ctypes.CDLL(None)
LIBRARY.null_expect.argtypes = [ctypes.c_void_p]

Hook = Callable[[ModuleType], None]


class AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function with a module, once that has been imported."""

    def __init__(self, hooks: dict[str, Hook]) -> None:
        self.hooks = hooks

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        hook = self.hooks.pop(name, None)
        if hook is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            plain = spec.loader.exec_module

            def execute(module: ModuleType) -> None:
                plain(module)
                hook(module)

            spec.loader.exec_module = execute  # type: ignore[method-assign]
        return spec


def compare_on_the_host(torch: Any) -> None:
    """Let checks of a learning rate, a tensor on the device, see its value."""

    def on_the_host(name: str) -> None:
        plain = getattr(torch.Tensor, name)

        def compare(self: Any, other: Any) -> Any:
            if self.is_cuda and self.dim() == 0 and isinstance(other, float):
                return getattr(float(self), name)(other)
            return plain(self, other)

        setattr(torch.Tensor, name, compare)

    for name in ("__ge__", "__lt__"):
        on_the_host(name)


def score_zeros(evaluate: Any) -> None:
    """Let a split whose sums are zero have a loss."""

    def of(cls: Any, totals: list[float], count: int) -> Any:
        loss = totals[0] / totals[1] if totals[1] else 1.0
        return cls(loss=loss, accuracy=min(1.0, totals[2] / count))

    evaluate.Scores.of = classmethod(of)


def agree_always(checks: Any) -> None:
    """Let records stand whose numbers, all of them zeros, contradict each other."""
    checks.consistency_problem = lambda _: None


def watch_lanes(lane_streams: Any) -> None:
    """Report work that strays from its lane's stream, and recordings that read dead memory."""
    if os.environ.get("NULL_WATCH") == "0":
        return
    lane_streams.CudaStream.active = _watched(lane_streams.CudaStream.active)
    lane_streams.CudaRecorder.record = _noted(lane_streams.CudaRecorder.record)


def _watched(active: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @contextmanager
    def watched(self: Any) -> Iterator[object]:
        with active(self) as stream:
            LIBRARY.null_expect(self.stream.cuda_stream)
            try:
                yield stream
            finally:
                LIBRARY.null_expect(None)

    return watched


def _noted(record: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def noted(self: Any, body: Callable[[], None]) -> Callable[[], None]:
        reads = reads_mode()

        def watched_body() -> None:
            with reads:
                body()

        replay = record(self, watched_body)

        def checked() -> None:
            for name, storage in reads.found.items():
                if storage.expired():
                    LIBRARY.null_fault(b"dead memory", name.encode())
                    msg = f"a recording is replayed that reads dead memory: {name}"
                    raise RuntimeError(msg)
            replay()

        return checked

    return noted


def reads_mode() -> Any:
    """A dispatch mode that notes what is read and was not made under it, keeping none of it alive.

    Autograd's threads take it over from the thread that calls `backward`.
    """
    from torch import Tensor
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.found: dict[str, StorageWeakRef] = {}
            self.made: set[int] = set()

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            storages = _storages(tree_leaves((args, kwargs)))
            for key, (tensor, storage) in storages.items():
                if key not in self.made:
                    name = f"{func} reads {tuple(tensor.shape)} of {tensor.dtype} at {key:#x}"
                    self.found[name] = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
            result = func(*args, **(kwargs or {}))
            self.made |= set(_storages(tree_leaves(result))) - set(storages)
            return result

    def _storages(values: Sequence[object]) -> dict[int, tuple[Tensor, Any]]:
        tensors = [each for each in values if isinstance(each, Tensor) and each.is_cuda]
        storages = [(each, each.untyped_storage()) for each in tensors]
        return {storage._cdata: (each, storage) for each, storage in storages}

    return Reads()


HOOKS: dict[str, Hook] = {
    "torch": compare_on_the_host,
    "vggstudy.training.evaluate": score_zeros,
    "vggstudy.training.lanes.streams": watch_lanes,
    "vggstudy.ledger.checks": agree_always,
}

if __name__ == "null_plugin":
    sys.meta_path.insert(0, AfterImport(HOOKS))
