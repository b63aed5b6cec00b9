"""VGG networks for small images, and their initialisation.

References
----------
.. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image
   recognition", ICLR 2015, table 1: columns A, B, D and E.
.. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
   networks", AISTATS 2010, equation 16.
.. [3] K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from torch import Tensor, nn

from vggstudy.errors import UntrainableError
from vggstudy.protocol.model.settings import ModelSettings
from vggstudy.training.nets.layers import SeededDropout

BLOCKS: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions in each of the five blocks, by depth [1]_."""

CHANNELS = (64, 128, 256, 512, 512)
REDUCTION = 2 ** len(CHANNELS)
"""Every block halves the image."""

HIDDEN: dict[str, tuple[int, ...]] = {"linear": (), "512": (512,), "4096x2": (4096, 4096)}
"""Units of the hidden layers of each head."""


class Vgg(nn.Module):
    """Five blocks of 3 x 3 convolutions and a head of linear layers.

    Parameters
    ----------
    settings : ModelSettings
    n_classes : int
    side : int
        Side of the images in pixels, at least 32; the head takes side // 32 squared positions.

    Raises
    ------
    UntrainableError
        If the images are too small.
    """

    def __init__(self, settings: ModelSettings, *, n_classes: int, side: int) -> None:
        super().__init__()
        if side < REDUCTION:
            msg = (
                f"vgg halves images five times and needs {REDUCTION} pixels a side, got {side}: "
                f"set data.resize = {REDUCTION}"
            )
            raise UntrainableError(msg)
        if settings.depth is None:
            msg = "model.depth is needed for vgg"
            raise ValueError(msg)
        self.features = _features(settings)
        positions = (side // REDUCTION) ** 2
        self.classifier = _head(settings, positions * scaled(CHANNELS[-1], settings), n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of shape (B, classes) of images of shape (B, 3, side, side)."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


class Features(nn.Sequential):
    """The convolutions: torchvision's layers in torchvision's order, computed in a cheaper one."""

    def forward(self, value: Tensor) -> Tensor:
        """As in the base class, to the same bits, backward as well."""
        for layer in pooled_first(self):
            value = layer(value)
        return value


def pooled_first(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Layers in their order, but each pooling before the ReLU in front of it.

    The largest of four numbers, cut off at zero, is the largest of the four cut off, and its
    gradient goes to the same place: ReLU has a quarter of the work, forward and backward.
    """
    held: nn.Module | None = None
    for layer in layers:
        if held is not None and not isinstance(layer, nn.MaxPool2d):
            yield held
            held = None
        if isinstance(layer, nn.ReLU):
            held = layer
            continue
        yield layer
        if held is not None:
            yield held
            held = None
    if held is not None:
        yield held


def scaled(units: int, settings: ModelSettings) -> int:
    """Channels or hidden units at the network's width, at least one."""
    return max(1, round(units * settings.width))


def _features(settings: ModelSettings) -> Features:
    """The convolutions; the biases before batch normalisation are kept, as in torchvision."""
    layers: list[nn.Module] = []
    entering = 3
    for convolutions, channels in zip(BLOCKS[settings.depth or 0], CHANNELS, strict=True):
        for _ in range(convolutions):
            leaving = scaled(channels, settings)
            layers.append(nn.Conv2d(entering, leaving, kernel_size=3, padding=1))
            if settings.batch_norm:
                layers.append(nn.BatchNorm2d(leaving))
            layers.append(nn.ReLU(inplace=True))
            entering = leaving
        layers.append(nn.MaxPool2d(kernel_size=2))
    return Features(*layers)


def _head(settings: ModelSettings, entering: int, n_classes: int) -> nn.Sequential:
    """The classifier: dropout after each hidden layer, or before the only layer."""
    layers: list[nn.Module] = []
    hidden = HIDDEN[settings.head]
    for units in hidden:
        leaving = scaled(units, settings)
        layers += [nn.Linear(entering, leaving), nn.ReLU(inplace=True)]
        layers.append(SeededDropout(settings.dropout))
        entering = leaving
    if not hidden:
        layers.append(SeededDropout(settings.dropout))
    return nn.Sequential(*layers, nn.Linear(entering, n_classes))


def initialise(model: nn.Module, init: str) -> None:
    """Draw the weights of convolutions and linear layers from torch's global generator.

    Parameters
    ----------
    model : nn.Module
        As torch built it, which is "torch": weights and biases uniform in +-1/sqrt(fan in).
    init : str
        "torchvision": convolutions normal with variance 2/(fan out), linear layers normal with
        standard deviation 0.01. "he_*": variance 2/(fan in) [3]_. "glorot_*": variance
        2/(fan in + fan out) [2]_. All of them with zero biases.
    """
    if init == "torch":
        return
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            _WEIGHTS[init][isinstance(module, nn.Linear)](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


_he_normal = partial(nn.init.kaiming_normal_, nonlinearity="relu")
_he_uniform = partial(nn.init.kaiming_uniform_, nonlinearity="relu")
_WEIGHTS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "torchvision": (partial(_he_normal, mode="fan_out"), partial(nn.init.normal_, std=0.01)),
    "he_normal": (_he_normal, _he_normal),
    "he_uniform": (_he_uniform, _he_uniform),
    "glorot_normal": (nn.init.xavier_normal_, nn.init.xavier_normal_),
    "glorot_uniform": (nn.init.xavier_uniform_, nn.init.xavier_uniform_),
}
"""Draws for convolutions and for linear layers."""
