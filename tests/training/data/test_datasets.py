"""The data sets that are built in or come from torchvision."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from vggstudy.errors import DataError, ProtocolError
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training import prepare_data
from vggstudy.training.data import builtin


def test_digits_are_the_images_of_scikit_learn(cache_dir: Path) -> None:
    from sklearn.datasets import load_digits

    data = prepare_data(DataSettings(name="digits"), cache_dir=cache_dir)
    bundle = load_digits()
    assert data.images.shape == (1797, 32, 32, 3)
    assert data.n_train == 1797
    np.testing.assert_array_equal(data.labels, bundle.target)
    # Bilinear upsampling keeps the mean; rounding to bytes moves it by less than one of 255.
    assert float(data.images.mean()) == pytest.approx(bundle.images.mean() * 255 / 16, abs=1)
    assert (data.images[..., 0] == data.images[..., 2]).all()


def test_digits_are_the_same_where_scikit_learn_keeps_them_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = builtin._digits_table()
    monkeypatch.setattr(builtin, "find_spec", lambda _: None)
    np.testing.assert_array_equal(here, builtin._digits_table())


def test_digits_at_another_side(cache_dir: Path) -> None:
    data = prepare_data(DataSettings(name="digits", resize=64), cache_dir=cache_dir)
    assert data.side == 64


def test_synthetic_images_are_counted_as_asked_and_balanced(cache_dir: Path) -> None:
    settings = DataSettings(name="synthetic", classes=3, train=30, test=12, resize=40)
    data = prepare_data(settings, cache_dir=cache_dir)
    assert data.images.shape == (42, 40, 40, 3)
    assert np.bincount(data.labels[:30]).tolist() == [10, 10, 10]
    assert np.bincount(data.labels[30:]).tolist() == [4, 4, 4]


def test_more_synthetic_images_begin_with_the_same_ones(cache_dir: Path) -> None:
    few = prepare_data(DataSettings(name="synthetic", train=20, test=10), cache_dir=cache_dir)
    many = prepare_data(DataSettings(name="synthetic", train=40, test=20), cache_dir=cache_dir)
    np.testing.assert_array_equal(few.images[:20], many.images[:20])
    np.testing.assert_array_equal(few.images[20:], many.images[40:50])


def test_synthetic_classes_can_be_told_apart(cache_dir: Path) -> None:
    settings = DataSettings(name="synthetic", classes=4, train=200, test=80)
    data = prepare_data(settings, cache_dir=cache_dir)
    spectra = np.abs(np.fft.rfft2(data.images[..., 1].astype(float)))[:, :, :].reshape(280, -1)
    means = np.stack([spectra[:200][data.labels[:200] == label].mean(0) for label in range(4)])
    nearest = ((spectra[200:, None] - means) ** 2).sum(-1).argmin(1)
    # Chance is 0.25; phases vanish from spectra, so that class means separate the textures.
    assert (nearest == data.labels[200:]).mean() > 0.9


def idx(path: Path, values: np.ndarray) -> None:
    """A file in MNIST's own format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    raw = tmp_path / "mnist" / "MNIST" / "raw"
    for split, count in (("train", 12), ("t10k", 6)):
        idx(raw / f"{split}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28)))
        idx(raw / f"{split}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path / "mnist"


def test_an_existing_copy_of_a_torchvision_data_set_is_read(mnist: Path, cache_dir: Path) -> None:
    settings = DataSettings(name="torchvision:MNIST", root=str(mnist))
    data = prepare_data(settings, cache_dir=cache_dir)
    assert data.images.shape == (18, 28, 28, 3)
    assert data.n_train == 12
    assert data.labels.tolist() == [*range(10), 0, 1, *range(6)]
    assert data.classes[3] == "3 - three"
    # Grey images have the same value in all channels.
    assert (data.images[..., 0] == data.images[..., 1]).all()


def test_a_changed_copy_is_decoded_again(mnist: Path, cache_dir: Path) -> None:
    settings = DataSettings(name="torchvision:MNIST", root=str(mnist))
    before = prepare_data(settings, cache_dir=cache_dir)
    path = mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    idx(path, np.zeros((12, 28, 28)))
    assert prepare_data(settings, cache_dir=cache_dir).digest != before.digest


def test_a_missing_network_names_the_data_set_and_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    for name in ("cifar10", "torchvision:FashionMNIST"):
        with pytest.raises(DataError, match=r"(CIFAR10|FashionMNIST) could not be .* data\.root"):
            prepare_data(DataSettings(name=name), cache_dir=tmp_path)


def test_a_download_with_a_wrong_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(url: str, filename: Path, **kwargs: object) -> None:
        Path(filename).write_bytes(gzip.compress(b"not the data set"))

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", wrong)
    with pytest.raises(DataError, match="CIFAR10 could not be downloaded"):
        prepare_data(DataSettings(name="cifar10"), cache_dir=tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_an_incomplete_copy_is_named(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    settings = DataSettings(name="cifar10", root=str(tmp_path / "copy"))
    with pytest.raises(DataError, match="holds no complete copy of the data set CIFAR10"):
        prepare_data(settings, cache_dir=tmp_path / "cache")


def test_an_unknown_data_set_suggests_a_known_one(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match=r"did you mean 'CIFAR100'"):
        prepare_data(DataSettings(name="torchvision:Cifar100"), cache_dir=tmp_path)


def test_a_data_set_without_single_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    settings = DataSettings(name="torchvision:CocoDetection", root=str(tmp_path / "root"))
    with pytest.raises(DataError, match="cannot be used as labelled images"):
        prepare_data(settings, cache_dir=tmp_path / "cache")
