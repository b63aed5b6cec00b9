"""Data normalisation and augmentation: what they compute, and what they depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vggstudy.training.data.transforms import Augmentation, Normaliser, channel_statistics

CPU = torch.device("cpu")


def pixels(count: int = 6, side: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def draw(count: int, *, flip: bool = False, crop: int = 0, epoch: int = 1) -> Augmentation:
    return Augmentation.draw(count, flip=flip, crop=crop, seed=7, epoch=epoch)


def test_statistics_are_those_of_the_given_rows_alone() -> None:
    images, rows = pixels(), np.array([0, 2, 5])
    chosen = channel_statistics(images, rows)
    values = images[rows].astype(float) / 255
    # Both are exact up to the rounding of sums of 75 float64.
    np.testing.assert_allclose(chosen.mean, values.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(chosen.std, values.std(axis=(0, 1, 2)), rtol=1e-12)


def test_normalised_channels_have_mean_0_and_variance_1() -> None:
    images = pixels()
    statistics = channel_statistics(images, np.arange(len(images)))
    out = Normaliser.of(statistics, CPU, side=5)(torch.from_numpy(images))
    assert out.shape == (6, 3, 5, 5)
    # float32 carries seven digits.
    assert out.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert out.var(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], rel=1e-5)


def test_without_normalisation_bytes_become_fractions() -> None:
    images = torch.from_numpy(pixels())
    out = Normaliser.of(None, CPU, side=5)(images)
    torch.testing.assert_close(out, images.permute(0, 3, 1, 2) / 255)


def test_a_row_at_a_time_is_normalised_to_the_bits_of_a_pixel_at_a_time() -> None:
    images = pixels(side=7)
    statistics = channel_statistics(images, np.arange(4))
    mean, std = np.array(statistics.mean), np.array(statistics.std)
    scale, shift = (torch.tensor(v, dtype=torch.float32) for v in (1 / (255 * std), -mean / std))
    pixel_by_pixel = torch.from_numpy(images).to(torch.float32).mul_(scale).add_(shift)
    out = Normaliser.of(statistics, CPU, side=7)(torch.from_numpy(images))
    assert torch.equal(out, pixel_by_pixel.permute(0, 3, 1, 2))
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_a_channel_of_one_value_becomes_zero() -> None:
    images = np.full((2, 4, 4, 3), 40, dtype=np.uint8)
    statistics = channel_statistics(images, np.arange(2))
    assert statistics.std == (1.0, 1.0, 1.0)
    out = Normaliser.of(statistics, CPU, side=4)(torch.from_numpy(images))
    # 40/255 rounded to float32 in two ways.
    assert float(out.abs().max()) < 1e-7


def test_augmentation_is_a_function_of_seed_and_epoch() -> None:
    first, again, other = draw(50, flip=True, crop=3), draw(50, flip=True, crop=3), None
    other = draw(50, flip=True, crop=3, epoch=2)
    assert torch.equal(first.flips, again.flips)
    assert torch.equal(first.shifts, again.shifts)
    assert not torch.equal(first.shifts, other.shifts)


def test_crops_draw_the_same_flips_as_no_crops() -> None:
    assert torch.equal(draw(50, flip=True).flips, draw(50, flip=True, crop=3).flips)


def test_flips_and_crops_are_those_of_a_padded_image() -> None:
    images = torch.from_numpy(pixels(20, 6))
    augment = draw(20, flip=True, crop=2)
    rows = torch.arange(19, -1, -1)
    out = augment(images, rows)
    padded = torch.nn.functional.pad(images, (0, 0, 2, 2, 2, 2))
    for place, row in enumerate(rows.tolist()):
        down, right = (augment.shifts[row] + 2).tolist()
        expected = padded[row, down : down + 6, right : right + 6]
        if augment.flips[row]:
            expected = expected.flip(1)
        assert torch.equal(out[place], expected)
    assert augment.flips[rows].any()
    assert not augment.flips[rows].all()


def test_an_image_is_augmented_alike_in_every_batch() -> None:
    images = torch.from_numpy(pixels(8, 6))
    augment = draw(8, flip=True, crop=2)
    whole = augment(images, torch.arange(8))
    part = augment(images, torch.tensor([4, 1]))
    assert torch.equal(part, whole[[4, 1]])


def test_shifts_cover_their_range_evenly() -> None:
    shifts = draw(20_000, crop=2).shifts
    counts = torch.bincount(shifts.flatten() + 2, minlength=5)
    assert len(counts) == 5
    # 40,000 draws: a standard error of 80 around 8,000.
    assert (counts - 8000).abs().max() < 5 * 80
