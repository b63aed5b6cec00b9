"""SLURM's queue as the command line tells it: which jobs wait, run or have ended."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

from vggstudy.errors import ExecutionError

Phase = Literal["queued", "running", "ended"]

COMMAND = ("squeue", "--me", "--array", "--noheader", "--states=all", "--format=%j|%K|%T")
TIMEOUT_S = 120.0
DEFAULT_ARRAY_SIZE = 1001
"""SLURM's own default of ``MaxArraySize``: one more than the largest index."""

_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
_QUEUED = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
    }
)

GONE = "no longer known"
"""State of a job that the queue does not show: it ended some minutes ago, or never came in."""


def phase(state: str) -> Phase:
    """Whether a job of some state waits, runs or has ended."""
    if state in _ENDED or state == GONE:
        return "ended"
    return "queued" if state in _QUEUED else "running"


def job_states() -> dict[str, dict[int, str]]:
    """States of the user's jobs: job name to index in its array to state.

    Raises
    ------
    ExecutionError
        If there is no squeue, or SLURM does not answer.
    """
    states: dict[str, dict[int, str]] = defaultdict(dict)
    for line in _output(*COMMAND).splitlines():
        name, index, state = [*line.rsplit("|", 2), "", ""][:3]
        # A requeued job may be listed beside its former, ended self.
        number = int(index) if index.isdecimal() else 0
        if phase(states[name].get(number, GONE)) == "ended":
            states[name][number] = state
    return dict(states)


def state_of(states: Mapping[str, Mapping[int, str]], name: str, index: int) -> str:
    """State of one job."""
    return states.get(name, {}).get(index, GONE)


def max_array_size() -> int:
    """Most jobs that one array may hold.

    Raises
    ------
    ExecutionError
        If there is no scontrol, or SLURM does not answer.
    """
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _output("scontrol", "show", "config"), re.M)
    size = int(found[1]) if found else DEFAULT_ARRAY_SIZE
    return max(1, size - 1)


def _output(*command: str) -> str:
    """What a command of SLURM's prints."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        msg = f"there is no {command[0]} here: run this on a machine that submits to SLURM"
        raise ExecutionError(msg) from None
    except subprocess.TimeoutExpired:
        msg = f"SLURM's {command[0]} has not answered for {TIMEOUT_S:g} s; try again later"
        raise ExecutionError(msg) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        msg = f"SLURM's {command[0]} failed: {said[-1]}"
        raise ExecutionError(msg)
    return done.stdout
