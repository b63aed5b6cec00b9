"""A program without torch: captures a stream, and calls something meanwhile.

    python -m tests.gpu.null.captures MODE THREAD CALL

prints the errors of the call and of the end of the capture. MODE is that of the capture; THREAD is
"own", "other", or "guarded": the capturing thread while it allows everything, as torch does around
its allocations.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
from collections.abc import Callable
from ctypes import byref, c_int, c_size_t, c_void_p
from typing import Any

MODES = {"global": 0, "thread_local": 1, "relaxed": 2}
BYTES = c_size_t(4096)


def made(name: str, *arguments: Any) -> c_void_p:
    """A handle or an address that a function writes through its first argument."""
    handle = c_void_p()
    assert getattr(ctypes.CDLL(None), name)(byref(handle), *arguments) == 0
    return handle


class Planted:
    """A stream to capture, and what the calls are about."""

    def __init__(self) -> None:
        self.cuda = ctypes.CDLL(None)
        self.captured, self.other = made("cudaStreamCreate"), made("cudaStreamCreate")
        self.event = made("cudaEventCreate")
        self.block = made("cudaMalloc", BYTES)
        self.pinned = made("cudaHostAlloc", BYTES, 0)
        self.pageable = ctypes.create_string_buffer(BYTES.value)
        self.cuda.cudaEventRecord(self.event, self.other)
        self.graph = self.executable()
        cuda, free, total = self.cuda, c_size_t(), c_size_t()
        self.calls: dict[str, Callable[[], int]] = {
            "cudaMalloc": lambda: cuda.cudaMalloc(byref(c_void_p()), BYTES),
            "cudaFree": lambda: cuda.cudaFree(self.block),
            "cudaHostAlloc": lambda: cuda.cudaHostAlloc(byref(c_void_p()), BYTES, 0),
            "cudaFreeHost": lambda: cuda.cudaFreeHost(self.pinned),
            "cudaMemcpy": lambda: cuda.cudaMemcpy(self.pinned, self.block, BYTES, 4),
            "cudaMemset": lambda: cuda.cudaMemset(self.block, 0, BYTES),
            "cudaDeviceSynchronize": lambda: cuda.cudaDeviceSynchronize(),
            "cudaStreamSynchronize": lambda: cuda.cudaStreamSynchronize(self.other),
            "cudaStreamQuery": lambda: cuda.cudaStreamQuery(self.other),
            "cudaEventQuery": lambda: cuda.cudaEventQuery(self.event),
            "cudaEventSynchronize": lambda: cuda.cudaEventSynchronize(self.event),
            # On the captured stream itself, where no mode allows them.
            "wait for the captured stream": lambda: cuda.cudaStreamSynchronize(self.captured),
            "copy of pageable memory": lambda: self.copy(self.pageable, self.captured),
            "wait for an outside event": lambda: cuda.cudaStreamWaitEvent(
                self.captured, self.event, 0
            ),
            "launch of a graph": lambda: cuda.cudaGraphLaunch(self.graph, self.captured),
            # What is allowed.
            "copy of page-locked memory": lambda: self.copy(self.pinned, self.captured),
            "copy on another stream": lambda: self.copy(self.pinned, self.other),
            "cudaEventRecord": lambda: cuda.cudaEventRecord(self.event, self.captured),
            "cudaMemGetInfo": lambda: cuda.cudaMemGetInfo(byref(free), byref(total)),
        }

    def copy(self, to: Any, stream: c_void_p) -> int:
        return int(self.cuda.cudaMemcpyAsync(to, self.block, BYTES, 4, stream))

    def executable(self) -> c_void_p:
        self.cuda.cudaStreamBeginCapture(self.other, 0)
        graph = c_void_p()
        self.cuda.cudaStreamEndCapture(self.other, byref(graph))
        return made("cudaGraphInstantiate", graph, ctypes.c_ulonglong(0))


def main(mode: str, thread: str, call: str) -> None:
    planted = Planted()
    cuda = planted.cuda
    assert cuda.cudaStreamBeginCapture(planted.captured, MODES[mode]) == 0
    codes: list[int] = []

    def make_it() -> None:
        codes.append(planted.calls[call]())

    if thread == "other":
        worker = threading.Thread(target=make_it)
        worker.start()
        worker.join()
    else:
        allowing = c_int(MODES["relaxed"] if thread == "guarded" else MODES["global"])
        cuda.cudaThreadExchangeStreamCaptureMode(byref(allowing))
        make_it()
        cuda.cudaThreadExchangeStreamCaptureMode(byref(allowing))
    codes.append(cuda.cudaStreamEndCapture(planted.captured, byref(c_void_p())))
    sys.stdout.write(json.dumps(codes))


if __name__ == "__main__":
    main(*sys.argv[1:])
