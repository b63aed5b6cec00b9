"""What a data set is before it is decoded: a key, and images by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vggstudy.training.data.decode import Pixels


class Row(NamedTuple):
    """One decoded image.

    Attributes
    ----------
    row : int
        Its place in the data set.
    name : str
        What messages call it.
    pixels : ndarray of uint8, shape (side, side, 3)
    """

    row: int
    name: str
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A data set that is about to be decoded.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes, in the order of their labels.
    labels : ndarray of int64, shape (N,)
        Class of every row.
    n_train : int
        The first ``n_train`` rows are the training split, the others the test split. N where
        the data have no test split of their own.
    rows : iterable of Row
        Every row once, in any order; decoded while it is iterated over.
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    n_train: int
    rows: Iterable[Row]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where a data set comes from.

    Attributes
    ----------
    title : str
        What messages call it.
    key : str
        Changes whenever the decoded images would.
    open : callable
        Begins decoding.
    """

    title: str
    key: str
    open: Callable[[], ImageSet]
