"""Class folders, or an archive of them: ``class/image`` or ``{train,test}/class/image``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vggstudy.errors import DataError
from vggstudy.identity import digest
from vggstudy.training.data.archives import Entry, FileTree, Folder, open_tree
from vggstudy.training.data.cache import archive_digest
from vggstudy.training.data.decode import decode_rgb
from vggstudy.training.data.sources import ImageSet, ImageSource, Row

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp", ".tif", ".tiff")

SPLITS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Layout:
    """The images of a tree of class folders.

    Attributes
    ----------
    classes : tuple of str
        Folder names, sorted: the order of the labels.
    names : tuple of str
        Relative path of every image: training split first, then by class and name, so that
        neither the file system's nor the archive's order matters.
    labels : ndarray of int64, shape (N,)
    n_train : int
        Images of the training split; N where there are no ``train`` and ``test`` folders.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    n_train: int


def imagefolder_source(root: Path, *, resize: int | None, cache_dir: Path) -> ImageSource:
    """The data set of a folder or archive.

    An archive is known by the digest of its bytes, a folder by the names, sizes and times of
    its files.

    Raises
    ------
    DataError
        If there is no such folder or archive.
    """
    tree = open_tree(root)
    if isinstance(tree, Folder):
        content = digest([[str(e.path), e.size, e.modified_ns] for e in sorted_entries(tree)])
    else:
        content = archive_digest(root, cache_dir=cache_dir)
    return ImageSource(
        title=str(root),
        key=digest({"imagefolder": content, "resize": resize}),
        open=lambda: _open(tree, resize),
    )


def sorted_entries(tree: FileTree) -> list[Entry]:
    """All entries, by path."""
    return sorted(tree.entries(), key=lambda entry: entry.path.parts)


def _open(tree: FileTree, resize: int | None) -> ImageSet:
    """List the images; they are decoded while the rows are iterated over."""
    layout = find_layout(tree.entries(), title=str(tree.path))
    return ImageSet(layout.classes, layout.labels, layout.n_train, _rows(tree, layout, resize))


def _rows(tree: FileTree, layout: Layout, resize: int | None) -> Iterator[Row]:
    """Decode every image of a layout."""
    row_of = {name: row for row, name in enumerate(layout.names)}
    for name, data in tree.contents(row_of.keys()):
        title = f"{tree.path}: {name}"
        yield Row(row_of[name], title, decode_rgb(data, title, resize=resize))


def find_layout(entries: Iterable[Entry], *, title: str) -> Layout:
    """Classes and splits from the paths of a tree.

    Folders that hold everything (an archive's top folder) are looked through; hidden files and
    files that are no images are left out.

    Raises
    ------
    DataError
        If there are no images, images at different depths, fewer than two classes, an empty
        class, an image listed twice, or split folders other than ``train`` and ``test``.
    """
    listed = [entry for entry in entries if not _hidden(entry.path)]
    images = [e.path for e in listed if not e.is_folder and e.path.suffix.lower() in IMAGE_SUFFIXES]
    others = sum(not entry.is_folder for entry in listed) - len(images)
    if others:
        logger.info("%s: %d files that are no images are left out", title, others)
    if not images:
        msg = f"{title} holds no images ({', '.join(IMAGE_SUFFIXES)})"
        raise DataError(msg)
    if len(set(images)) < len(images):
        twice = next(path for path in images if images.count(path) > 1)
        msg = f"{title}: {twice} is listed twice"
        raise DataError(msg)
    skip, split = _levels(images, title)
    folders = {entry.path for entry in listed if entry.is_folder} | {p.parent for p in images}
    leaves = {path for path in folders if len(path.parts) == len(images[0].parts) - 1}
    leaves = {leaf for leaf in leaves if leaf.parts[:skip] == images[0].parts[:skip]}
    _check_classes(leaves, {path.parent for path in images}, split=split, title=title)
    classes = tuple(sorted({leaf.name for leaf in leaves}))
    label_of = {name: label for label, name in enumerate(classes)}

    def in_order(path: PurePosixPath) -> tuple[bool, int, str]:
        return split and path.parts[skip] == "test", label_of[path.parent.name], path.name

    images.sort(key=in_order)
    n_train = sum(path.parts[skip] == "train" for path in images) if split else len(images)
    labels = np.array([label_of[path.parent.name] for path in images], dtype=np.int64)
    return Layout(classes, tuple(map(str, images)), labels, n_train)


def _hidden(path: PurePosixPath) -> bool:
    """Whether a path is hidden, or one of those that archivers add."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _levels(images: list[PurePosixPath], title: str) -> tuple[int, bool]:
    """How many top folders hold everything, and whether ``train`` and ``test`` follow."""
    depths = {len(path.parts) for path in images}
    if len(depths) > 1:
        at = [next(p for p in images if len(p.parts) == depth) for depth in sorted(depths)[:2]]
        msg = f"{title}: images lie at different depths, e.g. {at[0]} and {at[1]}"
        raise DataError(msg)
    folders = {path.parent.parts for path in images}
    depth = len(next(iter(folders)))
    skip = 0
    while skip < depth - 1 and len({parts[skip] for parts in folders}) == 1:
        skip += 1
    if depth - skip == 2:
        found = sorted({parts[skip] for parts in folders})
        if found != sorted(SPLITS):
            msg = f"{title}: the folders above the classes must be train and test, got {found}"
            raise DataError(msg)
        return skip, True
    if depth - skip != 1:
        msg = f"{title}: expected class/image or train|test/class/image, got e.g. {images[0]}"
        raise DataError(msg)
    return skip, False


def _check_classes(
    leaves: set[PurePosixPath], filled: set[PurePosixPath], *, split: bool, title: str
) -> None:
    """Every class has images, in both splits where there are two."""
    names = {leaf.name for leaf in leaves}
    if len(names) < 2:
        msg = f"{title}: at least two classes are needed, got {sorted(names)}"
        raise DataError(msg)
    expected = leaves
    if split:
        expected = {
            leaf.parent.parent / side / name for leaf in leaves for side in SPLITS for name in names
        }
    empty = sorted(map(str, expected - filled))
    if empty:
        msg = f"{title}: the class folder {empty[0]} holds no images"
        raise DataError(msg)
