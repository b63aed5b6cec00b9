"""A worker that executes a command for every run, and leaves none of its processes behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from multiprocessing.connection import Connection

from vggstudy.execution.local.process import LACK
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.trainers.output import as_text, last_words
from vggstudy.execution.trainers.process import Ended, Limits, Watched, adopt_orphans
from vggstudy.execution.trainers.recording import TrainerAttempt, parameters_of
from vggstudy.execution.trainers.reports import last_line
from vggstudy.execution.trainers.worker import TrainerWorker
from vggstudy.ledger import FailureKind, RunRecord, StudyStore
from vggstudy.ledger.record import Output
from vggstudy.protocol import TrainerRecipe
from vggstudy.protocol.model.trainer import filled_in
from vggstudy.stated.base import write_level
from vggstudy.training.failures import LACKS_MEMORY


class CommandWorker(TrainerWorker):
    """Answers the driver's messages; when the driver is gone, so is the command."""

    def __init__(
        self, connection: Connection, store: StudyStore, options: ExecutionOptions, device: str
    ) -> None:
        super().__init__(connection, store, options, device)
        adopt_orphans()

    def execute(self, attempt: TrainerAttempt) -> RunRecord | None:
        """The record of an attempt; None where it was stopped."""
        argv = command_of(attempt)
        limits = Limits(silence_s=self.options.timeout_s)
        try:
            watched = Watched(
                argv,
                folder=attempt.site.folder,
                environment=environment_of(attempt),
                report=attempt.report,
                limits=limits,
                on_report=attempt.take,
            )
        except (OSError, ValueError) as error:
            return attempt.crash("exception", not_started(argv[0], attempt, error), {})
        ended = watched.watch(self.connection.fileno(), lambda: self.listen(watched))
        if ended.why == "stopped" and attempt.reported.final is None:
            return None
        return record_of(attempt, ended, limits)

    def listen(self, watched: Watched) -> None:
        """Take the driver's word while a command is executed: stop; or it has hung up."""
        try:
            self.connection.recv()
        except (EOFError, ConnectionResetError):
            watched.kill("stopped")
            watched.close()
            sys.exit(0)
        watched.stop()


def command_of(attempt: TrainerAttempt) -> list[str]:
    """The command of a run, its placeholders filled in."""
    recipe = attempt.run.recipe
    command = recipe.trainer.command if isinstance(recipe, TrainerRecipe) else None
    if command is None:
        msg = "the run has no command"
        raise TypeError(msg)
    values = values_of(attempt)
    return [filled_in(argument, values) for argument in command]


def values_of(attempt: TrainerAttempt) -> dict[str, str]:
    """What the placeholders stand for."""
    run, parameters = attempt.run, parameters_of(attempt.run)
    seeds = run.trainer_seeds
    return {
        **{name: write_level(level) for name, level in parameters.items()},
        "seed": "" if seeds.seed is None else str(seeds.seed),
        "init_seed": str(seeds.init),
        "data_seed": str(seeds.data),
        "run_dir": str(attempt.files.absolute()),
        "report": str(attempt.report.absolute()),
        "run_id": run.run_id,
        "replicate": str(run.replicate),
        "parameters": json.dumps(parameters),
        "python": sys.executable,
        "device": attempt.device,
    }


def environment_of(attempt: TrainerAttempt) -> dict[str, str]:
    """The environment of a command: the worker's, and what it may want to know of its run."""
    values = values_of(attempt)
    told = ("report", "run_dir", "run_id", "replicate", "parameters", *_SEEDS)
    return {**os.environ, **{f"VGGSTUDY_{name.upper()}": values[name] for name in told}}


_SEEDS = ("seed", "init_seed", "data_seed")


def not_started(program: str, attempt: TrainerAttempt, error: OSError | ValueError) -> str:
    """Why a command did not start, in one sentence."""
    if not attempt.site.folder.is_dir():  # on a node that shares no files with the driver
        return f"its working folder {attempt.site.folder} is not on {socket.gethostname()}"
    if isinstance(error, FileNotFoundError):
        return f"there is no program '{program}'"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"'{program}' cannot be started: {reason}"


def record_of(attempt: TrainerAttempt, ended: Ended, limits: Limits) -> RunRecord:
    """The record of a run whose command is over."""
    output: Output = {
        "exit_code": ended.code,
        "stdout": as_text(ended.stdout),
        "stderr": as_text(ended.stderr),
        **({"killed": ended.left} if ended.left else {}),
    }
    if ended.why == "report" and attempt.problem is None:
        attempt.problem = f"it wrote more than {limits.report_bytes:,} bytes to its report"
    if (failure := failure_of(attempt, ended, limits)) is not None:
        return attempt.crash(*failure, output)
    if attempt.reported.final is None and (content := last_line(ended.stdout)) is not None:
        attempt.end(content)
    return attempt.finish(output)


def failure_of(
    attempt: TrainerAttempt, ended: Ended, limits: Limits
) -> tuple[FailureKind, str] | None:
    """Kind and sentence of a failure; None for a command that ended well."""
    if attempt.problem is not None:
        return "exception", attempt.problem
    if ended.why == "timeout":
        return "timeout", f"no report within {limits.silence_s:g} s; the command was killed"
    if ended.why == "output":
        return "exception", f"it wrote more than {limits.output_bytes:,} bytes to stdout and stderr"
    if ended.code == 0:
        return None
    words = last_words(ended.stderr) or last_words(ended.stdout)
    tail = f": {words}" if words else ""
    if ended.code < 0:
        name = f"signal {-ended.code}"
        with contextlib.suppress(ValueError):
            name = f"signal {signal.Signals(-ended.code).name}"
        hint = LACK if ended.code == -signal.SIGKILL else ""
        return "killed", f"the command ended with {name}{hint}{tail}"
    text = ended.stderr.decode(errors="replace").lower()
    lacking = any(phrase in text for phrase in LACKS_MEMORY) or "memoryerror" in text
    kind: FailureKind = "out_of_memory" if lacking else "exception"
    return kind, f"the command ended with exit code {ended.code}{tail}"
