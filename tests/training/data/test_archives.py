"""Class folders and archives: the same images from each, and nothing unsafe read."""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training import prepare_data
from vggstudy.training.data import archives
from vggstudy.training.data.decode import decode_rgb

Tree = dict[str, bytes]


def pack_tar(path: Path, tree: Tree) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in tree.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = plain.getvalue()
    if path.suffix == ".xz":
        content = lzma.compress(content)
    elif path.suffix == ".gz":
        content = gzip.compress(content)
    path.write_bytes(content)
    return path


def pack_zip(path: Path, tree: Tree) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in tree.items():
            archive.writestr(name, content)
    return path


def pack(path: Path, tree: Tree) -> Path:
    return pack_zip(path, tree) if path.suffix == ".zip" else pack_tar(path, tree)


def settings(root: Path, **changes: object) -> DataSettings:
    return DataSettings.model_validate({"name": "imagefolder", "root": str(root), **changes})


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".zip"])
def test_an_archive_gives_the_same_images_as_the_folder_it_was_made_of(
    suffix: str,
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    write_tree: Callable[..., Path],
) -> None:
    tree = image_tree()
    shuffled = dict(reversed(list({f"top/{k}": v for k, v in tree.items()}.items())))
    folder = prepare_data(settings(write_tree(tree)), cache_dir=tmp_path / "a")
    archive = pack(tmp_path / f"images{suffix}", shuffled)
    packed = prepare_data(settings(archive), cache_dir=tmp_path / "b")
    assert packed.digest == folder.digest
    assert packed.n_train == 10
    assert len(packed.labels) == 16
    np.testing.assert_array_equal(packed.images, folder.images)


def test_an_archive_is_not_unpacked_to_disk(
    tmp_path: Path, image_tree: Callable[..., Tree]
) -> None:
    archive = pack(tmp_path / "images.tar", image_tree())
    prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert not list(tmp_path.rglob("*.png"))


def test_rows_are_in_order_of_split_class_and_name(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    data = prepare_data(settings(write_tree(image_tree())), cache_dir=tmp_path / "cache")
    assert data.classes == ("class-0", "class-1")
    assert data.labels.tolist() == [0] * 5 + [1] * 5 + [0] * 3 + [1] * 3


def test_folders_without_splits_have_no_test_split(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree(test=None))
    data = prepare_data(settings(root), cache_dir=tmp_path / "cache")
    assert data.n_train == len(data.labels) == 10


def test_hidden_files_and_other_files_are_left_out(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    tree = image_tree() | {
        ".DS_Store": b"x",
        "train/class-0/._000.png": b"x",
        "readme.txt": b"words",
        "__MACOSX/class-9/000.png": b"x",
    }
    archive = pack(tmp_path / "images.zip", tree)
    assert len(prepare_data(settings(archive), cache_dir=tmp_path / "cache").labels) == 16


UNSAFE_NAMES = ["/etc/class-0/0.png", "train/../../class-0/0.png", "C:\\class-0\\0.png"]


@pytest.mark.parametrize("name", UNSAFE_NAMES)
@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_paths_that_lead_out_of_an_archive_are_refused(
    name: str, suffix: str, tmp_path: Path, image_tree: Callable[..., Tree]
) -> None:
    archive = pack(tmp_path / f"images{suffix}", image_tree() | {name: b"x"})
    with pytest.raises(DataError, match="leads out of the archive"):
        prepare_data(settings(archive), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("train/class-0/0.png")
        member.type, member.linkname = kind, "elsewhere"
        archive.addfile(member)
    with pytest.raises(DataError, match=r"class-0/0\.png is a link or device"):
        prepare_data(settings(path), cache_dir=tmp_path / "cache")


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.zip"
    member = zipfile.ZipInfo("train/class-0/0.png")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "elsewhere")
    with pytest.raises(DataError, match="link or device"):
        prepare_data(settings(path), cache_dir=tmp_path / "cache")


def test_an_encrypted_zip_is_refused(tmp_path: Path, image_tree: Callable[..., Tree]) -> None:
    path = pack(tmp_path / "images.zip", image_tree())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flags of the first listed member
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"000\.png is encrypted"):
        prepare_data(settings(path), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("suffix", [".tar.xz", ".tar.gz", ".zip"])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    suffix: str,
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "MIN_TOTAL_BYTES", 2**16)
    monkeypatch.setattr(archives, "MAX_EXPANSION", 2)
    tree = image_tree() | {"filler.bin": bytes(2**20)}
    path = tmp_path / f"images{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in tree.items():
                archive.writestr(name, content)
    else:
        pack_tar(path, tree)
    with pytest.raises(DataError, match="decompression bomb"):
        prepare_data(settings(path), cache_dir=tmp_path / "cache")


def test_a_file_too_large_for_an_image_is_refused(
    tmp_path: Path, image_tree: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 100)
    archive = pack(tmp_path / "images.tar", image_tree())
    with pytest.raises(DataError, match="more than the 100 an image may have"):
        prepare_data(settings(archive), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.xz", ".zip"])
def test_a_truncated_archive_is_named(
    suffix: str, tmp_path: Path, image_tree: Callable[..., Tree]
) -> None:
    archive = pack(tmp_path / f"images{suffix}", image_tree(train=20))
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"images{suffix} is damaged"):
        prepare_data(settings(archive), cache_dir=tmp_path / "cache")


INVALID_TREES: list[tuple[dict[str, object], Tree, str]] = [
    ({}, {"train/class-0/bad.png": b"\x89PNG\r\n\x1a\nnonsense"}, r"class-0/bad\.png is"),
    ({}, {"train/class-0/bad.jpg": b"no image"}, "is not an image, or is damaged"),
    ({}, {"val/class-0/0.png": b"x"}, "must be train and test, got"),
    ({}, {"0.png": b"x"}, "different depths"),
    ({}, {"train/class-2/0.png": b"x"}, "test/class-2 holds no images"),
    ({"classes": 1}, {}, "at least two classes"),
]


@pytest.mark.parametrize(("options", "extra", "message"), INVALID_TREES)
def test_a_tree_that_cannot_be_used_is_one_clear_error(
    options: dict[str, object],
    extra: Tree,
    message: str,
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    write_tree: Callable[..., Path],
) -> None:
    root = write_tree(image_tree(**options) | extra)
    with pytest.raises(DataError, match=message):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_an_empty_class_folder_is_named(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree(test=None))
    (root / "class-2").mkdir()
    with pytest.raises(DataError, match="class folder class-2 holds no images"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")


def test_a_folder_without_images_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        prepare_data(settings(tmp_path / "images"), cache_dir=tmp_path / "cache")


def test_whatever_is_no_file_in_a_folder_is_refused_by_name(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree())
    odd = root / "train/class-0/odd.png"
    odd.symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"cannot read .*odd\.png: the link leads nowhere"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")
    odd.unlink()
    os.mkfifo(odd)
    with pytest.raises(DataError, match=r"odd\.png is neither a folder nor a file"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")


def test_hidden_files_in_a_folder_do_not_matter(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree())
    (root / "train/class-0/.#lock.png").symlink_to("user@host.1")
    assert len(prepare_data(settings(root), cache_dir=tmp_path / "cache").labels) == 16


def test_a_folder_that_cannot_be_listed_is_refused_and_not_left_out(
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    write_tree: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = write_tree(image_tree())
    scan = os.scandir

    def denied(path: str) -> object:
        if Path(path).name == "class-1":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)  # permissions do not bind a test that root runs
    with pytest.raises(DataError, match=r"cannot read .*class-1: Permission denied"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")


def test_an_image_of_too_many_pixels_is_refused_by_name(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree())
    width, height = 30_000, 30_000  # only the header says so
    (root / "train/class-0/000.png").write_bytes(png_header(width, height))
    with pytest.raises(DataError, match=r"000\.png has too many pixels"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")


def png_header(width: int, height: int) -> bytes:
    """The beginning of an RGB image of a size, as far as a decoder needs it to refuse."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(body))
    data = struct.pack(">I", 0) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + checksum + data


@pytest.mark.parametrize("mode", ["L", "1"])
def test_a_greyscale_image_has_three_equal_channels(
    mode: str,
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    write_tree: Callable[..., Path],
) -> None:
    from PIL import Image

    grey = Image.linear_gradient("L").resize((8, 8)).convert(mode)
    file = tmp_path / "grey.png"
    grey.save(file)
    pixels = decode_rgb(file.read_bytes(), "grey.png", resize=None)
    expected = np.asarray(grey.convert("L"))
    assert np.ptp(expected) > 0
    assert (pixels == expected[:, :, None]).all()
    root = write_tree(image_tree())
    grey.save(root / "train/class-0/000.png")
    prepare_data(settings(root), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "I;16"])
def test_an_image_that_is_neither_rgb_nor_greyscale_is_refused_by_name(
    mode: str,
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    write_tree: Callable[..., Path],
) -> None:
    from PIL import Image

    root = write_tree(image_tree())
    Image.new(mode, (8, 8)).save(root / "train/class-0/000.png")
    with pytest.raises(DataError, match=rf"000\.png is neither .* \(mode {mode}\)"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")


def test_images_of_different_sizes_need_resize(
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    image_bytes: Callable[..., bytes],
    write_tree: Callable[..., Path],
) -> None:
    tree = image_tree() | {"train/class-0/wide.png": image_bytes(1, size=(16, 8))}
    root = write_tree(tree)
    with pytest.raises(DataError, match=r"wide\.png has 16 x 8 pixels but .* has 8 x 8"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")
    data = prepare_data(settings(root, resize=12), cache_dir=tmp_path / "cache")
    assert data.images.shape == (17, 12, 12, 3)


def test_a_missing_root_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'no-such-folder' was not found; tried .*one.*two"):
        prepare_data(
            DataSettings(name="imagefolder", root="no-such-folder"),
            data_roots=[tmp_path / "one", tmp_path / "two"],
            cache_dir=tmp_path,
        )


def test_a_relative_root_is_looked_for_in_order(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    write_tree(image_tree(train=2), "second/images")
    write_tree(image_tree(train=4), "third/images")
    roots = [tmp_path / name for name in ("first", "second", "third")]
    data = prepare_data(
        DataSettings(name="imagefolder", root="images"),
        data_roots=roots,
        cache_dir=tmp_path / "cache",
    )
    assert data.n_train == 4


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.rar"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"archives are \.tar, "):
        prepare_data(settings(path), cache_dir=tmp_path / "cache")
