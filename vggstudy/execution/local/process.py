"""A worker process as its driver sees it: started, spoken to, found dead, killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from vggstudy.execution.local.stalls import StallLimit
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.trainers.process import MARK, end_descendants, end_marked
from vggstudy.plan import PlannedRun
from vggstudy.training.lanes.count import MAX_STREAMS

STDERR_TAIL = 4000
"""Bytes at the end of a dead worker's stderr that are searched for its last words."""

LACK = " (the system may have run out of memory)"
"""Behind a SIGKILL that nobody here sent."""

FAREWELL_S = 10.0
"""Seconds that a worker has to end its command before it is killed itself."""

MOST_OUTPUT = 2**30
"""Bytes of output that a worker's file holds; it begins anew then."""

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""glibc keeps what a step frees for the next one. By default it returns every large block to the
kernel, and getting its pages back, zeroed, takes a fifth of a narrow network's time on a CPU
(benchmarks/NOTES.md). Other allocators ignore these names; a user's own values are left alone."""


class WorkerProcess:
    """One worker: its process, its socket and the runs it is busy with.

    Attributes
    ----------
    runs : dict of str to PlannedRun
        The runs it has been given and has not answered for, by their ids.
    capacity : int
        How many it wants at a time: one, unless it says that it has more lanes.
    ready : bool
        Whether it takes runs.
    """

    def __init__(self, index: int, study: Path, options: ExecutionOptions) -> None:
        self.index = index
        self.device = options.devices[index % len(options.devices)]
        self.runs: dict[str, PlannedRun] = {}
        self.capacity = 1
        self.ready = False
        self.last_sign = time.monotonic()
        self._started: dict[str, float] = {}
        self._signs: dict[str, float] = {}
        site = options.trainer
        self.mark = secrets.token_hex(16) if site else ""
        self.has_command = site is not None and site.function is None
        self.has_function = site is not None and site.function is not None
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "vggstudy.execution.local.worker",
                str(theirs.fileno()),
                "0" if site else str(os.getpid()),
            ],
            pass_fds=(theirs.fileno(),),
            env=_environment(options, self.device) | ({MARK: self.mark} if site else {}),
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            process_group=0,  # a Ctrl-C at the terminal is the driver's to handle
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send((study, options, self.device))

    @property
    def has_room(self) -> bool:
        """Whether it takes another run now."""
        return self.ready and len(self.runs) < self.capacity

    def assign(self, run: PlannedRun) -> None:
        """Send the worker a run."""
        self.runs[run.run_id] = run
        self.last_sign = self._started[run.run_id] = time.monotonic()
        self.send(("run", run))

    def release(self, run_id: str) -> PlannedRun | None:
        """Take a run from it; None if it is not busy with that."""
        self._signs.pop(run_id, None)
        return self.runs.pop(run_id, None)

    def saw_sign(self, run_id: str) -> float:
        """Note that a run has begun, or finished an epoch; seconds since its last such sign."""
        now = time.monotonic()
        before = self._signs.get(run_id, self._started[run_id])
        self._signs[run_id] = now
        return now - before

    def hung_runs(self, limits: StallLimit) -> list[PlannedRun]:
        """Runs that have given no sign of life for too long: no epoch, or the worker no word.

        A run that has not begun is waiting for a lane: only a silent worker tells against it.
        """
        now = time.monotonic()
        hung = []
        for name, run in self.runs.items():
            limit_s = limits.of(run.cell_id)
            silent_s = now - min(self.last_sign, self._signs.get(name, now))
            if limit_s is not None and silent_s > limit_s:
                hung.append(run)
        return hung

    def send(self, message: tuple[Any, ...]) -> None:
        """Send a message; a dead worker's is lost, which `pool` notices at the next receipt."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def elapsed(self, run_id: str) -> float:
        """Seconds since a run was assigned."""
        return time.monotonic() - self._started[run_id]

    def kill(self) -> None:
        """End the process and all of its group at once; one with a command ends that first."""
        if self.has_command and self.process.poll() is None:
            with socket.socket(fileno=os.dup(self.connection.fileno())) as ours:
                ours.shutdown(socket.SHUT_WR)  # it sees its driver hang up
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(FAREWELL_S)
        if self.process.poll() is None:
            if self.has_function:  # it has adopted what its function started in other sessions
                end_descendants(self.process.pid)
            self._kill_group()
        self.process.wait()
        self._end_left()

    def _end_left(self) -> None:
        """Kill what a trainer of one's own has left in other sessions, its worker being gone."""
        if self.mark:
            end_marked(self.mark)

    def _kill_group(self) -> None:
        """Kill what is left of the group, while the process holds its number."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def bound_output(self) -> None:
        """Let its output begin anew where it has become very long."""
        if os.fstat(self.errors.fileno()).st_size > MOST_OUTPUT:
            self.errors.truncate(0)
            self.errors.seek(0)

    def close(self) -> None:
        """End the process at once: what it has recorded is on disk."""
        self.kill()
        self.connection.close()
        self.errors.close()

    def obituary(self) -> str:
        """How the process ended, with its last line of stderr; its group ends with it."""
        self._kill_group()
        code = self.process.wait()
        self._end_left()
        how = f"exit code {code}"
        if code < 0:
            how = f"signal {signal.Signals(-code).name}"
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, size - STDERR_TAIL))
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1].strip()}" if lines else ""
        hint = LACK if code == -signal.SIGKILL else ""
        return f"the worker ended with {how}{hint}{last}"


class Crew:
    """Worker processes that were started to be measured, and may execute the runs afterwards.

    Attributes
    ----------
    options : ExecutionOptions or None
        With which they were started; None while there are none.
    """

    def __init__(self) -> None:
        self.options: ExecutionOptions | None = None
        self._processes: list[WorkerProcess] = []

    def start(self, count: int, study: Path, options: ExecutionOptions) -> list[WorkerProcess]:
        """Start so many processes."""
        self.options = options
        for index in range(count):
            self._processes.append(WorkerProcess(index, study, options))
        return self._processes

    def take(self, options: ExecutionOptions) -> list[WorkerProcess]:
        """The processes, once, if they are what these options would start, and alive."""
        alike = options == self.options and options.lanes is None  # lanes are told of once
        fit = alike and len(self._processes) <= options.jobs
        if not fit or any(each.process.poll() is not None for each in self._processes):
            self.close()
        taken, self._processes = self._processes, []
        for each in taken:
            each.ready = True
        return taken

    def close(self) -> None:
        """End those that nobody has taken."""
        for each in self._processes:
            each.close()
        self._processes = []


def _environment(options: ExecutionOptions, device: str) -> dict[str, str]:
    """A worker's environment: threads, memory, deterministic cuBLAS, this package importable."""
    own = options.trainer is not None
    environment = {**({} if own else ALLOCATOR), **os.environ}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(options.threads)
    if own:
        _show_device(environment, device)
    else:
        environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        # One queue of the device for each stream of the lanes; the default of 8 would join some.
        environment.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", str(MAX_STREAMS))
    root = str(Path(__file__).resolve().parents[3])
    if not root.endswith("site-packages"):
        paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _show_device(environment: dict[str, str], device: str) -> None:
    """Let a trainer of one's own see one device only: the worker's, as CUDA numbers those seen."""
    if device == "cpu":
        return
    number = int(device.partition(":")[2] or 0)
    seen = [name for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    environment["CUDA_VISIBLE_DEVICES"] = seen[number] if number < len(seen) else str(number)
