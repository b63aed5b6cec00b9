"""Classification models of torchvision, from scratch or with pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn

from vggstudy.errors import DataError, ProtocolError
from vggstudy.protocol.model.settings import TORCHVISION_PREFIX, ModelSettings
from vggstudy.suggest import near
from vggstudy.training.nets.layers import replace_modules

AUXILIARY_HEADS = ("googlenet", "inception_v3")
"""Built without their auxiliary classifiers: one output, one loss."""

PATCHWORK = {"vit": "image_size", "maxvit": "input_size"}
"""Argument by which the families that depend on it learn the size of the images."""


def build_torchvision(
    settings: ModelSettings, *, n_classes: int, side: int, weights_path: Path | None
) -> nn.Module:
    """A model with the head for ``n_classes``, its other weights pretrained if asked for.

    Draws from torch's global generator.

    Raises
    ------
    ProtocolError
        If torchvision has no such model or weights.
    DataError
        If weights cannot be had, or do not fit the model.
    """
    name = settings.name.removeprefix(TORCHVISION_PREFIX)
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        (like,) = near(name, known, n=1, alike=0)
        msg = (
            f"model.name: torchvision has no classification model {name!r} (did you mean {like!r}?)"
        )
        raise ProtocolError(msg)
    model: nn.Module = torchvision.models.get_model(
        name, weights=None, num_classes=n_classes, **_options(name, side)
    )
    if settings.weights is not None:
        _load(model, _named_weights(name, settings.weights), settings.weights, n_classes)
    if weights_path is not None:
        _load(model, _file_weights(weights_path), str(weights_path), n_classes)
    replace_modules(model)
    return model


def _options(name: str, side: int) -> dict[str, Any]:
    """Arguments that some families need."""
    if name in AUXILIARY_HEADS:
        return {"aux_logits": False, "init_weights": True}
    argument = PATCHWORK.get(name.split("_")[0])
    if argument is None:
        return {}
    return {argument: side if argument == "image_size" else (side, side)}


def _named_weights(name: str, weights: str) -> dict[str, Tensor]:
    """Weights that torchvision keeps, downloaded unless they are in torch's own cache."""
    choices = torchvision.models.get_model_weights(name)
    names = [choice.name for choice in choices]  # without DEFAULT, which means another one in time
    if weights not in names:
        msg = f"model.weights: {name} has {', '.join(names)}, not {weights!r}"
        raise ProtocolError(msg)
    try:
        state: dict[str, Tensor] = choices[weights].get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError) as error:
        msg = (
            f"the weights {weights} of {name} could not be downloaded ({error}): connect to the "
            "network, or set model.weights_file to a local copy"
        )
        raise DataError(msg) from error
    return state


def _file_weights(path: Path) -> dict[str, Tensor]:
    """A state_dict from a file; nothing in it is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        msg = f"model.weights_file: {path} cannot be read: {error.strerror or error}"
        raise DataError(msg) from error
    except Exception as error:
        # Damaged bytes make an unpickler raise anything; torch then advises to execute the file.
        msg = f"model.weights_file: {path} is not a file of tensors, saved with torch.save"
        raise DataError(msg) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        msg = f"model.weights_file: {path} holds no state_dict (a mapping of names to tensors)"
        raise DataError(msg)
    return state


def _load(model: nn.Module, state: dict[str, Tensor], source: str, n_classes: int) -> None:
    """Take over all weights but those of a head for another number of classes."""
    own = model.state_dict()
    extra = {key for key in state if key not in own and not key.startswith(("aux", "AuxLogits"))}
    missing = {key for key in own if key not in state and not key.endswith("num_batches_tracked")}
    other = {k for k in own.keys() & state.keys() if own[k].shape != state[k].shape}
    head = {key for key in other if own[key].shape[:1] == (n_classes,)}
    wrong = sorted(extra | missing | (other - head))
    if wrong or len({key.rpartition(".")[0] for key in head}) > 1:
        key = (wrong or sorted(head))[0]
        msg = (
            f"{source} does not fit this model, e.g. at {key}: "
            f"shape {_shape(state, key)} instead of {_shape(own, key)}"
        )
        raise DataError(msg)
    kept = {key: value for key, value in state.items() if key in own and key not in head}
    model.load_state_dict({**own, **kept})


def _shape(state: dict[str, Tensor], key: str) -> str:
    """Shape of an entry in words."""
    return str(tuple(state[key].shape)) if key in state else "none"
