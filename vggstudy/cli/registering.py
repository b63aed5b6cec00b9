"""The command `register`: a receipt of a protocol and its plan, for others to stamp."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from vggstudy.cli.console import Console, common
from vggstudy.cli.runs import set_option, study_option
from vggstudy.errors import LedgerError
from vggstudy.ledger.receipt import Witness, add_witnesses, beside, digest_of, receipt_files
from vggstudy.protocol import load_protocol
from vggstudy.study.places import find_study, is_file
from vggstudy.study.stated_tables import is_protocol
from vggstudy.study.study import Study

existing = click.Path(exists=True, dir_okay=False, path_type=Path)


def _witnesses(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001 - click's signature
    values: tuple[str, ...],
) -> tuple[Witness, ...]:
    """Each as what it is."""
    from vggstudy.study.register import witness_of

    try:
        return tuple(map(witness_of, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("register")
@click.argument("source")
@study_option
@set_option
@click.option(
    "--response", type=existing, metavar="TSR", help="Keep a time-stamping authority's answer."
)
@click.option(
    "--certificates", type=existing, metavar="PEM", help="Keep that authority's certificates."
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    callback=_witnesses,
    metavar="KIND:NAME",
    help="Note where the receipt is held: git:COMMIT or doi:10.1234/...",
)
@common
def register_command(
    console: Console,
    source: str,
    folder: Path | None,
    overrides: tuple[str, ...],
    response: Path | None,
    certificates: Path | None,
    witnesses: tuple[Witness, ...],
) -> None:
    """Write a receipt of what SOURCE, a protocol or a study, states and plans.

    The receipt lies in the study's folder, which is made if there is none. It says which protocol
    is in force, which runs it plans and how many there are by now. Of a protocol that states a
    table it lies in PROTOCOL.registered, and says how many runs the table holds: none before it is
    there. Nothing is sent anywhere: give the receipt to others yourself, and keep what they answer
    with --response or --witness, which belong to the newest receipt.
    """
    from vggstudy.study.register import keep_response

    place, write = _place(source, folder, overrides)
    answered = response is not None or bool(witnesses)
    if answered and not receipt_files(place):
        raise LedgerError(f"{place} holds no receipt yet: register it first")
    receipt = receipt_files(place)[-1] if answered else write()
    if response is not None:
        at = keep_response(receipt, response, certificates)
        console.say(f"time stamp of {at} kept with {receipt}")
    if witnesses:
        add_witnesses(receipt, witnesses)
        console.say(f"{len(witnesses)} noted with {receipt}")
    request = beside(receipt, ".tsq")
    if console.as_json:
        asked = str(request) if request.exists() else None
        content = {"receipt": str(receipt), "sha256": digest_of(receipt), "request": asked}
        console.json("register", content)
        return
    console.data(f"{receipt}: SHA-256 {digest_of(receipt)}")
    if not answered:
        _advise(console, request, source)


def _place(
    source: str, folder: Path | None, overrides: tuple[str, ...]
) -> tuple[Path, Callable[[], Path]]:
    """The folder of the receipts, and what writes one."""
    from vggstudy.study.register import register
    from vggstudy.study.table_register import receipts_folder, register_table

    path = Path(source)
    if is_protocol(source) and load_protocol(path, overrides=overrides).protocol.table is not None:
        if folder is not None or overrides:
            option = "--set" if overrides else "--study"
            raise click.UsageError(f"{option} has no meaning for a protocol that states a table")
        return receipts_folder(path), partial(register_table, path)
    study = _study(source, folder, overrides)
    return study.path, partial(register, study)


def _study(source: str, folder: Path | None, overrides: tuple[str, ...]) -> Study:
    """The study of a protocol file, or one that exists."""
    if is_file(source) or not _is_study(source):
        return Study.load(load_protocol(source, overrides=overrides), folder)
    return Study.open(find_study(source))


def _is_study(source: str) -> bool:
    """Whether there is a study of that path or name."""
    try:
        return (find_study(source) / "study.json").is_file()
    except LedgerError:
        return False


def _advise(console: Console, request: Path, source: str) -> None:
    """What anybody can do to attest the receipt."""
    console.say("Commit it, or deposit it for a DOI, then note that:")
    console.say(f"  vggstudy register {source} --witness git:COMMIT")
    if not request.exists():
        console.say("openssl is not installed here, so no request of a time stamp was made.")
        return
    console.say("Or have it stamped by an authority of your choice (RFC 3161), for example:")
    header = "Content-Type: application/timestamp-query"
    console.say(f"  curl -H '{header}' --data-binary @{request} -o answer.tsr URL")
    console.say(f"  vggstudy register {source} --response answer.tsr --certificates chain.pem")
