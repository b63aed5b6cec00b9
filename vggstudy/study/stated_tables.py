"""Tables that a protocol states: its [table] as arguments, and what contradicts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from vggstudy.errors import TableOptionError
from vggstudy.protocol import Protocol, load_protocol
from vggstudy.study.places import is_file

if TYPE_CHECKING:
    from vggstudy.study.tables import TableAsked

OPTIONS = {"also": "--and", "outcomes": "--outcome"}
"""Options that are not called as their argument is."""

BESIDE = ("lower_is_better", "seeding", "block")
"""What [analysis] says of a table, besides its [table]."""


def is_protocol(source: object) -> TypeGuard[str | Path]:
    """Whether what is to be analysed is a protocol file."""
    return isinstance(source, (str, Path)) and Path(source).suffix == ".toml" and is_file(source)


def read_stated(path: Path, protocol: Protocol | None) -> tuple[Path, Protocol]:
    """The table that a protocol file states, its path from the working folder, and the protocol.

    Parameters
    ----------
    path : Path
        The file.
    protocol : Protocol or None
        One that was given besides, which cannot be.

    Raises
    ------
    ProtocolError
        If it is no protocol.
    TableOptionError
        If it states no table, or another protocol was given.
    """
    if protocol is not None:
        raise TableOptionError(f"{path} is a protocol itself: leave --protocol out")
    found = load_protocol(path).protocol
    if found.table is None:
        msg = f"{path} states no table of runs ([table]): name its study, or a table"
        raise TableOptionError(msg)
    if found.table.file is None:
        msg = f"{path}: table.file is missing; name the table, and this file with --protocol"
        raise TableOptionError(msg)
    return path.parent / found.table.file, found


def reading_of(
    protocol: Protocol | None, given: Mapping[str, Any], path: Path | None = None
) -> tuple[tuple[str, ...], TableAsked]:
    """Factors of a table and what else is asked of it: as its protocol states, or as was given.

    Parameters
    ----------
    protocol : Protocol or None
    given : mapping of str to object
        Arguments that were given, those of `TableAsked` and ``factors``, ``lower_is_better``,
        ``seeding`` and ``block``; what asks for nothing does not stand in it.
    path : Path, optional
        The protocol's file, where that names the table.

    Raises
    ------
    TableOptionError
        If an argument says otherwise than the protocol.
    """
    if protocol is None or protocol.table is None:
        asked = {name: value for name, value in given.items() if name not in (*BESIDE, "factors")}
        return tuple(given.get("factors", ())), cast("TableAsked", asked)
    if path is None and protocol.table.also:
        msg = (
            "table.also of the protocol names further files: give the protocol in place of a table"
        )
        raise TableOptionError(msg)
    stated = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in protocol.table
        if name not in ("factors", "file")
        if value is not None and value is not False and value not in ([], {})
    }
    if path is not None and protocol.table.also:
        stated["also"] = tuple(str(path.parent / one) for one in protocol.table.also)
    factors = tuple(protocol.table.factors)
    beside = {name: getattr(protocol.analysis, name) for name in BESIDE}
    known = {**stated, **beside, "factors": factors}
    for name, value in given.items():
        if _plain(name, value) != _plain(name, known.get(name)):
            refuse_other(name, value, known.get(name))
    return factors, cast("TableAsked", stated)


def _plain(name: str, value: Any) -> Any:
    """A value in the one form in which it is compared."""
    if name == "also":
        return [Path(one).resolve() for one in value or ()]
    if isinstance(value, Mapping):
        return {factor: list(levels) for factor, levels in value.items()}
    return list(value) if isinstance(value, (list, tuple)) else value


def refuse_other(name: str, value: Any, stated: Any) -> None:
    """One sentence on an option and what the protocol says instead.

    Raises
    ------
    TableOptionError
        Always.
    """
    option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    says = "leaves that open" if stated is None else f"says {_text(stated)}"
    msg = (
        f"{option} {_text(value)} contradicts the protocol, which {says}: "
        f"leave the option out, or change the protocol"
    )
    raise TableOptionError(msg)


def _text(value: Any) -> str:
    """A value as a protocol writes it, nearly."""
    return json.dumps(value, ensure_ascii=False, default=str)
