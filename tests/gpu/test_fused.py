"""Fused kernels on one GPU: what they compute, and equal bits however their steps are issued."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import Interrupted, TrainingResult, train_run
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.session import Assignment, Site

# Kernels that Triton compiles are not there on the null device.
pytestmark = [pytest.mark.gpu, pytest.mark.arithmetic]

Make = Callable[..., Recipe]

SHAPES = [(128, 64, 32, 32), (48, 16, 5, 7), (1, 70, 8, 8), (1024, 512, 2, 2)]


def computed(
    compute: Callable[..., Tensor], values: Tensor, bias: Tensor, norm: Any, arriving: Tensor
) -> list[Tensor]:
    """Output and gradients."""
    values, bias = (each.detach().clone().requires_grad_() for each in (values, bias))
    out = compute(values, bias, norm)
    out.backward(arriving.to(out.dtype))  # type: ignore[no-untyped-call]
    parameters = [] if norm is None else [norm.weight, norm.bias]
    grads = [each.grad for each in (values, *parameters, *([] if parameters else [bias]))]
    return [out.detach(), *(each for each in grads if each is not None)]


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_compiled_kernels_agree_with_torch_in_float64(shape: tuple[int, ...], normed: bool) -> None:
    from vggstudy.training.nets.fused import activation

    random = torch.Generator("cuda").manual_seed(7)
    values = torch.randn(shape, device="cuda", generator=random)
    values = values.contiguous(memory_format=torch.channels_last)
    bias = torch.randn(shape[1], device="cuda", generator=random)
    norm = nn.BatchNorm2d(shape[1], device="cuda") if normed else None
    double = copy.deepcopy(norm).double() if norm is not None else None
    arriving = torch.randn(
        (*shape[:2], shape[2] // 2, shape[3] // 2), device="cuda", generator=random
    )

    def plain(given: Tensor, added: Tensor, layer: Any) -> Tensor:
        given = given + added[:, None, None]
        given = functional.relu(given if layer is None else layer(given))
        return functional.max_pool2d(given, 2)

    def fused(given: Tensor, added: Tensor, layer: Any) -> Tensor:
        return activation(given, added, layer, pool=True)

    found = computed(fused, values, bias, norm, arriving)
    again = computed(fused, values, bias, copy.deepcopy(norm), arriving)
    wanted = computed(plain, values.double(), bias.double(), double, arriving)
    for mine, same, exact in zip(found, again, wanted, strict=True):
        # Where the two largest of a window agree to float32, the gradient may go to either.
        near = (mine.double() - exact).abs() <= 1e-4 * max(1.0, float(exact.abs().max()))
        assert float(near.double().mean()) > 1 - 1e-5
        assert torch.equal(mine, same)


CELLS: list[dict[str, Any]] = [
    {},
    {"precision": "bfloat16", "optimizer": "sgd", "momentum": 0.9},
    {"model": {"depth": 11, "width": 0.25}, "precision": "tf32"},
    {"model": {"depth": 13, "width": 1.0, "batch_norm": True}, "batch_size": 128},
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_single_recorded_resumed_and_lane_steps_have_the_same_bits(
    cell: dict[str, Any], recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    chosen = recipe(**cell, kernels="fused")
    job = Assignment(recipe=chosen, seeds=seeds)

    def train(**how: Any) -> TrainingResult:
        return train_run(chosen, seeds, device="cuda", cache_dir=cache_dir, **how)

    recorded, single, lane = train(), train(graphs=False), beside_another(job, recipe, cache_dir)
    path, asked = tmp_path / "checkpoint.pt", iter((False, True))
    with pytest.raises(Interrupted):
        train(checkpoint=path, should_stop=lambda: next(asked))
    resumed = train(checkpoint=path)
    assert recorded.execution["steps"] == lane.execution["steps"] == "recorded"
    assert lane.execution["lanes"] == 3
    assert recorded.result == single.result == resumed.result == lane.result


def beside_another(job: Assignment, recipe: Make, cache_dir: Path) -> TrainingResult:
    """The run in the second of three lanes, beside a plain one and a fused replicate."""
    other = Seeds(init=1, order=2, augmentation=3, dropout=4, split=5)
    lanes = LaneSet(Site(device=open_device("cuda"), cache_dir=cache_dir), lanes=3)
    lanes.add("plain", Assignment(recipe=recipe(), seeds=other))
    lanes.add("chosen", job)
    lanes.add("replicate", Assignment(recipe=job.recipe, seeds=other))
    last: dict[str, LaneEvent] = {}
    while lanes:
        outcomes, progress = lanes.turn()
        last |= {each.key: each for each in outcomes if each.epoch is None}
        if not progress:
            lanes.pause()
    lanes.close()
    result = last["chosen"].result
    assert result is not None, last["chosen"].error
    return result


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_fused_run_is_near_the_plain_one_and_another(
    batch_norm: bool, recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    model = {"depth": 11, "width": 0.25, "batch_norm": batch_norm}
    losses = []
    for kernels in ("torch", "fused"):
        chosen = recipe(model=model, epochs=1, optimizer="sgd", lr=1e-4, kernels=kernels)
        done = train_run(chosen, seeds, device="cuda", cache_dir=cache_dir)
        assert ("kernels" in done.numerics) == (kernels == "fused")
        losses.append(done.result["curves"]["train_loss"])
    # Small steps of plain descent keep the rounding of float32 from growing over the eight steps.
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
