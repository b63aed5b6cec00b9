"""Selection: bounds on a difference of means among runs that would converge under both levels.

A mean over converged runs compares survivors. Lee's bounds trim the level under which more runs
converged by the excess share, from below and from above: what is left brackets the runs that
converge under both levels, if a level can only help or only hinder convergence.

References
----------
.. [1] Lee (2009), Review of Economic Studies 76, 1071-1102, proposition 1a and section 3.
.. [2] Imbens & Manski (2004), Econometrica 72, 1845-1857, eq. 6-7 (interval of the parameter).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from vggstudy.analysis.arrays import FloatArray
from vggstudy.analysis.cells import Cells
from vggstudy.analysis.contrasts import Group
from vggstudy.analysis.finding import Finding, caution
from vggstudy.analysis.intervals import Interval
from vggstudy.analysis.reasons import Caution
from vggstudy.analysis.resampling import claim_generator

TRIM_BELOW = 0.9
"""Share of converged runs in a level below which bounds are shown."""


RESAMPLES = 399
"""Resamples behind the bounds' standard errors: good to 4%."""

LEE = "lee_bounds"
"""Name of the bounds' interval among a claim's alternatives."""


@dataclass(frozen=True, slots=True)
class LeeBounds:
    """Bounds on a difference of means, with an interval that covers the difference.

    Attributes
    ----------
    low, high : float
        Estimated bounds, in the unit of the outcome.
    interval_low, interval_high : float
        Imbens and Manski's interval at `confidence`.
    trimmed_share : float
        Share of converged runs that was trimmed, averaged over the pairs of cells.
    confidence : float
    """

    low: float
    high: float
    interval_low: float
    interval_high: float
    trimmed_share: float
    confidence: float


def needs_bounds(cells: Cells, groups: list[Group]) -> bool:
    """Whether fewer than `TRIM_BELOW` of the runs of a compared level converged."""
    shares = [float(cells.k[g.cells].sum() / max(cells.n[g.cells].sum(), 1.0)) for g in groups]
    return len(groups) == 2 and min(shares) < TRIM_BELOW


def lee_bounds(
    cells: Cells,
    groups: list[Group],
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    claim_id: str,
) -> LeeBounds | None:
    """Bounds on a difference of averaged cell means, matched cell by matched cell.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        Two groups whose cells correspond in order.
    confidence : float
    n_resamples : int
        Resamples of all runs behind the standard errors.
    seed, claim_id : int, str
        Name the random stream.

    Returns
    -------
    LeeBounds or None
        None where a cell has no converged run: its survivors are then unknown.
    """
    later, earlier = groups[0].cells, groups[1].cells
    if (cells.k[later] < 1).any() or (cells.k[earlier] < 1).any():
        return None
    rng = claim_generator(seed, f"{claim_id}#lee")
    pairs = [_Pair.of(cells, int(a), int(b)) for a, b in zip(later, earlier, strict=True)]
    found = np.array([pair.bounds() for pair in pairs])
    low, high = found[:, 0].mean(), found[:, 1].mean()
    variance = np.sum([pair.variances(n_resamples, rng) for pair in pairs], axis=0)
    errors = np.sqrt(variance) / len(pairs)
    critical = imbens_manski(float(high - low), float(errors.max()), confidence)
    return LeeBounds(
        float(low),
        float(high),
        float(low - critical * errors[0]),
        float(high + critical * errors[1]),
        float(found[:, 2].mean()),
        confidence,
    )


def with_bounds(
    finding: Finding,
    cells: Cells,
    groups: list[Group],
    *,
    claim_id: str,
    confidence: float,
    seed: int,
) -> Finding:
    """A mean's finding with Lee's bounds beside it, where a compared level lost many runs.

    The bounds' interval enters as an alternative, `LEE`; a caution tells the shares, the bounds
    and the claim over all runs, which compares no survivors.

    Parameters
    ----------
    finding : Finding
    cells : Cells
    groups : list of Group
    claim_id : str
    confidence : float
    seed : int
    """
    if finding.interval is None or not needs_bounds(cells, groups):
        return finding
    found = lee_bounds(
        cells,
        groups,
        confidence=confidence,
        n_resamples=RESAMPLES,
        seed=seed,
        claim_id=claim_id,
    )
    shares = [float(cells.k[g.cells].sum() / cells.n[g.cells].sum()) for g in groups]
    text = f"{shares[0]:.0%} against {shares[1]:.0%} of the runs converged: survivors are compared"
    if cells.table.bounds is not None:
        text += f"; over all runs: {beside(claim_id)}"
    notes = (*finding.cautions, caution(Caution.SELECTION, text))
    if found is None:
        return replace(finding, cautions=notes)
    ends = Interval(
        finding.interval.estimate, found.interval_low, found.interval_high, LEE
    ).clipped(*_reach(cells))
    return replace(finding, cautions=notes, alternatives=(*finding.alternatives, ends))


def beside(claim_id: str) -> str:
    """Id of the claim over all runs that stands beside a claim over converged ones."""
    return f"expected.{claim_id.partition('.')[2]}"


def _reach(cells: Cells) -> tuple[float | None, float | None]:
    """What a difference cannot leave."""
    if cells.table.bounds is None:
        return None, None
    width = cells.table.bounds[1] - cells.table.bounds[0]
    return -width, width


def imbens_manski(width: float, error: float, confidence: float) -> float:
    """Critical value c with ``Phi(c + width / error) - Phi(-c) = confidence`` ([2]_, eq. 7)."""
    if not error > 0:
        return 0.0
    low, high = 0.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        covered = float(ndtr(middle + width / error) - ndtr(-middle))
        low, high = (middle, high) if covered < confidence else (low, middle)
    return high


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two matched cells: values of all their runs, NaN for those that failed."""

    first: FloatArray
    second: FloatArray

    @classmethod
    def of(cls, cells: Cells, later: int, earlier: int) -> _Pair:
        return cls(_with_failed(cells, later), _with_failed(cells, earlier))

    def bounds(self) -> tuple[float, float, float]:
        """Low, high and the trimmed share of the runs at hand."""
        low, high, cut = _bounds(self.first[None, :], self.second[None, :])
        return float(low[0]), float(high[0]), float(cut[0])

    def variances(self, n_resamples: int, rng: np.random.Generator) -> FloatArray:
        """Variances of low and high over resamples of all runs; shape (2,).

        Resamples without a converged run in one of the cells are left out.
        """
        drawn = [
            values[rng.integers(0, values.size, (n_resamples, values.size))]
            for values in (self.first, self.second)
        ]
        usable = ~(np.isnan(drawn[0]).all(axis=1) | np.isnan(drawn[1]).all(axis=1))
        low, high, _ = _bounds(drawn[0][usable], drawn[1][usable])
        return np.array([low.var(ddof=1), high.var(ddof=1)])


def _with_failed(cells: Cells, cell: int) -> FloatArray:
    """A cell's runs: outcomes of the converged ones, then NaN for each failed one."""
    values = cells.cell_values(cell)
    return np.concatenate([values, np.full(int(cells.n[cell]) - values.size, np.nan)])


def _bounds(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Low, high and trimmed share of every row ([1]_, proposition 1a).

    The group with the larger share of converged runs is trimmed to the other's; the other one's
    trimmed means are then its plain mean.
    """
    known = [np.isfinite(x) for x in (first, second)]
    share = [x.mean(axis=1) for x in known]
    least = np.minimum(share[0], share[1])
    low_first, high_first = _trimmed(first, 1 - least / share[0])
    low_second, high_second = _trimmed(second, 1 - least / share[1])
    return low_first - high_second, high_first - low_second, 1 - least / np.maximum(*share)


def _trimmed(values: FloatArray, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of each row without the share at its top, and without that at its bottom.

    The run on the edge enters with the part of its weight that is kept.
    """
    kept = np.isfinite(values).sum(axis=1) * (1 - share)
    weights = np.clip(kept[:, None] - np.arange(values.shape[1]), 0.0, 1.0)
    rising = np.nan_to_num(np.sort(values, axis=1))
    falling = np.nan_to_num(-np.sort(-values, axis=1))
    return (weights * rising).sum(axis=1) / kept, (weights * falling).sum(axis=1) / kept
