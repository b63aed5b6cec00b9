"""Decoded images on disk: written once, whole or not at all, then mapped into memory."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray

from vggstudy.errors import DataError
from vggstudy.files import write_atomic
from vggstudy.identity import digest
from vggstudy.training.data.decode import Pixels, strict_decoding
from vggstudy.training.data.sources import ImageSet, ImageSource, Row

logger = logging.getLogger(__name__)

FORMAT = "vggstudy-images"
SCHEMA = 1
"""Schema 1: ``images.npy`` (uint8, N x side x side x 3), ``labels.npy`` (int64), ``meta.json``."""

PROGRESS_EVERY_S = 5.0
CHUNK_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class ImageCache:
    """A decoded data set, mapped into memory and shared by all processes that read it.

    Attributes
    ----------
    path : Path
        Its folder.
    images : ndarray of uint8, shape (N, side, side, 3)
    labels : ndarray of int64, shape (N,)
    classes : tuple of str
    n_train : int
        The first rows are the training split; N where there is no test split.
    digest : str
        SHA-256 of the decoded content: images, labels, classes and split.
    """

    path: Path
    images: Pixels
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    n_train: int
    digest: str

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return int(self.images.shape[1])


def default_cache_dir() -> Path:
    """``$VGGSTUDY_CACHE``, or the platform's folder for caches."""
    given = os.environ.get("VGGSTUDY_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("vggstudy")


def load_images(source: ImageSource, *, cache_dir: Path, verify: bool = False) -> ImageCache:
    """The decoded data set of a source, decoding it if no process has yet.

    Parameters
    ----------
    source : ImageSource
    cache_dir : Path
    verify : bool
        Whether to compare all that is stored with its digest (seconds for each GB).

    Raises
    ------
    DataError
        If the images cannot be read, are not alike, or cannot be stored; nothing is kept then.
    """
    folder = cache_dir / "images" / digest({"schema": SCHEMA, "source": source.key})[:32]
    found = _read(folder, verify=verify)
    if found is not None:
        return found
    with _writing(cache_dir):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            found = _read(folder, verify=verify)
            if found is None:
                _build(source, folder)
                found = _read(folder)
    if found is None:
        msg = f"{folder} changed while it was read: run again"
        raise DataError(msg)
    return found


def archive_digest(path: Path, *, cache_dir: Path) -> str:
    """SHA-256 of a file, remembered by its path, size and time of change."""
    status = path.stat()
    seen = {"size": status.st_size, "modified_ns": status.st_mtime_ns}
    memo = cache_dir / "archives" / f"{digest(str(path.resolve()))[:32]}.json"
    known = _read_json(memo)
    if known is not None and {key: known.get(key) for key in seen} == seen:
        return str(known["sha256"])
    with _reading(str(path)), path.open("rb") as data:
        content = hashlib.file_digest(data, "sha256").hexdigest()
    with _writing(cache_dir):
        memo.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memo, json.dumps({**seen, "sha256": content}).encode())
    return content


@contextmanager
def _writing(cache_dir: Path) -> Iterator[None]:
    """Report a cache folder that cannot be written."""
    try:
        yield
    except OSError as error:
        msg = (
            f"cannot write the image cache {cache_dir}: {error.strerror or error}; "
            "set VGGSTUDY_CACHE to a folder with space"
        )
        raise DataError(msg) from error


@contextmanager
def _reading(title: str) -> Iterator[None]:
    """Report a data set that cannot be read."""
    try:
        yield
    except OSError as error:
        msg = f"cannot read {error.filename or title}: {error.strerror or error}"
        raise DataError(msg) from error


def _rows(content: ImageSet, title: str) -> Iterator[Row]:
    """The rows of a data set, errors of reading told apart from those of writing."""
    rows = iter(content.rows)
    while True:
        with _reading(title):
            row = next(rows, None)
        if row is None:
            return
        yield row


def _read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _read(folder: Path, *, verify: bool = False) -> ImageCache | None:
    """Map a finished folder into memory; None where there is none, or a damaged one."""
    meta = _read_json(folder / "meta.json")
    if meta is None:
        return None
    try:
        found = _mapped(folder, meta)
    except (OSError, ValueError, EOFError, KeyError, TypeError):
        found = None
    if found is None or (verify and _digest_of(found) != found.digest):
        logger.warning("%s is damaged: its images are decoded again", folder)
        return None
    return found


def _mapped(folder: Path, meta: dict[str, Any]) -> ImageCache | None:
    """The files of a folder; None where they are not as large as its description says."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy")
    if list(images.shape) != meta["shape"] or labels.shape != images.shape[:1]:
        return None
    return ImageCache(
        path=folder,
        images=images,
        labels=labels,
        classes=tuple(meta["classes"]),
        n_train=meta["n_train"],
        digest=meta["digest"],
    )


def _build(source: ImageSource, folder: Path) -> None:
    """Decode into a folder beside the final one, and rename it when it is complete."""
    partial = folder.with_suffix(".partial")  # the caller holds the lock: nobody else's
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial.mkdir()
    try:
        _decode(source, partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _decode(source: ImageSource, folder: Path) -> None:
    """Write images, labels and, last, the description that makes a folder valid."""
    with strict_decoding():
        with _reading(source.title):
            content = source.open()
        images = _write_images(content, source.title, folder)
    np.save(folder / "labels.npy", content.labels)
    description = {"classes": content.classes, "n_train": content.n_train}
    meta = {
        "format": FORMAT,
        "schema": SCHEMA,
        "title": source.title,
        "shape": list(images.shape),
        "digest": _content_digest(images, content.labels, description),
        **description,
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _write_images(content: ImageSet, title: str, folder: Path) -> Pixels:
    """Store every row as it is decoded."""
    total = len(content.labels)
    images: Pixels | None = None
    first = ""
    progress = DecodingProgress(title, total)
    seen = np.zeros(total, dtype=bool)
    for row, name, pixels in _rows(content, title):
        if images is None:
            images, first = _allocate(pixels, total, folder, name), name
        if pixels.shape != images.shape[1:]:
            msg = (
                f"{name} has {_size(pixels)} pixels but {first} has {_size(images[0])}: "
                "set data.resize"
            )
            raise DataError(msg)
        images[row] = pixels
        seen[row] = True
        progress.advance()
    if images is None or not seen.all():
        msg = f"{title} changed while it was read: {int(seen.sum())} of {total} images were found"
        raise DataError(msg)
    return images


def _allocate(pixels: Pixels, total: int, folder: Path, name: str) -> Pixels:
    """An array on disk for all images of one size, if it fits."""
    height, width = pixels.shape[:2]
    if height != width:
        msg = f"{name} has {_size(pixels)} pixels, and images must be square: set data.resize"
        raise DataError(msg)
    needed, free = total * pixels.size, shutil.disk_usage(folder).free
    if needed > free:
        msg = (
            f"{total} images of {_size(pixels)} pixels need {needed / 1e6:,.1f} MB in the image "
            f"cache {folder.parent}, which has {free / 1e6:,.1f} MB: set VGGSTUDY_CACHE"
        )
        raise DataError(msg)
    path = folder / "images.npy"
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (total, *pixels.shape))
    with path.open("r+b") as file:
        # Reserved now: a disk that fills up under a memory map would kill the process.
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images


def _size(pixels: Pixels) -> str:
    """Width and height in words."""
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _content_digest(images: Pixels, labels: NDArray[np.int64], description: dict[str, Any]) -> str:
    """SHA-256 of everything that training can see of a data set."""
    state = hashlib.sha256(digest({**description, "shape": list(images.shape)}).encode())
    state.update(labels.astype("<i8").tobytes())
    step = max(1, CHUNK_BYTES // max(1, images[0].size))
    for start in range(0, len(images), step):
        state.update(images[start : start + step].tobytes())
    return state.hexdigest()


def _digest_of(cache: ImageCache) -> str:
    """The digest that a cache should have by its content."""
    description = {"classes": cache.classes, "n_train": cache.n_train}
    return _content_digest(cache.images, cache.labels, description)


class DecodingProgress:
    """Tells now and then how far decoding is."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total, self._done = title, total, 0
        self._started = self._told = time.monotonic()
        logger.info("%s: decoding %d images, once", title, total)

    def advance(self) -> None:
        """Count one image."""
        self._done += 1
        if self._done % 256 and self._done < self._total:
            return
        now = time.monotonic()
        if now - self._told >= PROGRESS_EVERY_S or self._done == self._total:
            self._told = now
            seconds = now - self._started
            logger.info(
                "%s: %d of %d images, %.1f s", self._title, self._done, self._total, seconds
            )
