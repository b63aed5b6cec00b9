"""Programs with torch that a test runs on the null device: ``python -m tests.gpu.null.programs``.

Each prints JSON. Those that plant a fault do the same without it beside it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tests.gpu.null.run import FAULT, read
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training import train_run
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes import memory as lane_memory
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.lane import Lane, Recording
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.memory import MemoryBudget
from vggstudy.training.lanes.streams import CudaRecorder, CudaStream, lane_streams
from vggstudy.training.session import Assignment, Site

LIBRARY = ctypes.CDLL(None)
LIBRARY.null_count.restype = ctypes.c_long
for _told in (LIBRARY.null_used, LIBRARY.null_busy, LIBRARY.null_now):
    _told.restype = ctypes.c_double
REFILLS = 16
MOST_COPIES = 8
"""Page-locked copies that two lanes have under way at a time, and more."""

LIVE = ("graphs", "events", "streams", "handles of cuBLAS", "handles of cuDNN")


def count(name: str) -> int:
    return int(LIBRARY.null_count(name.encode()))


def faults() -> list[str]:
    """Kinds of the faults that this process has been told of so far."""
    lines = read(Path(os.environ["NULL_LOG"]))
    return [x.kind.removeprefix(FAULT) for x in lines if x.kind.startswith(FAULT)]


def new_faults(work: Callable[[], object]) -> list[str]:
    """Kinds of the faults that some work brings about, each once."""
    before = len(faults())
    work()
    return sorted(set(faults()[before:]))


def job(index: int = 0, **training: Any) -> Assignment:
    data = DataSettings(
        name="synthetic", classes=3, train=96, test=32, flip=True, crop=2, data_norm=True
    )
    model = ModelSettings(depth=11, width=0.1, batch_norm=True, dropout=0.2)
    settings = TrainingSettings.model_validate({"batch_size": 32, "epochs": 2, **training})
    recipe = Recipe(data=data, model=model, training=settings)
    return Assignment(recipe=recipe, seeds=Seeds(index, index, index, index, split=0))


def lane() -> CudaStream:
    (stream,) = lane_streams(open_device("cuda"), 1, graphs=True)
    assert isinstance(stream, CudaStream)
    return stream


class Scaled(torch.autograd.Function):
    """Reads in its backward pass a tensor that autograd knows nothing of."""

    @staticmethod
    def forward(context: Any, value: Tensor, kept: list[Tensor]) -> Tensor:
        context.kept = kept
        return value.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * context.kept[0], None


def dead_memory() -> dict[str, Any]:
    """Recordings whose memory is kept, freed, and freed where only the backward pass reads it."""

    def replayed(*, forward: bool, freed: bool) -> str:
        stream = lane()
        with stream.active():
            recorder = CudaRecorder(stream.stream, None)
            value = torch.ones(8, device="cuda", requires_grad=True)
            kept = [torch.ones(8, device="cuda")]
            scaled = torch.zeros(8, device="cuda")

            def body() -> None:
                value.grad = None
                if forward:
                    scaled.copy_(value.detach() * kept[0])
                else:
                    Scaled.apply(value, kept).sum().backward()

            body()
            replay = recorder.record(body)
            if freed:
                kept.clear()
                gc.collect()
            try:
                replay()
            except RuntimeError as error:
                return str(error)
            finally:
                value.grad = None
                recorder.close()
        return "replayed"

    return {
        f"{'forward' if forward else 'backward'} {'freed' if freed else 'kept'}": replayed(
            forward=forward, freed=freed
        )
        for forward in (True, False)
        for freed in (False, True)
    }


def strays() -> dict[str, Any]:
    """Work inside a lane's block: on its stream, on others, and of cuDNN's batch norm."""
    stream, other = lane(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    images = torch.zeros(2, 3, 8, 8, device="cuda")
    weight = torch.ones(3, device="cuda")

    def on(chosen: torch.cuda.Stream | None) -> None:
        with stream.active():
            if chosen is None:
                images.add(1)
            else:
                with torch.cuda.stream(chosen):
                    images.add(1)

    def backward() -> None:
        strayed = images.clone().requires_grad_()
        loss = (2 * strayed).sum()  # on the default stream, to which the backward pass keeps
        with stream.active():
            loss.backward()  # type: ignore[no-untyped-call]

    def copy_beside() -> None:
        def copy() -> None:
            with torch.cuda.stream(other):
                images.cpu()

        with stream.active():
            writer = threading.Thread(target=copy)
            writer.start()
            writer.join()

    def batch_norm() -> None:
        value = images.to(memory_format=torch.channels_last).requires_grad_()
        loss = functional.batch_norm(value, None, None, weight, weight, training=True).sum()
        loss.backward()  # type: ignore[no-untyped-call]

    def wrong_device() -> None:
        handle = ctypes.c_void_p(stream.stream.cuda_stream)
        LIBRARY.cudaSetDevice(1)
        LIBRARY.cudaMemsetAsync(ctypes.c_void_p(images.data_ptr()), 0, ctypes.c_size_t(4), handle)
        LIBRARY.cudaSetDevice(0)

    return {
        "its own stream": new_faults(lambda: on(None)),
        "a copy of another thread": new_faults(copy_beside),
        "the default stream": new_faults(lambda: on(torch.cuda.default_stream())),
        "another stream": new_faults(lambda: on(other)),
        "a backward pass elsewhere": new_faults(backward),
        "cuDNN's batch norm": new_faults(batch_norm),
        "another device": new_faults(wrong_device),
    }


def copying_beside_a_capture() -> dict[str, Any]:
    """A thread that copies from the device, as one that writes checkpoints, during a capture."""
    weights, stream = torch.ones(64, device="cuda"), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    held = torch.empty(64, device="cuda")
    kept = []  # a broken capture may not be let go
    torch.cuda.synchronize()

    def captured(mode: str) -> dict[str, Any]:
        errors: list[str] = []

        def copy() -> None:
            try:
                with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
                    weights.cpu()
            except RuntimeError as error:
                errors.append(str(error).splitlines()[0])

        graph = torch.cuda.CUDAGraph()
        kept.append(graph)
        with torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode=mode)
            held.mul_(2)
            writer = threading.Thread(target=copy)
            writer.start()
            writer.join()
            try:
                graph.capture_end()
            except RuntimeError as error:
                errors.append(str(error).splitlines()[0])
        return {"errors": errors}

    found: dict[str, Any] = {}
    for mode in ("thread_local", "global"):
        before = len(faults())
        found[mode] = {**captured(mode), "faults": sorted(set(faults()[before:]))}
    return found


def drain(
    lanes: LaneSet,
    each_turn: Callable[[list[LaneEvent]], None] = lambda _: None,
    *,
    enough: int | None = None,
) -> dict[str, LaneEvent]:
    last: dict[str, LaneEvent] = {}
    while lanes and (enough is None or len(last) < enough):
        outcomes, progress = lanes.turn()
        last |= {x.key: x for x in outcomes if x.epoch is None}
        each_turn([x for x in outcomes if x.epoch is None])
        if not progress:
            lanes.pause()
    return last


def leak() -> None:
    """Let every lane whose run has ended leave a tensor, an event and a graph."""
    kept: list[object] = []
    leave = Lane.leave

    def leaking(self: Lane) -> Recording | None:
        assert isinstance(self.stream, CudaStream)
        with self.stream.active():
            left = torch.ones(2**22, device="cuda")
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            graph = torch.cuda.CUDAGraph()
            graph.capture_begin(capture_error_mode="thread_local")  # others lock pages meanwhile
            left.add_(1)
            graph.capture_end()
        kept.append((left, event, graph))
        return leave(self)

    Lane.leave = leaking  # type: ignore[method-assign]


def refills(cache: str, kind: str) -> dict[str, Any]:
    """What is alive whenever a lane has been filled again (changing: by another cell).

    A run that outlasts the others holds the other lane: two of its cell could otherwise be beside
    each other at the end, with a recording more.
    """
    if kind == "leaking":
        leak()
    lane_memory.KEPT = 0.0  # memory is given back at every refill
    lanes = LaneSet(Site(device=open_device("cuda"), cache_dir=Path(cache)), lanes=2)
    if kind == "changing":
        lanes.room.places.streams = lanes.room.places.streams[:2]
    # Torch keeps the events of page-locked copies, as many as were ever under way at a time.
    copies = [torch.zeros(1, pin_memory=True) for _ in range(MOST_COPIES)]
    for each in copies:
        each.to("cuda", non_blocking=True)
    del copies, each
    alive: list[dict[str, float]] = []
    seen = {"long", "0"}

    def look(_: list[LaneEvent]) -> None:
        begun = {each.key for each in lanes.active} - seen
        seen.update(begun)
        if begun:
            for thread in lanes.threads:
                thread.submit(lambda: None).result()  # copies of weights are hashed and let go
            gc.collect()
            torch.cuda.empty_cache()
            found = {name: float(count(name)) for name in LIVE}
            found["allocated bytes"] = torch.cuda.memory_allocated()
            found["reserved bytes"] = torch.cuda.memory_reserved()
            found["bytes of the device"] = float(LIBRARY.null_used(0))
            alive.append(found)

    lanes.add("long", job(0, epochs=10_000))
    short = REFILLS + 1
    for index in range(short):
        size = 16 if kind == "changing" and index % 2 else 32
        lanes.add(str(index), job(index, epochs=1, batch_size=size))
    done = drain(lanes, look, enough=short)
    assert "long" not in done
    lanes.close()
    return {"alive": alive, "finished": sum(x.result is not None for x in done.values())}


class Greedy(MemoryBudget):
    """Lets every lane begin, whatever that leaves, until the device itself refuses."""

    def admits(self, need: int, free: int) -> bool:
        return True

    def short(self, free: int) -> bool:
        return False


def lacking_memory(cache: str) -> dict[str, Any]:
    """Eight runs for six lanes on a device without room for six, by lanes of two kinds."""

    def trained(*, greedy: bool) -> dict[str, Any]:
        site = Site(device=open_device("cuda"), cache_dir=Path(cache))
        lanes = LaneSet(site, lanes=6, threads=False)  # as quick to begin as the device is
        if greedy:
            lanes.room.budget = Greedy(total=1, margin=0)
        most = 0

        def look(ended: list[LaneEvent]) -> None:
            nonlocal most
            most = max(most, len(lanes.active))

        for index in range(8):
            lanes.add(str(index), job(index, epochs=80))  # until six lanes have begun
        done = drain(lanes, look)
        reason, limit = lanes.count.reason, lanes.count.limit
        lanes.close()
        finished = sum(x.result is not None for x in done.values())
        return {"most": most, "finished": finished, "reason": reason, "limit": limit}

    return {"cautious": trained(greedy=False), "greedy": trained(greedy=True)}


def second_device(cache: str) -> dict[str, Any]:
    """A run on ``cuda:1``, and what it leaves on either device."""
    chosen = job()
    done = train_run(chosen.recipe, chosen.seeds, device="cuda:1", cache_dir=Path(cache))
    return {
        "steps": done.execution["steps"],
        "bytes": [float(LIBRARY.null_used(each)) for each in (0, 1)],
        "work": [count(f"work on device {each}") for each in (0, 1)],
    }


def crashing() -> dict[str, Any]:
    """What calls say before and after the launch at which the device breaks."""
    stream = lane()

    def says(work: Callable[[], object]) -> str:
        try:
            work()
        except RuntimeError as error:
            return str(error).splitlines()[0]
        return "done"

    with stream.active():
        recorder = CudaRecorder(stream.stream, None)
        value = torch.ones(8, device="cuda")

        def body() -> None:
            value.add_(1)

        replay = recorder.record(body)
        calls = (replay, torch.cuda.synchronize, lambda: torch.ones(9, device="cuda"))
        before = [says(each) for each in calls]
        replay()
        return {"before": before, "after": [says(each) for each in calls]}


def node_times() -> dict[str, Any]:
    """What a recording of three kernels takes by the device's clock, and what was seen of it."""
    stream = lane()
    with stream.active():
        recorder = CudaRecorder(stream.stream, None)
        value = torch.ones(8, device="cuda")

        def body() -> None:
            value.add_(1).add_(1).add_(1)

        replay = recorder.record(body)
        stream.wait()
        busy, now = LIBRARY.null_busy(), LIBRARY.null_now()
        timed = recorder.time(replay, 5)
        ready = timed.ready()
        queued = LIBRARY.null_busy() - busy
        stream.wait()
        return {
            "a replay": timed.values()[0],
            "ready at once": ready,
            "busy at once": queued,
            "busy": LIBRARY.null_busy() - busy,
            "clock": LIBRARY.null_now() - now,
        }


PROGRAMS: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each
    for each in (
        dead_memory,
        strays,
        copying_beside_a_capture,
        refills,
        lacking_memory,
        second_device,
        crashing,
        node_times,
    )
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])))
    sys.stdout.flush()
    os._exit(0)  # a device that was broken on purpose is not taken down in order
