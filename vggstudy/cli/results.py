"""Commands on results: analyze, report, cite."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import (
    Console,
    common,
    inert_json,
    language_option,
    output_option,
    write_result,
)
from vggstudy.cli.given import (
    TableChoice,
    claims_of,
    claims_option,
    is_claims_file,
    open_for,
    table_options,
)
from vggstudy.cli.trainers import warn_of_code
from vggstudy.cli.verifying import CiteCommands, verify_command
from vggstudy.errors import OutputError

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.report.citing.cite import Style
    from vggstudy.study.sources import Source

DESPITE = ("curvature_not_significant", "lack_of_fit", "maximum", "minimum", "outside_range")
"""Codes of the checks that a claim makes of itself (`report.citing.cautions`)."""


@click.command("analyze")
@click.argument("source")
@claims_option
@click.option(
    "--headline-only",
    is_flag=True,
    help="Make only the claims over the whole grid, and fit no model: for very large tables.",
)
@table_options
@output_option
@common
def analyze_command(
    console: Console,
    source: str,
    table: TableChoice,
    output: Path | None,
    asked: tuple[str, ...],
    *,
    headline_only: bool,
) -> None:
    """Estimate what SOURCE (a study, or a CSV with one row a run) says.

    Prints the headline claims: means and differences over the whole grid. Besides, those of cells,
    of levels and of comparisons between cells are made; any other one when it is asked for by its
    id, here with --claims or by 'cite'. All that were made are also written: those of a study to
    its claims.json, those of a CSV to the file named with -o.
    """
    from vggstudy.study.analyze import analyze_source, published_claims

    opened = open_for(source, table)
    result = analyze_source(opened, asked=asked, headline_only=headline_only)
    target = output or (None if headline_only else opened.claims_path)
    text = published_claims(result).to_json() if console.as_json or target else ""
    if console.as_json:
        console.text(inert_json(text))
    else:
        console.data(result.summary())
    if target is not None:  # after printing: a study that cannot be written can be analysed
        write_result(target, text)
        console.say(f"claims: {target}")


@click.command("report")
@click.argument("source")
@claims_option
@table_options
@output_option
@click.option("--title", metavar="TEXT", help="What the report of a CSV is called.")
@click.option("--question", metavar="TEXT", help="What the report of a CSV is to answer.")
@language_option
@click.option("--open", "opens", is_flag=True, help="Open the report in a browser.")
@common
def report_command(
    console: Console,
    source: str,
    table: TableChoice,
    output: Path | None,
    title: str | None,
    question: str | None,
    language: str,
    asked: tuple[str, ...],
    *,
    opens: bool,
) -> None:
    """Render the HTML report of SOURCE (a study, or a CSV with one row a run).

    Prints the state of a study's cells and the path of the report: report.html in the study's
    folder; for a CSV its name with -report.html, in the working folder. Title and question of a
    study are its protocol's, and so are those of a CSV whose protocol states them.
    """
    from vggstudy.study.analyze import analyze_source

    opened = open_for(source, table).titled(title, question)
    if table.said.get("factors") == ("auto",):  # what a terminal answered is part of the command
        table = TableChoice({**table.said, "factors": opened.table.factors})
    with console.steps() as step:
        step(f"estimating what {len(opened.table):,} runs say ...")
        result = analyze_source(opened, sensitivity=True, asked=asked, meanwhile=import_report)
        from vggstudy.report import write_report
        from vggstudy.report.page.flow import unfinished
        from vggstudy.study.context import report_context

        spoken = ["--lang", language] if language != "en" else []
        command = ["vggstudy", "report", source, *table.arguments(), *spoken]
        step(f"drawing the report of {len(result.claims):,} claims ...")
        context = report_context(opened, command)
        target = output or _report_path(opened)
        claims = partial(_write_claims, console, opened, result, reported=output is not None)
        path = write_report(result, target, context=context, language=language, meanwhile=claims)
    if opened.study is not None:
        warn_of_code(console, opened.study)
    if mark := unfinished(result.flow, context.planned):
        console.say(f"{mark}: 'vggstudy report' again when the rest is there")
    if console.as_json:
        content = {"path": str(path), "claims": len(result.claims), "final": not mark}
        console.json("report", content)
    else:
        if opened.study is not None and not console.quiet:
            from vggstudy.cli.status import print_cells

            print_cells(console, opened.study)
        console.data(str(path))
    if opens and click.launch(path.resolve().as_uri()):
        console.warn(f"no browser could be started; the report is {path}")


def _write_claims(
    console: Console, opened: Source, result: AnalysisResult, *, reported: bool
) -> None:
    """Write the claims of a study; that it cannot be done is a warning where the report can be."""
    from vggstudy.study.analyze import published_claims

    if opened.claims_path is None:
        return
    try:
        write_result(opened.claims_path, published_claims(result).to_json())
    except OutputError as error:
        if not reported:
            raise
        console.warn(str(error))


def import_report() -> None:
    """Import what a report needs, while a core has nothing else to do."""
    import_module("vggstudy.study.analyze")
    import_module("vggstudy.study.context")
    import_module("vggstudy.report.page.document")
    import_module("matplotlib.figure")
    import_module("matplotlib.backends.backend_svg")


def _report_path(source: Source) -> Path:
    """Where a report goes when nobody says."""
    if source.study is not None:
        return source.study.path / "report.html"
    stem = source.path.stem if source.path else "runs"
    if source.protocol is not None and source.protocol.table is not None:
        stem = source.protocol.name
    return Path(f"{stem}-report.html")


@click.group("cite", cls=CiteCommands)
def cite_command() -> None:
    """List the claims of SOURCE, or print the claim ID as it is cited: cite SOURCE [ID].

    SOURCE is a study, a claims.json, or a CSV; what is called 'verify' is given as ./verify.

    'vggstudy cite verify FILE --against SOURCE' checks a paper (.tex, .md) or a claims.json.
    """


cite_command.add_command(verify_command)


@cite_command.command("show")
@click.argument("source")
@click.argument("claim_id", required=False, metavar="[ID]")
@click.option(
    "--as",
    "style",
    type=click.Choice(["text", "md", "json", "apa", "latex", "siunitx"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all claims as .tex, .bib, .cff, .jsonld, .csv or .json.",
)
@click.option(
    "--despite",
    multiple=True,
    type=click.Choice(DESPITE),
    help="A check of their own that claims may fail and yet be cited; the caution stays with them.",
)
@click.option("--all", "listed", flag_value="all", help="List all claims, not the headlines alone.")
@click.option(
    "--match", multiple=True, metavar="PATTERN", help="List the claims whose id is like PATTERN."
)
@click.option(
    "--checklist",
    type=click.Choice(["neurips"]),
    help="Print answers for a conference's checklist instead: error bars, and compute.",
)
@claims_option
@table_options
@common
def show_command(
    console: Console,
    source: str,
    claim_id: str | None,
    style: Style,
    exports: tuple[Path, ...],
    despite: tuple[str, ...],
    listed: str | None,
    match: tuple[str, ...],
    asked: tuple[str, ...],
    checklist: str | None,
    table: TableChoice,
) -> None:
    """List the claims of SOURCE, or print the claim ID as it is cited; 'show' may be left out.

    SOURCE is a study, a claims.json, or a CSV. Those of hypotheses and over the whole grid are
    listed, all with --all, some with --match 'accuracy.diff.*'. Of runs any id is known, whether
    its claim is listed or not; --claims lists and exports more of them. A claim that fails a check
    of its own, such as a turning point of a curve that does not fit, is cited only --despite it.
    """
    from vggstudy.report.citing.cite import cite, find_claim

    if checklist is not None:
        _print_checklist(console, source, table)
        return
    claims = claims_of(console, source, table, asked)
    if exports:
        _export_claims(console, claims, exports, source, despite)
    elif claim_id is not None:
        form: Style = "json" if console.as_json else style
        said = cite(find_claim(claims, claim_id), form, despite=despite)
        console.text(said + "\n")
    elif console.as_json:
        console.text(inert_json(claims.to_json()) + "\n")
    else:
        _list(console, claims, match=match or asked, whole=listed == "all")


def _print_checklist(console: Console, source: str, table: TableChoice) -> None:
    """The answers, as text or JSON."""
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.checklist import checklist

    opened = open_for(source, table) if not is_claims_file(source) else None
    if opened is None or opened.study is None:
        msg = f"{source} is no study: only a ledger says what was computed"
        raise click.UsageError(msg)
    answers = checklist(opened.study, analyze_source(opened))
    if console.as_json:
        console.json("checklist", {"answers": [asdict(one) for one in answers]})
        return
    for one in answers:
        console.data(f"{one.question}\n\n{one.text}\n")


FEW = 40
"""Claims that are listed without being asked for."""


def _list(console: Console, claims: ClaimSet, *, match: tuple[str, ...], whole: bool) -> None:
    """Some claims or all as a table: on a terminal one line each, whatever its width."""
    from fnmatch import fnmatchcase

    from vggstudy.report.citing.cite import LISTED, headlines, list_claims

    if match:
        shown = [one for one in claims.values() if any(fnmatchcase(one.id, m) for m in match)]
        if not shown:
            console.warn(f"no claim is like {' or '.join(match)}")
    else:
        whole = whole or len(claims) <= FEW
        shown = [*claims.values()] if whole else headlines(claims) or [*claims.values()]
    console.claims(LISTED, list_claims(shown))
    if more := len(claims) - len(shown):
        console.say(f"{more} more claims: --all lists them, --match PATTERN some")


def _export_claims(
    console: Console,
    claims: ClaimSet,
    files: tuple[Path, ...],
    source: str,
    despite: tuple[str, ...],
) -> None:
    """Write the claims in the form that each file's name asks for."""
    from vggstudy.report.citing.export import export

    title = _title(source)
    for file in files:
        write_result(file, export(claims, file.name, title=title, despite=despite))
        console.say(f"{len(claims)} claims: {file}")


def _title(source: str) -> str | None:
    """The title of a study; a table or a claims file has none."""
    from vggstudy.study.places import find_study, is_file
    from vggstudy.study.study import Study

    if is_file(source) and Path(source).name != "study.json":
        return None
    protocol = Study.open(find_study(source)).protocol
    return protocol.title or protocol.name
