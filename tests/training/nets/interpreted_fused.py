"""Fused kernels, executed in Python on the CPU: `test_fused` runs this file in another process.

Whether kernels are interpreted is decided when Triton is imported.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vggstudy.errors import ExecutionError
from vggstudy.extras import interpreted
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import ModelSettings
from vggstudy.training import CheckpointMismatch, Interrupted, determinism, train_run
from vggstudy.training.nets import fused
from vggstudy.training.nets.vgg import Vgg

assert interpreted()

SHAPES = [(4, 5, 8, 8), (1, 3, 5, 7), (3, 70, 2, 2)]
"""Odd channels; one image, odd sides, which pooling cuts; two tiles of channels."""

FLOAT32, BFLOAT16 = 1e-5, 2.0**-7
"""Relative errors: some roundings of 6e-8, grown by sums of some hundred terms; a last digit, which
the interpreter cuts off where a device rounds."""

Maker = Callable[..., tuple[Tensor, Tensor, nn.BatchNorm2d | None]]


@pytest.fixture
def make() -> Maker:
    """Values far from zero, a bias, and a normalisation that has seen others, from a fixed seed."""

    def drawn(shape: tuple[int, ...], norm: str | None = None) -> Any:
        random = torch.Generator().manual_seed(7)

        def draw(*sizes: int) -> Tensor:
            return torch.randn(sizes, generator=random)

        layer = None
        if norm is not None:
            layer = nn.BatchNorm2d(shape[1]).train(norm == "training")
            with torch.no_grad():
                for each in (layer.weight, layer.bias, layer.running_mean):
                    assert each is not None
                    each.copy_(draw(shape[1]))
        values = draw(*shape) + 3
        return values.contiguous(memory_format=torch.channels_last), draw(shape[1]), layer

    return drawn


def plain(values: Tensor, bias: Tensor, norm: nn.Module | None, *, pool: bool) -> Tensor:
    """The same by torch, in the order of its layers."""
    values = values + bias[:, None, None]
    values = values if norm is None else norm(values)
    values = functional.relu(values)
    return functional.max_pool2d(values, 2) if pool else values


def gradients(
    compute: Callable[..., Tensor], values: Tensor, bias: Tensor, norm: Any, *, pool: bool
) -> dict[str, Tensor]:
    """Output, gradients and running statistics, of copies."""
    norm = copy.deepcopy(norm)
    values, bias = (each.detach().clone().requires_grad_() for each in (values, bias))
    out = compute(values, bias, norm, pool=pool)
    random = torch.Generator().manual_seed(8)
    arriving = torch.randn(out.shape, generator=random, dtype=torch.float64)
    out.backward(arriving.to(out.dtype))  # type: ignore[no-untyped-call]
    found = {"out": out.detach(), "values": values.grad, "bias": bias.grad}
    if norm is not None:
        found |= {"weight": norm.weight.grad, "shift": norm.bias.grad, **dict(norm.named_buffers())}
    return {name: each for name, each in found.items() if each is not None}


def assert_near(found: dict[str, Tensor], wanted: dict[str, Tensor], relative: float) -> None:
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        scale = max(1.0, float(each.abs().max()))
        gap = float((found[name].double() - each).abs().max())
        assert gap <= relative * scale, name


@pytest.mark.parametrize("pool", [False, True], ids=["all pixels", "pooled"])
@pytest.mark.parametrize("norm", [None, "training", "evaluation"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward_and_backward_agree_with_torch_in_float64(
    shape: tuple[int, ...], norm: str | None, pool: bool, make: Maker
) -> None:
    values, bias, layer = make(shape, norm)
    double = copy.deepcopy(layer).double() if layer is not None else None
    wanted = gradients(plain, values.double(), bias.double(), double, pool=pool)
    found = gradients(fused.activation, values, bias, layer, pool=pool)
    assert found["out"].is_contiguous(memory_format=torch.channels_last)
    assert_near(found, wanted, FLOAT32)


def test_values_that_are_not_channels_last_are_brought_into_that_layout(make: Maker) -> None:
    values, bias, layer = make((4, 5, 8, 8), "training")
    found = gradients(fused.activation, values.contiguous(), bias, layer, pool=True)
    same = gradients(fused.activation, values, bias, layer, pool=True)
    assert all(torch.equal(found[name], same[name]) for name in same)


@pytest.mark.parametrize("norm", [None, "training"])
def test_bfloat16_is_rounded_once_and_its_statistics_are_float32(
    norm: str | None, make: Maker
) -> None:
    values, bias, layer = make((4, 5, 8, 8), norm)
    rounded = values.bfloat16()
    found = gradients(fused.activation, rounded, bias, layer, pool=False)
    assert found["out"].dtype == found["values"].dtype == torch.bfloat16
    exact = gradients(plain, rounded.double(), bias.double(),
                      copy.deepcopy(layer).double() if layer else None, pool=False)  # fmt: skip
    assert_near({"out": found["out"]}, {"out": exact["out"]}, BFLOAT16)
    if norm is not None:
        assert_near({"mean": found["running_mean"]}, {"mean": exact["running_mean"]}, FLOAT32)
        assert_near({"var": found["running_var"]}, {"var": exact["running_var"]}, FLOAT32)


def test_of_equal_values_the_first_has_the_gradient_as_in_torch(make: Maker) -> None:
    values, bias, _ = make((4, 5, 8, 8))
    values, bias = (values * 0.5).round(), bias.round()  # ties in most windows, sums exact
    assert (functional.max_pool2d(values, 2) == values[..., ::2, ::2]).float().mean() > 0.5
    found = gradients(fused.activation, values, bias, None, pool=True)
    wanted = gradients(plain, values, bias, None, pool=True)
    assert torch.equal(found["out"], wanted["out"])
    assert torch.equal(found["values"], wanted["values"])


@pytest.mark.parametrize("pool", [False, True])
def test_what_is_no_number_stays_none(pool: bool, make: Maker) -> None:
    values, bias, _ = make((1, 3, 5, 7))
    values[0, 1, 1, 2] = values[0, 2, 2, 3] = torch.nan
    found = fused.activation(values, bias, None, pool=pool)
    assert torch.equal(found.isnan(), plain(values, bias, None, pool=pool).isnan())
    assert found.isnan().sum() == 2


def test_a_channel_without_variance_is_its_shift(make: Maker) -> None:
    values, bias, layer = make((4, 5, 8, 8), "training")
    assert layer is not None
    values[:, 2] = 1.5
    found = gradients(fused.activation, values, bias, layer, pool=False)
    expected = layer.bias[2].clamp(min=0).expand(4, 8, 8)
    assert torch.equal(found["out"][:, 2], expected)
    wanted = gradients(
        plain, values.double(), bias.double(), copy.deepcopy(layer).double(), pool=False
    )
    # Behind 1 / sqrt(eps) = 316 a gradient of this channel has 316 times the others' rounding.
    assert_near(found, wanted, 316 * FLOAT32)


def test_a_mean_a_thousand_times_the_deviation_leaves_the_variance(make: Maker) -> None:
    values, bias, layer = make((9, 4, 16, 16), "training")
    assert layer is not None
    values += 1000
    _, scale = fused.moments(values, bias, layer)
    wanted = values.double().var(dim=(0, 2, 3), correction=0).add(layer.eps).rsqrt()
    # Means of about 1,000 have steps of 6e-5 of a deviation; a sum of squares would be off by 6%.
    torch.testing.assert_close(scale.double(), wanted, rtol=6e-5, atol=0)


@pytest.fixture
def _few_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs to a sum, each of several tiles: what real sizes have."""
    monkeypatch.setattr(fused, "PROGRAMS", 3)
    monkeypatch.setattr(fused, "TILE", 256)


@pytest.mark.usefixtures("_few_programs")
@pytest.mark.parametrize("norm", [None, "training"])
def test_programs_of_several_tiles_sum_the_same(norm: str | None, make: Maker) -> None:
    values, bias, layer = make((5, 4, 16, 15), norm)
    grid = fused.Grid(5 * 16 * 15, 4)
    assert (grid.splits, grid.per_split, grid.rows % grid.block_rows) == (3, 448, 48)
    double = copy.deepcopy(layer).double() if layer is not None else None
    wanted = gradients(plain, values.double(), bias.double(), double, pool=True)
    assert_near(gradients(fused.activation, values, bias, layer, pool=True), wanted, FLOAT32)


@pytest.fixture
def backwards() -> Iterator[Callable[[], None]]:
    """Lets the programs of a kernel begin with the last one."""
    from triton.runtime.interpreter import interpreter_builder as builder

    place = builder.set_grid_idx

    def reverse() -> None:
        def placed(*at: int) -> None:
            place(*(size - 1 - each for size, each in zip(builder.grid_dim, at, strict=True)))

        builder.set_grid_idx = placed

    yield reverse
    builder.set_grid_idx = place


@pytest.mark.parametrize("norm", [None, "training"])
def test_bits_do_not_hang_on_which_program_is_first(
    norm: str | None, make: Maker, backwards: Callable[[], None]
) -> None:
    values, bias, layer = make((9, 4, 16, 16), norm)
    first = gradients(fused.activation, values, bias, layer, pool=True)
    again = gradients(fused.activation, values, bias, layer, pool=True)
    backwards()
    turned = gradients(fused.activation, values, bias, layer, pool=True)
    for name, each in first.items():
        assert torch.equal(each, again[name])
        assert torch.equal(each, turned[name])


def test_gradients_are_those_of_finite_differences(make: Maker) -> None:
    values, bias, layer = make((2, 2, 2, 3), "training")
    assert layer is not None
    weights = torch.linspace(0.5, 1.5, 24).view(2, 2, 2, 3)

    def loss(given: Tensor) -> float:
        with torch.no_grad():
            return float((plain(given, bias.double(), double, pool=False) * weights).sum())

    double = copy.deepcopy(layer).double()
    given = values.clone().requires_grad_()
    (fused.activation(given, bias, layer, pool=False) * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    step = 1e-6
    for index in ((0, 0, 0, 0), (1, 1, 1, 2), (0, 1, 0, 1)):
        ahead, behind = values.double(), values.double()
        ahead[index] += step
        behind[index] -= step
        slope = (loss(ahead) - loss(behind)) / (2 * step)
        assert float(given.grad[index]) == pytest.approx(slope, abs=FLOAT32)


# -- A network, and a run ----------------------------------------------------------------------


def trained(settings: ModelSettings, *, fuse: bool) -> tuple[Vgg, list[float]]:
    """A network after two steps on the same images, and its losses."""
    torch.manual_seed(5)
    model = Vgg(settings, n_classes=3, side=32).to(memory_format=torch.channels_last)
    if fuse:
        fused.use_fused_kernels(model)
    images, targets = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=0.01)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.inference_mode():
        losses.append(functional.cross_entropy(model(images), targets).item())
    return model, losses


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_network_trains_as_the_plain_one_does_up_to_rounding(batch_norm: bool) -> None:
    settings = ModelSettings(depth=11, width=0.0625, batch_norm=batch_norm)
    (model, losses), (other, expected) = (trained(settings, fuse=each) for each in (True, False))
    # Eight layers with normalisation by four images each multiply what rounding makes different.
    assert losses == pytest.approx(expected, rel=1e-4)
    assert list(model.state_dict()) == list(other.state_dict())
    for name, each in other.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], each, rtol=1e-3, atol=1e-4)


def fused_recipe() -> Recipe:
    """A run of seconds in the interpreter."""
    return Recipe.model_validate(
        {
            "data": {"name": "synthetic", "classes": 3, "train": 9, "test": 3, "validation": 4},
            "model": {"depth": 11, "width": 0.03125, "batch_norm": True, "dropout": 0.2},
            "training": {"batch_size": 5, "epochs": 2, "kernels": "fused"},
        }
    )


SEEDS = Seeds(init=11, order=22, augmentation=33, dropout=44, split=55)


def test_a_run_resumes_to_the_bit_and_its_record_names_the_compiler(tmp_path: Path) -> None:
    recipe, path = fused_recipe(), tmp_path / "checkpoint.pt"
    straight = train_run(recipe, SEEDS, cache_dir=tmp_path)
    asked = iter((False, True))
    with pytest.raises(Interrupted):
        train_run(
            recipe, SEEDS, cache_dir=tmp_path, checkpoint=path, should_stop=lambda: next(asked)
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(determinism, "version", lambda name: "0")
        with pytest.raises(CheckpointMismatch, match="kernels: the checkpoint has"):
            train_run(recipe, SEEDS, cache_dir=tmp_path, checkpoint=path)
    resumed = train_run(recipe, SEEDS, cache_dir=tmp_path, checkpoint=path)
    assert resumed.timings["resumed_at"] == [1]
    assert resumed.result == straight.result
    assert straight.numerics["kernels"].startswith("triton ")
    assert straight.numerics["kernels"].endswith(" interpreted")


def test_a_cpu_is_refused_where_kernels_are_not_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(ExecutionError, match="needs a GPU"):
        train_run(fused_recipe(), SEEDS, cache_dir=tmp_path)
