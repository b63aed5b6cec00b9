"""A command that is watched until it and everything that it has started is gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from vggstudy.execution.trainers.output import Tail

TICK_S = 0.2
"""Longest wait before the report and the limits are looked at."""

POLL_S = 0.02
"""The same where the system has no descriptor of a process to wait for."""

CHUNK = 2**16

ROUNDS = 20
"""How often it is looked for descendants that came while others were killed."""

MARK = "VGGSTUDY_WORKER"
"""In the environment of a worker, and of all that it starts: which worker it is."""

_PR_SET_CHILD_SUBREAPER = 36

End = Literal["exit", "timeout", "output", "report", "stopped"]
"""Why a command is over: by itself, or because it was killed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may do.

    Attributes
    ----------
    silence_s : float or None
        Seconds without a report.
    grace_s : float
        Seconds between being asked to stop and being killed.
    output_bytes, report_bytes : int
        What it may write to stdout and stderr together, and to its report over all attempts.
    """

    silence_s: float | None = None
    grace_s: float = 10.0
    output_bytes: int = 2**30
    report_bytes: int = 2**26


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    why : str
    code : int
        Exit code; minus the signal's number where one ended it.
    stdout, stderr : bytes
        The end of each.
    left : int
        Processes that it had left behind, and that were killed.
    """

    why: End
    code: int
    stdout: bytes
    stderr: bytes
    left: int


def adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Watched:
    """A command and what it starts.

    Parameters
    ----------
    argv : sequence of str
    folder : Path
        Where it is executed.
    environment : mapping
    report : Path
        The file that it reports to; looked at from its present end.
    limits : Limits
    on_report : callable
        Given every complete line of the report as it comes; False ends the command.

    Raises
    ------
    OSError, ValueError
        If it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        report: Path,
        limits: Limits,
        on_report: Callable[[bytes], bool],
    ) -> None:
        self.limits, self.on_report = limits, on_report
        self.report = _Follower(report)
        self.tails = (Tail(), Tail())
        self.why: End = "exit"
        self.kill_at: float | None = None
        self.last_sign = time.monotonic()
        self._tick = POLL_S
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def watch(self, other: int, on_other: Callable[[], None]) -> Ended:
        """Watch it until it is over; then end what it has left behind.

        Parameters
        ----------
        other : int
            A descriptor that is watched besides.
        on_other : callable
            Called when it can be read.
        """
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            stack.callback(self.close)
            self._register(selector, stack)
            selector.register(other, selectors.EVENT_READ, on_other)
            while self.process.poll() is None:
                for key, _ in selector.select(self._tick):
                    key.data()
                self._look()
            left = end_children()
            self._drain()
            self._look()
            if self.process.returncode == 0 and self.report.rest.strip():
                self.on_report(self.report.rest)  # its last line, which it did not end
        out, err = (tail.data for tail in self.tails)
        return Ended(self.why, self.process.returncode, out, err, left)

    def stop(self) -> None:
        """Ask it to stop; it is killed where it does not."""
        if self.kill_at is None:
            self.why = "stopped"
            self.kill_at = time.monotonic() + self.limits.grace_s
            if os.getpgrp() == os.getpid():  # a worker's group is its own and that of its command
                os.killpg(0, signal.SIGTERM)
            else:
                self.process.terminate()

    def kill(self, why: End) -> None:
        """End it at once."""
        self.why = why
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def _register(self, selector: selectors.BaseSelector, stack: contextlib.ExitStack) -> None:
        """Wait for its output and its end."""
        for stream, tail in self._streams():
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                read = _reader(selector, stream.fileno(), tail)
                selector.register(stream.fileno(), selectors.EVENT_READ, read)
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(self.process.pid)
                stack.callback(os.close, descriptor)
                selector.register(descriptor, selectors.EVENT_READ, lambda: None)
                self._tick = TICK_S

    def _look(self) -> None:
        """Read the report; hold the command to its limits."""
        for line in self.report.lines(self.limits.report_bytes):
            self.last_sign = time.monotonic()
            if not self.on_report(line):
                self.kill("report")
                return
        if self.report.too_long:
            self.kill("report")
        if self.process.returncode is not None:
            return
        now, limits = time.monotonic(), self.limits
        if sum(tail.total for tail in self.tails) > limits.output_bytes:
            self.kill("output")
        elif self.kill_at is not None:
            if now > self.kill_at:
                self.kill("stopped")
        elif limits.silence_s is not None and now - self.last_sign > limits.silence_s:
            self.kill("timeout")

    def _drain(self) -> None:
        """Read what is left in the pipes, without waiting for whoever may hold them open."""
        for stream, tail in self._streams():
            with contextlib.suppress(OSError, ValueError):
                while stream is not None and (data := os.read(stream.fileno(), CHUNK)):
                    tail.add(data)

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process.poll() is None:
            self.kill(self.why)
            self.process.wait()
            end_children()
        for stream, _ in self._streams():
            if stream is not None:
                stream.close()

    def _streams(self) -> Iterator[tuple[IO[bytes] | None, Tail]]:
        """What it writes, and what is kept of each."""
        return zip((self.process.stdout, self.process.stderr), self.tails, strict=True)


def _reader(selector: selectors.BaseSelector, descriptor: int, tail: Tail) -> Callable[[], None]:
    """What to do when a pipe can be read."""

    def read() -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        if data:
            tail.add(data)
        else:
            selector.unregister(descriptor)

    return read


class _Follower:
    """Reads the lines that are appended to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.stat().st_size if path.exists() else 0
        self.rest = b""
        self.too_long = False

    def lines(self, limit: int) -> list[bytes]:
        """Complete lines that have come since the last call."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return []
        if size > limit:
            self.too_long = True
            return []
        if size <= self.place:
            return []
        with self.path.open("rb") as file:
            file.seek(self.place)
            data = file.read(size - self.place)
        self.place += len(data)
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [line for line in whole if line.strip()]


def end_children() -> int:
    """Kill every child of this process, and theirs as they come to it; returns how many."""
    ended: set[int] = set()
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        children = _children()
        if not children:
            return len(ended)
        for child in children:
            ended.add(child)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """Children of this process, living or dead; none where that cannot be told."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    except OSError:
        return []
    own = os.getpid()
    return [pid for pid, (parent, _) in _processes().items() if parent == own]


def end_descendants(ancestor: int) -> None:
    """Kill what a process has started, and theirs, in whichever session they are (Linux).

    Those of a process that has adopted its orphans are all found, unless some keep starting others.
    """
    _end(lambda: _descendants(ancestor))


def end_marked(mark: str) -> None:
    """Kill what a worker that is gone has started, by its mark, in whichever session (Linux)."""
    _end(lambda: _marked(f"{MARK}={mark}".encode()))


def _end(living: Callable[[], Sequence[int]]) -> None:
    """Kill processes, and those that came meanwhile."""
    for _ in range(ROUNDS):
        found = living()
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _marked(entry: bytes) -> list[int]:
    """Living processes that were started with an entry in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or gone
            if entry in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def _descendants(ancestor: int) -> list[int]:
    """Living descendants of a process."""
    every = _processes()
    found, latest = set[int](), {ancestor}
    while latest:
        latest = {pid for pid, (parent, _) in every.items() if parent in latest} - found
        found |= latest
    return [pid for pid in found if every[pid][1] not in "ZX"]


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and state of every process; nothing where the system does not list them."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *_ = entry.read_text(errors="replace").rpartition(")")[2].split()
            found[int(entry.parent.name)] = int(parent), state
    return found
