"""The strong loop handed to joblib, and to Ray Tune as a function: what spreads runs elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from baselines import resident
from baselines.work import Work
from vggstudy.training.determinism import tensors_sha256

Found = list[tuple[float, str]]
"""Accuracy and digest of the weights of every run."""


def one(work: Work, replicate: int) -> tuple[float, str]:
    """One run in one thread, in whatever process it comes to."""
    torch.set_num_threads(1)
    accuracy, model = resident.train(work, replicate)
    return accuracy, tensors_sha256(model.state_dict())


def _warm() -> None:
    """Import everything, and stay busy so that every process gets one."""
    time.sleep(1)


def by_joblib(work: Work) -> tuple[float, float, Found]:
    """Seconds, those of starting its processes before, and what came of every run."""
    from joblib import Parallel, delayed

    count, begun = len(os.sched_getaffinity(0)), time.perf_counter()
    with Parallel(n_jobs=count, batch_size=1) as parallel:
        parallel(delayed(_warm)() for _ in range(count))
        started = time.perf_counter()
        found = parallel(delayed(one)(work, replicate) for replicate in range(work.seeds))
        return time.perf_counter() - started, started - begun, found


def missing_ray() -> str | None:
    """Why Ray Tune cannot be measured here; None where it can."""
    try:
        from ray import tune  # noqa: F401
    except ImportError as error:
        return f"Ray Tune cannot be imported ({error}): pip install vggstudy[ray] pyarrow"
    return None


def by_tune(work: Work, folder: Path) -> tuple[float, float, Found]:
    """Seconds from `Tuner.fit` to its end, those of starting Ray before, and what came of it."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0")
    import ray
    from ray import tune

    count, begun = len(os.sched_getaffinity(0)), time.perf_counter()
    ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False)

    def trial(config: dict[str, int]) -> None:
        accuracy, digest = one(work, config["replicate"])
        tune.report({"accuracy": accuracy, "digest": digest, "replicate": config["replicate"]})

    try:
        started = time.perf_counter()
        results = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space={"replicate": tune.grid_search(list(range(work.seeds)))},
            run_config=tune.RunConfig(storage_path=str(folder.resolve()), verbose=0),
        ).fit()
        seconds = time.perf_counter() - started
    finally:
        ray.shutdown()
    if results.errors:
        raise results.errors[0]
    found = {each.metrics["replicate"]: each.metrics for each in results}
    ordered = [(found[at]["accuracy"], found[at]["digest"]) for at in range(work.seeds)]
    return seconds, started - begun, ordered
