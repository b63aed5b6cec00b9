"""The errors a user can meet; each carries its exit code and one clear message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def printable(text: str) -> str:
    """The text with whatever would steer a terminal escaped: it may come from anybody's file."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class StudyError(Exception):
    """An expected error: shown as one message, without a traceback.

    Attributes
    ----------
    exit_code : int
        What the command line returns for it.
    """

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file, with the place where it stands.

    Attributes
    ----------
    message : str
        The rule and the offending value.
    path : tuple of str or int
        Where it stands in the document, e.g. ``("training", "lr")``.
    line, column : int or None
        One-based position in the file; None where the file has no such place.
    suggestion : str or None
        What to do about it: ``did you mean 'batch_norm'?``
    meant : tuple of str or int, or None
        Path of what was probably meant.
    """

    message: str
    path: tuple[str | int, ...] = ()
    line: int | None = None
    column: int | None = None
    suggestion: str | None = None
    meant: tuple[str | int, ...] | None = None

    def render(self, filename: str) -> str:
        """``file:line:column: message (did you mean ...?)``."""
        place = filename
        if self.line is not None:
            place += f":{self.line}:{self.column or 1}"
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return printable(f"{place}: {self.message}{hint}")


class ProtocolError(StudyError):
    """A protocol that cannot be run; lists every mistake at once."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem] | str, filename: str = "protocol") -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        self.filename = filename
        super().__init__("\n".join(problem.render(filename) for problem in self.problems))


class DataError(StudyError):
    """Images that are missing, unreadable or not what the protocol says."""

    exit_code = 3


class UntrainableError(DataError):
    """A network that cannot train on its cell's images; other cells may well."""


class AnalysisError(StudyError):
    """Input that cannot be analysed: a damaged table, a missing column."""

    exit_code = 3


class TableOptionError(AnalysisError):
    """What was asked of a table, or of a study, cannot be done so."""

    exit_code = 2


class AttestationError(StudyError):
    """Something that others attest, and that does not hold: a time stamp, a signature."""

    exit_code = 3


class OutputError(StudyError):
    """A file that was asked for and cannot be written; name another place."""

    exit_code = 2


class ExecutionError(StudyError):
    """Runs that could not be executed or recorded; they remain pending."""

    exit_code = 4


class LedgerError(StudyError):
    """A study that is unknown, locked, foreign or damaged."""

    exit_code = 5
