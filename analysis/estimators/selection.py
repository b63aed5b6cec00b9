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

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.notes import Caution, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, resample_indices

TRIM_FROM = 0.01
"""Share of converged runs to be trimmed, averaged over matched cells, beyond which bounds stand.

What selection can do depends on how much convergence differs, not on how much of it there is."""


RESAMPLES = 399
"""Resamples behind the bounds' standard errors: good to 4%."""

MANY_RUNS, FEWER = 250_000, 99
"""Runs of a table beyond which there are fewer of them: good to 7% of a much smaller error."""

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
    """Whether convergence differs between the compared levels, matched cell by matched cell."""
    if len(groups) != 2 or groups[0].cells.size != groups[1].cells.size:
        return False
    shares = [cells.k[g.cells] / np.maximum(cells.n[g.cells], 1.0) for g in groups]
    most = np.maximum(*shares)
    trimmed = np.where(most > 0, np.abs(shares[0] - shares[1]) / np.maximum(most, 1e-300), 0.0)
    return bool(trimmed.mean() > TRIM_FROM)


def lee_bounds(
    cells: Cells,
    groups: list[Group],
    *,
    confidence: float,
    resamples: int,
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
    resamples : int
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
    variance = np.sum([pair.variances(resamples, rng) for pair in pairs], axis=0)
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


def with_bounds(finding: Finding, cells: Cells, asked: Estimand, how: How) -> Finding:
    """A mean's finding with Lee's bounds, where convergence differs between the compared levels.

    None are drawn where nobody looks (`How.bounds`). A caution tells the shares, the bounds'
    interval and the claim over all runs, which compares no survivors; the interval is among the
    alternatives too, as `LEE`.
    """
    groups = asked.groups(cells)
    if not how.bounds or finding.interval is None or not needs_bounds(cells, groups):
        return finding
    found = lee_bounds(
        cells,
        groups,
        confidence=how.confidence,
        resamples=RESAMPLES if cells.n.sum() <= MANY_RUNS else FEWER,
        seed=how.resampling.seed,
        claim_id=asked.id,
    )
    shares = [float(cells.k[g.cells].sum() / cells.n[g.cells].sum()) for g in groups]
    note = say("survivors", Caution.SELECTION, a=shares[0], b=shares[1])
    alternatives = finding.alternatives
    if found is not None:
        ends = Interval(
            finding.interval.estimate, found.interval_low, found.interval_high, LEE
        ).clipped(*_reach(cells))
        alternatives = (*alternatives, ends)
        note = say("within_lee", Caution.SELECTION, text=note, low=ends.low, high=ends.high)
    if cells.table.bounds is not None:
        over_all = Estimand.of("expected", asked.contrast, asked.table)
        note = say("with_all_runs", Caution.SELECTION, text=note, claim=over_all.id)
    notes = (*finding.cautions, note)
    return replace(finding, cautions=notes, alternatives=alternatives)


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
class _Runs:
    """The runs of a cell: the converged ones' values in increasing order, and how many there are.

    In resamples the converged runs come first, in the order of `values`.
    """

    values: FloatArray
    runs: int

    @classmethod
    def of(cls, cells: Cells, cell: int) -> _Runs:
        return cls(cells.cell_values(cell), int(cells.n[cell]))

    def trimmed(self, ranks: IntArray, keep: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Means of each resample's smallest values, and of its largest, a share `keep` of each.

        The run on the edge enters with the part of its weight that is kept. `ranks` counts the
        values drawn up to each of `values`, so that a sum over the ``K`` smallest is ``K`` times
        the largest value less the gaps between values times ``min(rank, K)``.

        Parameters
        ----------
        ranks : ndarray of shape (rows, k)
        keep : ndarray of shape (rows,)
        """
        drawn = ranks[:, -1]
        kept = (drawn * keep)[:, None]
        left_out = drawn[:, None] - kept
        gaps = np.diff(self.values)
        below = np.minimum(ranks[:, :-1], kept) @ gaps
        above = np.maximum(ranks[:, :-1] - left_out, 0.0) @ gaps
        top = self.values[-1]
        return top - below / kept[:, 0], top - above / kept[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two matched cells."""

    first: _Runs
    second: _Runs

    @classmethod
    def of(cls, cells: Cells, later: int, earlier: int) -> _Pair:
        return cls(_Runs.of(cells, later), _Runs.of(cells, earlier))

    def bounds(self) -> tuple[float, float, float]:
        """Low, high and the trimmed share of the runs at hand."""
        once = [np.ones((1, runs.runs), dtype=np.int64) for runs in (self.first, self.second)]
        low, high, cut = _bounds(self.first, self.second, once[0], once[1])
        return float(low[0]), float(high[0]), float(cut[0])

    def variances(self, resamples: int, rng: np.random.Generator) -> FloatArray:
        """Variances of low and high over resamples of all runs; shape (2,).

        Resamples without a converged run in one of the cells are left out.
        """
        both = np.array([self.first.runs, self.second.runs])
        strata = Strata(both, np.zeros(int(both.sum())))
        drawn = [
            _bounds(self.first, self.second, *np.split(counts, both[:1], axis=1))
            for counts in _times_drawn(strata, resamples, rng)
        ]
        low, high = (np.concatenate([part[i] for part in drawn]) for i in (0, 1))
        return np.array([low.var(ddof=1), high.var(ddof=1)])


def _times_drawn(strata: Strata, resamples: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """How often each run is drawn, in chunks of shape (rows, N)."""
    size = strata.values.size
    for index in resample_indices(strata, resamples=resamples, rng=rng):
        rows = len(index)
        index += size * np.arange(rows)[:, None]
        yield np.bincount(index.ravel(), minlength=rows * size).reshape(rows, size)


def _bounds(
    first: _Runs, second: _Runs, first_counts: IntArray, second_counts: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Low, high and trimmed share of every resample ([1]_, proposition 1a).

    The group with the larger share of converged runs is trimmed to the other's; the other one's
    trimmed means are then its plain mean. Counts are of shape (rows, runs); rows in which no run
    of a group converged are left out.
    """
    ranks = [
        np.cumsum(counts[:, : runs.values.size], axis=1)
        for runs, counts in ((first, first_counts), (second, second_counts))
    ]
    usable = (ranks[0][:, -1] > 0) & (ranks[1][:, -1] > 0)
    ranks = [rank[usable] for rank in ranks]
    share = [rank[:, -1] / runs.runs for rank, runs in zip(ranks, (first, second), strict=True)]
    least = np.minimum(share[0], share[1])
    low_first, high_first = first.trimmed(ranks[0], least / share[0])
    low_second, high_second = second.trimmed(ranks[1], least / share[1])
    return low_first - high_second, high_first - low_second, 1 - least / np.maximum(*share)
