"""Small symmetric matrices, many at once: the matrices run along the last axis.

With that layout every operation is a pass over contiguous memory, and a matrix that is not positive
definite gives NaN for itself alone where LAPACK would refuse the whole batch.
"""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.arrays import FloatArray


def squares(X: FloatArray) -> FloatArray:
    """Products of the columns, (C, P * P)."""
    return np.asarray((X[:, :, None] * X[:, None, :]).reshape(len(X), -1))


def information(squares: FloatArray, weight: FloatArray) -> FloatArray:
    """``X' W X`` of every response, (P, P, B)."""
    size = int(np.sqrt(squares.shape[1]))
    return np.asarray((squares.T @ weight).reshape(size, size, -1))


def cholesky(A: FloatArray) -> FloatArray:
    """Lower factors of (P, P, B) matrices; NaN where one is not positive definite."""
    if A.shape[2] == 1:
        return _one_cholesky(A)
    L = np.zeros_like(A)
    with np.errstate(invalid="ignore", divide="ignore"):
        for j in range(len(A)):
            column = A[j:, j] - (L[j:, :j] * L[j, :j]).sum(axis=1)
            L[j:, j] = column / np.sqrt(column[0])
    return L


def _one_cholesky(A: FloatArray) -> FloatArray:
    """The same of a single matrix, for which LAPACK is faster."""
    try:
        return np.asarray(np.linalg.cholesky(A[:, :, 0])[:, :, None])
    except np.linalg.LinAlgError:
        return np.full_like(A, np.nan)


def inverse(L: FloatArray) -> FloatArray:
    """Inverses of the (P, P, B) matrices with lower factors `L`."""
    size = len(L)
    if L.shape[2] == 1:
        one = np.linalg.inv(L[:, :, 0])
        return np.asarray((one.T @ one)[:, :, None])
    R = np.zeros_like(L)
    for j in range(size):
        R[j, j] = 1.0
        R[j, :j] = -(L[j, :j, None] * R[:j, :j]).sum(axis=0)
        R[j, : j + 1] /= L[j, j]
    return np.asarray((R[:, :, None] * R[:, None, :]).sum(axis=0))
