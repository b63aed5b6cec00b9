"""One level against another within every block, over blocks that stand for others of their kind.

Two intervals: the claim's own is for blocks that could have been drawn, with Student's t over the
blocks' numbers; beside it stands the one for these blocks alone, whose runs could have had other
seeds. Random effects (Hartung and Knapp) and the next block's own number stand there too, and a
note says how much blocks differ. Blocks weigh alike, whatever runs they have.

Where blocks have units of their own a difference has no mean: `block_ratio` and `block_scaled` are
without unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis.data.blocks import (
    Blocked,
    compared,
    lower_is_better,
    ranges,
    scores,
    values_by_seed,
)
from vggstudy.analysis.data.borrowing import RATIO, lent_variance
from vggstudy.analysis.data.cells import Cells, pool
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.levels import is_numeric, write_level
from vggstudy.analysis.data.outcomes import is_fraction, unit_known
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.contrast import contrast
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.seed_clusters import clustered_spread
from vggstudy.analysis.estimators.seeds import MIN_SEEDS
from vggstudy.analysis.notes import Caution, Named, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.blocks import (
    Heterogeneity,
    constant,
    hartung_knapp,
    heterogeneity,
    next_block,
    over_blocks,
)
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import clopper_pearson
from vggstudy.analysis.numbers.student import Spread, satterthwaite, t_interval
from vggstudy.quantities import plain_quantity

MIN_BLOCKS, FEW_BLOCKS = 3, 6
"""Blocks below which nothing is said of others, and below which a caution is."""


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """One number a block, and how the cells' means enter it.

    Attributes
    ----------
    value : ndarray of shape (B,)
    slope : ndarray of shape (B, 2, R)
        Change of the number with the mean of each cell, to first order.
    """

    value: FloatArray
    slope: FloatArray


def block_effect(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Mean difference, ratio, or difference on the block's scale, of two levels over blocks."""
    score = scores(cells, asked.outcome)
    blocks = compared(cells, asked.contrast, score)
    if lost := too_few(blocks, asked):
        return Finding(None, None, lost)
    found = _effects(cells, asked, blocks, score)
    if isinstance(found, Note):
        return Finding(None, None, found)
    if constant(found.value):
        reason = refused(Reason.NO_VARIANCE, "blocks_do_not_vary", float(found.value.mean()))
        return _on_scale(reason, asked)
    confidence, variance = how.confidence, _variances(cells, asked, blocks, found, how)
    beside = [_within(cells, asked, blocks, found, how)]
    spread = None if variance is None else heterogeneity(found.value, variance)
    if variance is not None and spread is not None:
        beside.append(hartung_knapp(found.value, variance, spread.tau2, confidence=confidence))
    beside.append(next_block(found.value, confidence=confidence))
    own = over_blocks(found.value, confidence=confidence)
    finding = Finding(
        own.estimate,
        own,
        cautions=(*_notes(blocks, asked), _differ(asked, found.value, spread)),
        alternatives=tuple(x for x in beside if x is not None),
        runs=_runs(cells, asked, blocks),
        learned=_counted(cells.k, blocks),
    )
    return _on_scale(finding, asked)


def numbers_by_block(cells: Cells, asked: Estimand) -> dict[str, float]:
    """What `block_effect` takes the mean of, by block; of a ratio the ratio itself."""
    score = scores(cells, asked.outcome)
    blocks = compared(cells, asked.contrast, score)
    found = _effects(cells, asked, blocks, score)
    if isinstance(found, Note):
        return {}
    ratio = asked.quantity == "block_ratio"
    values = np.exp(found.value) if ratio else found.value
    levels = asked.table.levels[str(asked.table.block)]
    names = [write_level(levels[i]) for i in blocks.block.tolist()]
    return dict(zip(names, values.tolist(), strict=True))


def block_wins(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Share of blocks in which the later level's mean is the better one; a tie is half of one."""
    score = scores(cells, asked.outcome)
    blocks = compared(cells, asked.contrast, score)
    if lost := too_few(blocks, asked):
        return Finding(None, None, lost)
    mean = blocks.means(score)
    sign = np.sign(mean[:, 1] - mean[:, 0])
    if lower_is_better(cells, asked.outcome):
        sign = -sign
    wins = float((sign > 0).sum() + 0.5 * (sign == 0).sum())
    own = clopper_pearson(wins, float(sign.size), confidence=how.confidence)
    cautions, learned = tuple(_notes(blocks, asked)), _counted(cells.k, blocks)
    runs = _runs(cells, asked, blocks)
    return Finding(own.estimate, own, cautions=cautions, runs=runs, learned=learned)


def too_few(blocks: Blocked, asked: Estimand) -> Note | None:
    """Why nothing is said of other blocks, if nothing is."""
    if blocks.block.size >= MIN_BLOCKS:
        return None
    values = {"least": MIN_BLOCKS, "n": blocks.block.size, "factor": asked.table.block}
    return say("needs_blocks", Reason.TOO_FEW_BLOCKS, **values)


def _notes(blocks: Blocked, asked: Estimand) -> list[Note]:
    """Blocks that lack a level, and that they are few."""
    count, left = blocks.block.size, blocks.left_out
    values = {"n": count, "factor": asked.table.block}
    found = [say("few_blocks", Caution.FEW_BLOCKS, **values)] if count < FEW_BLOCKS else []
    if left:
        values = {"n": left, "all": count + left, "factor": asked.table.block}
        found.append(say("blocks_left_out", Caution.BLOCKS_LEFT_OUT, **values))
    return found


def _runs(cells: Cells, asked: Estimand, blocks: Blocked) -> int | None:
    """Runs behind the estimate, where they are not all of the contrast's cells."""
    return _counted(cells.k if asked.outcome == asked.table.outcome else cells.n, blocks)


def _counted(have: FloatArray, blocks: Blocked) -> int | None:
    """Runs of the cells that count; None where all of the contrast's do."""
    every = blocks.weight.all() and not blocks.left_out
    return None if every else int((have[blocks.cell] * (blocks.weight > 0)[:, None, :]).sum())


def _effects(cells: Cells, asked: Estimand, blocks: Blocked, score: FloatArray) -> Effects | Note:
    """One number a block, in the unit of the quantity; of a ratio its logarithm."""
    mean = blocks.means(score)
    weight = np.stack([-blocks.weight, blocks.weight], axis=1)
    difference = mean[:, 1] - mean[:, 0]
    if asked.quantity == "block_ratio":
        if problem := _no_ratio(asked, blocks, mean):
            return problem
        logs = np.sign(mean[:, 1]) * np.log(np.abs(mean[:, 1] / mean[:, 0]))
        return Effects(logs, weight / np.abs(mean)[:, :, None])
    if asked.quantity == "block_scaled":
        levels = len(asked.table.levels[asked.contrast.factors[0]])
        if levels < 3:
            factor = asked.contrast.factors[0]
            return say("scale_needs_levels", Reason.NO_COMMON_UNIT, factor=factor, n=levels)
        scale = ranges(cells, asked.contrast, score, blocks.block)
        scale = np.where(scale > 0, scale, 1.0)  # all levels alike: no difference on any scale
        return Effects(difference / scale, weight / scale[:, None, None])
    if apart := scales_apart(cells, asked.outcome):
        values = {"factor": asked.table.block, "other": apart, "name": asked.table.outcome}
        return say("blocks_differ_in_unit", Reason.NO_COMMON_UNIT, **values)
    return Effects(difference, weight)


def _no_ratio(asked: Estimand, blocks: Blocked, mean: FloatArray) -> Note | None:
    """Why there is no ratio: a block whose means are 0 or on both sides of it."""
    crossing = ~((mean > 0).all(axis=1) | (mean < 0).all(axis=1))
    if not crossing.any():
        return None
    named = Named(
        tuple(_block_name(asked.table, int(blocks.block[i])) for i in np.flatnonzero(crossing)[:1]),
        int(crossing.sum()) - 1,
    )
    return say("ratio_of_signs", Reason.NO_COMMON_UNIT, names=named)


def _block_name(table: RunTable, index: int) -> tuple[tuple[str, str], ...]:
    """A block as the level of its factor."""
    name = str(table.block)
    return ((name, write_level(table.levels[name][index])),)


def scales_apart(cells: Cells, outcome: str, *, named: bool = True) -> float | None:
    """By how much the blocks' standard deviations differ where they have units of their own.

    None where they share a unit, as the blocks' levels, their scales or, where that is asked for,
    the outcome's name tell.
    """
    table = cells.table
    if table.block is None or outcome != table.outcome or is_fraction(outcome):
        return None
    if named and unit_known(outcome):
        return None
    if all(isinstance(x, bool) or is_numeric(x) for x in table.levels[table.block]):
        return None
    code = cells.codes[:, table.factors.index(table.block)]
    spread = np.array(
        [pool(cells.variance[code == i], cells.k[code == i])[0] for i in np.unique(code)]
    )
    spread = spread[spread > 0]
    if spread.size < 2 or not spread.max() > RATIO * spread.min():
        return None
    return float((spread.max() / spread.min()) ** 0.5)


def fitting(cells: Cells, outcome: str, factor: str) -> str:
    """The quantity that compares two levels over blocks as their units and scales allow.

    Times and losses of tasks on scales of their own have differences, which the slowest decide:
    their ratios are taken.
    """
    if scales_apart(cells, outcome, named=False) is None:
        return "block_diff"
    known = cells.mean[~np.isnan(cells.mean)]
    if (known > 0).all() or len(cells.table.levels[factor]) < 3:
        return "block_ratio"
    return "block_scaled"


def _variances(
    cells: Cells, asked: Estimand, blocks: Blocked, found: Effects, how: How
) -> FloatArray | None:
    """Variance of every block's number between repetitions of its runs; None where not known."""
    if asked.outcome == "converged":
        p = (cells.k + 0.5) / (cells.n + 1)  # none of a share is known to be without variance
        of_mean = p * (1 - p) / np.maximum(cells.n, 1)
    elif asked.outcome == "expected":
        return None
    else:
        if how.shared_seeds and (each := _by_seed(cells, blocks, found)) is not None:
            variance = each.var(axis=0, ddof=1) / len(each)
            return variance if variance.min() > 0 else None
        with np.errstate(invalid="ignore", divide="ignore"):
            of_mean = lent_variance(cells).variance / cells.k
    used = found.slope != 0
    variance = (found.slope**2 * np.where(used, of_mean[blocks.cell], 0.0)).sum(axis=(1, 2))
    return variance if (variance > 0).all() else None


def _by_seed(cells: Cells, blocks: Blocked, found: Effects) -> FloatArray | None:
    """Every seed's part in the blocks' numbers, shape (G, B); None with too few complete seeds."""
    values = values_by_seed(cells)[:, blocks.cell]
    used = found.slope != 0
    kept = ~(np.isnan(values) & used).any(axis=(1, 2, 3))
    if kept.sum() < MIN_SEEDS:
        return None
    inside = np.where(used, values[kept], 0.0)
    return np.asarray(np.einsum("gblr,blr->gb", inside, found.slope))


def _within(
    cells: Cells, asked: Estimand, blocks: Blocked, found: Effects, how: How
) -> Interval | None:
    """The interval for these blocks alone; None where it cannot be made."""
    mean = float(found.value.mean())
    if asked.outcome != asked.table.outcome:
        if blocks.left_out or not blocks.weight.all():
            return None
        plain = replace(asked, quantity=plain_quantity(asked.outcome, 1))
        own = contrast(cells, plain, how).interval
        return own and replace(own, method="within_blocks")
    spread = _spread(cells, blocks, found, how)
    if spread is None:
        return None
    return t_interval(mean, spread, confidence=how.confidence, method="within_blocks")


def _spread(cells: Cells, blocks: Blocked, found: Effects, how: How) -> Spread | None:
    """Standard error of the mean over these blocks, of independent runs or of seeds."""
    weight = np.zeros(len(cells))
    np.add.at(weight, blocks.cell, found.slope / found.value.size)
    if how.shared_seeds:
        each = _by_seed(cells, blocks, found)
        if each is None:
            return clustered_spread(cells, weight, cells.table.value, cells.table.converged)
        sums = each.mean(axis=1)
        if constant(sums):
            return None
        return Spread(float(sums.std(ddof=1)) / sums.size**0.5, float(sums.size - 1))
    used = np.flatnonzero(weight)
    lent = lent_variance(cells)
    if np.isnan(lent.variance[used]).any() or not lent.variance[used].any():
        return None
    return satterthwaite(weight[used], lent.variance[used], cells.k[used], lent.df[used])


def _differ(asked: Estimand, value: FloatArray, spread: Heterogeneity | None) -> Note:
    """In how many blocks the sign of the mean holds, and how much blocks differ."""
    same = int((np.sign(value) == np.sign(value.mean())).sum())
    values: dict[str, object] = {"k": same, "n": value.size, "factor": asked.table.block}
    ratio = asked.quantity == "block_ratio"
    if spread is None:
        name = "blocks_differ_by_factor_unmeasured" if ratio else "blocks_differ_unmeasured"
        return say(name, Caution.HETEROGENEITY, **values)
    name, tau = "blocks_differ_by_factor" if ratio else "blocks_differ", spread.tau2**0.5
    other = float(np.exp(tau)) if ratio else tau
    return say(name, Caution.HETEROGENEITY, other=other, p=spread.i2, **values)


def _on_scale(finding: Finding, asked: Estimand) -> Finding:
    """A finding of logarithms as one of ratios."""
    if asked.quantity != "block_ratio":
        return finding
    return replace(
        finding,
        estimate=None if finding.estimate is None else float(np.exp(finding.estimate)),
        interval=None if finding.interval is None else _exp(finding.interval),
        alternatives=tuple(map(_exp, finding.alternatives)),
    )


def _exp(found: Interval) -> Interval:
    """An interval of a logarithm as one of the number itself."""
    low, high = float(np.exp(found.low)), float(np.exp(found.high))
    return Interval(float(np.exp(found.estimate)), low, high, found.method, df=found.df)
