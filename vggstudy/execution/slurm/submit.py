"""Handing packs to sbatch, through submitit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vggstudy.errors import ExecutionError
from vggstudy.execution.packing import Pack
from vggstudy.execution.slurm.job import PackJob
from vggstudy.execution.slurm.options import SlurmSettings
from vggstudy.extras import lacks

_LIMITS = ("limit", "temporarily unable", "too many")


class QueueFull(ExecutionError):  # noqa: N818 - a state, not a mistake
    """SLURM takes no more jobs of this user for now."""


def submit(job: PackJob, packs: Sequence[Pack], settings: SlurmSettings) -> str:
    """Submit packs as one array.

    Parameters
    ----------
    job : PackJob
        Called on the node with the index and the runs of a pack.
    packs : sequence of tuple of PlannedRun
        At most as many as an array may hold.
    settings : SlurmSettings

    Returns
    -------
    number : str
        SLURM's id of the array.

    Raises
    ------
    QueueFull
        If a limit on the number of jobs is reached.
    ExecutionError
        If submitit is not installed, or sbatch refuses the job.
    """
    try:
        import submitit
        from submitit.core.utils import FailedJobError, FailedSubmissionError
    except ImportError:
        raise ExecutionError(lacks("the engine slurm", "submitit", "slurm")) from None
    folder = job.submission.folder
    if "%" in str(folder):
        msg = f"SLURM expands % in paths: give the study another folder than {job.study}"
        raise ExecutionError(msg)
    try:
        executor = submitit.SlurmExecutor(folder)
        executor.update_parameters(**parameters(job, settings))
        jobs = executor.map_array(job, range(len(packs)), packs)
    except (FailedJobError, FailedSubmissionError, OSError, RuntimeError) as error:
        said = [line for line in str(error).splitlines() if "error" in line.lower()]
        text = (said or str(error).splitlines() or ["no reason given"])[-1].strip()
        full = any(word in text.lower() for word in _LIMITS)
        raise (QueueFull if full else ExecutionError)(f"SLURM refuses the jobs: {text}") from None
    return str(jobs[0].job_id).partition("_")[0]


def parameters(job: PackJob, settings: SlurmSettings) -> dict[str, Any]:
    """What submitit writes into the batch script.

    The user's options come last and win; the signal, the name and requeuing are this engine's.
    """
    options = {name: value for name, value in settings.options.items() if name != "time"}
    options.pop("array-parallelism", None)
    needed = job.options.jobs * job.options.threads
    cpus = int(options.pop("cpus-per-task", needed))
    if cpus < needed:
        msg = (
            f"cpus-per-task={cpus} is less than {job.options.jobs} workers of "
            f"{job.options.threads} threads need; lower -j or --threads"
        )
        raise ExecutionError(msg)
    gpus = len(set(job.options.devices) - {"cpu"})
    asks_for_gpus = any(name.startswith(("gpus", "gres")) for name in options)
    if gpus and not asks_for_gpus:
        options["gpus-per-node"] = str(gpus)
    return {
        "job_name": job.submission.name,
        "time": settings.minutes,
        "wckey": None,
        "ntasks_per_node": 1,
        "cpus_per_task": cpus,
        "array_parallelism": settings.array_parallelism,
        # srun does not take the number of cores over from sbatch since SLURM 22.05
        "srun_args": [f"--cpus-per-task={cpus}"],
        "additional_parameters": {
            **options,
            "signal": f"USR1@{job.warning_s}",
            "requeue": True,
        },
    }
