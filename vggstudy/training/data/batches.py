"""The splits of a run on its device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.data.cache import ImageCache
from vggstudy.training.data.splits import Split
from vggstudy.training.data.transforms import ChannelStatistics, Normaliser, channel_statistics


@dataclass(frozen=True, slots=True)
class SplitTensors:
    """All images of one split.

    Attributes
    ----------
    images : Tensor of uint8, shape (N, side, side, 3)
    targets : Tensor of int64, shape (N,)
    """

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        """Number of images."""
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class RunData:
    """Everything a run reads.

    Attributes
    ----------
    train, validation, test : SplitTensors
    normaliser : Normaliser
    statistics : ChannelStatistics or None
        Of the training images; None without data normalisation.
    classes : tuple of str
    side : int
        Side of the images in pixels.
    digest : str
        Of the whole decoded data set.
    """

    train: SplitTensors
    validation: SplitTensors
    test: SplitTensors
    normaliser: Normaliser
    statistics: ChannelStatistics | None
    classes: tuple[str, ...]
    side: int
    digest: str


def load_splits(
    cache: ImageCache, split: Split, settings: DataSettings, device: torch.device
) -> RunData:
    """Move the splits to a device, once."""
    statistics = channel_statistics(cache.images, split.train) if settings.data_norm else None

    def move(rows: NDArray[np.int64]) -> SplitTensors:
        images = torch.from_numpy(np.ascontiguousarray(cache.images[rows]))
        return SplitTensors(images.to(device), torch.from_numpy(cache.labels[rows]).to(device))

    return RunData(
        train=move(split.train),
        validation=move(split.validation),
        test=move(split.test),
        normaliser=Normaliser.of(statistics, device, side=cache.side),
        statistics=statistics,
        classes=cache.classes,
        side=cache.side,
        digest=cache.digest,
    )


def batch_bounds(count: int, batch_size: int, *, drop_last: bool) -> list[tuple[int, int]]:
    """Begin and end of an epoch's batches; the last may be smaller, and is never padded."""
    stops = range(batch_size, count + 1, batch_size)
    bounds = [(stop - batch_size, stop) for stop in stops]
    if count % batch_size and not drop_last:
        bounds.append((count - count % batch_size, count))
    return bounds
