"""How a study is computed, ``execution.json``: the threads that all its runs on CPU share, and why.

Format history (``"format": "vggstudy-execution"``):

schema 1
    ``threads``, ``workers``, ``chosen_by`` and ``trials`` (``workers``, ``threads``,
    ``steps_per_s``), sealed as `vggstudy.ledger.sealed` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded
from vggstudy.ledger.sealed import DamagedFileError, unseal
from vggstudy.ledger.sealed_file import write_sealed

CONDUCT_NAME = "execution.json"
FORMAT = "vggstudy-execution"
SCHEMA = 1

Count = Annotated[int, Field(strict=True, ge=1)]


@dataclass(frozen=True, slots=True)
class Division:
    """What one division of the cores was measured at.

    Attributes
    ----------
    workers, threads : int
        Processes, and threads of each.
    steps_per_s : float
        Steps a second of all workers together, geometric mean over the cells tried.
    """

    workers: Count
    threads: Count
    steps_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a study is computed.

    Attributes
    ----------
    threads : int
        Threads inside an operation, of every run on CPU.
    workers : int
        Processes that went with them when they were chosen; no resumption is bound to it.
    chosen_by : str
        ``measurement``, ``user`` (said so), ``default``.
    trials : tuple of Division
        What was measured; empty unless it was.
    """

    threads: Count
    workers: Count
    chosen_by: str
    trials: tuple[Division, ...] = ()


_READER = TypeAdapter(Conduct)


def read_conduct(folder: Path) -> Conduct | None:
    """How the study in a folder is computed; None where that was never said.

    Raises
    ------
    LedgerError
        If the file is damaged or cannot be read.
    """
    path = folder / CONDUCT_NAME
    try:
        return _parse(unseal(read_bounded(path), form=FORMAT, newest=SCHEMA))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(explain(error, path, "read")) from error
    except DamagedFileError as error:
        hint = "" if error.kind == "newer" else ", or delete it and name the study's --threads"
        raise DamagedFileError(error.kind, f"{error.reason}{hint}", str(path)) from None


def write_conduct(folder: Path, conduct: Conduct) -> None:
    """Keep how a study is computed.

    Raises
    ------
    LedgerError
        If the file cannot be written.
    """
    content = {"format": FORMAT, "schema": SCHEMA, **asdict(conduct)}
    write_sealed(folder / CONDUCT_NAME, content)


def _parse(content: Mapping[str, Any]) -> Conduct:
    """The content of the file, once it is found to be what `write_conduct` writes."""
    try:
        return _READER.validate_python(content)
    except ValidationError as error:
        if len(error.errors()[0]["loc"]) > 1:
            reason = f"holds trials of another form: {content['trials']!r:.80}"
        else:
            threads, workers = content.get("threads"), content.get("workers")
            reason = f"needs threads and workers of at least 1, got {threads!r} and {workers!r}"
        raise DamagedFileError("foreign", reason) from None
