"""A process that has loaded everything once and forks command lines whose workers are forks too.

Starting Python and torch takes seconds, a fork some milliseconds: a study can be killed a thousand
times within minutes. Everything else is the real thing: the command line, the pool and its
sockets, the workers' loop, the training, the files.

Reads one request a line from stdin, as JSON, and answers with one line:

``argv``, ``cwd``
    The command line and its folder.
``kills``
    List of ``{"after_s", "target", "signal"}``: at that time a signal goes to the ``driver`` or to
    one of its workers (``worker``).
``strike``
    ``{"role", "event", "keep"}``: a process of that role ends at its ``event``-th touch of the file
    system, before it happens. With ``keep``, a fraction, a file that was about to be synchronised
    loses the rest of its bytes first: that is what a power cut leaves.

``limits``
    ``nofile`` (open files), ``fsize`` (bytes of a file) and ``memory`` (bytes of address space
    beyond what the fork starts with), for the command line and its workers.

The answer holds the exit ``code`` (None: killed), its ``stderr``, ``hits`` (signals that met a
living process), ``struck``, ``events`` by role and ``seconds``.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import json
import mmap
import os
import random
import resource
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_CHILD_SUBREAPER = 36
_LIMIT_S = 120.0
_ROLES = ("driver", "worker")
_TOUCHES = frozenset(
    {"open", "os.rename", "os.remove", "os.link", "os.mkdir", "sqlite3.connect", "fcntl.flock"}
)

_LOADED = (
    "scipy.special",  # the label rule's
    "vggstudy.cli.progress",
    "vggstudy.cli.runs",
    "vggstudy.study.cost",
    "vggstudy.execution.local.pool",
    "vggstudy.execution.local.worker",
    "vggstudy.ledger.index",
    "vggstudy.training.run",
)

board = mmap.mmap(-1, 64)
"""Shared by all forks: the number of touches of each role, and whether the strike has happened."""


def count(slot: int) -> int:
    """One more in a slot of the board; returns the new number."""
    (value,) = struct.unpack_from("q", board, 8 * slot)
    struct.pack_into("q", board, 8 * slot, value + 1)
    return int(value) + 1


def read(slot: int) -> int:
    """The number in a slot of the board."""
    return int(struct.unpack_from("q", board, 8 * slot)[0])


def arm(role: str, strike: Mapping[str, Any] | None) -> None:
    """Count what this process does to the file system, and end it where that was asked for."""
    slot = _ROLES.index(role)
    at = strike["event"] if strike and strike["role"] == role else None
    sync = os.fsync

    def touch(descriptor: int | None = None) -> None:
        if count(slot) != at or read(2):
            return
        count(2)
        if descriptor is not None and strike and strike.get("keep") is not None:
            with contextlib.suppress(OSError):  # a folder has no bytes to lose
                os.ftruncate(descriptor, int(os.fstat(descriptor).st_size * strike["keep"]))
        os.kill(os.getpid(), signal.SIGKILL)

    def synchronise(descriptor: int) -> None:
        touch(descriptor)
        sync(descriptor)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _TOUCHES:
            touch()

    os.fsync = synchronise  # type: ignore[assignment]
    sys.addaudithook(audit)


class ForkedWorker:
    """Stands in for `subprocess.Popen` where the pool starts a worker."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int],
        env: Mapping[str, str],
        stdout: Any,
        strike: Mapping[str, Any] | None,
        **_: Any,
    ) -> None:
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self.become(command, pass_fds, env, stdout, strike)

    def become(
        self,
        command: Sequence[str],
        pass_fds: Sequence[int],
        env: Mapping[str, str],
        stdout: Any,
        strike: Mapping[str, Any] | None,
    ) -> NoReturn:
        """What a new program would start with: its own group, signals, descriptors, environment."""
        os.setpgid(0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(stdout.fileno(), 1)
        os.dup2(stdout.fileno(), 2)
        close_all_but({0, 1, 2, *pass_fds})
        os.environ.update(env)
        sys.argv = ["worker", *command[3:]]
        arm("worker", strike)
        from vggstudy.execution.local import worker

        finish(worker.main)

    def poll(self, options: int = os.WNOHANG) -> int | None:
        """Exit code where it has ended, negative for a signal."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, options)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self) -> int | None:
        """Exit code, once it has ended."""
        return self.poll(0)


def close_all_but(kept: set[int]) -> None:
    """Close every other descriptor of this process."""
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(path.name))


def finish(main: Any) -> NoReturn:
    """Run a main function and end this fork with its code, without the parent's clean-up."""
    code = 1
    try:
        code = main() or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - what a program would print before it ends
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def drive(request: Mapping[str, Any], errors: int) -> NoReturn:
    """Be the command line."""
    from vggstudy import cli
    from vggstudy.execution.local import process

    os.setpgid(0, 0)
    os.chdir(request["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(errors, 2)
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115 - descriptors
    strike = request.get("strike")
    limit(request.get("limits", {}))

    class Popen(ForkedWorker):
        def __init__(self, command: Sequence[str], **given: Any) -> None:
            super().__init__(command, strike=strike, **given)

    process.subprocess.Popen = Popen  # type: ignore[attr-defined]
    arm("driver", strike)
    finish(lambda: cli._invoke(request["argv"]))


def limit(limits: Mapping[str, int]) -> None:
    """Bound what this process and its forks may use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * os.sysconf("SC_PAGE_SIZE")
    kinds = {"nofile": (resource.RLIMIT_NOFILE, 0), "fsize": (resource.RLIMIT_FSIZE, 0)}
    for name, most in limits.items():
        kind, base = kinds.get(name, (resource.RLIMIT_AS, size))
        resource.setrlimit(kind, (base + most, base + most))


def serve_one(request: Mapping[str, Any]) -> dict[str, Any]:
    """Fork a command line, disturb it as asked, and wait until nothing of it is left."""
    board[:] = bytes(len(board))
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        driver = os.fork()
        if driver == 0:
            drive(request, errors.fileno())
        code, hits = watch(driver, list(request.get("kills", ())), began)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return {
        "code": code,
        "stderr": text,
        "hits": hits,
        "struck": read(2),
        "events": {role: read(slot) for slot, role in enumerate(_ROLES)},
        "seconds": time.monotonic() - began,
    }


def watch(driver: int, kills: list[dict[str, Any]], began: float) -> tuple[int | None, int]:
    """Send the signals when they are due; the driver's exit code and how many signals hit."""
    hits, code, ended = 0, None, False
    handle = os.pidfd_open(driver)
    try:
        while not ended:
            due = min((kill["after_s"] for kill in kills), default=_LIMIT_S)
            ready, _, _ = select.select([handle], [], [], max(0.0, began + due - time.monotonic()))
            if ready:
                _, status = os.waitpid(driver, 0)
                code, ended = os.waitstatus_to_exitcode(status), True
            elif not kills:
                message = f"the command line did not end within {_LIMIT_S} s"
                raise TimeoutError(message)
            else:
                kill = min(kills, key=lambda one: float(one["after_s"]))
                kills.remove(kill)
                hits += hit(driver, kill)
    finally:
        os.close(handle)
    reap_orphans()
    return (code if code is None or code >= 0 else None), hits


def hit(driver: int, kill: Mapping[str, Any]) -> int:
    """Send one signal; 1 if there was a process to send it to."""
    target = driver
    if kill["target"] == "worker":
        workers = children(driver)
        if not workers:
            return 0
        target = random.Random(kill["after_s"]).choice(workers)
    try:
        os.kill(target, kill["signal"])
    except ProcessLookupError:
        return 0
    return 1


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(word) for word in path.read_text().split()]
    except OSError:
        return []


def reap_orphans() -> None:
    """Wait for what a killed driver left behind: it must end by itself, and soon."""
    limit = time.monotonic() + 30.0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() > limit:
                message = "a worker outlived its driver"
                raise TimeoutError(message)
            time.sleep(0.001)


def requests() -> Iterator[dict[str, Any]]:
    """Requests until stdin ends."""
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Load what command lines and workers need, then serve."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    fcntl.fcntl(sys.stdin, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    for name in _LOADED:
        importlib.import_module(name)
    importlib.import_module("vggstudy.environment").capture()  # asks other programs, once
    print("ready", flush=True)  # noqa: T201 - the answer to whoever started this
    for request in requests():
        print(json.dumps(serve_one(request)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
