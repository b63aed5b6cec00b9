"""A worker that calls a function for every run: the one that somebody handed over."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from vggstudy.execution.trainers.functions import load_function
from vggstudy.execution.trainers.output import KEPT_BYTES, as_text
from vggstudy.execution.trainers.process import adopt_orphans, end_descendants
from vggstudy.execution.trainers.recording import TrainerAttempt, parameters_of, site_of
from vggstudy.execution.trainers.reports import ReportError
from vggstudy.execution.trainers.worker import TrainerWorker
from vggstudy.ledger import FailureKind, RunRecord
from vggstudy.ledger.record import Output
from vggstudy.training.failures import lacks_memory


class StopTraining(BaseException):
    """The study is to stop: raised at the end of an epoch; its files stay, the run goes on later.

    No `Exception`, so that a function's own handlers let it pass.
    """


class FunctionReport:
    """What a function reports with.

    Attributes
    ----------
    should_stop : bool
        Whether the study is to stop; the next report of an epoch ends the run then.
    """

    def __init__(self, attempt: TrainerAttempt, stopping: Callable[[], bool]) -> None:
        self._attempt, self._stopping = attempt, stopping
        self._file: IO[bytes] | None = None

    @property
    def should_stop(self) -> bool:
        """Whether the study is to stop."""
        return self._stopping()

    def epoch(self, epoch: int | None = None, **quantities: Any) -> None:
        """Report an epoch; before its checkpoint is saved.

        Parameters
        ----------
        epoch : int, optional
            From 1. Without it epochs are counted from the call of the function: one that goes on
            from its files must say it.
        **quantities
            Numbers.

        Raises
        ------
        ReportError
            If it is no report.
        """
        content = quantities if epoch is None else {"epoch": epoch, **quantities}
        line = self._take(content)
        if self._file is None:
            self._file = self._attempt.report.open("ab", buffering=0)
        self._file.write(line + b"\n")
        if self._stopping():
            raise StopTraining

    def finish(self, status: str = "finished", **quantities: Any) -> None:
        """Report the end, once; a mapping that the function returns does the same."""
        self._take({"status": status, **quantities})

    def _take(self, content: Mapping[str, Any]) -> bytes:
        """Take a report; its line."""
        line = json.dumps(content, default=_plain).encode()
        if not self._attempt.take(line):
            raise ReportError(self._attempt.problem)
        return line

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class FunctionWorker(TrainerWorker):
    """Answers the driver's messages with one function."""

    def serve(self) -> None:
        """Import the function, then handle messages until the driver hangs up."""
        adopt_orphans()
        threading.Thread(target=self.end_with_driver, daemon=True).start()
        self.function = load_function(site_of(self.options).function)
        super().serve()

    def end_with_driver(self) -> None:
        """Kill all that has been started here when the driver hangs up, whatever is under way."""
        hung_up = select.poll()
        hung_up.register(self.connection.fileno(), 0)
        hung_up.poll()
        end_descendants(os.getpid())
        os.killpg(0, signal.SIGKILL)

    def execute(self, attempt: TrainerAttempt) -> RunRecord | None:
        """The record of an attempt; None where it was stopped."""
        run = attempt.run
        report = FunctionReport(attempt, self.connection.poll)
        _forget_output()
        try:
            returned = self.function(parameters_of(run), run.trainer_seeds, report, attempt.files)
            if isinstance(returned, Mapping) and attempt.reported.final is None:
                report.finish(**returned)
        except StopTraining:
            return None
        except ReportError as error:
            return attempt.crash("exception", str(error), _output())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever breaks a run is recorded
            kind: FailureKind = "out_of_memory" if lacks_memory(error) else "exception"
            return attempt.crash(kind, f"{type(error).__name__}: {error}", _output())
        finally:
            report.close()
        return attempt.finish(_output())


def _plain(value: Any) -> Any:
    """A number of NumPy, PyTorch or JAX as Python's."""
    return value.item() if hasattr(value, "item") else str(value)


def _forget_output() -> None:
    """Begin this process's output anew: a file that the driver made."""
    sys.stdout.flush()
    os.ftruncate(1, 0)
    os.lseek(1, 0, os.SEEK_SET)


def _output() -> Output:
    """The end of what was written since."""
    sys.stdout.flush()
    size = os.lseek(1, 0, os.SEEK_END)
    return {"stdout": as_text(os.pread(1, KEPT_BYTES, max(0, size - KEPT_BYTES)))}
