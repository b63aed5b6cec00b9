"""A part of the reference study from the image archive: 24 runs in four lanes, resumable.

Depth x batch normalisation x batches of 64 and 256 x three replicates, with data normalisation:
what `protocols/depth-batch-norm.toml` plans, in fewer epochs (GPU_EPOCHS, ten by default).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from gpu import single
from gpu.plan import image_archive
from vggstudy.protocol import Protocol, load_protocol

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "protocols" / "depth-batch-norm.toml"
LAST_S = 10.0
"""Before the limit, runs are asked to end their epoch and write a checkpoint."""

TIMED_OUT = 124
"""Exit status, as of `timeout`."""

ONLY = ("data_norm=true", "batch_size=64", "batch_size=256")


def archive() -> Path:
    """The images."""
    return Path(os.environ.get("VGGSTUDY_IMAGES") or image_archive(ROOT)).resolve()


def overrides() -> list[str]:
    """What differs from the protocol."""
    epochs = os.environ.get("GPU_EPOCHS", "10")
    found = [
        "data.name=imagefolder",
        f"data.root={archive()}",
        "design.replicates=3",
        f"training.epochs={epochs}",
        f"training.early_stopping.min_epochs={epochs}",
    ]
    extra = os.environ.get("GPU_STUDY_SET", "")
    return [*found, *(each for each in extra.split(",") if each)]


def protocol() -> Protocol:
    """The protocol with the overrides."""
    return load_protocol(PROTOCOL, overrides=tuple(overrides())).protocol


def arguments() -> list[str]:
    """The call of vggstudy."""
    found = ["run", str(PROTOCOL), "--study", str(Path(os.environ["GPU_STATE"]) / "study")]
    found += ["--devices", "cuda:0", "--lanes", "4", "--timeout", "120"]
    if single.wanted():
        found.append("--no-graphs")
    for each in overrides():
        found += ["--set", each]
    for each in ONLY:
        found += ["--only", each]
    return found


def main() -> int:
    """Run it in a session of its own, and ask it to end in time to write its checkpoints.

    Of the signals that ask, it gets a single one: a second would make it give up its runs.
    """
    command = [sys.executable, "-m", "gpu.study", "inside"]
    process = subprocess.Popen(command, start_new_session=True)
    told: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        if not told:
            told.append(number)
            process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, tell)
    scale = float(os.environ.get("GPU_SCALE", "1"))
    signal.setitimer(signal.ITIMER_REAL, max(1.0, limit_s() - LAST_S * scale))
    code = process.wait()
    if code and told:
        print("it was asked to end, and goes on in the next call", file=sys.stderr)
        return TIMED_OUT
    return code


def limit_s() -> float:
    """Seconds of this section."""
    return float(os.environ.get("GPU_LIMIT_S", "600"))


def inside() -> None:
    """The command line itself."""
    from vggstudy.cli import run_cli

    sys.argv = ["vggstudy", *arguments()]
    run_cli()


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["inside"] else main())
