"""A recorder for the CPU, which does there what a capture does on a GPU.

It notes every operation of a body with the very tensors and numbers it was called with, and repeats
them later, writing results into the tensors that the recording made. What a graph would freeze (a
learning rate on the host, a tensor that is replaced rather than written, the first step of an
optimizer, a slice of the order) it freezes too, and what no graph can record (reading a number from
the device) it refuses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vggstudy.training.lanes.graphs import Body
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.loop import Run
from vggstudy.training.pending import READY, Done


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operations while a body runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            msg = f"operation not permitted when stream is capturing: {func}"
            raise RuntimeError(msg)
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    @torch.inference_mode()
    def replay(self) -> None:
        for func, args, kwargs, result in self.calls:
            again = func(*args, **kwargs)
            old, new = tree_leaves(result), tree_leaves(again)
            for before, after in zip(old, new, strict=True):
                if isinstance(before, Tensor) and before.data_ptr() != after.data_ptr():
                    before.copy_(after)


class EmulatedRecorder:
    """A `Recorder` for the CPU."""

    def __init__(self) -> None:
        self.replays = 0
        self.closed = False

    def record(self, body: Body) -> Body:
        tape = Tape()
        with tape:
            body()  # this changes values where a capture does not; `GraphSteps` puts them back

        def replay() -> None:
            assert not self.closed
            self.replays += 1
            tape.replay()

        return replay

    def time(self, replay: Body, times: int) -> Done:
        for _ in range(times):
            replay()  # beyond the order, `index_select` would refuse it
        return Done([0.001])

    def mark(self) -> Done:
        return READY

    def close(self) -> None:
        self.closed = True


class EmulatedStream(HostStream):
    """The CPU, as if it had graphs."""

    graphs = True

    def __init__(self) -> None:
        self.recorders: list[EmulatedRecorder] = []

    def recorder(self, generator: torch.Generator | None) -> EmulatedRecorder:
        self.recorders.append(EmulatedRecorder())
        return self.recorders[-1]


def tensor_rate(run: Run) -> None:
    """Keep the learning rate in a tensor, as on a GPU; of float64, to the bits of the number."""
    for group in run.step.optimizer.param_groups:
        group["lr"] = torch.tensor(group["lr"], dtype=torch.float64)


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what a body reads that it did not make itself, without keeping it alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[str, StorageWeakRef] = {}
        self.made: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        read = {storage_of(each) for each in tree_leaves((args, kwargs)) if is_tensor(each)}
        for each in tree_leaves((args, kwargs)):
            if is_tensor(each) and storage_of(each) not in self.made:
                name = f"{func} reads {tuple(each.shape)} of {each.dtype} at {storage_of(each)}"
                self.found[name] = StorageWeakRef(each.untyped_storage())  # type: ignore[no-untyped-call]
        result = func(*args, **(kwargs or {}))
        self.made |= {storage_of(x) for x in tree_leaves(result) if is_tensor(x)} - read
        return result


def is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def storage_of(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
