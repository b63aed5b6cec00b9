"""Batch normalisation by torch's own kernels: cuDNN's may wait for what another lane computes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NativeBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` that never calls cuDNN, whose other operations stay with it.

    In channels-last layout cuDNN takes persistent kernels, whose blocks wait for one another: next
    to kernels of other streams they can stall for want of a multiprocessor. `torch.batch_norm`
    calls cuDNN even where it is told not to (``cudnn_enabled=False``; torch 2.11 to 2.14), so the
    native operation is called by its own name. The backward pass follows the forward pass.
    """

    def forward(self, value: Tensor) -> Tensor:
        """As in the base class; on a CPU to the same bits."""
        self._check_input_dim(value)
        tracked = self.track_running_stats and self.running_mean is not None
        if self.training and tracked and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        result: Tensor = torch.native_batch_norm(
            value,
            self.weight,
            self.bias,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.training or not tracked,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )[0]
        return result


def use_native_norms(model: nn.Module) -> int:
    """Exchange batch normalisation all through a model, in place; how many layers that were.

    Parameters, buffers and their names stay. A layer that averages its statistics cumulatively
    (momentum None) stays as it is: it reads a counter from the device, which no graph can do.
    """
    count = 0
    for name, child in model.named_children():
        if type(child) is nn.BatchNorm2d and child.momentum is not None:
            setattr(model, name, _native(child))
            count += 1
        else:
            count += use_native_norms(child)
    return count


def _native(layer: nn.BatchNorm2d) -> NativeBatchNorm2d:
    """The same layer: its very tensors, in another class."""
    native = NativeBatchNorm2d(
        layer.num_features,
        eps=layer.eps,
        momentum=layer.momentum,
        affine=layer.affine,
        track_running_stats=layer.track_running_stats,
        device="meta",
    )
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(native, name, parameter)
    for name, buffer in layer.named_buffers(recurse=False):
        setattr(native, name, buffer)
    return native.train(layer.training)
