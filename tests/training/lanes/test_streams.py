"""Streams of lanes: none twice, and graphs captured and let go in the order that torch needs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pytest
import torch

from vggstudy.errors import ExecutionError
from vggstudy.training.lanes import streams as module
from vggstudy.training.lanes.streams import (
    CudaRecorder,
    HostStream,
    distinct_streams,
    flat_bytes,
    lane_streams,
)


@dataclass
class Stream:
    """What a stream is known by, and what happens to it."""

    cuda_stream: int
    log: list[str] = field(default_factory=list)

    def synchronize(self) -> None:
        self.log.append("wait")


def test_lanes_never_share_a_stream() -> None:
    handles = cycle([0, 7, 7, 8, 0, 9])
    found = distinct_streams(lambda: Stream(next(handles)), 3)
    assert [stream.cuda_stream for stream in found] == [7, 8, 9]


def test_more_lanes_than_streams_are_refused() -> None:
    handles = cycle(range(1, 33))
    assert len(distinct_streams(lambda: Stream(next(handles)), 32)) == 32
    with pytest.raises(ExecutionError, match="33 lanes need as many CUDA streams, torch has 32"):
        distinct_streams(lambda: Stream(next(handles)), 33)


def test_on_a_cpu_nothing_is_recorded_and_everything_is_done_when_it_is_issued() -> None:
    first, second = lane_streams(torch.device("cpu"), 2, graphs=True)
    assert first is not second
    assert isinstance(first, HostStream)
    assert first.recorder(None) is None
    assert first.mark().ready()
    numbers = first.fetch(torch.tensor([1.0, 2.0]))
    assert numbers.ready()
    assert numbers.values() == [1.0, 2.0]


class Graph:
    """Stands in for `torch.cuda.CUDAGraph`: notes what is asked of it."""

    log: list[Any]

    def register_generator_state(self, generator: object) -> None:
        assert not module.FINDS_GENERATORS, "torch warns of this call on the standard error"
        self.log.append(("register", generator))

    def capture_begin(self, pool: object, capture_error_mode: str) -> None:
        assert not gc.isenabled()  # another lane's dead graph must not be freed in between
        assert capture_error_mode == "thread_local"  # other threads copy checkpoints meanwhile
        self.log.append(("begin", pool))

    def capture_end(self) -> None:
        self.log.append("end")

    def replay(self) -> None:
        self.log.append("replay")

    def reset(self) -> None:
        self.log.append("reset")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A device that notes in order what happens on it."""
    log: list[Any] = []

    class Current:
        def __init__(self, stream: object) -> None:
            self.stream = stream

        def __enter__(self) -> None:
            log.append("enter")

        def __exit__(self, *args: object) -> None:
            log.append("leave")

    pools = iter(["pool A", "pool B"])
    monkeypatch.setattr(Graph, "log", log, raising=False)
    monkeypatch.setattr(module, "BROKEN", [])
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(pools))
    monkeypatch.setattr(torch.cuda, "stream", Current)
    return log


@pytest.mark.parametrize("finds", [True, False], ids=["torch 2.14", "torch 2.11"])
def test_a_capture_is_on_the_lanes_stream_in_its_pool_with_its_generator(
    finds: bool, cuda: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FINDS_GENERATORS", finds)
    generator = torch.Generator()
    recorder = CudaRecorder(Stream(5, cuda), generator)  # type: ignore[arg-type]
    replay = recorder.record(lambda: cuda.append("body"))
    registered = [] if finds else [("register", generator)]
    expected = [*registered, "wait", "enter", ("begin", "pool A"), "body", "end"]
    assert cuda == [*expected, "leave"]
    assert gc.isenabled()
    replay()
    assert cuda[-1] == "replay"


def test_graphs_of_a_lane_share_its_pool_and_those_of_two_lanes_do_not(cuda: list[Any]) -> None:
    stream: Any = Stream(5, cuda)
    first, second = CudaRecorder(stream, None), CudaRecorder(stream, None)
    for recorder in (first, first, second):
        recorder.record(lambda: None)
    assert [each[1] for each in cuda if each[0] == "begin"] == ["pool A", "pool A", "pool B"]


def test_graphs_are_let_go_together_when_the_stream_is_done_with_them(cuda: list[Any]) -> None:
    recorder = CudaRecorder(Stream(5, cuda), None)  # type: ignore[arg-type]
    recorder.record(lambda: None)
    recorder.record(lambda: None)
    cuda.clear()
    recorder.close()
    assert cuda == ["wait", "reset", "reset"]
    recorder.close()
    assert cuda.count("reset") == 2


@pytest.mark.parametrize("ends", [True, False], ids=["well", "badly"])
def test_a_body_that_fails_ends_the_capture_and_keeps_its_own_error(
    ends: bool, cuda: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        msg = "no graph can do this"
        raise RuntimeError(msg)

    def end(self: Graph) -> None:
        self.log.append("end")
        if not ends:
            msg = "operation failed due to a previous error during capture"
            raise RuntimeError(msg)

    monkeypatch.setattr(Graph, "capture_end", end)
    recorder = CudaRecorder(Stream(5, cuda), None)  # type: ignore[arg-type]
    body: Callable[[], None] = fail
    with pytest.raises(RuntimeError, match="no graph can do this"):
        recorder.record(body)
    assert cuda[-2:] == ["end", "leave"]
    assert gc.isenabled()
    recorder.close()
    # The allocator may still ask a graph whose capture could not be ended: it must not go.
    assert ("reset" in cuda) == ends
    assert bool(module.BROKEN) == (not ends)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_weights_come_to_the_host_by_their_bytes_in_whatever_layout(
    layout: torch.memory_format,
) -> None:
    weights = torch.randn(3, 5, 2, 4).to(memory_format=layout)
    copy = torch.empty_like(weights)
    for start in range(0, 480, 100):
        flat_bytes(copy)[start : start + 100].copy_(flat_bytes(weights)[start : start + 100])
    assert torch.equal(copy, weights)
    assert copy.stride() == weights.stride()
    for scalar in (torch.tensor(3, dtype=torch.int64), torch.tensor(True)):
        assert flat_bytes(scalar).numel() == scalar.element_size()
