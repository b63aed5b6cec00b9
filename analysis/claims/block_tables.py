"""Claims over blocks as a table: levels by their mean rank, and each against the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.over_blocks import compared_over_blocks
from vggstudy.analysis.claims.printing import printed, printed_ends
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.block_effects import fitting, numbers_by_block
from vggstudy.analysis.estimators.block_ranks import BlockRanks, block_ranks
from vggstudy.analysis.numbers.blocks import Friedman

WITHIN = "within_blocks"
"""Method of the interval for the blocks at hand."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A level with its claims over blocks.

    Attributes
    ----------
    level : int
    rank : Claim or None
        None where there are two levels.
    size, wins : Claim or None
        Of the level and the first one: how far apart, and in how many blocks; None of that itself.
    each : mapping of str to float
        By block, the number whose mean `size` estimates, in its unit.
    """

    level: int
    rank: Claim | None
    size: Claim | None
    wins: Claim | None
    each: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class BlockTable:
    """The levels of one factor over blocks, the best mean rank first.

    Attributes
    ----------
    outcome, factor, block : str
    ranks : BlockRanks
    rows : tuple of BlockRow
    """

    outcome: str
    factor: str
    block: str
    ranks: BlockRanks
    rows: tuple[BlockRow, ...]

    @property
    def friedman(self) -> Friedman | None:
        """Whether all levels rank alike."""
        return self.ranks.friedman


def block_tables(cells: Cells, claims: Mapping[str, Claim]) -> Iterator[BlockTable]:
    """One table an outcome and factor of which there are claims over blocks."""
    for outcome, factor in compared_over_blocks(cells):
        found = _table(cells, claims, outcome, factor)
        if any(row.rank or row.size for row in found.rows):
            yield found


def _table(cells: Cells, claims: Mapping[str, Claim], outcome: str, factor: str) -> BlockTable:
    """The claims on one factor."""
    table = cells.table
    ranks = block_ranks(cells, (factor,), outcome)
    mean = ranks.ranks.mean(axis=0).tolist() if len(ranks.ranks) else []
    ranked = {held[0].levels[0]: x for held, x in zip(ranks.conditions, mean, strict=False)}
    order = sorted(ranked, key=lambda level: (ranked[level], level))
    order += [level for level in range(len(table.levels[factor])) if level not in ranked]
    size = fitting(cells, outcome, factor)

    def pair(quantity: str, level: int) -> Estimand:
        ends = (min(level, order[0]), max(level, order[0]))
        return Estimand(outcome, quantity, Contrast((factor,), (ends,)), table)

    rows = []
    for level in order:
        one = Contrast(conditions=(Condition(factor, (level,)),))
        rank = claims.get(Estimand(outcome, "block_rank", one, table).id)
        if level == order[0]:
            rows.append(BlockRow(level, rank, None, None, {}))
            continue
        asked = pair(size, level)
        made, wins = claims.get(asked.id), claims.get(pair("block_wins", level).id)
        each = numbers_by_block(cells, asked) if made is not None and made.available else {}
        rows.append(BlockRow(level, rank, made, wins, each))
    return BlockTable(outcome, factor, str(table.block), ranks, tuple(rows))


def block_lines(tables: Iterable[BlockTable]) -> Iterator[str]:
    """The tables as plain text."""
    for one in tables:
        yield ""
        yield f"{one.outcome} of {one.factor} over {one.block}, {_test(one)}"
        claims = [row.rank for row in one.rows]
        claims += [claim for row in one.rows[1:] for claim in (row.size, row.wins)]
        head = ("claim", "estimate", "interval", "these blocks alone")
        rows = [head, *(_row(claim) for claim in claims if claim is not None)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cut = (x.ljust(w) for x, w in zip(row, widths, strict=True))
            yield "  ".join(cut).rstrip()


def _test(one: BlockTable) -> str:
    """Friedman's test in words."""
    count, found = len(one.ranks.ranks), one.friedman
    if found is None:
        return f"{count} blocks"
    p = f"p = {found.f_p:.2g}" if found.f_p >= 1e-4 else "p < 0.0001"
    return (
        f"{count} blocks: Friedman's chi-square({found.df}) = {found.statistic:.4g}, "
        f"F({found.f_df[0]}, {found.f_df[1]}) = {found.f:.3g}, {p}"
    )


def _row(claim: Claim) -> tuple[str, str, str, str]:
    """A claim's numbers."""
    within = next((x for x in claim.alternatives if x.method == WITHIN), None)
    beside = printed_ends(claim, within.low, within.high) if within and claim.available else ""
    return claim.id, *printed(claim), beside
