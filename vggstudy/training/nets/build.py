"""The network of a recipe, initialised from the run's seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vggstudy.errors import UntrainableError
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import ModelSettings
from vggstudy.training.data.datasets import locate
from vggstudy.training.draws import global_stream
from vggstudy.training.nets.vgg import Vgg, initialise


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Numbers in a model.

    Attributes
    ----------
    count : int
        Parameters.
    trainable : int
        Those among them that training changes.
    with_statistics : int
        Parameters and the running means and variances of batch normalisation.
    """

    count: int
    trainable: int
    with_statistics: int


def build_model(
    settings: ModelSettings,
    *,
    n_classes: int,
    side: int,
    seed: int,
    data_roots: Sequence[Path] = (),
) -> nn.Module:
    """The network on the CPU: a function of the settings, the sizes and the seed alone.

    Raises
    ------
    UntrainableError
        If the images are too small for it.
    DataError
        If its pretrained weights cannot be had.
    ProtocolError
        If torchvision has no such model or weights.
    """
    weights = None
    if settings.weights_file is not None:
        weights = locate(settings.weights_file, data_roots)
    with global_stream(seed), torch.device("cpu"):
        return _build(settings, n_classes=n_classes, side=side, weights_path=weights)


def describe_model(recipe: Recipe, n_classes: int, side: int) -> ModelSize:
    """Numbers in the network of a recipe, without allocating it where that can be avoided.

    Parameters
    ----------
    recipe : Recipe
    n_classes : int
    side : int
        Side of the images in pixels.
    """
    try:
        model = bare_model(recipe.model, n_classes=n_classes, side=side)
    except NotImplementedError:  # torchvision's RegNets read their sizes from tensors
        with torch.random.fork_rng(devices=[]):
            bare = _without_weights(recipe.model)
            model = _build(bare, n_classes=n_classes, side=side, weights_path=None)
    return model_size(model)


def bare_model(settings: ModelSettings, *, n_classes: int, side: int) -> nn.Module:
    """The network as shapes alone, on the device "meta".

    Raises
    ------
    NotImplementedError
        If the model cannot be built without computing.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        bare = _without_weights(settings)
        return _build(bare, n_classes=n_classes, side=side, weights_path=None)


def _without_weights(settings: ModelSettings) -> ModelSettings:
    """The same network with nothing to load or to draw."""
    return settings.model_copy(update={"weights": None, "weights_file": None, "init": "torch"})


def model_size(model: nn.Module) -> ModelSize:
    """Count the numbers in a model."""
    parameters = list(model.parameters())
    count = sum(parameter.numel() for parameter in parameters)
    statistics = sum(
        buffer.numel()
        for name, buffer in model.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    )
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return ModelSize(count=count, trainable=trainable, with_statistics=count + statistics)


def check_batches(model: nn.Module, *, side: int, sizes: Sequence[int]) -> None:
    """Find out without computing whether a model can train on batches of these sizes.

    Raises
    ------
    UntrainableError
        If the images are too small for it, or batch normalisation would see one value a channel.
    """
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    for size in sizes:
        images = torch.empty(size, 3, side, side, device="meta")
        try:
            functional_call(model, shapes, (images,))
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            raise UntrainableError(_refusal(size, side, sizes, error)) from error


def _refusal(size: int, side: int, sizes: Sequence[int], error: Exception) -> str:
    """Say what is wrong with a batch: its images, or that it is only one image."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if size == 1 and len(sizes) > 1:
        return (
            "batch normalisation cannot train on an epoch's last batch of one image "
            f"({reason}): set training.drop_last = true, or another batch_size or data.train"
        )
    return (
        f"the model cannot train on batches of {size} images of {side} x {side} pixels "
        f"({reason}): set data.resize or another batch_size"
    )


def _build(
    settings: ModelSettings, *, n_classes: int, side: int, weights_path: Path | None
) -> nn.Module:
    """Build a network, drawing from torch's global generator."""
    if settings.name != "vgg":
        from vggstudy.training.nets.torchvision import build_torchvision  # imports torchvision

        return build_torchvision(
            settings, n_classes=n_classes, side=side, weights_path=weights_path
        )
    model = Vgg(settings, n_classes=n_classes, side=side)
    initialise(model, settings.init)
    return model


def restore_tensors(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Write what `state_tensors` gave back into a model, in place.

    `load_state_dict` would take a plain mapping for one of the oldest version of its modules, which
    torchvision's MNASNet refuses.

    Raises
    ------
    KeyError
        If the names are not those of the model.
    """
    own = state_tensors(model)
    if own.keys() != values.keys():
        strangers = sorted(own.keys() ^ values.keys())
        msg = f"weights of another model: {', '.join(strangers[:3])}"
        raise KeyError(msg)
    for name, tensor in own.items():
        tensor.copy_(values[name])


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, detached, on their device."""
    return {name: value.detach() for name, value in model.state_dict().items()}
