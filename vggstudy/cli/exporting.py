"""The command export: tables of runs, cells and claims; figures for a paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from vggstudy.cli.console import common, language_option, output_option, write_result
from vggstudy.cli.given import TableChoice, claims_option, open_for, table_options
from vggstudy.errors import OutputError, StudyError
from vggstudy.extras import lacks
from vggstudy.files import defused, explain

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis import AnalysisResult
    from vggstudy.cli.console import Console
    from vggstudy.report.page.figures.files import Font, Format
    from vggstudy.study.sources import Source

INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27, "bp": 1 / 72}
"""Units of LaTeX."""

NARROWEST, WIDEST = 1.0, 20.0
"""Inches."""


class Width(click.ParamType):  # type: ignore[type-arg]  # generic to mypy alone
    """A width with its unit, in inches."""

    name = "width"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:  # noqa: ARG002 -- click's
        """Read ``3.25in``, ``82.5mm``, ``234pt``."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"\s*(\d{1,4}(?:\.\d{0,6})?)\s*([a-z]{2})\s*", value)
        if found is None or found[2] not in INCHES:
            self.fail(f"{value!r} is no width: write it as 3.25in, 8.5cm, 82mm or 234pt", param)
        inches = float(found[1]) * INCHES[found[2]]
        if not NARROWEST <= inches <= WIDEST:
            self.fail(f"{value} is not between {NARROWEST:g} and {WIDEST:g} inches", param)
        return inches


def formats_of(text: str) -> tuple[Format, ...]:
    """The formats of figures in a list with commas.

    Raises
    ------
    click.UsageError
        If one is none.
    """
    from vggstudy.report.page.figures.files import Format

    known = get_args(Format)
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for one in found:
        if one not in known:
            msg = f"--format {one!r}: figures are written as {', '.join(known)}"
            raise click.UsageError(msg)
    return found  # type: ignore[return-value]  # each was looked up


def _make(folder: Path) -> None:
    """The folder, if there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(explain(error, folder, "written")) from None


def export_figures(
    console: Console,
    opened: Source,
    folder: Path,
    kinds: tuple[Format, ...],
    *,
    match: tuple[str, ...],
    width: float,
    font: Font,
    language: str,
) -> None:
    """Write every figure whose name fits, each with what LaTeX takes in."""
    from vggstudy.report.citing.floats import figure_snippet
    from vggstudy.report.page.paper import chosen, paper_figures
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.context import report_context

    _make(folder)
    result = analyze_source(opened)
    found = paper_figures(result, context=report_context(opened), language=language)
    figures = chosen(found, match)
    written = []
    for one in figures:
        stem = one.name.replace(".", "-")  # TeX takes what follows a dot for the ending
        for kind in kinds:
            picture = one.printed(kind, width=width, font=font)
            write_result(folder / f"{stem}.{kind}", picture)
        snippet = figure_snippet(
            f"{folder.name}/{stem}",
            name=stem,
            caption=f"{one.question} {one.caption}",
            width=f"{width:.6g}in",
            claims=one.claims,
        )
        write_result(folder / f"{stem}.tex", snippet)
        files = [f"{stem}.{kind}" for kind in (*kinds, "tex")]
        written.append({"name": one.name, "files": files, "claims": list(one.claims)})
        if not console.as_json:
            console.data(f"{one.name}: {', '.join(str(folder / file) for file in files)}")
    if console.as_json:
        console.json("figures", {"folder": str(folder), "figures": written})


@click.command("export")
@click.argument("source")
@click.option(
    "--what",
    type=click.Choice(["runs", "cells", "claims", "survival", "curves"]),
    default="runs",
    show_default=True,
    help="One row a planned run, a cell, a claim, a time at which runs of a cell reached a target, "
    "or a point of a cell's mean curves; curves of a CSV need --time and --outcome.",
)
@click.option(
    "--format",
    "kind",
    metavar="FORMAT",
    help="csv (the default), json, or parquet, which needs the extra of that name and -o; of "
    "figures pdf (the default), svg, png, or several: pdf,png.",
)
@click.option(
    "--figures",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write the report's figures instead, each with a .tex that takes it in.",
)
@click.option(
    "--table",
    "tex",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.tex",
    help="Write a table of claims for LaTeX instead, which 'cite verify' checks line by line.",
)
@click.option("--value", metavar="ID", help="What stands in its cells: accuracy.mean, converged.p.")
@click.option("--rows", metavar="FACTOR", help="Whose levels are its rows.")
@click.option("--columns", metavar="FACTOR", help="Whose levels are its columns.")
@click.option("--match", multiple=True, metavar="PATTERN", help="Only figures whose name fits.")
@click.option(
    "--width", type=Width(), default="3.25in", show_default=True, help="Width of the figures."
)
@click.option(
    "--font",
    type=click.Choice(["sans", "serif"]),
    default="sans",
    show_default=True,
    help="Letters of the figures.",
)
@language_option
@claims_option
@table_options
@output_option
@common
def export_command(
    console: Console,
    source: str,
    what: str,
    kind: str | None,
    table: TableChoice,
    output: Path | None,
    asked: tuple[str, ...],
    figures: Path | None,
    tex: Path | None,
    value: str | None,
    rows: str | None,
    columns: str | None,
    match: tuple[str, ...],
    width: float,
    font: Font,
    language: str,
) -> None:
    """Write the runs, cells, claims, times to a target or mean curves of SOURCE as a table.

    Texts that a spreadsheet would take for a formula are written with a leading apostrophe. With
    --figures, write the report's figures for a paper.
    """
    _refuse_stray(figures, tex)
    if figures is not None:
        export_figures(
            console,
            open_for(source, table),
            figures,
            formats_of(kind or "pdf"),
            match=match,
            width=width,
            font=font,
            language=language,
        )
        return
    if tex is not None:
        export_table(console, open_for(source, table), tex, value, rows, columns)
        return
    kind = _table_format(kind)
    if what == "curves":
        frame = _curves(source, table)
    else:
        frame = _frame(open_for(source, table), what, asked)
    if kind == "parquet":
        _write_parquet(frame, output)
    else:
        text = _frame_text(frame, "json" if console.as_json else kind)
        if output is None:
            console.text(text)
        else:
            write_result(output, text)
    if output is not None:
        console.say(f"{len(frame)} rows: {output}")


OWN = {
    **dict.fromkeys(("match", "width", "font", "language"), "--figures"),
    **dict.fromkeys(("value", "rows", "columns"), "--table"),
}
"""Options that say something of one form alone."""

OF_ROWS = ("what", "asked", "output")
"""Those of the plain tables."""


def _refuse_stray(figures: Path | None, tex: Path | None) -> None:
    """An option that nothing would come of is a mistake."""
    if figures is not None and tex is not None:
        raise click.UsageError("--figures and --table: give one of them, not both")
    form = "--figures" if figures is not None else "--table" if tex is not None else None
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if OWN.get(name, form) != form:
            raise click.UsageError(f"{option.opts[-1]} is for {OWN[name]}")
        if form is not None and (name in OF_ROWS or (name == "kind" and tex is not None)):
            raise click.UsageError(f"{option.opts[-1]} does not go with {form}")


def export_table(
    console: Console,
    opened: Source,
    path: Path,
    value: str | None,
    rows: str | None,
    columns: str | None,
) -> None:
    """Write a table of claims; by default of the outcome's means by the first factor."""
    from vggstudy.analysis.data.outcomes import outcome_id
    from vggstudy.report.citing.tables import TableSpec, table
    from vggstudy.study.analyze import analyze_source

    result = analyze_source(opened, claims_only=True)
    factors = [*result.table.factors]
    for option, name in (("--rows", rows), ("--columns", columns)):
        if name is not None and name not in factors:
            msg = f"{option} {name}: the factors are {', '.join(factors)}"
            raise click.UsageError(msg)
    if not factors:
        msg = "there is no factor whose levels could be rows"
        raise click.UsageError(msg)
    chosen = value or f"{outcome_id(result.table.outcome)}.mean"
    lower = result.table.lower_is_better and not chosen.startswith("converged")
    spec = TableSpec(
        value=chosen,
        rows=rows or factors[0],
        columns=columns,
        best="lowest" if lower else "highest",
        label=f"tab:{re.sub('[^A-Za-z0-9_-]', '-', path.stem)[:60] or 'table'}",
    )
    write_result(path, table(result.claims, spec, inputs_digest=result.inputs_digest))
    console.say(f"table: {path}")


def _table_format(kind: str | None) -> str:
    """The format of a table."""
    if kind is None:
        return "csv"
    if kind not in ("csv", "json", "parquet"):
        msg = f"--format {kind!r}: tables are written as csv, json or parquet"
        raise click.UsageError(msg)
    return kind


def _frame(opened: Source, what: str, asked: tuple[str, ...]) -> pd.DataFrame:
    """The table that is exported."""
    from vggstudy.study.analyze import analyze_source

    if what == "runs":
        return opened.study.to_frame() if opened.study else opened.table.to_frame()
    result: AnalysisResult = analyze_source(opened, asked=asked)
    if what == "survival":
        return _survival(result)
    return result.cells if what == "cells" else result.to_frame()


def _curves(source: str, table: TableChoice) -> pd.DataFrame:
    """Mean curves of every cell with their bands; a table has one row a run and time."""
    from vggstudy.study.curves import curves

    if names := table.besides("factors", "time", "outcomes", "replicate"):
        raise click.UsageError(f"--what curves takes no {', '.join(names)}")
    return curves(source, **table.said).to_frame()


def _survival(result: AnalysisResult) -> pd.DataFrame:
    """Kaplan and Meier's curves."""
    from vggstudy.analysis.estimators.times import survival_frame

    if not (curves := result.survival()):
        msg = "there are no times to a target: --time and --reached, or [analysis] target, say them"
        raise click.UsageError(msg)
    return survival_frame(curves)


def _frame_text(frame: pd.DataFrame, kind: str) -> str:
    """A table as CSV, formulas defused, or as JSON records."""
    if kind == "json":
        return frame.to_json(orient="records", indent=1, double_precision=15) + "\n"
    # select_dtypes knows "str" from pandas 3 on only, and has no name for it before
    texts = [str(name) for name in frame if frame[name].dtype.kind == "O"]
    return frame.assign(**{name: frame[name].map(defused) for name in texts}).to_csv(
        index=False, lineterminator="\n"
    )


def _write_parquet(frame: pd.DataFrame, output: Path | None) -> None:
    """A table as a Parquet file."""
    if output is None:
        msg = "parquet is no text: name a file with -o"
        raise click.UsageError(msg)
    try:
        content = frame.to_parquet(index=False)
    except ImportError:
        raise StudyError(lacks("parquet", "pyarrow", "parquet")) from None
    write_result(output, content)
