"""Data sets that need no files: the digits embedded in scikit-learn, and synthetic textures."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vggstudy.identity import digest
from vggstudy.training.data.decode import Pixels, resized
from vggstudy.training.data.sources import ImageSet, ImageSource, Row

DEFAULT_SIDE = 32
"""Side of digits and synthetic images where none is asked for: what a VGG network needs."""

DIGITS_SCALE = 255 / 16
"""scikit-learn's digits have grey values from 0 to 16."""

SYNTHETIC_TRAIN = 2000
SYNTHETIC_TEST = 500
SYNTHETIC_SEED = 20260101
SYNTHETIC_VERSION = 1
"""Raised when the same settings give other textures, so that no stale cache is read."""


def digits_source(*, resize: int | None) -> ImageSource:
    """1,797 real 8 x 8 images of handwritten digits, upsampled, grey in all three channels."""
    side = resize or DEFAULT_SIDE
    return ImageSource("digits", digest({"digits": 1, "side": side}), lambda: _digits(side))


def _digits(side: int) -> ImageSet:
    """The digits as they are embedded: one set, without a test split."""
    table = _digits_table()
    grey = np.rint(table[:, :-1].reshape(-1, 8, 8) * DIGITS_SCALE).astype(np.uint8)
    labels = table[:, -1].astype(np.int64)

    def rows() -> Iterator[Row]:
        for row, image in enumerate(grey):
            yield Row(row, f"digit {row}", resized(Image.fromarray(image).convert("RGB"), side))

    classes = tuple(str(digit) for digit in range(10))
    return ImageSet(classes, labels, len(grey), rows())


def _digits_table() -> NDArray[np.float64]:
    """scikit-learn's digits, shape (1797, 65): 64 grey values from 0 to 16, and the digit.

    From its own file, where that is: importing scikit-learn takes longer than all images do.
    """
    found = find_spec("sklearn")
    if found is not None and found.origin is not None:
        file = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            table: NDArray[np.float64] = np.loadtxt(file, delimiter=",")
            return table
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return np.column_stack((bundle.data, bundle.target))


def synthetic_source(
    *, classes: int, side: int | None, train: int | None, test: int | None
) -> ImageSource:
    """Textures whose orientation, frequency and colour depend on the class.

    As many as are asked for, classes in turn. Every image is a function of its split, its row
    and the number of classes alone.
    """
    size = side or DEFAULT_SIDE
    counts = (train or SYNTHETIC_TRAIN, test or SYNTHETIC_TEST)
    key = {"synthetic": SYNTHETIC_VERSION, "classes": classes, "side": size, "counts": counts}
    return ImageSource("synthetic", digest(key), lambda: _synthetic(classes, size, counts))


def _synthetic(classes: int, side: int, counts: tuple[int, int]) -> ImageSet:
    """Labels in turn; images are drawn while the rows are iterated over."""
    labels = np.concatenate([np.arange(count) % classes for count in counts]).astype(np.int64)

    def rows() -> Iterator[Row]:
        for row, label in enumerate(labels):
            split, index = (0, row) if row < counts[0] else (1, row - counts[0])
            rng = np.random.default_rng([SYNTHETIC_SEED, split, index])
            yield Row(row, f"texture {row}", texture(int(label), classes, side, rng=rng))

    names = tuple(f"texture-{label}" for label in range(classes))
    return ImageSet(names, labels, counts[0], rows())


def texture(label: int, classes: int, side: int, *, rng: np.random.Generator) -> Pixels:
    """A noisy grating of random phase.

    Parameters
    ----------
    label, classes : int
        Orientation pi * label / classes; three to five periods an image; a tint on the circle
        of hues.
    side : int
        Pixels.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
    """
    angle = np.pi * label / classes
    periods = 3 + label % 3
    at = np.arange(side) / side
    along = np.cos(angle) * at[:, None] + np.sin(angle) * at[None, :]
    wave = np.sin(2 * np.pi * (periods * along + rng.random()))
    tint: NDArray[np.float64] = 1 + 0.3 * np.cos(2 * angle + 2 * np.pi / 3 * np.arange(3))
    image = 128 + 50 * wave[:, :, None] * tint + rng.normal(0, 40, (side, side, 3))
    pixels: Pixels = np.clip(image, 0, 255).astype(np.uint8)
    return pixels
