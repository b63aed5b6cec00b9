"""The command `verify`: what a study rests on; and how every command says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from vggstudy.cli.console import Console, common
from vggstudy.errors import LedgerError, StudyError

if TYPE_CHECKING:
    from vggstudy.study.basis import Basis

R = TypeVar("R")

NOT_AS_PLANNED = 1
DAMAGED = 3

TRUSTED = (
    ("authority", "PEM", "Certificates of time-stamping authorities that you trust."),
    ("repository", "FOLDER", "Your own git repository, to look commits up in."),
    ("signers", "FILE", "Whose signatures count, as ssh-keygen's ALLOWED SIGNERS."),
)
"""What a reader may bring along, as `vggstudy.study.receipts.Trusted`."""

strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Fail (1) unless the study is what was planned before its first run.",
)


def trusted_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options with what the reader brings along to check what others attest."""
    for name, metavar, text in reversed(TRUSTED):
        kind = click.Path(exists=True, path_type=Path)
        command = click.option(f"--{name}", type=kind, metavar=metavar, help=text)(command)
    return command


class DamagedError(StudyError):
    """An input of a verification that is damaged."""

    exit_code = DAMAGED


@click.command("verify")
@click.argument("study")
@strict_option
@click.option("--diff", is_flag=True, help="Print what each amendment changed, line by line.")
@trusted_options
@common
def verify_command(
    console: Console, study: str, strict: bool, diff: bool, **trusted: Path | None
) -> int:
    """Say what STUDY rests on: its runs, its amendments, and what is not as planned.

    Nothing is estimated and nothing is written; 'vggstudy cite verify' checks a paper. 1 with
    --strict where something is not as planned before the first run, 3 where a file is damaged.
    """
    try:
        basis = _basis(study, trusted)
    except LedgerError as error:
        raise DamagedError(str(error)) from None
    if console.as_json:
        console.json("verify-study", {"study": study, "basis": basis.to_dict()})
    else:
        say_basis(console, basis)
        for text in basis.diffs if diff else ():
            console.data("")
            console.data(text)
    if not basis.sound:
        return DAMAGED
    return strict_code(console, basis) if strict else 0


def _basis(source: str, brought: Mapping[str, Path | None]) -> Basis:
    """What a study, or a table whose protocol was registered, rests on."""
    from vggstudy.study.basis import basis_of
    from vggstudy.study.places import find_study
    from vggstudy.study.receipts import Trusted
    from vggstudy.study.sources import open_source
    from vggstudy.study.stated_tables import is_protocol
    from vggstudy.study.study import Study
    from vggstudy.study.table_register import receipts_folder, table_basis

    if not is_protocol(source):
        return basis_of(Study.open(find_study(source)), trusted=Trusted(**brought))
    basis = table_basis(open_source(source), trusted=Trusted(**brought))
    if basis is None:
        raise LedgerError(
            f"{receipts_folder(Path(source))} holds no receipt: nothing was registered"
        )
    return basis


def say_basis(console: Console, basis: Basis, *, in_short: bool = False) -> None:
    """What a study rests on; in short, what is odd as a result and the rest as messages."""
    from vggstudy.report.words.names import capitalise
    from vggstudy.report.words.notes import spoken

    for remark in basis.remarks:
        text = f"{capitalise(spoken(remark.note)).rstrip('.')}."
        if remark.odd or not in_short:
            console.data(text)
        else:
            console.say(text)


def strict_code(console: Console, basis: Basis) -> int:
    """The exit code under ``--strict``."""
    if not basis.odd:
        return 0
    console.say(f"--strict: {len(basis.odd)} not as planned before the first run")
    return NOT_AS_PLANNED
