"""The data set that a recipe names, decoded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import TORCHVISION_PREFIX, DataSettings
from vggstudy.training.data.builtin import digits_source, synthetic_source
from vggstudy.training.data.cache import ImageCache, default_cache_dir, load_images
from vggstudy.training.data.imagefolder import imagefolder_source
from vggstudy.training.data.sources import ImageSource
from vggstudy.training.data.torchvision import torchvision_source


def prepare_data(
    settings: DataSettings,
    *,
    data_roots: Sequence[Path] = (),
    cache_dir: Path | None = None,
    verify: bool = False,
) -> ImageCache:
    """Decode the data set of a recipe, unless that has been done before.

    Parameters
    ----------
    settings : DataSettings
    data_roots : sequence of Path
        Folders in which a relative ``data.root`` is looked for, in order, before the working
        folder and ``$VGGSTUDY_DATA``.
    cache_dir : Path or None
        Folder of the decoded images; by default ``$VGGSTUDY_CACHE`` or the platform's.
    verify : bool
        Whether to compare images that have been decoded before with their digest.

    Raises
    ------
    DataError
        If the data are missing, cannot be downloaded, or are not what they should be.
    ProtocolError
        If torchvision has no data set of that name.
    """
    folder = cache_dir or default_cache_dir()
    source = _source(settings, data_roots, folder)
    return load_images(source, cache_dir=folder, verify=verify)


def _source(settings: DataSettings, data_roots: Sequence[Path], cache_dir: Path) -> ImageSource:
    """Where the images of a recipe come from."""
    root = locate(settings.root, data_roots) if settings.root is not None else None
    if settings.name == "digits":
        return digits_source(resize=settings.resize)
    if settings.name == "synthetic":
        return synthetic_source(
            classes=settings.classes,
            side=settings.resize,
            train=settings.train,
            test=settings.test,
        )
    if settings.name == "imagefolder":
        if root is None:
            msg = "data.root is needed for imagefolder: a folder or an archive of class folders"
            raise DataError(msg)
        return imagefolder_source(root, resize=settings.resize, cache_dir=cache_dir)
    name = "CIFAR10" if settings.name == "cifar10" else settings.name[len(TORCHVISION_PREFIX) :]
    return torchvision_source(name, root=root, resize=settings.resize, cache_dir=cache_dir)


def locate(path: str, data_roots: Sequence[Path]) -> Path:
    """A file or folder that a protocol names.

    Raises
    ------
    DataError
        If it is in none of the places, which are listed.
    """
    given = Path(path).expanduser()
    shared = os.environ.get("VGGSTUDY_DATA")
    places = [*data_roots, Path.cwd(), *([Path(shared)] if shared else [])]
    candidates = [given] if given.is_absolute() else [place / given for place in places]
    for candidate in candidates:
        if candidate.exists():
            return candidate.resolve()
    tried = ", ".join(dict.fromkeys(str(candidate) for candidate in candidates))
    msg = f"{path!r} was not found; tried {tried}"
    raise DataError(msg)
