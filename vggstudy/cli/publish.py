"""Commands on published studies: pack, unpack."""

from __future__ import annotations

from pathlib import Path

import click

from vggstudy.cli.console import Console, common, size
from vggstudy.ledger.pack import PACK_NAME
from vggstudy.ledger.publish import unpack_study
from vggstudy.study.places import find_study


@click.command("pack")
@click.argument("study")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--sign",
    "key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="KEY",
    help="An SSH key, to sign the manifest with (ssh-keygen).",
)
@common
def pack_command(console: Console, study: str, folder: Path, key: Path | None) -> int:
    """Copy STUDY into FOLDER as a few files, for publishing.

    FOLDER then holds study.json, protocol.toml, all records in one compressed file, the journal
    and receipts where there are any, and a manifest of what is planned and missing. Every
    command that reads a study reads it; 'vggstudy unpack' makes a study of it that can go on.
    """
    from vggstudy.study.packing import pack

    count = pack(find_study(study), folder, key=key)
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
