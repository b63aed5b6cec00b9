"""One part of the benchmark in its own process: PROGRAM WORK FOLDER, prints a line of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from baselines import eager, floor, lit, ours, resident, spread
from baselines.work import Outcome, Work
from vggstudy.execution import ExecutionOptions, resolve_options
from vggstudy.training.determinism import deterministic, tensors_sha256

BEGUN = time.perf_counter()
"""When this process had its imports."""

Train = Callable[[Work, int], tuple[float, torch.nn.Module]]


def main() -> None:
    program, text, folder = sys.argv[1:4]
    work = Work(**json.loads(text))
    with contextlib.redirect_stdout(sys.stderr):
        found = PARTS[program](work, Path(folder))
    print(json.dumps(found))


def one_after_another(train: Train, work: Work, **extra: Any) -> dict[str, Any]:
    """Time a program that trains one run after another, its device started before."""
    accuracies, digests = [], {}
    cuda = work.device != "cpu"
    if cuda:
        resident.warm_up(lambda w: train(w, 0), work)
        extra = {"setup_s": time.perf_counter() - BEGUN - extra.get("compile_s", 0.0), **extra}
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    for replicate in range(work.seeds):
        accuracy, model = train(work, replicate)
        accuracies.append(accuracy)
        digests[str(replicate)] = tensors_sha256(model.state_dict())
    seconds = time.perf_counter() - started
    peak = (
        torch.cuda.max_memory_allocated()
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return asdict(Outcome(seconds, work.seeds, accuracies, digests, peak / 2**20, extra))


def lightning(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """B1, or why not."""
    reason = lit.missing()
    return {"skipped": reason} if reason else one_after_another(lit.train, work)


def strong_deterministic(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """B2 under the flags that vggstudy sets."""
    device = torch.device(work.device)
    with deterministic(device, threads=torch.get_num_threads(), precision=work.precision):
        return one_after_another(resident.train, work)


def compiled(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """B3: the seconds of compilation stand apart."""
    network = resident.Compiled(work)
    return one_after_another(
        lambda w, replicate: resident.train(w, replicate, network),
        work,
        compile_s=network.seconds,
    )


def processes(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """B4: as many processes as cores, four on a GPU."""
    count = len(os.sched_getaffinity(0)) if work.device == "cpu" else 4
    return spread_out(work, *resident.in_processes(work, count), processes=count)


def with_joblib(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """The strong loop under joblib, a process a core."""
    return spread_out(work, *spread.by_joblib(work))


def with_tune(work: Work, folder: Path) -> dict[str, Any]:
    """The strong loop as a function of Ray Tune, or why not."""
    if reason := spread.missing_ray():
        return {"skipped": reason}
    return spread_out(work, *spread.by_tune(work, folder))


def spread_out(
    work: Work, seconds: float, setup_s: float, found: spread.Found, **extra: Any
) -> dict[str, Any]:
    """What runs in processes of somebody else's came to."""
    accuracies = [accuracy for accuracy, _ in found]
    digests = {str(at): digest for at, (_, digest) in enumerate(found)}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    extra["setup_s"] = setup_s
    return asdict(Outcome(seconds, work.seeds, accuracies, digests, peak, extra))


def study(work: Work, folder: Path, **changes: Any) -> dict[str, Any]:
    """Our own engine as it is by default, from the first run to the last."""
    shutil.rmtree(folder, ignore_errors=True)
    return asdict(ours.run_study(work, folder, options(work, **changes)))


def options(work: Work, **changes: Any) -> ExecutionOptions:
    """What `vggstudy run` uses on a device; every epoch a checkpoint if asked for."""
    every = changes.pop("checkpoint_every_s", None)
    chosen = resolve_options(devices=[work.device], **({"threads": 1} | changes))
    if every is None:
        return chosen
    return replace(chosen, checkpoint_every_s=every)


def resumed(work: Work, folder: Path) -> dict[str, Any]:
    """Our study, its driver killed as soon as a run has a checkpoint, then run to its end."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "baselines.part", "killed", json.dumps(asdict(work)), folder]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list(folder.glob("runs/**/checkpoint.pt")):
        if driver.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("no checkpoint was written before the study ended")
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    left = len(list(folder.glob("runs/**/checkpoint.pt")))
    found = asdict(ours.run_study(work, folder, options(work)))
    found["extra"]["checkpoints_at_kill"] = left
    return found


def machine(work: Work, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """The floor of a work."""
    cores = len(os.sched_getaffinity(0)) if work.device == "cpu" else 1
    data = work.load(0, torch.device("cpu"))
    network = work.model(0, data)
    found: dict[str, Any] = {
        "workers": cores,
        "step_flops": floor.step_flops(network, work.batch_size, data.side),
        "parameters": sum(p.numel() for p in network.parameters()),
        "gemm": floor.gemm_rate(work.device, workers=cores, dtype=work.precision),
    }
    if work.device == "cpu":
        found["convolutions"] = floor.conv_rate(work)
    return found


PARTS: dict[str, Callable[[Work, Path], dict[str, Any]]] = {
    "B0": lambda work, _: one_after_another(eager.train, work),
    "B1": lightning,
    "B2": lambda work, _: one_after_another(resident.train, work),
    "B2d": strong_deterministic,
    "B3": compiled,
    "B4": processes,
    "joblib": with_joblib,
    "tune": with_tune,
    "ours": study,
    "repeat": study,
    "one-worker": lambda work, folder: study(work, folder, jobs=1),
    "killed": lambda work, folder: study(work, folder, checkpoint_every_s=0.0),
    "resumed": resumed,
    "floor": machine,
}

if __name__ == "__main__":
    main()
