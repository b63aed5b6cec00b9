"""Options of a trainer of one's own, and the question whether its command may be executed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from vggstudy.cli.console import Console
from vggstudy.errors import printable
from vggstudy.study.study import Study
from vggstudy.study.trainers import SHORTEST, command_text, has_consent, record_consent

F = TypeVar("F", bound=Callable[..., Any])


def trainer_options(command: F) -> F:
    """Options by which somebody consents to a trainer: ``allow_command`` and ``trainer``."""
    allow = click.option(
        "--allow-command",
        metavar="SHA",
        help="Execute the protocol's [trainer] command without asking, if it is the one with "
        "this digest.",
    )
    function = click.option(
        "--trainer",
        metavar="MODULE:FUNCTION",
        help="The function that trains, where the protocol's [trainer] is that function.",
    )
    return allow(function(command))


def ask_consent(console: Console, study: Study, allowed: str | None) -> None:
    """Show a command that this user has not allowed for this study, and ask for it at a terminal.

    Where nobody can be asked, executing it will be refused.
    """
    protocol = study.protocol
    digest = protocol.command_digest()
    asked = digest is None or allowed is not None or has_consent(protocol, study.path)
    if asked or console.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    shown = [
        "This study trains by a command, which is executed on this machine as you:",
        f"  {command_text(protocol)}",
        *(f"  {name} = {value!r}" for name, value in protocol.parameters.items()),
        *(f"  {name} in {levels!r}" for name, levels in protocol.design.factors.items()),
        f"  digest {str(digest)[:SHORTEST]}",
    ]
    for line in shown:
        click.echo(printable(line), err=True)
    if click.confirm("Execute it, now and whenever this study goes on?", err=True):
        record_consent(protocol, study.path)


def warn_of_code(console: Console, study: Study) -> None:
    """Say where the trainer's code here is not that of a study's runs; nothing is executed."""
    from vggstudy.study.codes import code_here

    if (told := code_here(study)) is not None:
        console.warn(told)
