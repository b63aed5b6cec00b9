"""Optimizers that have weights in memory order: the bits of torch, checkpoints of both kinds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vggstudy.protocol.model.settings import TrainingSettings
from vggstudy.training.memory_order import in_memory_order, views_of
from vggstudy.training.optim import make_optimizer, restore_optimizer

CPU = torch.device("cpu")
KINDS = ["sgd", "adam", "adamw"]
TORCHS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
SHAPES = [(16, 3, 3, 3), (5, 7, 3, 3), (4, 1, 3, 3), (6, 4, 1, 1), (10, 8), (10,)]
"""Weights in channels-last layout alone, those in both layouts, and what has none."""


def settings(kind: str) -> TrainingSettings:
    values = {"optimizer": kind, "lr": 0.0137, "weight_decay": 0.01, "momentum": 0.9}
    return TrainingSettings.model_validate(values)


def drawn(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = [torch.randn(shape, generator=generator) for shape in SHAPES]
    return [x.to(memory_format=torch.channels_last) if x.dim() == 4 else x for x in values]


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(value) for value in drawn(0)]


def steps(optimizer: torch.optim.Optimizer, own: list[nn.Parameter], *seeds: int) -> None:
    for seed in seeds:
        for parameter, gradient in zip(own, drawn(seed), strict=True):
            parameter.grad = gradient
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def plain(kind: str, own: list[nn.Parameter]) -> torch.optim.Optimizer:
    options = {"momentum": 0.9} if kind == "sgd" else {}
    made: torch.optim.Optimizer = TORCHS[kind](
        own, lr=0.0137, weight_decay=0.01, fused=True, **options
    )
    return made


def assert_same_bits(first: list[nn.Parameter], second: list[nn.Parameter]) -> None:
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_updates_have_the_bits_of_torchs(kind: str) -> None:
    ours, theirs = parameters(), parameters()
    steps(make_optimizer(settings(kind), ours, CPU), ours, *range(1, 20))
    steps(plain(kind, theirs), theirs, *range(1, 20))
    assert_same_bits(ours, theirs)
    assert not torch.equal(ours[0], parameters()[0])
    assert all(each.grad is None for each in ours)  # the next backward pass has none to add to


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_optimizer_has_is_contiguous(kind: str) -> None:
    own = parameters()
    optimizer = make_optimizer(settings(kind), own, CPU)
    steps(optimizer, own, 1)
    held = optimizer.param_groups[0]["params"]
    assert all(each.is_contiguous() for each in held)
    assert [each.data_ptr() for each in held] == [each.data_ptr() for each in own]
    assert not own[0].is_contiguous()
    assert held[2] is own[2]  # contiguous in either layout


@pytest.mark.parametrize("writer", ["ours", "torch's"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_continued_from_whatever_shape_it_was_kept_in(kind: str, writer: str) -> None:
    straight = parameters()
    steps(make_optimizer(settings(kind), straight, CPU), straight, 1, 2, 3)
    first = parameters()
    begun = make_optimizer(settings(kind), first, CPU) if writer == "ours" else plain(kind, first)
    steps(begun, first, 1, 2)
    resumed = [nn.Parameter(each.detach().clone()) for each in first]
    second = make_optimizer(settings(kind), resumed, CPU)
    restore_optimizer(second, begun.state_dict())
    steps(second, resumed, 3)
    assert_same_bits(resumed, straight)


def test_a_parameter_that_is_not_trained_has_no_gradient_to_hand_over() -> None:
    own = parameters()
    own[0].requires_grad_(False)
    optimizer = make_optimizer(settings("adam"), own, CPU)
    for parameter in own[1:]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert torch.equal(own[0], parameters()[0])
    assert not torch.equal(own[1], parameters()[1])


def test_views_share_the_memory_of_what_they_show() -> None:
    weight = drawn(0)[0]
    view = in_memory_order(weight)
    assert view.shape == (16, 3, 3, 3)
    assert view.stride() == (27, 9, 3, 1)
    view[1, 2, 0, 1] = 7.0
    assert weight[1, 1, 2, 0] == 7.0
    pairs = views_of(parameters())
    assert [own is view for own, view in pairs] == [False, False, True, True, True, True]
