"""Random numbers of a run: every draw is a function of a stream's seed and a counter.

No stream has a state that outlives an epoch, so nothing has to be stored for a resumed run to
draw what the uninterrupted one would have drawn. torch's generator for the CPU uses the low 32
bits of a seed, that for CUDA all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vggstudy.identity import SEED_BITS, digest


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of one epoch of a stream, in [0, 2**63)."""
    return int(digest({"stream": seed, "epoch": epoch}), 16) >> (256 - SEED_BITS)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Generator on the CPU for one epoch of a stream: the same draws for every device."""
    return torch.Generator().manual_seed(epoch_seed(seed, epoch))


def epoch_order(seed: int, epoch: int, count: int) -> Tensor:
    """Order in which an epoch visits its images.

    Returns
    -------
    Tensor of int64, shape (count,)
        A permutation of 0 ... count - 1.
    """
    return torch.randperm(count, generator=epoch_generator(seed, epoch))


@contextmanager
def global_stream(seed: int) -> Iterator[None]:
    """Let torch's global generator draw from a seed, and restore it afterwards.

    For initialisation only, where torch's modules take no generator of their own.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
