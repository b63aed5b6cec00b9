"""The most memory that the process has held since a run began."""

from __future__ import annotations

import re
import resource
from pathlib import Path

CLEAR_REFS = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")

_RESET_PEAK = "5"
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def reset_peak() -> None:
    """Begin to measure anew, where the system allows it.

    Linux does (proc(5), clear_refs); elsewhere a peak is that of the process since it began.
    """
    try:
        CLEAR_REFS.write_text(_RESET_PEAK, "ascii")
    except OSError:
        return


def peak_bytes() -> int:
    """Most bytes of main memory held at a time, the process's own code and data included.

    Memory that an earlier run gave back and the allocator kept counts as well.
    """
    try:
        found = _PEAK.search(STATUS.read_text("ascii"))
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
