"""Classes and labels of a data set, where they can be told without decoding an image."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.data.archives import Folder, ZipArchive, open_tree
from vggstudy.training.data.builtin import SYNTHETIC_TEST, SYNTHETIC_TRAIN
from vggstudy.training.data.datasets import locate
from vggstudy.training.data.imagefolder import find_layout

DIGITS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each digit in scikit-learn's set, which takes half a second to load."""

CIFAR10 = (5000,) * 10
"""Images of each class in the training split of CIFAR-10, which has a test split of its own."""

LISTED = 200_000
"""Files of a folder that are listed at most: nobody waits longer for what needs no check."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What `split_rows` needs to know of a data set: see `ImageSet`.

    Attributes
    ----------
    classes : tuple of str
    labels : ndarray of int64, shape (N,)
    n_train : int
    """

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    n_train: int

    @classmethod
    def of_sizes(cls, sizes: Sequence[int], test: int = 0) -> Outline:
        """So many training images of each class, in any order, and some test images."""
        labels = np.repeat(np.arange(len(sizes)), sizes)
        names = tuple(str(label) for label in range(len(sizes)))
        return cls(names, np.append(labels, np.zeros(test, dtype=np.int64)), len(labels))


def outline(settings: DataSettings, roots: Sequence[Path]) -> Outline | None:
    """The classes and labels of a recipe's data.

    Parameters
    ----------
    settings : DataSettings
    roots : sequence of Path
        Folders in which a relative ``data.root`` is looked for.

    Returns
    -------
    Outline or None
        None for what must be downloaded or decompressed to be known, is not there, is damaged, or
        has more than `LISTED` files.
    """
    if settings.name == "digits":
        return Outline.of_sizes(DIGITS)
    if settings.name == "cifar10":
        return Outline.of_sizes(CIFAR10, test=10_000)
    if settings.name == "synthetic":
        train = np.arange(settings.train or SYNTHETIC_TRAIN) % settings.classes
        sizes = np.bincount(train, minlength=settings.classes)
        return Outline.of_sizes(sizes.tolist(), test=settings.test or SYNTHETIC_TEST)
    if settings.name != "imagefolder" or settings.root is None:
        return None
    try:
        return _of_folder(locate(settings.root, roots))
    except DataError:
        return None  # told when the images are needed


def _of_folder(root: Path) -> Outline | None:
    """That of class folders, or of an archive that has a list of its files."""
    tree = open_tree(root)
    if not isinstance(tree, (Folder, ZipArchive)):
        return None
    entries = list(itertools.islice(tree.entries(), LISTED + 1))
    if len(entries) > LISTED:
        return None
    layout = find_layout(entries, title=str(root))
    return Outline(layout.classes, layout.labels, layout.n_train)
