"""The command `verify`: what a study rests on; and how every command says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console, common
from vggstudy.errors import LedgerError, StudyError

if TYPE_CHECKING:
    from vggstudy.study.basis import Basis

NOT_AS_PLANNED = 1
DAMAGED = 3

strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Fail (1) unless the study is what was planned before its first run.",
)


class DamagedError(StudyError):
    """An input of a verification that is damaged."""

    exit_code = DAMAGED


@click.command("verify")
@click.argument("study")
@strict_option
@common
def verify_command(console: Console, study: str, strict: bool) -> int:
    """Say what STUDY rests on: its runs, its amendments, and what is not as planned.

    Nothing is estimated and nothing is written; 'vggstudy cite verify' checks a paper. 1 with
    --strict where something is not as planned before the first run, 3 where a file is damaged.
    """
    from vggstudy.study.basis import basis_of
    from vggstudy.study.study import Study, find_study

    try:
        basis = basis_of(Study.open(find_study(study)))
    except LedgerError as error:
        raise DamagedError(str(error)) from None
    if console.as_json:
        console.json("verify-study", {"study": study, "basis": basis.to_dict()})
    else:
        say_basis(console, basis)
    if basis.damaged:
        return DAMAGED
    return strict_code(console, basis) if strict else 0


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
