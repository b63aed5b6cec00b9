"""What lies between two convolutions of a VGG network, fused: `training.kernels = "fused"`.

Bias and ReLU, batch normalisation and ReLU, and a pooling behind either are one pass over the
activations forward and one or two backward, where torch's own take a pass each. Every value is
computed in float32 and rounded once, before the largest of a window is taken; the gradient goes to
the first of equal ones, as torch's does. The bias before a batch normalisation cancels: it is
counted into the running mean alone, and its gradient is zero, not what rounding leaves of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from vggstudy.training.nets import fused_kernels as kernels
from vggstudy.training.nets.vgg import Features, Vgg

TILE = 2048
"""Numbers in a tile of a program that passes over activations."""

BLOCK_CHANNELS = 64
"""Most channels in a tile."""

PROGRAMS = 1024
"""Most programs that a sum over pixels is divided among. This and the sizes of tiles decide the
order of sums, so they are constants: measured anew on each machine, bits would hang on its mood."""

FOLDED = 8192
"""Numbers in a tile of a program that adds up what others have summed."""


class Grid(NamedTuple):
    """How pixels or windows, and channels, are divided among programs; by their numbers alone."""

    rows: int
    channels: int

    @property
    def block_channels(self) -> int:
        """Channels of a tile."""
        return min(BLOCK_CHANNELS, _power_of_two(self.channels))

    @property
    def block_rows(self) -> int:
        """Pixels or windows of a tile."""
        return TILE // self.block_channels

    @property
    def across(self) -> int:
        """Tiles that hold all channels."""
        return -(-self.channels // self.block_channels)

    @property
    def tiles(self) -> tuple[int, int]:
        """One program a tile."""
        return -(-self.rows // self.block_rows), self.across

    @property
    def per_split(self) -> int:
        """Rows of a program that sums: whole tiles, the last program's excepted."""
        return -(-self.tiles[0] // max(1, PROGRAMS // self.across)) * self.block_rows

    @property
    def splits(self) -> int:
        """Programs that share the rows of a sum."""
        return -(-self.rows // self.per_split)

    @property
    def block(self) -> dict[str, int]:
        """The tile of a pass."""
        return {"block_rows": self.block_rows, "block_channels": self.block_channels}

    @property
    def fold(self) -> dict[str, int]:
        """The tile that holds the sums of all programs, of some channels."""
        splits = _power_of_two(self.splits)
        channels = min(self.block_channels, max(1, FOLDED // splits))
        return {"block_splits": splits, "block_channels": channels}

    @property
    def folds(self) -> int:
        """Programs that bring sums together."""
        return -(-self.channels // self.fold["block_channels"])


def _power_of_two(number: int) -> int:
    """The least that is no less than a number above zero."""
    return 1 << (number - 1).bit_length()


def _windows(values: Tensor, *, pool: bool) -> int:
    """Windows of 2 x 2 pixels, those that an odd side cuts off included; pixels without pooling."""
    count, _, height, width = values.shape
    return count * -(-height // 2) * -(-width // 2) if pool else count * height * width


def moments(values: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Mean and inverse standard deviation of each channel of a batch; moves the running ones.

    Parameters
    ----------
    values : Tensor of shape (N, C, H, W)
        Channels last, without the bias.
    bias : Tensor of float32, shape (C,)
    norm : nn.BatchNorm2d
        Its running statistics are written.

    Returns
    -------
    centre, scale : Tensor of float32, shape (C,)
    """
    channels = values.shape[1]
    grid = Grid(_windows(values, pool=False), channels)
    parts = values.new_empty((2, grid.splits, channels), dtype=torch.float32)
    centre, scale = values.new_empty((2, channels), dtype=torch.float32)
    sizes = (grid.rows, channels, grid.per_split, grid.splits)
    kernels.moments_of_parts[grid.splits, grid.across](values, parts, *sizes, **grid.block)
    kernels.moments[grid.folds,](
        parts, bias, centre, scale, norm.running_mean, norm.running_var, *sizes, norm.momentum,
        norm.eps, **grid.fold,
    )  # fmt: skip
    return centre, scale


class _Activation(torch.autograd.Function):
    """`activation` and its gradient; without normalisation only ``shift``, the bias, is given."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        bias: Tensor | None,  # noqa: ARG004 - what cancels has a gradient all the same
        weight: Tensor | None,
        shift: Tensor,
        centre: Tensor | None,
        scale: Tensor | None,
        pool: bool,
        trained: bool,
    ) -> Tensor:
        """One pass, which also writes which pixel each window took."""
        count, channels, height, width = values.shape
        shape = (count, channels, height // 2, width // 2) if pool else values.shape
        grid = Grid(_windows(values, pool=pool), channels)
        out = _empty(shape, values)
        kept = _empty(shape, values, torch.uint8) if pool else out
        normed = weight is not None
        constants = (centre, scale, weight) if normed else (shift, shift, shift)
        kernels.activate[grid.tiles](
            values, *constants, shift, out, kept, grid.rows, height, width, channels,
            normed=normed, pool=pool, **grid.block,
        )  # fmt: skip
        ctx.grid, ctx.shape, ctx.pool, ctx.trained = grid, values.shape, pool, trained
        ctx.save_for_backward(values if normed else None, kept, weight, centre, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """One pass with the sums over pixels, and one through the normalisation."""
        values, kept, weight, centre, scale = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        grid: Grid = ctx.grid
        _, channels, height, width = ctx.shape
        normed, kinds = weight is not None, 1 if weight is None else 2
        result = _empty(ctx.shape, grad)
        parts = grad.new_empty((kinds, grid.splits, channels), dtype=torch.float32)
        sums = grad.new_empty((kinds, channels), dtype=torch.float32)
        sizes = (grid.rows, height, width, channels)
        constants = (values, centre, scale) if normed else (grad, parts, parts)
        kernels.gradients_of_parts[grid.splits, grid.across](
            grad, kept, *constants, parts, result, *sizes, grid.per_split, grid.splits,
            normed=normed, pool=ctx.pool, **grid.block,
        )  # fmt: skip
        kernels.total[grid.folds, kinds](parts, sums, channels, grid.splits, **grid.fold)
        if not normed:
            return result, None, None, sums[0], None, None, None, None
        pixels = result.numel() // channels
        kernels.through_norm[grid.tiles](
            grad, kept, *constants, weight, sums, result, pixels, *sizes,
            trained=ctx.trained, pool=ctx.pool, **grid.block,
        )  # fmt: skip
        bias = torch.zeros_like(weight) if ctx.trained else weight * scale * sums[0]
        return result, bias, sums[1], sums[0], None, None, None, None


def _empty(shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Memory for a channels-last tensor beside another one."""
    return torch.empty(
        shape,
        dtype=dtype or like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )


def activation(values: Tensor, bias: Tensor, norm: nn.BatchNorm2d | None, *, pool: bool) -> Tensor:
    """What follows a convolution: its bias, batch normalisation, ReLU, pooling.

    Parameters
    ----------
    values : Tensor of float32 or bfloat16, shape (N, C, H, W)
        Of the convolution without its bias; brought into channels-last layout.
    bias : Tensor of float32, shape (C,)
    norm : nn.BatchNorm2d or None
        In training it takes the statistics of these values, and its running ones move.
    pool : bool
        Whether the largest of each 2 x 2 pixels is taken.

    Returns
    -------
    Tensor of the type of the values, shape (N, C, H, W) or (N, C, H // 2, W // 2)
        Channels last.
    """
    values = values.contiguous(memory_format=torch.channels_last)
    constants: tuple[Any, ...]
    if norm is None:  # the bias is what is added after a normalisation that there is not
        constants = (None, None, bias, None, None, pool, False)
    else:
        centre, scale = _statistics(values.detach(), bias.detach(), norm)
        constants = (bias, norm.weight, norm.bias, centre, scale, pool, norm.training)
    result: Tensor = _Activation.apply(values, *constants)
    return result


def _statistics(values: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a layer normalises by: this batch's in training, else what it has seen."""
    if not norm.training:
        mean, var = cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)
        return mean - bias, torch.rsqrt(var + norm.eps)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return moments(values, bias, norm)


class FusedFeatures(Features):
    """The same layers under the same names; whatever follows a convolution is fused."""

    def forward(self, value: Tensor) -> Tensor:
        """As in the base class, up to rounding."""
        for convolution, norm, pool in fused_layers(self):
            value = functional.conv2d(
                value, convolution.weight, None, convolution.stride, convolution.padding
            )
            value = activation(value, cast("Tensor", convolution.bias), norm, pool=pool)
        return value


def fused_layers(
    layers: Iterable[nn.Module],
) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d | None, bool]]:
    """Each convolution, the normalisation behind it, and whether a pooling ends what follows."""
    convolution, norm, pool = None, None, False
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            if convolution is not None:
                yield convolution, norm, pool
            convolution, norm, pool = layer, None, False
        elif isinstance(layer, nn.BatchNorm2d):
            norm = layer
        pool = isinstance(layer, nn.MaxPool2d)
    if convolution is not None:
        yield convolution, norm, pool


def use_fused_kernels(model: nn.Module) -> None:
    """Exchange how a VGG network's convolutional part is computed; its very tensors stay."""
    if not isinstance(model, Vgg):
        raise TypeError("only vgg has fused kernels")
    model.features = FusedFeatures(*model.features)
