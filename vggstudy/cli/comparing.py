"""The command that sets studies side by side: compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console, common, write_result
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
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="HTML page of two studies to write."
)
@click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "ko"]),
    default="en",
    show_default=True,
    help="Language of the page.",
)
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
    from vggstudy.report.page.comparison import render_comparison
    from vggstudy.study.comparing import compare_several, compare_two

    if len(sources) < 2:
        msg = "one study is nothing to compare: name two or more"
        raise click.UsageError(msg)
    if len(sources) > 2 and margin is not None:
        msg = "--margin is for two studies"
        raise click.UsageError(msg)
    if len(sources) > 2 and output is not None:
        msg = "-o is for two studies"
        raise click.UsageError(msg)
    studies = [_compared(source, table) for source in sources]
    names = [each.name for each in studies]
    if len(set(names)) < len(names):
        studies = [_renamed(each, source) for each, source in zip(studies, sources, strict=True)]
    if len(studies) > 2:
        pooling = compare_several(studies, match=match)
        _print_pooling(console, pooling, every=every or bool(match))
        return
    comparison = compare_two(*studies, match=match, margin=margin)
    if output is not None:
        write_result(output, render_comparison(comparison, language=language))
    _print_comparison(console, comparison, every=every or bool(match))
    if output is not None:
        console.say(f"page: {output}")


def _compared(source: str, table: TableChoice) -> Compared:
    """One of the studies, analysed unless it is a file of claims."""
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.comparing import Compared

    if is_claims_file(source):
        table.refuse_claims(source)
        path = Path(source)
        name = path.parent.name or path.stem if path.name == "claims.json" else path.stem
        return Compared.of_claims(name, read_claims(path))
    opened = open_for(source, table)
    place = opened.study.path if opened.study is not None else Path(source)
    return Compared.of_result(place.name, analyze_source(opened), opened.protocol)


def _renamed(study: Compared, source: str) -> Compared:
    """The study under the path by which it was given."""
    from dataclasses import replace

    return replace(study, name=source)


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
    listed = [
        one for one in words.ordered(comparison) if every or _headline(one.first.id) or _odd(one)
    ]
    console.data("")
    margin = any(one.equivalent is not None for one in listed)
    head = ("claim", "first", "second", "second - first", "finding")
    console.table(
        (*head, "within margin") if margin else head,
        [
            (
                one.first.id,
                words.shown(one.first),
                words.shown(one.second),
                words.shown_difference(one),
                words.finding_words(one.finding),
                *(("yes" if one.equivalent else "not shown",) if margin else ()),
            )
            for one in (listed if every else listed[:ROWS])
        ],
    )
    left = len(comparison.likes) - (len(listed) if every else min(len(listed), ROWS))
    if left:
        console.say(f"{left} more claims: --all lists them, --match PATTERN some, --json has all")


def _print_pooling(console: Console, pooling: Pooling, *, every: bool) -> None:
    """Several studies: a line a claim."""
    from vggstudy.report.words import comparing as words

    if console.as_json:
        console.json("compare", pooling.to_dict())
        return
    for note in pooling.notes:
        console.warn(note.text)
    console.data(f"{len(pooling.names)} studies: {', '.join(pooling.names)}")
    console.data("")
    listed = [one for one in pooling.claims if every or _headline(one.claim.id)]
    listed = listed or list(pooling.claims)
    console.table(
        ("claim", *pooling.names, "mean of such studies", "I2", "tau"),
        [
            (
                one.claim.id,
                *(
                    words.shown(one.claims[name]) if name in one.claims else "-"
                    for name in pooling.names
                ),
                words.shown_interval(one.claim, one.mean),
                f"{one.spread.i2:.0%}",
                f"{one.spread.tau2**0.5:.2g}",
            )
            for one in (listed if every else listed[:ROWS])
        ],
    )
    left = len(pooling.claims) - (len(listed) if every else min(len(listed), ROWS))
    if left:
        console.say(f"{left} more claims: --all lists them, --match PATTERN some, --json has all")


def _headline(claim_id: str) -> bool:
    """Whether a claim is over the whole grid."""
    return "@" not in claim_id


def _odd(one: object) -> bool:
    """Whether a claim does not fit."""
    from vggstudy.analysis.comparing.like import Finding, Like

    return isinstance(one, Like) and one.finding in (Finding.DIFFERS, Finding.REVERSED)
