"""What a command is given: a study, a table or a claims file, and how to open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vggstudy.cli.console import Console

if TYPE_CHECKING:
    from vggstudy.analysis import ClaimSet
    from vggstudy.analysis.data.table import Seeding
    from vggstudy.study.sources import Source

factors_option = click.option(
    "--factors", default="", metavar="A,B,...", help="Columns of a CSV that are factors."
)
_protocol = click.option(
    "--protocol", "protocol_file", help="Protocol that says how to analyse a CSV."
)
seeding_option = click.option(
    "--seeding",
    type=click.Choice(["auto", "independent", "shared", "crossed"]),
    help="Whether runs of different cells of a CSV share seeds; auto: its column 'seed' tells.",
)
Command = TypeVar("Command", bound=Callable[..., object])
_KEPT = "vggstudy.table"
"""Where `open_for` finds the options that every command on a table has."""


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Leave an option where `open_for` finds it."""
    context.meta.setdefault(_KEPT, {})[option.name] = value


_direction = click.option(
    "--lower-is-better/--higher-is-better",
    default=None,
    expose_value=False,
    callback=_keep,
    help="Whether less of the outcome is better; by default as its name says.",
)
_outcomes = click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="COLUMN",
    expose_value=False,
    callback=_keep,
    help="Column of a CSV that is analysed (test_accuracy); repeated, the first is the main one.",
)
_chance = click.option(
    "--chance",
    type=click.FloatRange(0, 1, max_open=True),
    expose_value=False,
    callback=_keep,
    help="Outcome of a run that guesses, in a CSV without labels: others have learned.",
)


def protocol_option(command: Command) -> Command:
    """The options of every command that takes a table, --protocol among them."""
    return _protocol(_outcomes(_chance(_direction(command))))


def split(names: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def open_for(
    source: str, protocol_file: str | None, factors: str, seeding: Seeding | None = None
) -> Source:
    """Open what a command was given."""
    from vggstudy.protocol import load_protocol
    from vggstudy.study.sources import open_source

    protocol = load_protocol(protocol_file).protocol if protocol_file else None
    names = [name.strip() for name in factors.split(",") if name.strip()]
    return open_source(source, protocol=protocol, factors=names, seeding=seeding, **_kept())


def _kept() -> dict[str, Any]:
    """What the command was given of the options that every command on a table has."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_KEPT, {}) if context else {}


def claims_of(
    console: Console,
    source: str,
    protocol_file: str | None,
    factors: str,
    seeding: Seeding | None = None,
) -> ClaimSet:
    """Claims of a claims.json, or those that a study's records or a table's rows give now.

    A study's own claims.json is never believed; where it says otherwise, that is told.
    """
    from vggstudy.study.analyze import analyze_source

    if is_claims_file(source):
        if seeding is not None:
            msg = f"{source} holds claims, no runs: --seeding is for a CSV"
            raise click.UsageError(msg)
        if any(value not in (None, ()) for value in _kept().values()):
            msg = f"{source} holds claims, no runs: options on a table are for a CSV"
            raise click.UsageError(msg)
        return read_claims(Path(source))
    opened = open_for(source, protocol_file, factors, seeding)
    claims = analyze_source(opened).claims
    known = opened.claims_path
    if known is not None and (known.exists() or known.is_symlink()):
        _compare(console, known, claims)
    return claims


def _compare(console: Console, known: Path, claims: ClaimSet) -> None:
    """Say where a study's own file of claims is not what its records give."""
    from vggstudy.errors import AnalysisError
    from vggstudy.report.citing.verify import verify_claims

    try:
        written = read_claims(known, follow=False)
    except AnalysisError as error:
        console.warn(f"{error}; the numbers are those of the records")
        return
    ours = {claim.inputs_digest for claim in claims.values()}
    if {claim.inputs_digest for claim in written.values()} != ours:
        console.say(f"{known} is older than the study's runs; 'vggstudy analyze' makes it anew")
    elif wrong := verify_claims(known, written, claims).mismatches:
        console.warn(
            f"{wrong[0]} ({len(wrong)} of {len(written)} claims differ: edited, or made by another "
            "version); the numbers are those of the records"
        )


def is_claims_file(source: str) -> bool:
    """Whether a source is a file of claims, and no study's marker."""
    from vggstudy.study.study import is_file

    return source.endswith(".json") and is_file(source) and Path(source).name != "study.json"


def read_claims(path: Path, *, follow: bool = True) -> ClaimSet:
    """Claims of a file."""
    from vggstudy.analysis.claims.claim_set import read_claims_file

    return read_claims_file(path, follow=follow)
