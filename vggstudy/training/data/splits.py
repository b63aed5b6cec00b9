"""Which rows of a data set a run trains, validates and tests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import DataSettings

Rows = NDArray[np.int64]

DEFAULT_TEST_SHARE = 0.2
"""Share of all images drawn as test split where the data have none."""


class Labelled(Protocol):
    """What a split needs to know of a data set, decoded or not: `ImageCache`, `ImageSet`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def labels(self) -> Rows:
        """Class of every row."""

    @property
    def n_train(self) -> int:
        """Rows of the training split, which come first."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of the three splits, disjoint, each in ascending order.

    Attributes
    ----------
    train, validation, test : ndarray of int64
    """

    train: Rows
    validation: Rows
    test: Rows


def split_rows(data: Labelled, settings: DataSettings, *, split_seed: int) -> Split:
    """Draw the splits of a run, stratified by class.

    Test split and subsets depend on ``data.subset_seed`` alone and are the same for every run;
    the validation split is drawn from the training split by the run's own seed. An imbalance is
    made before that, so that validation images have it too; test images never have it.

    Raises
    ------
    DataError
        If more images are asked for than there are, or a class is left without training images.
    """
    everything = np.arange(len(data.labels))
    pool, test = everything[: data.n_train], everything[data.n_train :]
    test_rng, train_rng = (np.random.default_rng([settings.subset_seed, draw]) for draw in (0, 1))
    if len(test):
        test = _subset(test, data.labels, settings.test, "test", rng=test_rng)
    else:
        count = settings.test or round(DEFAULT_TEST_SHARE * len(pool))
        test = _subset(pool, data.labels, count, "test", rng=test_rng)
        pool = np.setdiff1d(pool, test, assume_unique=True)
    pool = _subset(pool, data.labels, settings.train, "train", rng=train_rng)
    if settings.imbalance > 1:
        rng = np.random.default_rng([settings.subset_seed, 2])
        pool = pool[imbalanced_sample(data.labels[pool], settings.imbalance, rng=rng)]
    rng = np.random.default_rng(split_seed)
    validation = _validation(pool, data.labels, settings.validation, rng=rng)
    train = np.setdiff1d(pool, validation, assume_unique=True)
    _check_classes(data, train)
    return Split(train=train, validation=validation, test=test)


def stratified_sample(labels: Rows, count: int, *, rng: np.random.Generator) -> Rows:
    """Places of a random sample whose class shares are those of all labels.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    count : int
        Size of the sample, at most N.

    Returns
    -------
    ndarray of int64, shape (count,)
        Indices into ``labels``, ascending.

    Notes
    -----
    Class counts by largest remainders: every class gets the whole part of its share, the rest
    goes to the largest fractions, ties to the lower class.
    """
    values, sizes = np.unique(labels, return_counts=True)
    counts = stratified_counts(sizes, count)
    chosen = [
        rng.choice(np.flatnonzero(labels == value), size=size, replace=False)
        for value, size in zip(values, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def stratified_counts(sizes: Rows, count: int) -> Rows:
    """How many of each class `stratified_sample` takes, shape (C,), from the classes' sizes."""
    exact = count * sizes / sizes.sum()
    counts: Rows = np.floor(exact).astype(np.int64)
    remainders = np.argsort(counts - exact, kind="stable")
    counts[remainders[: count - counts.sum()]] += 1
    return counts


def imbalanced_sample(labels: Rows, ratio: float, *, rng: np.random.Generator) -> Rows:
    """Places of a random sample whose class counts fall exponentially, class by class.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        Of C classes, which should be equally frequent.
    ratio : float
        Images of the first class per image of the last, at least 1.

    Returns
    -------
    ndarray of int64
        Indices into ``labels``, ascending. A larger ratio keeps a subset of what a smaller one
        keeps, given the same generator.

    Notes
    -----
    Class c = 0, ..., C - 1 in the order of the labels keeps floor(n ratio^(-c / (C - 1))) images,
    at least one, where n is the size of the smallest class: the profile is exact also where the
    classes differ a little.

    References
    ----------
    Cui, Jia, Lin, Song, Belongie (2019), Class-balanced loss based on effective number of samples,
    section 5.1: long-tailed CIFAR, n_i mu^i, of which the ratio is the imbalance factor.
    """
    values, sizes = np.unique(labels, return_counts=True)
    decay = np.arange(len(values)) / max(1, len(values) - 1)
    # The tolerance keeps 5000 / 100 = 50 images where the power gives 49.999...
    counts = np.maximum(1, np.floor(sizes.min() * ratio**-decay + 1e-9)).astype(np.int64)
    chosen = [
        rng.permutation(np.flatnonzero(labels == value))[:count]
        for value, count in zip(values, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _subset(
    rows: Rows, labels: Rows, count: int | None, name: str, *, rng: np.random.Generator
) -> Rows:
    """As many rows as are asked for; all of them by default."""
    if count is None or count == len(rows):
        return rows
    if count > len(rows):
        msg = f"data.{name} asks for {count} images, but there are {len(rows)}"
        raise DataError(msg)
    return rows[stratified_sample(labels[rows], count, rng=rng)]


def _validation(rows: Rows, labels: Rows, size: int | float, *, rng: np.random.Generator) -> Rows:
    """The rows held out for validation: a count, or a share of the training split."""
    count = size if isinstance(size, int) else round(size * len(rows))
    if not 0 < count < len(rows):
        msg = (
            f"data.validation = {size} holds {count} of the {len(rows)} images of the training "
            "split out, and leaves none to train or validate on"
        )
        raise DataError(msg)
    return rows[stratified_sample(labels[rows], count, rng=rng)]


def _check_classes(data: Labelled, train: Rows) -> None:
    """Every class has training images."""
    counts = np.bincount(data.labels[train], minlength=len(data.classes))
    if not counts.all():
        name = data.classes[int(np.argmin(counts))]
        msg = (
            f"class {name!r} has no images among the {len(train)} of the training split: "
            "raise data.train, or lower data.validation or data.imbalance"
        )
        raise DataError(msg)
