"""The command that writes a protocol to start from: init."""

from __future__ import annotations

from pathlib import Path

import click

from vggstudy.cli.console import Console, common
from vggstudy.cli.given import TABLE_OPTIONS, TableChoice, asker, table_options
from vggstudy.protocol import load_protocol

KEPT = tuple(name for name in TABLE_OPTIONS if name not in ("protocol_file", "simultaneous"))
"""Options on tables that a protocol can hold."""


@click.command("init")
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; NAME.toml by default.",
)
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    help="Copy a shipped protocol, or make one of a table of runs (runs.csv) or a sweep of W&B or "
    "Hydra (sweep.yaml).",
)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@table_options
@common
def init_command(
    console: Console,
    name: str | None,
    output: Path | None,
    source: str | None,
    table: TableChoice,
    *,
    force: bool,
) -> None:
    """Write a commented starter protocol named NAME.

    It runs as it is, on the digits images, in a minute or two. With --from it is a copy of that
    shipped protocol under the new name: "vggstudy protocols" lists them. From a table of runs it is
    a protocol that reads it, as the options on tables say, and as its columns look; analyze,
    report, cite and export take it in place of the table. From a sweep it is a protocol of your own
    trainer; what cannot be carried over is told line by line.
    """
    from vggstudy.protocol.reading.template import plain_name, render_copy, render_template

    other = _other_file(source)
    sweep = other is not None and other.suffix in (".yaml", ".yml")
    of_runs = other is not None and not sweep
    if name is None and other is None:
        raise click.UsageError("name the study: vggstudy init NAME")
    if given := table.besides(*(KEPT if of_runs else ())):
        raise click.UsageError(f"{given[0]} is for --from a table of runs")
    plain = (plain_name(other) if name is None and other else str(name)).removesuffix(".toml")
    file = output or Path(f"{plain}.toml")
    left: tuple[str, ...] = ()
    if other is None:
        text = render_copy(load_protocol(source).text, plain) if source else render_template(plain)
    elif sweep:
        text, left = _of_sweep(other, plain)
    else:
        text = _proposed(other, file, plain, table)
    _write(file, text, force=force)
    for one in left:
        console.warn(one)
    if console.as_json:
        told = {"not_carried_over": list(left)} if sweep else {}
        console.json("init", {"path": str(file), **told})
    else:
        console.data(str(file))
        then = "analyze" if of_runs else "run"
        console.say(f"next: vggstudy check {file}; vggstudy {then} {file}")


def _other_file(source: str | None) -> Path | None:
    """The file that a protocol is to be made of; None where it is a protocol itself, or none."""
    from vggstudy.study.places import is_file

    if source is None or Path(source).suffix == ".toml" or not is_file(source):
        return None
    return Path(source)


def _write(file: Path, text: str, *, force: bool) -> None:
    """Write the protocol; a file that exists stays unless it is to be replaced."""
    from vggstudy.files import write_atomic

    try:
        write_atomic(file, text.encode(), exclusive=not force)
    except FileExistsError:
        msg = f"{file} exists; --force replaces it"
        raise click.UsageError(msg) from None
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}"
        raise click.UsageError(msg) from None


def _of_sweep(source: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """A protocol made of a sweep, and what could not be carried over."""
    from vggstudy.imports.sweep import protocol_of_sweep

    made = protocol_of_sweep(source, name)
    return made.text, made.left


def _proposed(source: Path, file: Path, name: str, table: TableChoice) -> str:
    """A protocol that reads a table."""
    from vggstudy.study.proposing import propose_table

    return propose_table(source, file, name, table.said, asker())
