"""Sealed files of a study other than its records: written whole, read with bounds and types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vggstudy.errors import LedgerError
from vggstudy.files import MAX_FILE_BYTES, explain, read_bounded, write_atomic
from vggstudy.ledger.sealed import DamagedFileError, seal, unseal

T = TypeVar("T")


def write_sealed(path: Path, content: Mapping[str, Any], *, exclusive: bool = False) -> None:
    """Seal a file's content, its format and schema among it, and write it.

    Raises
    ------
    LedgerError
        If it cannot be written, or is there already and ``exclusive`` is set.
    """
    try:
        write_atomic(path, seal(content).encode(), exclusive=exclusive)
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error


def read_sealed(
    path: Path, *, form: str, newest: int, limit: int = MAX_FILE_BYTES
) -> dict[str, Any] | None:
    """The content of a sealed file; None where there is no such file.

    Raises
    ------
    DamagedFileError
        If it cannot be read or trusted; names the file.
    """
    try:
        return unseal(read_bounded(path, limit=limit), form=form, newest=newest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFileError("unreadable", explain(error, path, "read")) from error
    except DamagedFileError as error:
        raise error.at(path) from None


def typed(reader: TypeAdapter[T], content: object, *, what: str, path: Path) -> T:
    """The content as what it should be.

    Raises
    ------
    DamagedFileError
        Naming what the file is not, and the first field that is wrong.
    """
    try:
        return reader.validate_python(content)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise DamagedFileError("foreign", f"not {what}: {field}", str(path)) from None
