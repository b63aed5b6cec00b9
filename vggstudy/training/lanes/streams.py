"""Where a lane's work is issued: a CUDA stream with graphs and memory of its own, or the host."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from threading import Lock
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from vggstudy.errors import ExecutionError
from vggstudy.training.lanes.count import MAX_STREAMS
from vggstudy.training.lanes.graphs import Body, Recorder
from vggstudy.training.pending import READY, Done, Pending, PendingNumbers

FINDS_GENERATORS = TorchVersion(torch.__version__) >= "2.14"
"""Whether a capture finds the generators that it draws from by itself, which torch does from 2.14
on (pull request 176753); telling it is a warning there."""

STAGED_BYTES = 2**24
"""Page-locked bytes through which weights come to the host, a part at a time."""

BROKEN: list[torch.cuda.CUDAGraph] = []
"""Captures that could not be ended. Up to torch 2.12 the allocator goes on asking such a graph
whose memory is whose, and refuses to empty its cache: they must stay, and the process should do
with one lane."""


class LaneStream(Protocol):
    """Orders the work of one lane."""

    @property
    def graphs(self) -> bool:
        """Whether what is issued here can be recorded."""

    def active(self) -> AbstractContextManager[object]:
        """The block in which work is issued here."""

    def mark(self) -> Pending:
        """Ready once all that has been issued so far is done."""

    def fetch(self, numbers: Tensor) -> PendingNumbers:
        """Begin to move numbers to the host."""

    def stage(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Copy a tensor as all work issued so far leaves it; the result brings it to the host.

        That may be called in any thread.
        """

    def recorder(self, generator: torch.Generator | None) -> Recorder | None:
        """Something that records what is issued here; None where that cannot be done."""

    def wait(self) -> None:
        """Wait until all that has been issued here is done."""


class HostStream:
    """The CPU: every operation is done when its call returns, and nothing is recorded."""

    graphs = False

    def active(self) -> AbstractContextManager[object]:
        """No preparation is needed."""
        return nullcontext()

    def mark(self) -> Pending:
        """Ready at once."""
        return READY

    def fetch(self, numbers: Tensor) -> PendingNumbers:
        """Ready at once."""
        return Done(numbers.tolist())

    def stage(self, tensor: Tensor) -> Callable[[], Tensor]:
        """A copy that is on the host already."""
        copy = tensor.detach().clone()
        return lambda: copy

    def recorder(self, generator: torch.Generator | None) -> Recorder | None:  # noqa: ARG002
        """The CPU has no graphs."""
        return None

    def wait(self) -> None:
        """Nothing is under way."""


class CudaStream:
    """A stream of its own, with graphs on it.

    Parameters
    ----------
    stream : torch.cuda.Stream
    graphs : bool
        Whether steps are recorded.
    """

    def __init__(self, stream: torch.cuda.Stream, *, graphs: bool = True) -> None:
        self.stream = stream
        self.graphs = graphs

    def active(self) -> AbstractContextManager[object]:
        """Everything inside is issued on this stream: steps, copies, evaluation, recording."""
        return torch.cuda.stream(self.stream)

    def mark(self) -> Pending:
        """An event behind all that has been issued so far."""
        return _Event(self.stream)

    def fetch(self, numbers: Tensor) -> PendingNumbers:
        """Copy into page-locked memory behind all that has been issued so far."""
        return _Fetched(self.stream, numbers)

    def stage(self, tensor: Tensor) -> Callable[[], Tensor]:
        """A copy on the device, which is brought to the host on another stream."""
        copy = tensor.detach().clone()
        if not copy.is_cuda:  # the optimizer may keep a counter on the host
            return lambda: copy
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(self.stream)
        return partial(_bring, copy, event)

    def recorder(self, generator: torch.Generator | None) -> Recorder | None:
        """A recorder with a memory pool of its own."""
        return CudaRecorder(self.stream, generator) if self.graphs else None

    def wait(self) -> None:
        """Wait for this stream alone."""
        self.stream.synchronize()


class _Event:
    """A place in a stream."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self.event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.event.record(stream)

    def ready(self) -> bool:
        return bool(self.event.query())  # type: ignore[no-untyped-call]


class _Fetched(_Event):
    """Numbers in page-locked memory; both tensors live until they are read."""

    def __init__(self, stream: torch.cuda.Stream, numbers: Tensor) -> None:
        self.device_numbers = numbers
        self.numbers = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
        self.numbers.copy_(numbers, non_blocking=True)
        super().__init__(stream)

    def values(self) -> list[float]:
        self.event.synchronize()
        values: list[float] = self.numbers.tolist()
        return values


def _mark_time(stream: torch.cuda.Stream) -> torch.cuda.Event:
    """A moment on the device's clock."""
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(stream)
    return event


@dataclass(frozen=True, slots=True)
class _Timed:
    """Seconds on average between two moments."""

    started: torch.cuda.Event
    ended: torch.cuda.Event
    times: int

    def ready(self) -> bool:
        return bool(self.ended.query())  # type: ignore[no-untyped-call]

    def values(self) -> list[float]:
        self.ended.synchronize()
        return [self.started.elapsed_time(self.ended) / 1000 / self.times]


def _bring(copy: Tensor, event: torch.cuda.Event) -> Tensor:
    """Bring a copy to the host once it has been made; the calling thread alone waits."""
    host = torch.empty_like(copy, device="cpu")
    there, here = flat_bytes(copy), flat_bytes(host)
    staging, lock = _staging()
    with lock, torch.cuda.stream(_copying_stream(copy.device)):
        event.wait(torch.cuda.current_stream(copy.device))
        for start in range(0, len(there), STAGED_BYTES):
            part = there[start : start + STAGED_BYTES]
            staging[: len(part)].copy_(part, non_blocking=True)
            torch.cuda.current_stream(copy.device).synchronize()
            here[start : start + len(part)].copy_(staging[: len(part)])
    return host


def flat_bytes(tensor: Tensor) -> Tensor:
    """All bytes of a dense tensor, in the order of its memory."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)


@cache
def _staging() -> tuple[Tensor, Lock]:
    """Page-locked memory through which copies come, several times as quickly as without."""
    return torch.empty(STAGED_BYTES, dtype=torch.uint8, pin_memory=True), Lock()


@cache
def _copying_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of all copies to the host: of a priority that no lane has, so never a lane's."""
    return torch.cuda.Stream(device, priority=-1)  # type: ignore[no-untyped-call]


class CudaRecorder:
    """Records CUDA graphs of one lane.

    All of a lane's graphs are recorded on its own stream, where cuBLAS keeps the workspace that
    they use, and in a memory pool that no other lane knows. They may share that pool among them,
    as they are never replayed at the same time and leave nothing in it that another one reads.
    They are let go together: torch frees a stream's workspaces with the first of its graphs.

    Parameters
    ----------
    stream : torch.cuda.Stream
        The current stream wherever something is recorded or repeated.
    generator : torch.Generator or None
        From which recorded work draws.
    """

    def __init__(self, stream: torch.cuda.Stream, generator: torch.Generator | None) -> None:
        self.stream = stream
        self.generator = generator
        self.pool = torch.cuda.graph_pool_handle()
        self.graphs: list[torch.cuda.CUDAGraph] = []

    def record(self, body: Body) -> Body:
        """Capture a body; the device does nothing yet.

        Raises
        ------
        RuntimeError
            If the body waits for the device, or does something else that no graph can repeat.
        """
        graph = torch.cuda.CUDAGraph()
        self.graphs.append(graph)
        if self.generator is not None and not FINDS_GENERATORS:
            graph.register_generator_state(self.generator)
        self.stream.synchronize()
        with torch.cuda.stream(self.stream), _no_collection():
            # Another thread may copy from the device meanwhile; that is no part of the capture.
            graph.capture_begin(pool=self.pool, capture_error_mode="thread_local")
            try:
                body()
            except BaseException:
                self._abandon(graph)
                raise
            graph.capture_end()
        replay: Callable[[], None] = graph.replay
        return replay

    def time(self, replay: Body, times: int) -> PendingNumbers:
        """Time some replays on the device's own clock."""
        started = _mark_time(self.stream)
        with torch.cuda.stream(self.stream):
            for _ in range(times):
                replay()
        return _Timed(started, _mark_time(self.stream), times)

    def mark(self) -> Pending:
        """An event behind all that has been issued so far."""
        return _Event(self.stream)

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """End a capture that failed."""
        try:
            graph.capture_end()
        except RuntimeError:  # it says once more that the capture is broken
            self.graphs.remove(graph)
            BROKEN.append(graph)

    def close(self) -> None:
        """Let go of all graphs, once the stream has finished with them."""
        self.stream.synchronize()
        for graph in self.graphs:
            graph.reset()
        self.graphs.clear()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from freeing another lane's dead graph in the middle of a capture."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@cache
def lane_streams(device: torch.device, count: int, *, graphs: bool) -> tuple[LaneStream, ...]:
    """Streams for a number of lanes, no two of them the same; the same ones at every call.

    cuBLAS keeps a workspace for every stream that it has seen, so there should not be more of
    them than are needed.

    Raises
    ------
    ExecutionError
        If torch has no so many different streams.
    """
    if device.type != "cuda":
        return tuple(HostStream() for _ in range(count))
    taken = distinct_streams(partial(torch.cuda.Stream, device), count)
    return tuple(CudaStream(stream, graphs=graphs) for stream in taken)


def distinct_streams(make: Callable[[], Any], count: int) -> list[Any]:
    """Ask for streams until there are enough with handles of their own.

    torch hands out streams from a fixed set, one after another and then again from the first;
    other code of the process may have taken some.

    Raises
    ------
    ExecutionError
        If two rounds through that set do not bring enough.
    """
    found: dict[int, Any] = {}
    for _ in range(2 * MAX_STREAMS):
        if len(found) == count:
            break
        stream = make()
        if stream.cuda_stream != 0:  # the default stream waits for all others
            found.setdefault(stream.cuda_stream, stream)
    if len(found) < count:
        msg = f"{count} lanes need as many CUDA streams, torch has {len(found)}: set --lanes lower"
        raise ExecutionError(msg)
    return list(found.values())
