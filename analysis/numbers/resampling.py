"""Bootstrap draws: runs resampled within their cells, one random stream a claim.

The draws of a claim depend on the study's seed and the claim's id alone. A resample takes a fixed
number of random words, so that neither the size of the chunks nor the number of resamples changes
the earlier ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from vggstudy.analysis.numbers.arrays import ComplexArray, FloatArray, IntArray

Numbers = TypeVar("Numbers", FloatArray, ComplexArray)
"""Real or complex; two real sums over the same resamples make one complex one."""

CHUNK_DRAWS = 131_072
"""Draws held at a time: small enough for the cache, far below the bound of 4e6 for memory."""


def claim_generator(seed: int, claim_id: str) -> np.random.Generator:
    """The generator of a claim: ``Philox(SeedSequence([seed, sha256(claim id)]))``."""
    key = int(hashlib.sha256(claim_id.encode()).hexdigest(), 16)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, key])))


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Cells whose runs are resampled, each with its own size.

    Attributes
    ----------
    sizes : ndarray of shape (C,)
        Runs of each cell, at least one.
    values : ndarray of shape (N,)
        Values of the runs, cell after cell.
    """

    sizes: IntArray
    values: FloatArray

    def __post_init__(self) -> None:
        if (self.sizes < 1).any() or int(self.sizes.sum()) != self.values.size:
            raise ValueError("every stratum needs a run, and every run a stratum")

    @property
    def starts(self) -> IntArray:
        """Position of the first run of each cell."""
        return np.asarray(np.cumsum(self.sizes) - self.sizes, dtype=np.int64)


def resample_indices(
    strata: Strata, *, resamples: int, rng: np.random.Generator, chunk_draws: int = CHUNK_DRAWS
) -> Iterator[IntArray]:
    """Indices of resampled runs, in chunks of shape (rows, N).

    Column j of a row is a run drawn uniformly from the cell of run j. A draw maps 32 random bits
    to ``floor(bits * n / 2**32)``; the departure from uniformity is below n / 2**32.
    """
    for index in _index_chunks(strata, resamples, rng, chunk_draws):
        yield index.copy()


def resample_values(
    strata: Strata,
    values: Numbers,
    *,
    resamples: int,
    rng: np.random.Generator,
    chunk_draws: int = CHUNK_DRAWS,
) -> Iterator[Numbers]:
    """What `values` holds at the indices of `resample_indices`, chunk by chunk.

    Parameters
    ----------
    strata : Strata
    values : ndarray of shape (N,)
        A number of each run, real or complex.
    resamples : int
    rng : Generator
    chunk_draws : int

    Yields
    ------
    ndarray of shape (rows, N)
        In memory that the next chunk overwrites.
    """
    rows = _rows(strata, resamples, chunk_draws)
    drawn = np.empty((rows, values.size), dtype=values.dtype)
    for index in _index_chunks(strata, resamples, rng, chunk_draws):
        # Every index is in range; the default mode would check them through a slow buffer.
        yield np.take(values, index, out=drawn[: len(index)], mode="wrap")


def _rows(strata: Strata, resamples: int, chunk_draws: int) -> int:
    """Resamples in a chunk."""
    return min(max(1, chunk_draws // strata.values.size), resamples)


def _index_chunks(
    strata: Strata, resamples: int, rng: np.random.Generator, chunk_draws: int
) -> Iterator[IntArray]:
    """Indices of `resample_indices` in memory that the next chunk overwrites."""
    size = strata.values.size
    words = -(-size // 2)
    bound = np.repeat(strata.sizes, strata.sizes).astype(np.uint64)
    offset = np.repeat(strata.starts, strata.sizes)
    rows = _rows(strata, resamples, chunk_draws)
    scaled = np.empty((rows, size), dtype=np.uint64)
    for first in range(0, resamples, rows):
        part = scaled[: min(rows, resamples - first)]
        raw = rng.bit_generator.random_raw(len(part) * words)
        bits = raw.view(np.uint32).reshape(len(part), 2 * words)[:, :size]
        np.multiply(bits, bound, out=part)
        np.right_shift(part, np.uint64(32), out=part)
        index = part.view(np.int64)
        index += offset
        yield index


def linear_deviations(
    strata: Strata,
    weights: Numbers,
    *,
    resamples: int,
    rng: np.random.Generator,
    inflate: bool,
    chunk_draws: int = CHUNK_DRAWS,
) -> Numbers:
    """Deviations of a weighted sum of cell means from its estimate, over resamples.

    Parameters
    ----------
    strata : Strata
    weights : ndarray of shape (C,)
        Weight of each cell's mean, real or complex.
    resamples : int
    rng : Generator
    inflate : bool
        Multiply each cell's deviations by ``sqrt(n / (n - 1))``, which makes their variance the
        unbiased one; needs two runs in every cell.
    chunk_draws : int
        Draws held at a time; changes nothing but the memory.

    Returns
    -------
    ndarray of shape (resamples,)
    """
    sizes = strata.sizes.astype(np.float64)
    means = np.add.reduceat(strata.values, strata.starts) / sizes
    scale = weights / sizes * (np.sqrt(sizes / (sizes - 1)) if inflate else 1.0)
    influence = (strata.values - np.repeat(means, strata.sizes)) * np.repeat(scale, strata.sizes)
    chunks = resample_values(
        strata, influence, resamples=resamples, rng=rng, chunk_draws=chunk_draws
    )
    return np.concatenate([row_sums(drawn) for drawn in chunks])


def row_sums(drawn: Numbers) -> Numbers:
    """Sum of each row; shape (rows,).

    A row's sum depends on no other row, as it would in a matrix product, so that chunks of any
    size give the same bits; on short rows this is four times faster than ``sum(axis=1)``.
    """
    sums: Numbers = np.einsum("ij->i", drawn)
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class StudentizedDraws:
    """Deviations of a weighted sum of cell means with their own standard errors.

    Attributes
    ----------
    deviation, se : ndarrays of shape (B,)
        ``se`` is the root of ``sum(w^2 s^2 / n)`` in the resample, s^2 with divisor n - 1.
    """

    deviation: FloatArray
    se: FloatArray


def studentized_draws(
    strata: Strata,
    weights: FloatArray,
    *,
    resamples: int,
    rng: np.random.Generator,
    chunk_draws: int = CHUNK_DRAWS,
) -> StudentizedDraws:
    """The same resamples as `linear_deviations`, each with its standard error."""
    sizes = strata.sizes.astype(np.float64)
    means = np.add.reduceat(strata.values, strata.starts) / sizes
    centred = strata.values - np.repeat(means, strata.sizes)
    deviations, errors = [], []
    for drawn in resample_values(
        strata, centred, resamples=resamples, rng=rng, chunk_draws=chunk_draws
    ):
        first = np.add.reduceat(drawn, strata.starts, axis=1) / sizes
        second = np.add.reduceat(drawn**2, strata.starts, axis=1) / sizes
        variance = np.maximum(second - first**2, 0.0) / np.maximum(sizes - 1, 1.0)
        deviations.append(first @ weights)
        errors.append(np.sqrt(variance @ weights**2))
    return StudentizedDraws(np.concatenate(deviations), np.concatenate(errors))
