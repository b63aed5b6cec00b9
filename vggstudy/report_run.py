"""What a training script calls to report to vggstudy; needs nothing, and may be copied beside it.

Where no study runs the script, what is reported is printed instead.

Examples
--------
>>> from vggstudy.report_run import finish, log
>>> log(epoch=1, train_loss=1.5)
{"epoch": 1, "train_loss": 1.5}
>>> finish(val_loss=1.25)
{"status": "finished", "val_loss": 1.25}
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

REPORT = "VGGSTUDY_REPORT"
"""Environment variable with the file to report to."""


def log(epoch: int | None = None, **quantities: Any) -> None:
    """Report an epoch; before its checkpoint is saved, so that none is missing after a kill.

    Parameters
    ----------
    epoch : int, optional
        From 1. Without it epochs are counted from the start of the script: a script that goes on
        from a checkpoint must say it. What was reported of this epoch and of later ones is
        forgotten.
    **quantities
        Numbers.
    """
    _write(quantities if epoch is None else {"epoch": epoch, **quantities})


def finish(status: str = "finished", **quantities: Any) -> None:
    """Report the end of the run, once.

    Parameters
    ----------
    status : str
        "finished", or "diverged" for a run whose numbers ceased to be finite.
    **quantities
        What the run came to; numbers can be analysed, other values are kept.
    """
    _write({"status": status, **quantities})


def parameters() -> dict[str, Any]:
    """Every factor and parameter of this run by name; none where no study runs the script."""
    found: dict[str, Any] = json.loads(os.environ.get("VGGSTUDY_PARAMETERS", "{}"))
    return found


def _write(content: dict[str, Any]) -> None:
    """Append one line, in one piece."""
    line = json.dumps(content, default=_plain) + "\n"
    path = os.environ.get(REPORT)
    if path is None:
        sys.stdout.write(line)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    """A number of NumPy, PyTorch or JAX as Python's."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)
