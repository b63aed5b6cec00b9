"""Commands on published studies: pack, unpack."""

from __future__ import annotations

from pathlib import Path

import click

from vggstudy.cli.console import Console, common, size
from vggstudy.ledger.pack import PACK_NAME
from vggstudy.ledger.publish import pack_study, unpack_study
from vggstudy.study.study import find_study


@click.command("pack")
@click.argument("study")
@click.argument("folder", type=click.Path(path_type=Path))
@common
def pack_command(console: Console, study: str, folder: Path) -> int:
    """Copy STUDY into FOLDER as three files, for publishing.

    FOLDER then holds study.json, protocol.toml and all records in one compressed file. Every
    command that reads a study reads it; 'vggstudy unpack' makes a study of it that can go on.
    """
    count = pack_study(find_study(study), folder)
    taken = (folder / PACK_NAME).stat().st_size
    if console.as_json:
        console.json("pack", {"folder": str(folder), "records": count, "bytes": taken})
    else:
        console.data(f"{folder}: {count} records in {size(taken)}")
    return 0


@click.command("unpack")
@click.argument("packed")
@click.argument("folder", type=click.Path(path_type=Path))
@common
def unpack_command(console: Console, packed: str, folder: Path) -> int:
    """Make a study in FOLDER of the PACKED one; 'vggstudy run' can go on with it."""
    count = unpack_study(find_study(packed), folder)
    if console.as_json:
        console.json("unpack", {"folder": str(folder), "records": count})
    else:
        console.data(f"{folder}: {count} records")
    return 0
