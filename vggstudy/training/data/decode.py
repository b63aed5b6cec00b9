"""From the bytes of an image file to pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vggstudy.errors import DataError

Pixels = NDArray[np.uint8]

MAX_PIXELS = 64 * 2**20
"""Largest image that is decoded, in pixels."""

GREYSCALE = ("L", "1")
"""Pillow's modes that become RGB without loss."""

_CORRUPT = (OSError, SyntaxError, ValueError, IndexError, EOFError, Warning)
"""What Pillow raises for damaged files, its plug-ins' parsers included."""


def decode_rgb(data: bytes, name: str, *, resize: int | None) -> Pixels:
    """Pixels of an RGB image file; a greyscale one's three channels are equal.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What messages call it.
    resize : int or None
        Side in pixels to which it is resized; its own size by default.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    DataError
        If the file is damaged, too large, or of another kind: what transparency, a palette or
        16 bits would become is for its owner to say.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in {"RGB", *GREYSCALE}:
                msg = (
                    f"{name} is neither an RGB nor a greyscale image (mode {image.mode}): "
                    "convert it, or remove it"
                )
                raise DataError(msg)
            if image.width * image.height > MAX_PIXELS:
                msg = f"{name} has {image.width} x {image.height} pixels, above {MAX_PIXELS}"
                raise DataError(msg)
            image.load()
            return resized(image if image.mode == "RGB" else image.convert("RGB"), resize)
    except UnidentifiedImageError as error:
        msg = f"{name} is not an image, or is damaged"
        raise DataError(msg) from error
    except Image.DecompressionBombError as error:
        msg = f"{name} has too many pixels, above {MAX_PIXELS}"
        raise DataError(msg) from error
    except _CORRUPT as error:
        msg = f"{name} is damaged: {error}"
        raise DataError(msg) from error


def resized(image: Image.Image, side: int | None) -> Pixels:
    """Pixels of an RGB image, squeezed to ``side`` x ``side`` (bilinear, antialiased)."""
    if side is not None and image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8)


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Let Pillow's warnings about damaged files count as damage."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
