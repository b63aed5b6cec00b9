"""What a folder is before it is opened: a study, the place of a new one, or somebody else's."""

from __future__ import annotations

from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.files import TEMPORARY_SUFFIX, explain, read_bounded
from vggstudy.ledger.marker import Marker
from vggstudy.ledger.scan import RUNS_NAME, is_run_id
from vggstudy.ledger.sealed import DamagedFileError

MARKER_NAME = "study.json"
PROTOCOL_NAME = "protocol.toml"

_DOCTOR = f"; 'vggstudy doctor {{}}' makes it anew from {PROTOCOL_NAME}"


def read_marker(path: Path) -> Marker:
    """The marker of the study in a folder.

    Raises
    ------
    LedgerError
        If there is no such folder, it is no study, or its marker is damaged.
    """
    marker = path / MARKER_NAME
    try:
        return Marker.from_json(read_bounded(marker))
    except (FileNotFoundError, NotADirectoryError):
        if not path.exists():
            msg = f"there is no study at {path}"
        else:
            msg = f"{path} is not a study: it holds no {MARKER_NAME}{_remedy(path)}"
        raise LedgerError(msg) from None
    except OSError as error:
        raise LedgerError(explain(error, marker, "read")) from error
    except DamagedFileError as error:
        hint = "" if error.kind == "newer" else _DOCTOR.format(path)
        raise DamagedFileError(error.kind, f"{error.reason}{hint}", str(marker)) from None


def holds_runs(path: Path) -> bool:
    """Whether a folder holds the folder of at least one run, as only studies do."""
    try:
        return any(is_run_id(item.name) for item in (path / RUNS_NAME).iterdir())
    except OSError:
        return False


def _remedy(path: Path) -> str:
    """How the marker of a study is made anew, where there are runs to tell by."""
    return _DOCTOR.format(path) if holds_runs(path) else ""


def refuse_occupied(path: Path, protocol_text: str) -> None:
    """Refuse a folder that is a study already or holds anything but a torn creation of this one.

    Raises
    ------
    LedgerError
        If a study of that protocol cannot be made there.
    """
    entries = {item.name: item for item in path.iterdir() if item.suffix != TEMPORARY_SUFFIX}
    if MARKER_NAME in entries:
        raise LedgerError(already_a_study(path))
    runs, protocol = entries.get(RUNS_NAME), entries.get(PROTOCOL_NAME)
    if runs and runs.is_dir() and not any(runs.iterdir()):
        del entries[RUNS_NAME]
    if protocol and protocol.is_file() and protocol.read_bytes() == utf8(protocol_text):
        del entries[PROTOCOL_NAME]
    if entries:
        hint = _remedy(path) or "; use another folder"
        msg = f"{path} is not a study and not empty (it holds {min(entries)}){hint}"
        raise LedgerError(msg)


def already_a_study(path: Path) -> str:
    """The words for a folder that is a study."""
    return f"{path} is a study already; open it, or use another folder"


def utf8(text: str) -> bytes:
    """Bytes of a text, whatever it holds."""
    return text.encode("utf-8", "backslashreplace")
