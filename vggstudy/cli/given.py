"""What a command is given: a study, a table or a claims file, and how to open it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console

if TYPE_CHECKING:
    from vggstudy.analysis import ClaimSet
    from vggstudy.analysis.data.table import Seeding
    from vggstudy.analysis.data.times import TimesAsked
    from vggstudy.study.sources import Source


@dataclass(frozen=True, slots=True)
class TableChoice:
    """How a command was told to read a table of runs.

    Attributes
    ----------
    factors : tuple of str
        Columns that are factors.
    protocol_file : str or None
        A protocol that says how to analyse it.
    seeding : str or None
        Whether runs of different cells share seeds.
    lower_is_better : bool or None
        Whether less of the outcome is better.
    outcomes : tuple of str
        Columns that are analysed, the main one first.
    chance : float or None
        Outcome of a run that guesses.
    time, reached : str or None
        Columns of a time to a target.
    horizon : float or None
        Time up to which its means count.
    """

    factors: tuple[str, ...] = ()
    protocol_file: str | None = None
    seeding: Seeding | None = None
    lower_is_better: bool | None = None
    outcomes: tuple[str, ...] = ()
    chance: float | None = None
    time: str | None = None
    reached: str | None = None
    horizon: float | None = None

    @property
    def times(self) -> TimesAsked | None:
        """The columns of a time to a target: both, or neither."""
        from vggstudy.analysis.data.times import TimesAsked

        if self.time is None or self.reached is None:
            if (self.time, self.reached, self.horizon) != (None, None, None):
                msg = "--time and --reached name two columns together, --horizon a time of theirs"
                raise click.UsageError(msg)
            return None
        return TimesAsked(self.time, self.reached, self.horizon)

    def refuse_claims(self, path: str) -> None:
        """What says how runs are read has no use for a file of claims."""
        given = {
            "--seeding": self.seeding,
            "--lower-is-better": self.lower_is_better,
            "--outcome": self.outcomes or None,
            "--chance": self.chance,
            "--time": self.time,
        }
        if names := [name for name, value in given.items() if value is not None]:
            said = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} for a CSV"
            raise click.UsageError(f"{path} holds claims, no runs: {said}")


_TABLE_OPTIONS = (
    click.option(
        "--factors", default="", metavar="A,B,...", help="Columns of a CSV that are factors."
    ),
    click.option("--protocol", "protocol_file", help="Protocol that says how to analyse a CSV."),
    click.option(
        "--outcome",
        "outcomes",
        multiple=True,
        metavar="COLUMN",
        help="Column of a CSV that is analysed (test_accuracy); repeated, the first is the main "
        "one.",
    ),
    click.option(
        "--chance",
        type=click.FloatRange(0, 1, max_open=True),
        help="Outcome of a run that guesses, in a CSV without labels: others have learned.",
    ),
    click.option("--time", metavar="COLUMN", help="Column of a CSV: the time to a target."),
    click.option(
        "--reached",
        metavar="COLUMN",
        help="Column of a CSV: whether the target was reached at that time (true, false).",
    ),
    click.option(
        "--horizon", type=float, help="Time up to which means of times to a target count."
    ),
    click.option(
        "--lower-is-better/--higher-is-better",
        default=None,
        help="Whether less of the outcome is better; by default as its name says.",
    ),
    click.option(
        "--seeding",
        type=click.Choice(["auto", "independent", "shared", "crossed"]),
        help="Whether runs of different cells of a CSV share seeds; auto: its column 'seed' tells.",
    ),
)


def table_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """The options of every command that takes a table; it gets them as one ``table``."""

    @functools.wraps(command)
    def chosen(*args: Any, factors: str, **given: Any) -> int | None:
        asked = {each.name: given.pop(each.name) for each in fields(TableChoice)[1:]}
        return command(*args, table=TableChoice(tuple(split(factors)), **asked), **given)

    for option in reversed(_TABLE_OPTIONS):
        chosen = option(chosen)
    return chosen


def split(names: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def open_for(source: str, table: TableChoice) -> Source:
    """Open what a command was given."""
    from vggstudy.protocol import load_protocol
    from vggstudy.study.sources import open_source

    return open_source(
        source,
        protocol=load_protocol(table.protocol_file).protocol if table.protocol_file else None,
        factors=table.factors,
        seeding=table.seeding,
        lower_is_better=table.lower_is_better,
        outcomes=table.outcomes,
        chance=table.chance,
        times=table.times,
    )


def claims_of(console: Console, source: str, table: TableChoice) -> ClaimSet:
    """Claims of a claims.json, or those that a study's records or a table's rows give now.

    A study's own claims.json is never believed; where it says otherwise, that is told.
    """
    from vggstudy.study.analyze import analyze_source

    if is_claims_file(source):
        table.refuse_claims(source)
        return read_claims(Path(source))
    opened = open_for(source, table)
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
