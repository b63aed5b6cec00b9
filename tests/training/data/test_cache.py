"""The cache of decoded images: once, whole, shared, and never stale."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training import prepare_data
from vggstudy.training.data.decode import decode_rgb

Tree = dict[str, bytes]


@pytest.fixture
def archive(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> Path:
    root = write_tree(image_tree())
    with tarfile.open(tmp_path / "images.tar", "w") as file:
        file.add(root, arcname="images")
    return tmp_path / "images.tar"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are decoded from now on."""
    names: list[str] = []
    decode = decode_rgb

    def counting(data: bytes, name: str, *, resize: int | None) -> object:
        names.append(name)
        return decode(data, name, resize=resize)

    monkeypatch.setattr("vggstudy.training.data.imagefolder.decode_rgb", counting)
    return names


def settings(root: Path) -> DataSettings:
    return DataSettings(name="imagefolder", root=str(root))


def test_an_unchanged_archive_is_decoded_once(
    archive: Path, tmp_path: Path, decoded: list[str]
) -> None:
    first = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    second = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert len(decoded) == 16
    assert first.digest == second.digest
    assert isinstance(second.images, np.memmap)


def test_a_copied_archive_is_known_by_its_content(
    archive: Path, tmp_path: Path, decoded: list[str]
) -> None:
    prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    copy = tmp_path / "copy.tar"
    copy.write_bytes(archive.read_bytes())
    prepare_data(settings(copy), cache_dir=tmp_path / "cache")
    assert len(decoded) == 16


def test_an_unchanged_archive_is_not_even_read(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    status = archive.stat()
    archive.write_bytes(b"\0" * status.st_size)
    os.utime(archive, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(prepare_data(settings(archive), cache_dir=tmp_path / "cache").labels) == 16


def test_a_changed_archive_is_decoded_again(
    archive: Path, tmp_path: Path, image_bytes: Callable[..., bytes]
) -> None:
    before = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    extra = tmp_path / "extra.png"
    extra.write_bytes(image_bytes(99))
    with tarfile.open(archive, "a") as file:
        file.add(extra, arcname="images/train/class-0/extra.png")
    after = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert len(after.labels) == 17
    assert after.digest != before.digest


def test_a_changed_folder_is_decoded_again(
    tmp_path: Path,
    image_tree: Callable[..., Tree],
    image_bytes: Callable[..., bytes],
    write_tree: Callable[..., Path],
) -> None:
    root = write_tree(image_tree())
    before = prepare_data(settings(root), cache_dir=tmp_path / "cache")
    (root / "train/class-0/000.png").write_bytes(image_bytes(1234))
    after = prepare_data(settings(root), cache_dir=tmp_path / "cache")
    assert after.digest != before.digest


def test_nothing_is_kept_when_the_last_image_is_corrupt(
    tmp_path: Path, image_tree: Callable[..., Tree], write_tree: Callable[..., Path]
) -> None:
    root = write_tree(image_tree() | {"test/class-1/999.png": b"no image"})
    with pytest.raises(DataError, match=r"999\.png"):
        prepare_data(settings(root), cache_dir=tmp_path / "cache")
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock"]
    assert [path for path in kept if path.is_file()] == []


def test_a_damaged_cache_is_decoded_again(
    archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    path, whole = first.path / "images.npy", np.array(first.images)
    del first
    path.write_bytes(path.read_bytes()[:200])
    second = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert "is damaged: its images are decoded again" in caplog.text
    np.testing.assert_array_equal(second.images, whole)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_a_changed_bit_in_the_cache_is_found_where_that_is_asked(
    archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    first = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    content = bytearray((first.path / name).read_bytes())
    content[-8] ^= 1
    (first.path / name).write_bytes(content)
    second = prepare_data(settings(archive), cache_dir=tmp_path / "cache", verify=True)
    assert "is damaged: its images are decoded again" in caplog.text
    assert (second.path / name).read_bytes() != content
    caplog.clear()
    prepare_data(settings(archive), cache_dir=tmp_path / "cache", verify=True)
    assert "damaged" not in caplog.text


@pytest.mark.parametrize("description", ["{}", '{"shape": 3}', '{"shape": [16, 8, 8, 3]}'])
def test_a_cache_with_another_description_is_decoded_again(
    archive: Path, tmp_path: Path, description: str
) -> None:
    first = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    (first.path / "meta.json").write_text(description)
    second = prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert second.digest == first.digest


def test_the_environment_names_the_cache(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGGSTUDY_CACHE", str(tmp_path / "elsewhere"))
    data = prepare_data(settings(archive))
    assert data.path.is_relative_to(tmp_path / "elsewhere")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=10, used=9, free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match=r"16 images of 8 x 8 pixels need .* set VGGSTUDY_CACHE"):
        prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))


def test_a_cache_that_cannot_be_written_is_one_clear_error(archive: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot write the image cache .*VGGSTUDY_CACHE"):
        prepare_data(DataSettings(name="digits"), cache_dir=blocked)


def test_progress_is_logged(
    archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="vggstudy")
    prepare_data(settings(archive), cache_dir=tmp_path / "cache")
    assert "decoding 16 images, once" in caplog.text
    assert "16 of 16 images" in caplog.text
