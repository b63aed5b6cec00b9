"""What a command is given: a study, a table or a claims file, and how to open it."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console
from vggstudy.errors import AnalysisError, LedgerError
from vggstudy.stated.base import Level, write_level

if TYPE_CHECKING:
    from vggstudy.analysis import ClaimSet
    from vggstudy.study.sources import Source


@dataclass(frozen=True, slots=True)
class TableChoice:
    """How a command was told to read a table of runs.

    Attributes
    ----------
    said : mapping of str to object
        The options that were given, by their names in `TABLE_OPTIONS`.
    """

    said: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """The options that say the same, to be quoted for a shell."""
        return [text for name, value in self.said.items() for text in _written(name, value)]

    def besides(self, *names: str) -> list[str]:
        """Options that were given, other than some, as they are typed."""
        given = [name for name in self.said if name not in names]
        return [TABLE_OPTIONS[name][0].partition("/")[0] for name in given]

    def refuse_claims(self, path: str) -> None:
        """What says how runs are read has no use for a file of claims."""
        if names := self.besides("factors", "protocol_file"):
            said = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} for a CSV"
            if names == ["--simultaneous"]:
                said = f"{names[0]} needs runs"
            raise click.UsageError(f"{path} holds claims, no runs: {said}")


def _written(name: str, value: Any) -> Iterator[str]:
    """An option as it is typed, one text an argument."""
    yes, _, no = TABLE_OPTIONS[name][0].partition("/")
    if isinstance(value, bool):
        yield yes if value else no
    elif isinstance(value, Mapping):
        for factor, levels in value.items():
            yield from (yes, f"{factor}={','.join(map(write_level, levels))}")
    elif name == "factors":
        yield from (yes, ",".join(value))
    elif isinstance(value, tuple):
        for one in value:
            yield from (yes, str(one))
    else:
        yield from (yes, f"{value:g}" if isinstance(value, float) else str(value))


def _levels(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[Level]]:
    """``method=old,new`` of every factor that is named."""
    found: dict[str, list[Level]] = {}
    for text in values:
        factor, equals, levels = text.rpartition("=")
        if not equals or not split(levels):
            raise click.BadParameter(
                f"write FACTOR=LEVEL,LEVEL,... as in method=old,new, not {text!r}"
            )
        found[factor.strip()] = [_level(one) for one in split(levels)]
    return found


def _level(text: str) -> Level:
    """A level as an id writes it: true, 19, 0.001; anything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


TABLE_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "factors": (
        "--factors",
        {
            "default": "",
            "metavar": "A,B,...",
            "callback": lambda _context, _parameter, text: tuple(split(text)),
            "help": "Columns of a CSV that are factors; auto takes those that look like some.",
        },
    ),
    "protocol_file": ("--protocol", {"help": "Protocol that says how to analyse a CSV."}),
    "outcomes": (
        "--outcome",
        {
            "multiple": True,
            "metavar": "COLUMN",
            "help": "Column of a CSV that is analysed (test_accuracy); repeated, the first is the "
            "main one.",
        },
    ),
    "replicate": (
        "--replicate",
        {
            "metavar": "COLUMN",
            "help": "Column of a CSV that tells the runs of a cell apart (replicate or seed).",
        },
    ),
    "where": (
        "--where",
        {
            "metavar": "CONDITION",
            "help": "Rows of a CSV that are used: 'phase = test and lr <= 0.1'.",
        },
    ),
    "wide": (
        "--wide",
        {
            "metavar": "PATTERN",
            "help": "Columns of a CSV that each hold the outcome of a run: 'seed_*'.",
        },
    ),
    "also": (
        "--and",
        {
            "multiple": True,
            "metavar": "FILE",
            "help": "A further CSV of the same table; repeatable.",
        },
    ),
    "levels": (
        "--levels",
        {
            "multiple": True,
            "metavar": "FACTOR=A,B,...",
            "callback": _levels,
            "help": "Order of a factor's levels in a CSV (numbers by value, texts as they come).",
        },
    ),
    "percent": (
        "--percent",
        {
            "is_flag": True,
            "default": None,
            "help": "The outcome of a CSV is in per cent: 93.2 means 0.932.",
        },
    ),
    "label": (
        "--label",
        {
            "metavar": "COLUMN",
            "help": "Column of a CSV that says which runs converged, in words or as true/false.",
        },
    ),
    "succeeds": (
        "--succeeds",
        {
            "metavar": "CONDITION",
            "help": "What a run of a CSV meets that converged: 'val_loss < 3.28'.",
        },
    ),
    "chance": (
        "--chance",
        {
            "type": click.FloatRange(0, 1, max_open=True),
            "help": "Outcome of a run that guesses, in a CSV without labels: others have learned.",
        },
    ),
    "last": (
        "--last",
        {
            "metavar": "COLUMN",
            "help": "Of a CSV with several rows a run, take those with a run's greatest COLUMN "
            "(epoch).",
        },
    ),
    "average_over": (
        "--average-over",
        {
            "multiple": True,
            "metavar": "COLUMN",
            "help": "Of a CSV with several rows a run, take their mean over COLUMN (episode).",
        },
    ),
    "time": (
        "--time",
        {
            "metavar": "COLUMN",
            "help": "Column of a CSV: the time to a target, or until the run was lost.",
        },
    ),
    "reached": (
        "--reached",
        {
            "metavar": "COLUMN",
            "help": "Column of a CSV: whether the run reached the target then (true or false).",
        },
    ),
    "horizon": (
        "--horizon",
        {"type": float, "help": "Time up to which means of times to a target count."},
    ),
    "lower_is_better": (
        "--lower-is-better/--higher-is-better",
        {
            "default": None,
            "help": "Whether less of the outcome is better; by default as its name says.",
        },
    ),
    "block": (
        "--block",
        {
            "metavar": "COLUMN",
            "help": "Column of a CSV (data sets, tasks) whose levels stand for others of their "
            "kind.",
        },
    ),
    "seeding": (
        "--seeding",
        {
            "type": click.Choice(["auto", "independent", "shared", "crossed"]),
            "help": "Whether runs of different cells of a CSV share seeds; auto: its column 'seed' "
            "tells.",
        },
    ),
    "simultaneous": (
        "--simultaneous",
        {
            "multiple": True,
            "metavar": "PATTERN",
            "help": "Claims that are a family, their intervals holding together: "
            "'accuracy.diff.*'.",
        },
    ),
}
"""The options on a table, by the names of the arguments of `open_source`."""


claims_option = click.option(
    "--claims",
    "asked",
    multiple=True,
    metavar="PATTERN",
    help="Claims that are made besides: an id, or ids with * and ? for what may stand there.",
)


def table_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """The options of every command that takes a table; it gets them as one ``table``."""

    @functools.wraps(command)
    def chosen(*args: Any, **given: Any) -> int | None:
        asked = {name: given.pop(name) for name in TABLE_OPTIONS}
        said = {name: value for name, value in asked.items() if value not in (None, (), {})}
        return command(*args, table=TableChoice(said), **given)

    for name, (flag, settings) in reversed(TABLE_OPTIONS.items()):
        chosen = click.option(flag, name, **settings)(chosen)
    return chosen


def split(names: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def open_for(source: str, table: TableChoice) -> Source:
    """Open what a command was given."""
    from vggstudy.protocol import load_protocol
    from vggstudy.study.sources import open_source

    asked = dict(table.said)
    protocol_file, family = asked.pop("protocol_file", None), asked.pop("simultaneous", ())
    protocol = load_protocol(protocol_file).protocol if protocol_file else None
    with _naming_exports(source):
        opened = open_source(source, protocol=protocol, decide=asker(), **asked)
    return replace(opened, simultaneous=family)


@contextmanager
def _naming_exports(source: str) -> Iterator[None]:
    """Whoever gives another tool's export, and is refused, hears of `import`."""
    try:
        yield
    except (AnalysisError, LedgerError) as error:
        from vggstudy.imports.registry import recognised

        found = recognised(Path(source))
        if found is None:
            raise
        hint = f"it looks like {found.words}: vggstudy import {quote(source)} -o runs.csv"
        raise type(error)(f"{error} ({hint} makes a table of its runs)") from None


def asker() -> Callable[[str], bool] | None:
    """Who decides on columns that may be factors: somebody at a terminal, or nobody."""
    return _ask if sys.stdin is not None and sys.stdin.isatty() else None


def _ask(column: str) -> bool:
    """Whether a column is a factor, from whoever sits at the terminal."""
    return click.confirm(f"Is {column!r} a factor?", default=True, err=True)


def claims_of(
    console: Console, source: str, table: TableChoice, asked: Sequence[str] = ()
) -> ClaimSet:
    """Claims of a claims.json, or those that a study's records or a table's rows give now.

    Those of records and rows know every id, made unasked or not. A study's own claims.json is never
    believed; where it says otherwise, that is told.
    """
    from vggstudy.study.analyze import analyze_source

    if is_claims_file(source):
        table.refuse_claims(source)
        if asked:
            raise click.UsageError(f"{source} holds claims, no runs: --claims is for runs")
        return read_claims(Path(source))
    opened = open_for(source, table)
    claims = analyze_source(opened, asked=asked, claims_only=True).claims
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
    from vggstudy.study.places import is_file

    return source.endswith(".json") and is_file(source) and Path(source).name != "study.json"


def read_claims(path: Path, *, follow: bool = True) -> ClaimSet:
    """Claims of a file."""
    from vggstudy.analysis.claims.claim_set import read_claims_file

    return read_claims_file(path, follow=follow)
