"""Pixels as a network sees them: data normalisation, flips and crops, in batches on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vggstudy.training.data.decode import Pixels
from vggstudy.training.draws import epoch_generator

CHUNK_IMAGES = 4096


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Mean and standard deviation of each channel over all pixels, for values in [0, 1].

    Attributes
    ----------
    mean, std : tuple of 3 float
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


def channel_statistics(images: Pixels, rows: NDArray[np.int64]) -> ChannelStatistics:
    """Statistics of the given rows, from exact histograms of the 256 values.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, side, side, 3)
    rows : ndarray of int64
        The training split, validation excluded.

    Returns
    -------
    ChannelStatistics
        A channel of one value has the standard deviation 1, and becomes 0 when normalised.
    """
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(rows), CHUNK_IMAGES):
        chunk = images[rows[start : start + CHUNK_IMAGES]]
        for channel in range(3):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    mean = counts @ values / counts.sum(axis=1)
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return ChannelStatistics(tuple(mean.tolist()), tuple(std.tolist()))


@dataclass(frozen=True, slots=True)
class Normaliser:
    """From bytes to network input: ``scale * value + shift`` for every channel.

    Attributes
    ----------
    scale, shift : Tensor of float32, shape (3 * side,)
        Of a row of pixels, whose channels take turns: along so many numbers a processor works in
        vectors, along three it does not.
    """

    scale: Tensor
    shift: Tensor

    @classmethod
    def of(
        cls, statistics: ChannelStatistics | None, device: torch.device, *, side: int
    ) -> Normaliser:
        """To mean 0 and variance 1 by the statistics; to [0, 1] without them."""
        mean = np.zeros(3) if statistics is None else np.array(statistics.mean)
        std = np.ones(3) if statistics is None else np.array(statistics.std)
        return cls(
            scale=torch.tensor(1 / (255 * std), dtype=torch.float32).repeat(side).to(device),
            shift=torch.tensor(-mean / std, dtype=torch.float32).repeat(side).to(device),
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Network input in channels-last layout.

        Parameters
        ----------
        images : Tensor of uint8, shape (B, side, side, 3)

        Returns
        -------
        Tensor of float32, shape (B, 3, side, side)
        """
        rows = images.to(torch.float32).flatten(2)
        values = rows.mul_(self.scale).add_(self.shift).view(images.shape)
        return values.permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random flips and shifts of one epoch: a function of the stream's seed and the epoch.

    Attributes
    ----------
    flips : Tensor of bool, shape (N,)
        Whether each image of the split is mirrored.
    shifts : Tensor of int64, shape (N, 2)
        Rows and columns by which each image's window moves, in [-crop, crop].
    """

    flips: Tensor
    shifts: Tensor

    @classmethod
    def draw(cls, count: int, *, flip: bool, crop: int, seed: int, epoch: int) -> Augmentation:
        """Draw for every image of a split, whichever of the two is asked for, on the host."""
        generator = epoch_generator(seed, epoch)
        flips = torch.rand(count, generator=generator) < 0.5
        shifts = torch.randint(-crop, crop + 1, (count, 2), generator=generator)
        return cls(flips & flip, shifts)

    def page_locked(self) -> Augmentation:
        """The same in memory from which a device copies without anybody waiting."""
        return Augmentation(self.flips.pin_memory(), self.shifts.pin_memory())

    def to(self, device: torch.device) -> Augmentation:
        """The same on a device; nobody waits for page-locked memory to be copied."""
        flips, shifts = (each.to(device, non_blocking=True) for each in (self.flips, self.shifts))
        return Augmentation(flips, shifts)

    def __call__(self, images: Tensor, rows: Tensor) -> Tensor:
        """Gather the given images, mirrored and shifted; what moves in from outside is black.

        Parameters
        ----------
        images : Tensor of uint8, shape (N, side, side, 3)
        rows : Tensor of int64, shape (B,)

        Returns
        -------
        Tensor of uint8, shape (B, side, side, 3)
        """
        side = images.shape[1]
        at = torch.arange(side, device=images.device)
        shifts = self.shifts[rows]
        down = at + shifts[:, :1]
        right = at + shifts[:, 1:]
        right = torch.where(self.flips[rows, None], right.flip(1), right)
        inside = (_within(down, side)[:, :, None] & _within(right, side)[:, None, :])[..., None]
        down, right = down.clamp(0, side - 1), right.clamp(0, side - 1)
        return images[rows[:, None, None], down[:, :, None], right[:, None, :]] * inside


def _within(at: Tensor, side: int) -> Tensor:
    """Whether coordinates lie in an image."""
    return (at >= 0) & (at < side)
