"""Weights as they lie in memory, for optimizers on a CPU.

torch's fused kernels copy a tensor that is not contiguous to one that is, and back: of convolutions
in channels-last layout the weight, its gradient and all that the optimizer keeps of it, at every
step. An update of single elements asks for no layout: the optimizer gets a view of the same memory
that is contiguous, to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

_ORDER = (0, 2, 3, 1)
"""Dimensions (out, in, height, width) of a weight in channels-last layout as they lie in memory."""

Views = Sequence[tuple[nn.Parameter, nn.Parameter]]
"""Parameters of a model, each with what its optimizer is to have."""


def in_memory_order(value: Tensor) -> Tensor:
    """A contiguous view of what is contiguous in channels-last layout alone; others as they are."""
    last = value.dim() == 4 and value.is_contiguous(memory_format=torch.channels_last)
    return value.permute(_ORDER) if last and not value.is_contiguous() else value


def views_of(parameters: Iterable[nn.Parameter]) -> Views:
    """Every parameter with itself, or with a parameter of the same memory in its order."""
    found = []
    for own in parameters:
        view = in_memory_order(own.detach())
        same = view.shape == own.shape and view.stride() == own.stride()
        kept = own if same else nn.Parameter(view, requires_grad=own.requires_grad)
        found.append((own, kept))
    return found


def hand_over(optimizer: torch.optim.Optimizer, views: Views) -> None:
    """Let an optimizer of the views take the gradients of their parameters before each step."""
    others = [(own, view) for own, view in views if own is not view]
    if others:
        optimizer.register_step_pre_hook(partial(_take, others))


def _take(views: Views, *_: Any) -> None:
    """The gradients go to the views: the next backward pass finds none to add to."""
    for own, view in views:
        if own.grad is not None:
            view.grad, own.grad = own.grad.permute(_ORDER), None
