"""The lock of a study: one driver at a time, and whoever is refused learns who holds it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded, write_atomic

LOCK_NAME = "study.lock"

_log = logging.getLogger(__name__)
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock.

    Attributes
    ----------
    host : str
        Its machine's name.
    machine : str or None
        Its machine's identity, which tells two machines of one name apart.
    boot : str or None
        Identity of the machine's last start: after another one no process of before lives.
    namespace : str or None
        The process namespace (container) in which ``pid`` counts.
    pid : int
        Its process id.
    started : int or None
        Its start in clock ticks since the machine's, so that a recycled pid is not taken for it.
    since : str
        When it took the lock, ISO 8601 in UTC.
    token : str
        Unique to this taking of the lock.
    """

    host: str
    machine: str | None
    boot: str | None
    namespace: str | None
    pid: Annotated[int, Field(gt=0)]
    started: int | None
    since: str
    token: str

    @classmethod
    def this_process(cls) -> Holder:
        """The present process, taking a lock now."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            machine=_first_line(Path("/etc/machine-id")),
            boot=_first_line(_PROC / "sys/kernel/random/boot_id"),
            namespace=_namespace(),
            pid=pid,
            started=_start_ticks(pid),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            token=secrets.token_hex(16),
        )

    def __str__(self) -> str:
        """``process 12 on host since ...``."""
        return f"process {self.pid} on {self.host} since {self.since}"


_READER = TypeAdapter(Holder)


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold a study's lock for the length of a ``with`` block.

    A lock whose process has ended on this machine is taken over, with a warning in the log.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Raises
    ------
    LedgerError
        If another process holds the lock, or may hold it (another machine, a damaged lock file),
        or the lock cannot be written.
    """
    path = folder / LOCK_NAME
    holder = Holder.this_process()
    _acquire(path, holder)
    try:
        yield
    finally:
        _release(path, holder)


def read_holder(path: Path) -> Holder | None:
    """Who holds a lock, from its file; None if there is no such file.

    Raises
    ------
    LedgerError
        If the file cannot be read or is no lock.
    """
    try:
        return _READER.validate_json(read_bounded(path, limit=65536), strict=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(explain(error, path, "read")) from error
    except ValidationError:
        msg = (
            f"the lock {path} is damaged and does not say who holds the study; "
            "delete that file if no other vggstudy is running on it"
        )
        raise LedgerError(msg) from None


def _acquire(path: Path, holder: Holder) -> None:
    """Create the lock file, or take it over from a process that has ended."""
    data = json.dumps(asdict(holder)).encode()
    try:
        # A holder may release between the failed creation and the look at who it is: try again.
        for _ in range(10):
            with suppress(FileExistsError):
                write_atomic(path, data, exclusive=True)
                return
            found = read_holder(path)
            if found is None:
                continue
            _refuse_unless_ended(found, holder, path)
            if _take_over(path, found, data):
                _log.warning("took over the lock of a process that has ended: %s", found)
                return
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error
    msg = f"the study is in use: its lock {path} changes hands all the time; try again"
    raise LedgerError(msg)


def _refuse_unless_ended(found: Holder, holder: Holder, path: Path) -> None:
    """Raise unless the process that holds the lock certainly lives no more."""
    if (found.host, found.machine) != (holder.host, holder.machine):
        msg = (
            f"the study is locked by {found}, another machine than this one ({holder.host}); "
            f"if that process has ended, delete {path}"
        )
        raise LedgerError(msg)
    rebooted = None not in (found.boot, holder.boot) and found.boot != holder.boot
    if rebooted:
        return
    if found.namespace != holder.namespace:
        msg = (
            f"the study is locked by {found}, in another container of this machine; "
            f"if that process has ended, delete {path}"
        )
        raise LedgerError(msg)
    if _is_running(found):
        msg = f"the study is locked by {found}; wait for it or stop it"
        raise LedgerError(msg)


def _take_over(path: Path, stale: Holder, data: bytes) -> bool:
    """Replace a stale lock; False if another process was faster.

    All who take over are on one machine, so a lock of the operating system on the folder
    serialises them; it vanishes with its process and so cannot be stale itself.
    """
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if read_holder(path) != stale:
            return False
        write_atomic(path, data)
        return True
    finally:
        os.close(descriptor)


def _release(path: Path, holder: Holder) -> None:
    """Delete the lock file if it is still this holder's; a forked child leaves it alone."""
    if os.getpid() != holder.pid:
        return
    try:
        if read_holder(path) == holder:
            path.unlink()
            return
    except (OSError, LedgerError) as error:
        _log.warning("the lock %s could not be released: %s", path, error)
        return
    _log.warning("the lock %s was removed or taken by another process meanwhile", path)


def _is_running(found: Holder) -> bool:
    """Whether a process of this machine and container still is the one that took the lock."""
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # another user's process
    if found.started is None or (started := _start_ticks(found.pid)) is None:
        return _state(found.pid) is None or _state(found.pid) not in {"Z", "X"}
    return started == found.started and _state(found.pid) not in {"Z", "X"}


def _stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on; None where there is no such file."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold blanks and brackets.
    return text.rpartition(")")[2].split()


def _start_ticks(pid: int) -> int | None:
    """Start of a process in clock ticks since the machine's (field 22)."""
    found = _stat_fields(pid)
    return int(found[19]) if found else None


def _state(pid: int) -> str | None:
    """State letter of a process; a zombie (Z) has ended but was not waited for."""
    found = _stat_fields(pid)
    return found[0] if found else None


def _first_line(path: Path) -> str | None:
    """The first line of a small system file, if there is one."""
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _namespace() -> str | None:
    """The process namespace in which this process's pid counts."""
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return None
