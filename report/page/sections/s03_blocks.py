"""Section 3 of a report with blocks: mean ranks, each level against the first, block by block."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.analysis.claims.block_tables import BlockRow, BlockTable
from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import pair_label
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Factor, StudyView
from vggstudy.report.words.display import confidence_text, unit_of
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.prose import outcome_words
from vggstudy.rounding import round_number

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_ROWS = 25
"""Levels that a figure draws; the table has all."""


def build(view: StudyView) -> Section | None:
    """Build the section; None where the table has no blocks."""
    if view.result.table.block is None:
        return None
    parts = [_part(view, one, i) for i, one in enumerate(view.result.block_tables)]
    title = gettext("Over %(block)s") % {"block": friendly(view.result.table.block)}
    return Section("blocks", title, {"parts": parts})


def _part(view: StudyView, one: BlockTable, index: int) -> dict[str, object]:
    """One outcome and factor: the test, the ranks, the first level against the others."""
    factor = next(x for x in view.factors if x.name == one.factor)
    return {
        "label": f"{capitalise(factor.label)}, {_outcome(view, one)}",
        "test": _test(one),
        "ranks": _ranks(view, one, factor, index),
        "sizes": _sizes(view, one, factor, index),
    }


def _outcome(view: StudyView, one: BlockTable) -> str:
    """What is compared, in words."""
    claims = (row.rank or row.size for row in one.rows)
    return outcome_words(view, next(claim for claim in claims if claim is not None))


def _test(one: BlockTable) -> str:
    """Friedman's test in a sentence."""
    found = one.friedman
    if found is None:
        return ""
    return gettext(
        "Friedman's test that the %(n)s levels of %(factor)s rank alike, in the %(blocks)s blocks "
        "(%(block)s) that have them all: %(p)s (chi-square %(statistic)s on %(df)s degrees of "
        "freedom; Iman and Davenport's F %(f)s on %(first)s and %(second)s)."
    ) % {
        "blocks": len(one.ranks.ranks),
        "block": friendly(one.block),
        "n": len(one.ranks.names),
        "factor": friendly(one.factor),
        "p": f"p = {round_number(found.f_p, decimals=4)}" if found.f_p >= 1e-4 else "p < 0.0001",
        "statistic": round_number(found.statistic, decimals=1),
        "df": found.df,
        "f": round_number(found.f, decimals=1) if math.isfinite(found.f) else "∞",
        "first": found.f_df[0],
        "second": found.f_df[1],
    }


def _ranks(view: StudyView, one: BlockTable, factor: Factor, index: int) -> Picture | None:
    """Mean ranks with their intervals over blocks."""
    ranked = [(row, row.rank) for row in one.rows if row.rank is not None and row.rank.available]
    if not ranked:
        return None
    count = len(one.ranks.names)
    rows = tuple(
        forest_row(claim, factor.text(factor.levels[row.level]))
        for row, claim in ranked[:MOST_ROWS]
    )
    group = ForestGroup(
        title=capitalise(_outcome(view, one)),
        axis=gettext("mean rank (1 is the best)"),
        rows=rows,
        references=((count + 1) / 2,),
        limits=(1.0, float(count)),
    )
    columns = (
        Column(capitalise(factor.label), numeric=False),
        Column(gettext("Mean rank")),
        Column(gettext("Interval")),
        Column(gettext("Blocks")),
    )
    table = tuple(
        (
            entry(factor.text(factor.levels[row.level])),
            estimate_entry(row.rank),
            interval_entry(row.rank),
            entry(len(one.ranks.ranks)),
        )
        for row in one.rows
    )
    words = {"level": confidence_text(ranked[0][1].level), "block": friendly(one.block)}
    return picture(
        lambda canvas: draw_forest([group], canvas),
        key=f"fig-block-ranks-{index}",
        question=gettext("Which %(factor)s ranks first?") % {"factor": factor.label},
        caption=gettext(
            "Within every block (%(block)s) levels are ranked by their means; bars are %(level)s "
            "confidence intervals of the mean rank over blocks that could have been drawn, the "
            "bold line is the middle rank."
        )
        % words,
        description=" ".join(f"{row.label}: {row.numbers}." for row in rows),
        table=Table(gettext("Mean ranks over blocks"), columns, table),
        data=download(
            f"{one.factor}_ranks.csv",
            (one.block, *one.ranks.names),
            zip(one.ranks.blocks_named, *one.ranks.ranks.T.tolist(), strict=True),
        ),
    )


def _sizes(view: StudyView, one: BlockTable, factor: Factor, index: int) -> Picture | None:
    """The first level and each other: over blocks, and in every block."""
    rows = [(row, row.size) for row in one.rows if row.size is not None]
    shown = [(row, claim) for row, claim in rows if claim.available]
    if not shown:
        return None
    group = _group(view, one, factor, shown[:MOST_ROWS])
    words = {"level": confidence_text(shown[0][1].level), "block": friendly(one.block)}
    caption = gettext(
        "Every dot is a block (%(block)s); bars are %(level)s confidence intervals of the mean "
        "over blocks that could have been drawn, the thin mark is the estimate, the bold line no "
        "difference. The table has the intervals for these blocks alone, too."
    )
    return picture(
        lambda canvas: draw_forest([group], canvas),
        key=f"fig-block-sizes-{index}",
        question=gettext("How far apart are they, in every block?"),
        caption=caption % words,
        description=" ".join(f"{row.label}: {row.numbers}." for row in group.rows),
        table=_table(view, factor, rows),
        data=download(
            f"{one.factor}_by_{one.block}.csv",
            ("claim", one.block, "value"),
            [(c.id, name, x) for row, c in shown for name, x in row.each.items()],
        ),
    )


def _group(
    view: StudyView, one: BlockTable, factor: Factor, shown: list[tuple[BlockRow, Claim]]
) -> ForestGroup:
    """Rows with a dot for every block."""
    claims = [claim for _, claim in shown]
    scale, ratio = unit_of(claims[0]).scale, claims[0].quantity == "block_ratio"
    rows = []
    for row, claim in shown:
        dots = tuple(scale * x for x in row.each.values())
        rows.append(replace(forest_row(claim, pair_label(view, factor, claim)), dots=dots))
    return ForestGroup(
        title=capitalise(_outcome(view, one)),
        axis=_axis(claims[0]),
        rows=tuple(rows),
        references=() if claims[0].reference is None else (claims[0].reference,),
        limits=_limits(rows) if ratio else None,
        ticks=_ratios(rows) if ratio else (),
        logarithmic=ratio,
    )


def _limits(rows: list[ForestRow]) -> tuple[float, float]:
    """The least and the largest ratio."""
    values = [x for row in rows for x in (*row.dots, row.low, row.high) if x is not None]
    return min([*values, 0.95]) / 1.02, max([*values, 1.05]) * 1.02


def _ratios(rows: list[ForestRow]) -> tuple[float, ...]:
    """Round ratios between the ends."""
    low, high = _limits(rows)
    steps = (0.001, 0.01, 0.1, 0.25, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 4.0, 10.0, 100.0, 1000.0)
    return tuple(x for x in steps if low <= x <= high)


def _axis(claim: Claim) -> str:
    """What the numbers of the axis are."""
    return {
        "block_diff": gettext("difference (percentage points)")
        if unit_of(claim).scale == 100
        else gettext("difference"),
        "block_ratio": gettext("ratio"),
        "block_scaled": gettext("difference as a share of the range of all levels"),
    }[claim.quantity]


def _table(view: StudyView, factor: Factor, rows: list[tuple[BlockRow, Claim]]) -> Table:
    """The pairs with all their intervals."""
    columns = (
        Column(capitalise(factor.label), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(gettext("Share of blocks won")),
        Column(gettext("Interval")),
    )
    table = tuple(
        (
            entry(pair_label(view, factor, claim)),
            estimate_entry(claim),
            interval_entry(claim),
            estimate_entry(row.wins),
            interval_entry(row.wins),
        )
        for row, claim in rows
    )
    return Table(gettext("The level that ranks first and each other"), columns, table)
