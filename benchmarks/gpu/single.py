"""Steps issued one operation after another, everywhere in a process and in its study's workers.

For a device on which recorded steps have failed: what is left is still worth measuring.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any


def wanted() -> bool:
    """Whether recordings are off."""
    return os.environ.get("GPU_GRAPHS", "1") == "0"


def switch_off() -> None:
    """Let no stream of this process record."""
    from vggstudy.training.lane_streams import CudaStream

    CudaStream.recorder = lambda self, generator: None  # noqa: ARG005 - its signature


def switch_off_in_workers() -> None:
    """Let the workers that this process starts begin with `switch_off`."""

    class Popen(subprocess.Popen):
        """Starts this module instead of a worker."""

        def __init__(self, command: Any, *arguments: Any, **named: Any) -> None:
            if "vggstudy.execution.worker" in command:
                at = command.index("vggstudy.execution.worker")
                command = [*command[:at], "gpu.single", *command[at + 1 :]]
            super().__init__(command, *arguments, **named)

    subprocess.Popen = Popen


if __name__ == "__main__":
    from vggstudy.execution.worker import main

    switch_off()
    sys.exit(main())
