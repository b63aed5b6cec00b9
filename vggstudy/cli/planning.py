"""The command that plans replicates: power."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console, common, language_option, output_option, write_result
from vggstudy.cli.given import TableChoice, is_claims_file, open_for, table_options

if TYPE_CHECKING:
    from vggstudy.protocol import Protocol
    from vggstudy.study.planning import PowerAsked, PowerFound
    from vggstudy.study.sources import Source

OUTPUTS = (".html", ".svg")


@click.command("power")
@click.argument("source")
@click.option(
    "--half-width",
    "half_widths",
    type=(str, click.FloatRange(min=0, min_open=True)),
    multiple=True,
    metavar="ID WIDTH",
    help="Half-width that the interval of a claim is to have at most, in its unit; repeatable.",
)
@click.option(
    "--hypothesis",
    "hypotheses",
    multiple=True,
    metavar="ID",
    help="Hypothesis whose power is asked for (all); repeatable.",
)
@click.option(
    "--power",
    type=click.FloatRange(0.5, 0.99),
    default=0.8,
    show_default=True,
    help="Share of studies that are to support a hypothesis.",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=2),
    help="Replicates of the design as it is (those of the protocol or of the table).",
)
@click.option(
    "--most",
    type=click.IntRange(2, 2000),
    default=100,
    show_default=True,
    help="Replicates that are tried at most.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Device-hours of the whole study: what do they buy?",
)
@click.option(
    "--expected",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file of the means, spreads and rates that are expected of runs.",
)
@click.option(
    "--studies",
    type=click.IntRange(20, 10_000),
    default=80,
    show_default=True,
    help="Simulated studies a number of replicates.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the simulation (0).")
@output_option
@language_option
@table_options
@common
def power_command(
    console: Console,
    source: str,
    output: Path | None,
    language: str,
    expected: Path | None,
    table: TableChoice,
    half_widths: tuple[tuple[str, float], ...],
    **asked: Any,
) -> None:
    """Choose replicates: how many reach a half-width, or a power.

    SOURCE is a study with some runs (a pilot), a CSV, or a protocol with --expected. Studies of
    ever more replicates are simulated, with runs that come out as those of the pilot, and go
    through the analysis that the real study will.
    """
    from vggstudy.study.expected import read_expected
    from vggstudy.study.planning import PowerAsked, plan_power

    if output is not None and output.suffix.lower() not in OUTPUTS:
        msg = f"-o takes a file that ends in .html or .svg, not {output.name!r}"
        raise click.UsageError(msg)
    wanted = PowerAsked(dict(half_widths), **asked)
    opened, name = _opened(source, table, expected)
    stated = None if expected is None else read_expected(expected)
    with _progress(console, wanted) as watch:
        found = plan_power(opened, wanted, name=name, expected=stated, watch=watch)
    if output is not None:
        write_result(output, _rendered(found, output, language))
    _print(console, found)
    if output is not None:
        console.say(f"page: {output}" if output.suffix == ".html" else f"figure: {output}")


def _opened(
    source: str, table: TableChoice, expected: Path | None
) -> tuple[Source | Protocol, str]:
    """Runs, or a protocol without any; and its name."""
    from vggstudy.protocol import load_protocol

    if is_claims_file(source):
        msg = f"{source} holds claims, no runs: power needs runs, or a protocol with --expected"
        raise click.UsageError(msg)
    protocol = load_protocol(source).protocol if source.endswith(".toml") else None
    if protocol is not None and protocol.table is None:
        if expected is None:
            msg = f"{source} has no runs: --expected FILE states how they come out"
            raise click.UsageError(msg)
        if names := table.besides():
            raise click.UsageError(f"{source} is a protocol: {names[0]} is for a CSV")
        return protocol, protocol.name
    opened = open_for(source, table)
    return opened, (opened.study.path if opened.study is not None else Path(source)).name


def _rendered(found: PowerFound, output: Path, language: str) -> str:
    """The page, or the figure alone."""
    from vggstudy.report.page.power import render_figure, render_power  # matplotlib

    plan, cells, hours = found.plan, found.cells, found.hours
    if output.suffix.lower() == ".svg":
        return render_figure(plan, cells=cells, hours=hours, language=language)
    return render_power(
        plan,
        name=found.name,
        runs=found.runs,
        stated=found.stated,
        cells=cells,
        hours=hours,
        language=language,
    )


def _print(console: Console, found: PowerFound) -> None:
    """The targets, then the design as it is and what a budget buys."""
    from vggstudy.report.words import power as words

    if console.as_json:
        console.json("power", found.to_dict())
        return
    plan, cells, hours = found.plan, found.cells, found.hours
    console.data(words.basis(found.runs, found.name, plan.studies, stated=found.stated))
    rows = [words.target_row(one, plan, cells, hours) for one in plan.reached]
    console.table(words.target_head(), rows)
    for point in words.shown_points(plan):
        console.data("")
        console.data(words.size_of(point, cells, hours))
        if point.looks:
            console.data(words.looks_of(point, cells, hours))
            console.table(words.look_head(), [words.look_row(one) for one in point.looks])
        if point.claims:
            console.table(words.claim_head(), [words.claim_row(one) for one in point.claims])
        if point.hypotheses:
            lines = [row for one in point.hypotheses for row in words.hypothesis_rows(one)]
            console.table(words.hypothesis_head(), lines)
    console.data("")
    for text in words.notes(plan):
        console.data(text)


class _Watch:
    """A bar over the replicates that are tried, with the time that is left at most."""

    def __init__(self, asked: PowerAsked) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from vggstudy.analysis.planning.planning import studies_at_most

        self.display = Progress(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            TextColumn("at most"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=RichConsole(stderr=True),
            transient=True,
        )
        total = studies_at_most(asked.most, asked.studies)
        self.task = self.display.add_task("", total=total)

    def __enter__(self) -> _Watch:
        self.display.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.display.stop()

    def __call__(self, n: int, studies: int) -> None:
        """One study more."""
        text = f"{n} replicates, {studies} studies"
        self.display.update(self.task, advance=1, description=text)


def _progress(console: Console, asked: PowerAsked) -> AbstractContextManager[_Watch | None]:
    """A live display on a terminal; nothing elsewhere."""
    return _Watch(asked) if console.live else nullcontext()
