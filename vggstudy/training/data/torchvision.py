"""Data sets of torchvision: downloaded and verified by it, or read from an existing copy."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
from filelock import FileLock

from vggstudy.errors import DataError, ProtocolError
from vggstudy.identity import digest
from vggstudy.suggest import near
from vggstudy.training.data.archives import Folder
from vggstudy.training.data.decode import resized
from vggstudy.training.data.imagefolder import sorted_entries
from vggstudy.training.data.sources import ImageSet, ImageSource, Row

logger = logging.getLogger(__name__)

SPLIT_NAMES = {
    "FGVCAircraft": ("trainval", "test"),
    "Imagenette": ("train", "val"),
    "OxfordIIITPet": ("trainval", "test"),
}
"""Names of the training and the test split where they are not ``train`` and ``test``."""


def torchvision_source(
    name: str, *, root: Path | None, resize: int | None, cache_dir: Path
) -> ImageSource:
    """A torchvision data set of labelled images.

    Parameters
    ----------
    name : str
        Class in ``torchvision.datasets``, e.g. ``CIFAR100``.
    root : Path or None
        Folder of an existing copy; downloaded into the cache by default.

    Raises
    ------
    ProtocolError
        If torchvision has no such data set.
    """
    maker = _maker(name)
    copy = None
    if root is not None:
        copy = [[str(e.path), e.size, e.modified_ns] for e in sorted_entries(Folder(root))]
    return ImageSource(
        title=f"torchvision:{name}",
        key=digest({"torchvision": name, "resize": resize, "copy": copy}),
        open=lambda: _open(name, maker, root, resize, cache_dir),
    )


def _maker(name: str) -> Any:
    """The class of a data set."""
    from torchvision import datasets  # seconds that only these data sets pay

    known = [each for each in datasets.__all__ if inspect.isclass(getattr(datasets, each, None))]
    if name not in known:
        (like,) = near(name, known, n=1, alike=0)
        msg = f"data.name: torchvision has no data set {name!r} (did you mean {like!r}?)"
        raise ProtocolError(msg)
    return getattr(datasets, name)


def _open(
    name: str,
    maker: Any,
    root: Path | None,
    resize: int | None,
    cache_dir: Path,
) -> ImageSet:
    """Both splits of a data set, one after the other."""
    options = _split_options(name, maker)
    splits = [_make(name, maker, option, root, cache_dir) for option in options]
    labels = [_labels(name, split) for split in splits]
    joined = np.concatenate(labels)
    classes = getattr(splits[0], "classes", None) or range(int(joined.max()) + 1)
    names = tuple(each if isinstance(each, str) else _class_name(each) for each in classes)

    def rows() -> Iterator[Row]:
        row = 0
        for split in splits:
            for index in range(len(split)):
                image = split[index][0]
                yield Row(row, f"{name} image {row}", resized(image.convert("RGB"), resize))
                row += 1

    return ImageSet(names, joined, len(labels[0]), rows())


def _class_name(value: Any) -> str:
    """One name for a class."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _split_options(name: str, maker: Any) -> list[dict[str, Any]]:
    """Arguments that choose the training and the test split, if the class has any."""
    parameters = inspect.signature(maker).parameters
    if "train" in parameters or issubclass(maker, _maker("MNIST")):
        return [{"train": True}, {"train": False}]
    if "split" in parameters:
        return [{"split": split} for split in SPLIT_NAMES.get(name, ("train", "test"))]
    return [{}]


def _make(
    name: str,
    maker: Any,
    options: dict[str, Any],
    root: Path | None,
    cache_dir: Path,
) -> Any:
    """One split; downloaded where there is no copy."""
    folder = root or cache_dir / "downloads" / name
    folder.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {"root": str(folder), **options}
    try:
        with FileLock(cache_dir / f"download-{name}.lock"):
            if root is None and _can_download(maker):
                logger.info("torchvision:%s: downloading into %s, once", name, folder)
                arguments["download"] = True
            return maker(**arguments)
    except (URLError, OSError, RuntimeError) as error:
        raise DataError(_missing(name, root, error)) from error
    except (TypeError, ValueError, ImportError) as error:
        msg = f"torchvision:{name} cannot be used as labelled images: {error}"
        raise DataError(msg) from error


def _can_download(maker: Any) -> bool:
    """Whether a class has the ``download`` argument, itself or through its parent."""
    return any(
        "download" in inspect.signature(each.__init__).parameters for each in maker.__mro__[:-1]
    )


def _missing(name: str, root: Path | None, error: Exception) -> str:
    """What to do about a data set that is not there."""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if root is not None:
        return (
            f"{root} holds no complete copy of the data set {name} ({reason}): "
            "data.root must be the folder that torchvision downloaded it into"
        )
    return (
        f"the data set {name} could not be downloaded ({reason}): "
        "connect to the network, or set data.root to the folder of an existing copy"
    )


def _labels(name: str, split: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Class of every image, without decoding them where the labels are listed."""
    for attribute in ("targets", "labels", "_labels"):
        listed = getattr(split, attribute, None)
        if listed is not None and len(listed) == len(split):
            break
    else:
        listed = [split[index][1] for index in range(len(split))]
    labels = np.asarray(listed)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        msg = f"torchvision:{name} is not a set of images with one class each"
        raise DataError(msg)
    return labels.astype(np.int64)
