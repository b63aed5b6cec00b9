"""The command that makes a table of runs of what another tool has recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console, common, write_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggstudy.imports.columns import Column
    from vggstudy.imports.registry import Format
    from vggstudy.imports.runs import ImportedRuns
    from vggstudy.imports.table import RunsTable

MANY_LEVELS = 20
"""Values of a setting, beyond which it is not proposed as a factor."""

WORDS = {
    "diverged": "diverged",
    "crashed": "failed or were killed",
    "missing": "came to no result",
}


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="CSV to write.")
@click.option("--format", "name", help="The format, where it is not to be found out.")
@click.option(
    "--map",
    "map_file",
    type=click.Path(path_type=Path),
    help="Names of columns, as this command prints them and as they were edited.",
)
@common
def import_command(
    console: Console,
    source: Path,
    output: Path | None,
    name: str | None,
    map_file: Path | None,
) -> None:
    """Make a table of runs of SOURCE, which another tool has written.

    SOURCE is an export or a store of W&B, MLflow, Optuna, TensorBoard, Hydra, Lightning or
    benchopt: a file or a folder. Nothing connects anywhere, and SOURCE is never written.

    Prints the map of columns: redirect it to a file, edit it, and give it back with --map.
    """
    from vggstudy.imports.columns import proposed, read_map, written
    from vggstudy.imports.registry import NAMES, read_source
    from vggstudy.imports.table import table_of

    if name is not None and name not in NAMES:
        raise click.BadParameter(f"{name!r} is none of {', '.join(NAMES)}", param_hint="--format")
    format_, imported = read_source(source, name)
    columns = proposed(imported.runs)
    if map_file is not None:
        columns = read_map(map_file, columns)
    table = table_of(imported.runs, columns)
    if output is not None:
        write_result(output, table.text())
    if console.as_json:
        console.json("import", _document(format_, imported, columns, table, output))
    else:
        console.text(written(columns))
    _say(console, source, format_, imported, columns, table)
    if output is None:
        console.say("nothing is written without -o FILE.csv")
    else:
        console.say(f"{len(table.rows)} runs: {output}")
        console.say(_next(output, columns, table))


def _say(
    console: Console,
    source: Path,
    format_: Format,
    imported: ImportedRuns,
    columns: Sequence[Column],
    table: RunsTable,
) -> None:
    """What was recognised, what was left out, and what came of runs without a result."""
    console.say(f"{source}: {format_.words} (--format {format_.name})")
    for note in imported.notes:
        console.say(note)
    for what, count in imported.dropped.items():
        if count:
            console.say(f"left out: {count} {what}")
    for label, words in WORDS.items():
        if count := table.labels[label]:
            some = f" ({', '.join(table.infinite)}: infinite or not a number)"
            console.say(f"{count} of {len(table.rows)} runs {words}{some * (label == 'diverged')}")
    if "replicate" in table.header and not any(c.name == "replicate" for c in columns):
        console.say("no setting is a seed: the runs are numbered by 'replicate'")


def _next(output: Path, columns: Sequence[Column], table: RunsTable) -> str:
    """The command that analyses the table, as far as the source tells."""
    named = [column for column in columns if column.name]
    factors = [
        column.name
        for column in named
        if column.role == "setting"
        and column.name not in ("seed", "replicate")
        and 1 < table.levels(column.name) <= MANY_LEVELS
    ]
    measured = [column.name for column in named if column.role == "measured"]
    outcome = measured[0] if len(measured) == 1 else "COLUMN"
    some = f" (COLUMN is one of {', '.join(measured)})" if len(measured) > 1 else ""
    chosen = ",".join(factors) or "COLUMN,..."
    return f"next: vggstudy analyze {output} --factors {chosen} --outcome {outcome}{some}"


def _document(
    format_: Format,
    imported: ImportedRuns,
    columns: Sequence[Column],
    table: RunsTable,
    output: Path | None,
) -> dict[str, object]:
    """The same as data."""
    return {
        "source_format": format_.name,
        "runs": len(table.rows),
        "statuses": dict(table.statuses),
        "labels": {label: count for label, count in table.labels.items() if label},
        "left_out": {what: count for what, count in imported.dropped.items() if count},
        "notes": list(imported.notes),
        "columns": [
            {"source": one.source, "role": one.role, "name": one.name or None} for one in columns
        ],
        "output": None if output is None else str(output),
    }
