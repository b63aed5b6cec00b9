"""Runs sections one after another, each under a limit that nothing outlasts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu import lines
from gpu.keep import TESTS, Keeper, tail
from gpu.plan import GRACE_S, NOTHING_TO_DO, RESERVE_S, Planned, on_trial

KEEP_EVERY_S = 20.0
LEAST_S = 5.0
"""Left for a section, it is worth another process."""

PATIENCE_S = 3.0
"""Seconds that a killed process may take to disappear: one that waits in the driver of the device
does not, and is left behind."""


@dataclass(slots=True)
class Started:
    """A section under way; `said` is how much its log held before."""

    planned: Planned
    process: subprocess.Popen[bytes]
    begun: float
    limit_s: float
    mark: str
    said: int


class Driver:
    """Runs the sections of a call.

    Parameters
    ----------
    keeper : Keeper
    call_s : float
        Seconds for all of them.
    scale : float
        Factor on every limit.
    trial : str
        See `plan.on_trial`.
    begun : float
        When the call began, of `time.monotonic`.
    """

    def __init__(
        self, keeper: Keeper, *, call_s: float, scale: float, trial: str, begun: float
    ) -> None:
        self.keeper, self.scale, self.trial = keeper, scale, trial
        self.deadline = begun + (call_s - RESERVE_S) * scale
        self.grace_s = max(1.0, GRACE_S * scale)
        self.running: dict[str, Started] = {}
        self.kept_at = time.monotonic()
        self.hopeless = ""
        self.begun_at = time.time()

    def run(self, planned: Sequence[Planned]) -> None:
        """Run what has not passed; afterwards nothing of it is left running."""
        try:
            for at, each in enumerate(planned):
                later = sum(self.scale * other.seconds for other in planned[at + 1 :])
                self._section(each, later)
            for name in list(self.running):
                self._wait(name)
        finally:
            for started in self.running.values():
                self._kill(started)
                self._ended(started.planned, "timed out", "the call's time was up", started)
            self.keeper.keep()

    def _section(self, planned: Planned, later_s: float) -> None:
        """Run one section, unless it has passed or cannot begin."""
        past = lines.read(self.keeper.results)
        if lines.last(past, section=planned.name, kind="ended", status="passed"):
            print(f"{planned.name}: done before", flush=True)
            return
        if self.hopeless:
            self._ended(planned, "skipped", self.hopeless)
            return
        if planned.after is not None:
            self._wait(planned.after)
            past = lines.read(self.keeper.results)
            ended = lines.last(past, section=planned.after, kind="ended")
            if ended is None or ended["status"] != "passed":
                self._ended(planned, "skipped", f"{planned.after} did not pass")
                return
        left = self.deadline - time.monotonic() - self.grace_s
        limit = self.scale * planned.seconds
        limit = left - later_s if planned.rest else min(limit, left)
        if limit < 1:
            self._ended(planned, "skipped", "no time was left")
            return
        started = self._start(planned, limit)
        self.running[planned.name] = started
        if not planned.background:
            self._wait(planned.name)

    def _start(self, planned: Planned, limit_s: float) -> Started:
        """Start a section in a session of its own, what it says in files."""
        mark = f"{planned.name}-{os.getpid()}-{time.monotonic_ns()}"
        past = lines.read(self.keeper.results)
        first = lines.last(past, section="first", kind="ended")
        # Where not even single steps were seen, nothing is known of recorded ones.
        seen = lines.last(past, section="first", kind="cell", name="single")
        single = first is not None and first["status"] != "passed" and seen is not None
        surroundings = {
            **os.environ,
            "GPU_RESULTS": str(self.keeper.results),
            "GPU_STATE": str(self.keeper.state),
            "GPU_SCALE": str(self.scale),
            "GPU_GRAPHS": "0" if single else os.environ.get("GPU_GRAPHS", "1"),
            "GPU_LIMIT_S": str(limit_s),
            "GPU_MARK": mark,
            "GPU_CALL_BEGUN": str(self.begun_at),
        }
        limits = ["timeout", "-k", f"{self.grace_s:.1f}", f"{limit_s:.1f}"]
        said = self.keeper.logs / f"{planned.name}.txt"
        output = self.keeper.folder / TESTS if planned.name == "tests" else said
        print(f"{planned.name}: begins, at most {limit_s:.0f} s", flush=True)
        before = said.stat().st_size if said.exists() else 0
        with said.open("ab") as errors, output.open("ab") as results:
            process = subprocess.Popen(
                [*limits, *on_trial(planned, self.trial)],
                stdin=subprocess.DEVNULL,
                stdout=results,
                stderr=errors,
                env=surroundings,
                start_new_session=True,
            )
        return Started(planned, process, time.monotonic(), limit_s, mark, before)

    def _wait(self, name: str) -> None:
        """Wait for a section to end; not longer than it may take."""
        started = self.running.get(name)
        if started is None:
            return
        end = started.begun + started.limit_s + self.grace_s + PATIENCE_S
        while started.process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
            for other, beside in list(self.running.items()):
                if other != name and beside.process.poll() is not None:
                    self._wait(other)
            if time.monotonic() - self.kept_at > KEEP_EVERY_S:
                self.keeper.keep()
                self.kept_at = time.monotonic()
        self._kill(started)
        status, reason = self._verdict(started)
        if started.process.poll() == NOTHING_TO_DO and name == "machine":
            self.hopeless = "there is no device"
        del self.running[name]
        self._ended(started.planned, status, reason, started)
        left = end - self.grace_s - PATIENCE_S - time.monotonic()
        if status == "failed" and left > LEAST_S * self.scale and self._lost_in_a_cell(started):
            # The cells that are left get a new process, which the one that was lost comes after.
            self.running[name] = self._start(started.planned, left)
            self._wait(name)

    def _lost_in_a_cell(self, started: Started) -> bool:
        """Whether a section's process ended in the middle of its cells."""
        name = started.planned.name
        own = [line for line in lines.read(self.keeper.results) if line.get("section") == name]
        cells = [line for line in own if line["kind"] in ("begun", "cell", "failed")]
        crashed = bool(cells) and cells[-1]["kind"] == "begun"
        return crashed or started.process.poll() == lines.DEVICE_LOST

    def _verdict(self, started: Started) -> tuple[str, str]:
        """How a section ended, and why."""
        code = started.process.poll()
        took = time.monotonic() - started.begun
        if code == 0:
            return "passed", ""
        said = tail(self.keeper.logs / f"{started.planned.name}.txt", 4000, since=started.said)
        said = said.strip()
        line = said.splitlines()[-1][:300] if said else ""
        if code is None:
            return "timed out", "it could not even be killed"
        if code == 124 or took >= started.limit_s:
            return "timed out", f"after {started.limit_s:.0f} s" + (f"; {line}" if line else "")
        number = -code if code < 0 else code - 128 if code > 128 else 0
        known = number in {each.value for each in signal.Signals}
        how = signal.Signals(number).name if known else f"exit status {code}"
        return "failed", f"{how}: {line}" if line else how

    def _kill(self, started: Started) -> None:
        """Kill whatever of a section is left, wherever it went."""
        for process in marked(started.mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.process.wait(PATIENCE_S)

    def _ended(
        self, planned: Planned, status: str, reason: str, started: Started | None = None
    ) -> None:
        """Note how a section ended and bring the results into their folder."""
        seconds = time.monotonic() - started.begun if started else 0.0
        lines.append(
            self.keeper.results,
            {
                "section": planned.name,
                "kind": "ended",
                "status": status,
                "reason": reason,
                "seconds": round(seconds, 1),
                "limit_s": round(started.limit_s, 1) if started else None,
            },
        )
        print(f"{planned.name}: {status} {reason}", flush=True)
        self.keeper.keep()


def marked(mark: str) -> list[int]:
    """Processes that a section started: they inherited its mark."""
    needle = f"GPU_MARK={mark}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if needle in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return [process for process in found if process != os.getpid()]


def end_by_exception(number: int, frame: object) -> None:  # noqa: ARG001 - as signal calls it
    """Let a signal unwind the driver, which kills and keeps on its way out."""
    sys.exit(128 + number)
