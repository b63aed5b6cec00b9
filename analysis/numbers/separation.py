"""Whether the maximum likelihood estimate of a logistic regression exists, by linear programming.

A direction b separates the data if no run lies on its wrong side: ``x'b >= 0`` where runs
succeeded, ``x'b <= 0`` where they failed, and not always 0. The likelihood then rises along b for
ever. One programme finds all rows that any direction can separate; the coefficients that no
direction touches stay finite.

References
----------
.. [1] Albert & Anderson (1984), Biometrika 71, 1-10 (complete and quasi-complete separation).
.. [2] Konis (2007), Linear programming algorithms for detecting separated data in binary logistic
   regression models, DPhil thesis, Oxford, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray

NULL = 1e-9
"""Share of the largest singular value below which a direction is null."""


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """What maximum likelihood cannot estimate.

    Attributes
    ----------
    separated : bool
        Completely or quasi-completely.
    complete : bool
        Whether one direction separates every run.
    rows : ndarray of shape (C,)
        Rows whose fitted probability is 0 or 1 in the limit.
    infinite : ndarray of shape (P,)
        Coefficients that are infinite or undetermined in the limit.
    sign : ndarray of shape (P,)
        +1 or -1 where an infinite coefficient can only go that way, otherwise 0.
    direction : ndarray of shape (P,)
        A direction that separates all of `rows`, scaled to a largest entry of 1; zero without
        separation.
    """

    separated: bool
    complete: bool
    rows: BoolArray
    infinite: BoolArray
    sign: IntArray
    direction: FloatArray

    def describe(self, names: tuple[str, ...]) -> Note:
        """One clause: which coefficients have no finite maximum likelihood estimate.

        Parameters
        ----------
        names : tuple of str
            Of the P coefficients.
        """
        if not self.separated:
            return say("no_separation")
        ends = {1: " (to +infinity)", -1: " (to -infinity)", 0: ""}
        listed = [
            names[j] + ends[int(self.sign[j])] for j in np.flatnonzero(self.infinite).tolist()
        ]
        kind = "complete_separation" if self.complete else "quasi_complete_separation"
        return say(kind, terms=listed)


def no_separation(X: FloatArray) -> Separation:
    """That of a design and responses in which nothing is separated."""
    rows, width = X.shape
    infinite, direction = np.zeros(width, dtype=np.bool_), np.zeros(width)
    sign = np.zeros(width, dtype=np.int64)
    return Separation(False, False, np.zeros(rows, dtype=np.bool_), infinite, sign, direction)


def find_separation(X: FloatArray, k: FloatArray, n: FloatArray) -> Separation:
    """Look for separation in grouped binomial data.

    Parameters
    ----------
    X : ndarray of shape (C, P)
        Design of full column rank.
    k, n : ndarray of shape (C,)
        Successes and trials, ``n > 0``.

    Raises
    ------
    RuntimeError
        If the solver fails on a programme that is always feasible and bounded.
    """
    X = X / np.abs(X).max(axis=0)  # the sides of a direction do not depend on the columns' scale
    pure = (k == 0) | (k == n)
    sided = np.where(k[pure] > 0, 1.0, -1.0)[:, None] * X[pure]
    direction, separable = _separate(sided, X[~pure])
    rows = np.zeros(len(X), dtype=np.bool_)
    rows[pure] = separable
    P = X.shape[1]
    if not separable.any():
        zero = np.zeros(P)
        return Separation(
            False, False, rows, np.zeros(P, dtype=np.bool_), zero.astype(np.int64), zero
        )
    infinite = _touched(X[~rows], P)
    sign = np.array([_sign(sided, X[~pure], j) if infinite[j] else 0 for j in range(P)])
    return Separation(
        separated=True,
        complete=bool(rows.all()),
        rows=rows,
        infinite=infinite,
        sign=sign.astype(np.int64),
        direction=direction / np.abs(direction).max(),
    )


def _separate(sided: FloatArray, mixed: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The direction that separates as many rows as possible: maximise sum t, t <= sided @ b.

    With 0 <= t <= 1 and b unbounded, scaling b brings every separable row to t = 1 and leaves the
    others at 0; Konis' own programme bounds b and may miss rows.
    """
    R, P = sided.shape
    solved = linprog(
        np.concatenate([np.zeros(P), -np.ones(R)]),
        A_ub=np.hstack([-sided, np.eye(R)]) if R else None,
        b_ub=np.zeros(R) if R else None,
        A_eq=np.hstack([mixed, np.zeros((len(mixed), R))]) if len(mixed) else None,
        b_eq=np.zeros(len(mixed)) if len(mixed) else None,
        bounds=[(None, None)] * P + [(0, 1)] * R,
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"the separation programme was not solved: {solved.message}")
    return solved.x[:P], solved.x[P:] > 0.5


def _touched(rest: FloatArray, P: int) -> BoolArray:
    """Coefficients that some direction with ``rest @ b = 0`` changes."""
    if not len(rest):
        return np.ones(P, dtype=np.bool_)
    _, singular, right = np.linalg.svd(rest)
    rank = int((singular > NULL * singular[0]).sum())
    return np.asarray((np.abs(right[rank:]) > np.sqrt(NULL)).any(axis=0))


def _sign(sided: FloatArray, mixed: FloatArray, j: int) -> int:
    """The only sign that coefficient j has among separating directions, or 0."""
    P = sided.shape[1]
    cost = np.zeros(P)
    cost[j] = 1.0
    ends = []
    for way in (1.0, -1.0):
        solved = linprog(
            way * cost,
            A_ub=-sided,
            b_ub=np.zeros(len(sided)),
            A_eq=mixed if len(mixed) else None,
            b_eq=np.zeros(len(mixed)) if len(mixed) else None,
            bounds=[(-1, 1)] * P,
            method="highs",
        )
        if solved.fun is None:
            raise RuntimeError(f"the separation programme was not solved: {solved.message}")
        ends.append(abs(solved.fun) > 1e-7)
    return int(ends[1]) - int(ends[0]) if ends[0] != ends[1] else 0
