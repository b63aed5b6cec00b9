"""The command that sets studies side by side: compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console, common, language_option, output_option, write_result
from vggstudy.cli.given import TableChoice, is_claims_file, open_for, read_claims, table_options

if TYPE_CHECKING:
    from vggstudy.analysis.comparing.pooled import Pooling
    from vggstudy.analysis.comparing.studies import Comparison
    from vggstudy.study.comparing import Compared

ROWS = 40
"""Claims that are listed unless all are asked for."""


@click.command("compare")
@click.argument("sources", nargs=-1, required=True, metavar="A B [...]")
@click.option("--match", multiple=True, metavar="PATTERN", help="Only claims whose id fits.")
@click.option(
    "--margin",
    type=click.FloatRange(min=0, min_open=True),
    help="Difference between two studies that counts as none, in the claims' unit (0.01).",
)
@output_option
@language_option
@click.option("--all", "every", is_flag=True, help="List every claim, not the headlines alone.")
@table_options
@common
def compare_command(
    console: Console,
    sources: tuple[str, ...],
    match: tuple[str, ...],
    margin: float | None,
    output: Path | None,
    language: str,
    table: TableChoice,
    *,
    every: bool,
) -> None:
    """Set studies side by side, claim by claim: whether B replicates A.

    Each of A and B is a study, a CSV or a claims.json. Of two, it says for every claim that both
    have whether B's estimate lies where A lets expect it, their difference, and both combined; of
    three or more, how far the studies differ, and their mean. Claims that do not fit come first.
    """
    from vggstudy.study.comparing import compare_several, compare_two

    if len(sources) < 2:
        msg = "one study is nothing to compare: name two or more"
        raise click.UsageError(msg)
    if len(sources) > 2 and margin is not None:
        msg = "--margin is for two studies"
        raise click.UsageError(msg)
    studies = [_compared(source, table) for source in sources]
    if len({each.name for each in studies}) < len(studies):
        studies = [replace(one, name=source) for one, source in zip(studies, sources, strict=True)]
    every = every or bool(match)
    if len(studies) > 2:
        from vggstudy.report.page.several import render_pooling

        pooling = compare_several(studies, match=match)
        page = None if output is None else render_pooling(pooling, language=language)
        show = partial(_print_pooling, console, pooling, every=every)
    else:
        from vggstudy.report.page.comparison import render_comparison

        comparison = compare_two(*studies, match=match, margin=margin)
        page = None if output is None else render_comparison(comparison, language=language)
        show = partial(_print_comparison, console, comparison, every=every)
    if output is not None and page is not None:
        write_result(output, page)
    show()
    if output is not None:
        console.say(f"page: {output}")


def _compared(source: str, table: TableChoice) -> Compared:
    """One of the studies, analysed unless it is a file of claims."""
    from vggstudy.study.comparing import Compared

    if is_claims_file(source):
        table.refuse_claims(source)
        path = Path(source)
        name = (path.parent.name if path.name == "claims.json" else "") or path.stem
        return Compared.of_claims(name, read_claims(path))
    opened = open_for(source, table)
    place = opened.study.path if opened.study is not None else Path(source)
    return Compared.of_source(place.name, opened)


def _print_comparison(console: Console, comparison: Comparison, *, every: bool) -> None:
    """Two studies: the sentences, verdicts that changed, a line a claim."""
    from vggstudy.report.words import comparing as words

    if console.as_json:
        console.json("compare", comparison.to_dict())
        return
    first, second = comparison.names
    for note in comparison.notes:
        console.warn(note.text)
    console.data(f"first: {first}; second: {second}")
    for sentence in words.sentences(comparison):
        console.data(sentence)
    for verdict in comparison.verdicts:
        if not verdict.same:
            console.data(
                f"{verdict.id}: {verdict.first} in the first, {verdict.second} in the second"
            )
    likes = words.ordered(comparison)
    margin = any(one.equivalent is not None for one in likes)
    head = ("claim", "first", "second", "second - first", "finding")
    rows = [
        (
            one.first.id,
            words.shown(one.first),
            words.shown(one.second),
            words.shown_difference(one),
            words.finding_words(one.finding),
            *(("yes" if one.equivalent else "not shown",) if margin else ()),
        )
        for one in _listed(likes, every=every)
    ]
    _table(console, (*head, "within margin") if margin else head, rows, len(likes))


def _print_pooling(console: Console, pooling: Pooling, *, every: bool) -> None:
    """Several studies: a line a claim."""
    from vggstudy.report.words import comparing as words

    if console.as_json:
        console.json("compare", pooling.to_dict())
        return
    for note in pooling.notes:
        console.warn(note.text)
    console.data(f"{len(pooling.names)} studies: {', '.join(pooling.names)}")
    rows = [
        (
            one.id,
            *(words.shown(one.claims[n]) if n in one.claims else "-" for n in pooling.names),
            words.shown_interval(one.claim, one.mean),
            f"{one.spread.i2:.0%}",
            f"{one.spread.tau2**0.5:.2g}",
        )
        for one in _listed(pooling.claims, every=every)
    ]
    head = ("claim", *pooling.names, "mean of such studies", "I2", "tau")
    _table(console, head, rows, len(pooling.claims))


def _listed(found: Sequence[Any], *, every: bool) -> Sequence[Any]:
    """All claims, or the first that are over the whole grid or do not fit."""
    if every:
        return found
    return [one for one in found if one.odd or "@" not in one.id][:ROWS] or found[:ROWS]


def _table(
    console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], total: int
) -> None:
    """The rows, and how many there are besides."""
    console.data("")
    console.table(head, rows)
    if total > len(rows):
        left = total - len(rows)
        console.say(f"{left} more claims: --all lists them, --match PATTERN some, --json has all")
