"""Optimizers, and the learning rate they use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vggstudy.protocol.model.settings import TrainingSettings
from vggstudy.training.memory_order import hand_over, in_memory_order, views_of


def make_optimizer(
    settings: TrainingSettings, parameters: Iterable[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    """The optimizer of a recipe, in one fused kernel a step.

    On a CPU it has views of the weights (`memory_order`) and takes their gradients. On a GPU the
    learning rate is a tensor there: a captured graph reads it anew at each replay, where it would
    repeat a number of the host forever.
    """
    cuda = device.type == "cuda"
    views = views_of(parameters) if not cuda else [(each, each) for each in parameters]
    optimizer = _of_torch(settings, [view for _, view in views], device)
    hand_over(optimizer, views)
    return optimizer


def _of_torch(
    settings: TrainingSettings, parameters: Sequence[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    """The optimizer of torch, of these parameters."""
    cuda = device.type == "cuda"
    rate = torch.tensor(settings.initial_lr, device=device) if cuda else settings.initial_lr
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        sgd = torch.optim.SGD(
            parameters, lr=rate, momentum=settings.momentum, weight_decay=decay, fused=True
        )
        if cuda and settings.momentum:
            _begin_momentum(sgd)
        return sgd
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    adam = kind(parameters, lr=rate, weight_decay=decay, fused=True, capturable=cuda)
    # A step outside a graph is a warm-up or a fall-back here, and nothing to warn of.
    adam._warned_capturable_if_run_uncaptured = True
    return adam


def _begin_momentum(sgd: torch.optim.SGD) -> None:
    """Begin at a momentum of zero, where torch's first step is another than all later ones.

    A recorded step is the same every time; so the eager one must be too, to agree in every bit.
    """
    for group in sgd.param_groups:
        for parameter in group["params"]:
            sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next steps use a learning rate."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def state_of(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The tensors in an optimizer's state."""
    states: Iterable[dict[str, object]] = optimizer.state.values()
    return [value for state in states for value in state.values() if isinstance(value, Tensor)]


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Continue from a state on the CPU, with the learning rate where the steps read it.

    What state there is already is written in place: recorded steps know it by its address. On a CPU
    checkpoints of earlier versions hold it in the shape of the weights.
    """
    first: Tensor = optimizer.param_groups[0]["params"][0]
    if first.device.type == "cpu":
        state = {**state, "state": {k: _in_memory(v) for k, v in state["state"].items()}}
    if state_of(optimizer):
        _write_state(optimizer, state["state"])
        return
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _in_memory(state: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a parameter, in memory order."""
    return {
        name: in_memory_order(value) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def _write_state(optimizer: torch.optim.Optimizer, states: dict[int, dict[str, Any]]) -> None:
    """Write the state of every parameter, by its number, into the tensors that hold it."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for number, parameter in enumerate(parameters):
        stored = states.get(number, {})
        for name, own in optimizer.state[parameter].items():
            if isinstance(own, Tensor):
                own.copy_(stored[name]) if name in stored else own.zero_()
