"""Commands on protocols: check, schema, protocols."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console, common
from vggstudy.cli.looks import look_rows, show_looks
from vggstudy.errors import ProtocolError, printable
from vggstudy.plan import make_plan
from vggstudy.protocol import json_schema, load_protocol, shipped_protocols
from vggstudy.stated.base import write_level

if TYPE_CHECKING:
    from vggstudy.protocol import LoadedProtocol
    from vggstudy.protocol.model.table import TableSettings

MAX_TEXT = 250_000
"""Bytes of a protocol that are looked at for the lines to show."""

WIDEST = 100
"""Characters of a line that are shown."""


@click.command("check")
@click.argument("protocols", nargs=-1, required=True)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@common
def check_command(console: Console, protocols: tuple[str, ...], overrides: tuple[str, ...]) -> int:
    """Check protocols and show their grids.

    Lists every mistake with its line and column; exit code 3 if there is one.
    """
    results = [_check(console, name, overrides) for name in protocols]
    if console.as_json:
        console.json("check", {"protocols": results})
    return 0 if all(result["valid"] for result in results) else ProtocolError.exit_code


def _check(console: Console, name: str, overrides: tuple[str, ...]) -> dict[str, object]:
    """Check one protocol and say what was found."""
    from vggstudy.study.outcomes import check_outcomes
    from vggstudy.study.stopping import declared
    from vggstudy.study.validation import check_validation

    try:
        loaded = load_protocol(name, overrides=overrides)
        if loaded.protocol.table is not None:
            return _checked_table(console, loaded, loaded.protocol.table)
        plan = make_plan(loaded.protocol, loaded.cells)
        warnings = [
            *loaded.warnings,
            *check_outcomes(loaded.protocol),
            *check_validation(plan, loaded),
        ]
    except ProtocolError as error:
        if not console.as_json:
            for line in _excerpts(error, error.filename if not overrides else None):
                click.echo(line, err=True)
        problems = [
            {
                "message": problem.message,
                "line": problem.line,
                "column": problem.column,
                "path": list(problem.path),
                "suggestion": problem.suggestion,
            }
            for problem in error.problems
        ]
        return {"path": name, "valid": False, "problems": problems}
    replicates = loaded.protocol.design.replicates
    looks = look_rows(declared(loaded.protocol), loaded.protocol)
    if not console.as_json:
        console.data(
            f"{loaded.path}: valid; {plan.n_cells} cells x {replicates} replicates = "
            f"{len(plan.runs)} runs"
        )
        for factor, levels in loaded.protocol.design.factors.items():
            console.data(f"  {factor}: {', '.join(write_level(level) for level in levels)}")
        show_looks(console, declared(loaded.protocol), loaded.protocol, looks)
        for warning in warnings:
            console.warn(warning)
    return {
        "path": str(loaded.path),
        "valid": True,
        "name": loaded.protocol.name,
        "digest": loaded.protocol.digest(),
        "cells": plan.n_cells,
        "replicates": replicates,
        "runs": len(plan.runs),
        "factors": loaded.protocol.design.factors,
        **({"looks": looks} if looks else {}),
        "warnings": warnings,
    }


def _checked_table(
    console: Console, loaded: LoadedProtocol, table: TableSettings
) -> dict[str, object]:
    """Say what a protocol states of a table, which is not opened."""
    if not console.as_json:
        console.data(f"{loaded.path}: valid; reads {table.file or 'the table that is named'}")
        console.data(f"  factors: {', '.join(table.factors)}")
        console.data(f"  outcomes: {', '.join(table.outcomes) or 'by default'}")
    return {
        "path": str(loaded.path),
        "valid": True,
        "name": loaded.protocol.name,
        "digest": loaded.protocol.digest(),
        "table": table.model_dump(mode="json", exclude_defaults=True),
        "warnings": loaded.warnings,
    }


def _excerpts(error: ProtocolError, file: str | None) -> Iterator[str]:
    """Every mistake, and below it the line where it stands with a mark under the place.

    With overrides lines are not those of the file, and none is shown.
    """
    lines = _lines(file) if file else []
    for problem in error.problems:
        yield problem.render(error.filename)
        line_number, column = problem.line or 0, problem.column or 1
        if not 0 < line_number <= len(lines) or (line_number, column) == (1, 1):
            continue  # what is missing from the whole file stands nowhere
        line = lines[line_number - 1]
        start = max(0, column - WIDEST // 2) if len(line) > WIDEST else 0
        number = str(line_number)
        yield f"{number} | {printable(line[start : start + WIDEST])}"
        yield f"{' ' * len(number)} | {' ' * (column - 1 - start)}^"


def _lines(filename: str) -> list[str]:
    """The lines of a file as they were written; none where it cannot be read."""
    from vggstudy.files import read_bounded

    try:
        text = read_bounded(Path(filename), limit=MAX_TEXT).decode("utf-8")
    except (OSError, ValueError):
        return []
    return [line.replace("\t", " ") for line in text.splitlines()]


@click.command("schema")
@common
def schema_command(console: Console) -> None:  # noqa: ARG001 - JSON is the only form of this
    """Print the JSON Schema of the protocol file, for editors."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@click.command("protocols")
@click.argument("name", required=False)
@common
def protocols_command(console: Console, name: str | None) -> None:
    """List the shipped protocols, or print the one named NAME."""
    shipped = shipped_protocols()
    if name is not None:
        loaded = load_protocol(name)
        if console.as_json:
            content = loaded.protocol.model_dump(mode="json", by_alias=True)
            console.json("protocol", {"path": str(loaded.path), "protocol": content})
        else:
            console.text(loaded.text)
        return
    rows = []
    for key, path in shipped.items():
        loaded = load_protocol(path)
        rows.append((key, sum(1 for _ in make_plan(loaded.protocol, loaded.cells).runs), loaded))
    if console.as_json:
        entries = [
            {"name": key, "runs": runs, "title": loaded.protocol.title, "path": str(loaded.path)}
            for key, runs, loaded in rows
        ]
        console.json("protocols", {"protocols": entries})
    else:
        console.table(
            ("name", "runs", "title"),
            [(key, runs, loaded.protocol.title) for key, runs, loaded in rows],
        )
