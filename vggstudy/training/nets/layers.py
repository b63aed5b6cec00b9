"""Modules that stand in for those of torch that draw from global state or block determinism."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class SeededDropout(nn.Module):
    """Dropout that draws from a run's own generator.

    Parameters
    ----------
    p : float
        Probability with which a unit is set to zero in training.
    unit_dims : int or None
        Leading dimensions that draw independently, the others following them: 1 drops whole
        samples, 2 whole channels; every element by default.

    Attributes
    ----------
    generator : torch.Generator or None
        On the device of the input. Without one, torch's global generator is drawn from.
    """

    def __init__(self, p: float, *, unit_dims: int | None = None) -> None:
        super().__init__()
        self.p = p
        self.unit_dims = unit_dims
        self.generator: torch.Generator | None = None

    def forward(self, value: Tensor) -> Tensor:
        """Zeros with probability p, the rest divided by 1 - p; the input when evaluating."""
        if not self.training or self.p == 0:
            return value
        if self.p >= 1:
            return torch.zeros_like(value)
        dims = value.dim() if self.unit_dims is None else self.unit_dims
        shape = [*value.shape[:dims], *[1] * (value.dim() - dims)]
        keep = torch.empty(shape, dtype=value.dtype, device=value.device)
        keep.bernoulli_(1 - self.p, generator=self.generator).div_(1 - self.p)
        return value * keep

    def extra_repr(self) -> str:
        """The probability, for printing."""
        return f"p={self.p}"


class MatrixAveragePool(nn.Module):
    """Adaptive average pooling as two matrix products: its gradient is deterministic on a GPU.

    Parameters
    ----------
    output_size : tuple of 2 int
    """

    def __init__(self, output_size: tuple[int, int]) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, value: Tensor) -> Tensor:
        """Means over the windows of `torch.nn.AdaptiveAvgPool2d`, shape (B, C, *output_size)."""
        if tuple(value.shape[-2:]) == self.output_size:
            return value
        rows = _averaging(value.shape[-2], self.output_size[0], value)
        columns = _averaging(value.shape[-1], self.output_size[1], value)
        return rows @ value @ columns.T


def _averaging(size: int, pooled: int, like: Tensor) -> Tensor:
    """Matrix (pooled, size) whose row i averages floor(i s/p) ... ceil((i + 1) s/p) - 1."""
    index = torch.arange(pooled, device=like.device)[:, None]
    first, last = index * size // pooled, -(-(index + 1) * size // pooled)
    at = torch.arange(size, device=like.device)
    inside = ((at >= first) & (at < last)).to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)


def replace_modules(model: nn.Module) -> None:
    """Exchange dropout, stochastic depth and adaptive pooling all through a model, in place."""
    for name, child in model.named_children():
        exchanged = _replacement(child)
        if exchanged is None:
            replace_modules(child)
        else:
            setattr(model, name, exchanged)


def _replacement(module: nn.Module) -> nn.Module | None:
    """What stands in for a module; None where it stays."""
    from torchvision.ops import StochasticDepth  # seconds that only torchvision's models pay

    if isinstance(module, (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)):
        return SeededDropout(module.p, unit_dims=2)
    if isinstance(module, nn.Dropout):
        return SeededDropout(module.p)
    if isinstance(module, StochasticDepth):
        return SeededDropout(module.p, unit_dims=1 if module.mode == "row" else 0)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        size: Any = module.output_size
        rows, columns = (size, size) if isinstance(size, int) else size
        if (rows, columns) != (1, 1):  # that is a plain mean, which is deterministic
            return MatrixAveragePool((rows, columns))
    return None


def attach_generator(model: nn.Module, generator: torch.Generator) -> bool:
    """Let all dropout of a model draw from one generator; whether there is any."""
    layers = [layer for layer in model.modules() if isinstance(layer, SeededDropout)]
    for layer in layers:
        layer.generator = generator
    return bool(layers)
