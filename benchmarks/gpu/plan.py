"""Which sections there are, in which order, and how long each may take."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

CALL_S = {1: 570.0, 2: 150.0}
"""Seconds of a whole call."""

GRACE_S = 10.0
"""Seconds between asking a section to end and killing it."""

RESERVE_S = 6.0
"""Seconds at the end of a call, for the last copies and the table."""


NOTHING_TO_DO = 3
"""Exit status of a section after which no other is worth beginning: there is no device."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A section of a call.

    Attributes
    ----------
    name : str
    seconds : float
        Its limit; a section that takes less leaves the rest to the last one.
    command : tuple of str
    background : bool
        Whether the next section begins at once.
    after : str or None
        A section that must have ended before, and passed.
    rest : bool
        Whether it gets all the time that is left, less what later sections need.
    """

    name: str
    seconds: float
    command: tuple[str, ...]
    background: bool = False
    after: str | None = None
    rest: bool = False


def module(name: str) -> tuple[str, ...]:
    """A section of this package."""
    return (sys.executable, "-m", f"gpu.{name}")


def sections(call: int) -> list[Planned]:
    """The sections of a call."""
    study = Planned("study", 150, module("study"), after="decode", rest=True)
    decode = Planned("decode", 300, module("decode"), background=True)
    if call == 1:
        return [
            decode,
            # 15 and 30 s are enough where the libraries are in memory; on a machine that has just
            # started they come from its disk.
            Planned("machine", 40, module("machine")),
            Planned("first", 45, module("first")),
            Planned("tests", 105, module("tests")),
            Planned("bits", 60, module("bits")),
            Planned("kernels", 40, module("kernels")),
            Planned("steady", 150, module("steady")),
            study,
        ]
    return [decode, study, Planned("processes", 50, module("processes"))]


TRIALS = {
    "hang": (
        sys.executable,
        "-c",
        "import signal, time\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, signal.SIG_IGN)\n"
        "print('hung for a trial', flush=True); time.sleep(1000)",
    ),
    "crash": (
        sys.executable,
        "-c",
        "import os, sys\nprint('crashed for a trial', file=sys.stderr, flush=True); os.abort()",
    ),
}
"""What a section is replaced by in a trial of the driver."""


def on_trial(planned: Planned, text: str) -> tuple[str, ...]:
    """The command of a section; GPU_TRIAL (``steady=hang,bits=crash``) replaces some."""
    chosen = dict(each.split("=", 1) for each in text.split(",") if each)
    return TRIALS[chosen[planned.name]] if planned.name in chosen else planned.command


def image_archive(root: Path) -> Path:
    """Where the images of the reference study lie unless $VGGSTUDY_IMAGES says so."""
    return root / "benchmarks" / "out" / "cifar10-jpeg.tar.xz"
