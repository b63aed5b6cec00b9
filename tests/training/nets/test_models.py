"""Networks: their sizes, their agreement with torchvision's, and what their weights depend on."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn

from vggstudy.errors import DataError, ProtocolError
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings
from vggstudy.training import describe_model
from vggstudy.training.determinism import tensors_sha256
from vggstudy.training.nets.build import build_model, check_batches, state_tensors
from vggstudy.training.nets.layers import MatrixAveragePool, SeededDropout, attach_generator
from vggstudy.training.nets.vgg import pooled_first

DEPTHS = (11, 13, 16, 19)
LINEAR = dict(zip(DEPTHS, (9_225_610, 9_410_122, 14_719_818, 20_029_514), strict=True))
BATCH_NORM = dict(zip(DEPTHS, (5_504, 5_888, 8_448, 11_008), strict=True))
HIDDEN = dict(zip(DEPTHS, (28_144_010, 28_328_522, 33_638_218, 38_947_914), strict=True))


def recipe(**model: object) -> Recipe:
    return Recipe(data=DataSettings(name="digits"), model=ModelSettings.model_validate(model))


def build(seed: int = 1, *, n_classes: int = 10, side: int = 32, **model: Any) -> nn.Module:
    settings = ModelSettings.model_validate({"depth": 11, "width": 0.125, **model})
    return build_model(settings, n_classes=n_classes, side=side, seed=seed)


@pytest.mark.parametrize("depth", DEPTHS)
def test_parameter_counts_are_the_published_ones(depth: int) -> None:
    assert describe_model(recipe(depth=depth), 10, 32).count == LINEAR[depth]
    with_norm = describe_model(recipe(depth=depth, batch_norm=True), 10, 32)
    assert with_norm.count == LINEAR[depth] + BATCH_NORM[depth]
    # Running mean and variance: as many numbers as scales and shifts.
    assert with_norm.with_statistics == with_norm.count + BATCH_NORM[depth]
    assert describe_model(recipe(depth=depth, head="4096x2"), 10, 32).count == HIDDEN[depth]


def test_a_description_counts_what_is_built() -> None:
    chosen: dict[str, Any] = {"depth": 13, "width": 0.25, "head": "512", "batch_norm": True}
    model = build(n_classes=7, side=64, **chosen)
    assert describe_model(recipe(**chosen), 7, 64).count == sum(
        parameter.numel() for parameter in model.parameters()
    )


def test_a_description_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    describe_model(recipe(depth=11, init="he_normal"), 10, 32)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
def test_convolutions_agree_with_torchvision_layer_for_layer(depth: int, batch_norm: bool) -> None:
    name = f"vgg{depth}" + ("_bn" if batch_norm else "")
    theirs = torchvision.models.get_model(name, weights=None, init_weights=False).features
    ours = build(depth=depth, width=1.0, batch_norm=batch_norm).features
    assert isinstance(ours, nn.Sequential)
    ours.load_state_dict(theirs.state_dict())
    ours.eval(), theirs.eval()
    value = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for own, their in zip(ours, theirs, strict=True):
            assert type(own) is type(their)
            expected = their(value)
            # The same kernels on the same numbers: equal to the bit.
            assert torch.equal(own(value), expected)
            value = expected


def bits_of(values: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Tensors as whole numbers, which tell -0 from 0 and one NaN from another."""
    return [value.detach().contiguous().view(torch.int32) for value in values]


@pytest.mark.parametrize("special", ["plain", "zeros", "ties", "not finite"])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_pooling_before_relu_gives_the_bits_of_pooling_after_it(
    batch_norm: bool, memory_format: torch.memory_format, special: str
) -> None:
    channels = 24  # more than a vector, and no multiple of one
    layers = [nn.BatchNorm2d(channels)] if batch_norm else []
    conv = nn.Conv2d(3, channels, 3, padding=1)
    assert conv.bias is not None
    net = nn.Sequential(conv, *layers, nn.ReLU(inplace=True))
    net.append(nn.MaxPool2d(2)).to(memory_format=memory_format)
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(6, 3, 10, 10, generator=generator)
    if special == "zeros":  # the convolution then gives 0 and -0 alone
        nn.init.zeros_(conv.weight), nn.init.zeros_(conv.bias)
        conv.weight.data[::2] *= -1
    elif special == "ties":
        images = images.sign()
        conv.weight.data.sign_()
        conv.bias.data.zero_()
    elif special == "not finite":
        images[0, 0, 3, 3], images[1, 1, 4, 5] = math.nan, math.inf
        images[2, 2, 0, 0] = -math.inf
    images = images.contiguous(memory_format=memory_format)
    found = []
    for order in (iter(net), pooled_first(net)):
        layer_state = copy.deepcopy(net.state_dict())
        given = images.clone(memory_format=torch.preserve_format).requires_grad_()
        value = given
        for layer in order:
            value = layer(value)
        weight = torch.randn(value.shape, generator=torch.Generator().manual_seed(4))
        weight[0, 0], weight[0, 1] = 0.0, -0.0
        gradients = torch.autograd.grad(value, [given, *net.parameters()], weight)
        found.append(bits_of([value, *gradients, *(b for b in net.buffers() if b.dim())]))
        net.load_state_dict(layer_state)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_a_network_pools_before_relu_and_keeps_the_names_of_torchvision() -> None:
    model, called = build(depth=13, batch_norm=True), []
    for layer in model.features:  # type: ignore[union-attr]
        layer.register_forward_hook(lambda layer, *_: called.append(type(layer)))
    model(torch.zeros(2, 3, 32, 32))
    relus = [at for at, kind in enumerate(called) if kind is nn.ReLU]
    pools = [at for at, kind in enumerate(called) if kind is nn.MaxPool2d]
    assert len(pools) == 5
    assert all(at + 1 in relus and at - 1 not in relus for at in pools)
    assert [type(layer) for layer in model.features][5:7] == [nn.ReLU, nn.MaxPool2d]  # type: ignore[union-attr]


@pytest.mark.parametrize("side", [32, 33, 64, 96])
@pytest.mark.parametrize("head", ["linear", "512", "4096x2"])
def test_every_side_from_32_gives_logits(side: int, head: str) -> None:
    model = build(side=side, head=head, n_classes=3, dropout=0.5)
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 3)


def test_images_below_32_pixels_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"needs 32 pixels a side, got 28: set data\.resize"):
        build(side=28)


def test_width_scales_channels_and_hidden_units() -> None:
    model = build(width=0.25, head="512")
    widths = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert widths == [16, 32, 64, 64, 128, 128, 128, 128]
    assert [m.out_features for m in model.modules() if isinstance(m, nn.Linear)] == [128, 10]


@pytest.mark.parametrize(("head", "places"), [("linear", [0]), ("512", [2]), ("4096x2", [2, 5])])
def test_dropout_follows_hidden_layers_or_precedes_the_only_one(
    head: str, places: list[int]
) -> None:
    classifier = build(head=head, dropout=0.3).classifier
    assert isinstance(classifier, nn.Sequential)
    assert [i for i, m in enumerate(classifier) if isinstance(m, SeededDropout)] == places


def test_weights_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = tensors_sha256(state_tensors(build(7)))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = tensors_sha256(state_tensors(build(7)))
    assert first == second != tensors_sha256(state_tensors(build(8)))
    assert torch.equal(before, torch.get_rng_state())


def test_torch_initialisation_is_that_of_torch() -> None:
    model = build(3, width=1.0)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(3)
        expected = nn.Conv2d(3, 64, 3, padding=1)
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    assert torch.equal(first.weight, expected.weight)
    assert first.bias is not None
    assert expected.bias is not None
    assert torch.equal(first.bias, expected.bias)


def layers(init: str) -> tuple[nn.Conv2d, nn.Linear]:
    """A convolution of 9 x 256 inputs and 512 outputs, and a linear layer of 512 and 512."""
    modules = list(build(5, width=1.0, head="512", init=init).modules())
    conv = next(m for m in modules if isinstance(m, nn.Conv2d) and m.weight.shape[:2] == (512, 256))
    return conv, next(m for m in modules if isinstance(m, nn.Linear))


VARIANCES = [
    ("he_normal", 2 / (9 * 256), 2 / 512),
    ("he_uniform", 2 / (9 * 256), 2 / 512),
    ("glorot_normal", 2 / (9 * 256 + 9 * 512), 2 / 1024),
    ("glorot_uniform", 2 / (9 * 256 + 9 * 512), 2 / 1024),
    ("torchvision", 2 / (9 * 512), 1e-4),
    ("torch", 1 / (3 * 9 * 256), 1 / (3 * 512)),
]


@pytest.mark.parametrize(("init", "conv_variance", "linear_variance"), VARIANCES)
def test_initialisations_have_their_published_variances(
    init: str, conv_variance: float, linear_variance: float
) -> None:
    conv, linear = layers(init)
    pairs: list[tuple[nn.Conv2d | nn.Linear, float]]
    pairs = [(conv, conv_variance), (linear, linear_variance)]
    for layer, variance in pairs:
        count = layer.weight.numel()
        # Five standard errors of a variance of normal draws; those of uniform draws are smaller.
        tolerance = 5 * math.sqrt(2 / count)
        assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=tolerance)
        assert layer.bias is not None
        assert bool(layer.bias.any()) == (init == "torch")


@pytest.mark.parametrize("init", ["he_uniform", "glorot_uniform"])
def test_uniform_initialisations_are_bounded(init: str) -> None:
    conv, _ = layers(init)
    # A uniform distribution on +-b has variance b^2 / 3.
    weight = conv.weight.detach()
    bound = math.sqrt(3 * float(weight.var()))
    assert float(weight.abs().max()) == pytest.approx(bound, rel=0.01)


def test_dropout_draws_from_its_generator_alone() -> None:
    layer = SeededDropout(0.25)
    attach_generator(nn.Sequential(layer), torch.Generator().manual_seed(1))
    before = torch.get_rng_state()
    value = layer(torch.ones(200, 500))
    assert torch.equal(before, torch.get_rng_state())
    assert value.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    # Five standard errors of a share of 0.25 among 100,000 draws.
    assert float((value == 0).float().mean()) == pytest.approx(0.25, abs=0.007)
    attach_generator(nn.Sequential(layer), torch.Generator().manual_seed(1))
    assert torch.equal(layer(torch.ones(200, 500)), value)


def test_dropout_does_nothing_when_evaluating() -> None:
    value = torch.rand(4, 4)
    assert torch.equal(SeededDropout(0.5).eval()(value), value)


@pytest.mark.parametrize(("size", "pooled"), [(7, 7), (1, 7), (14, 7), (10, 3), (5, 4)])
def test_matrix_pooling_is_adaptive_pooling(size: int, pooled: int) -> None:
    value = torch.rand(2, 3, size, size + 1)
    expected = nn.AdaptiveAvgPool2d((pooled, pooled))(value)
    # Sums of at most 20 float32 in another order.
    torch.testing.assert_close(MatrixAveragePool((pooled, pooled))(value), expected)


# -- torchvision ------------------------------------------------------------------------------

STATED = {
    "torchvision:vgg16": 134_281_029,
    "torchvision:resnet50": 23_571_397,
    "torchvision:efficientnet_b0": 4_055_969,
    "torchvision:densenet121": 7_042_629,
    "torchvision:mnasnet1_0": 3_146_637,
    "torchvision:vit_b_16": 85_802_501,
}


@pytest.mark.parametrize(("name", "count"), STATED.items())
def test_torchvision_models_have_the_known_sizes_with_five_classes(name: str, count: int) -> None:
    assert describe_model(recipe(name=name), 5, 224).with_statistics == count


FAMILIES = [
    "efficientnet_b0",
    "mobilenet_v3_small",
    "squeezenet1_1",
    "swin_t",
    "shufflenet_v2_x0_5",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_torchvision_models_draw_nothing_from_the_global_generator(name: str) -> None:
    settings = ModelSettings(name=f"torchvision:{name}")
    model = build_model(settings, n_classes=4, side=32, seed=1)
    attach_generator(model, torch.Generator().manual_seed(2))
    model.train()
    before = torch.get_rng_state()
    model(torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(before, torch.get_rng_state())
    kinds = (nn.Dropout, torchvision.ops.StochasticDepth)
    assert not [m for m in model.modules() if isinstance(m, kinds)]


def test_an_unknown_model_suggests_a_known_one() -> None:
    with pytest.raises(ProtocolError, match="did you mean 'resnet50'"):
        describe_model(recipe(name="torchvision:resnet5"), 10, 32)


def test_unknown_weights_list_the_known_ones() -> None:
    settings = ModelSettings(name="torchvision:resnet18", weights="IMAGENET")
    with pytest.raises(ProtocolError, match="resnet18 has IMAGENET1K_V1, not 'IMAGENET'"):
        build_model(settings, n_classes=4, side=32, seed=1)


def test_weights_without_a_network_name_the_local_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    settings = ModelSettings(name="torchvision:resnet18", weights="IMAGENET1K_V1")
    with pytest.raises(DataError, match=r"could not be downloaded .* model\.weights_file"):
        build_model(settings, n_classes=4, side=32, seed=1)


@pytest.fixture
def weights_file(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "squeezenet1_1", n_classes: int = 10) -> Path:
        settings = ModelSettings(name=f"torchvision:{name}")
        model = build_model(settings, n_classes=n_classes, side=64, seed=99)
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        return tmp_path / "weights.pt"

    return write


def pretrained(path: Path, n_classes: int, name: str = "squeezenet1_1") -> nn.Module:
    settings = ModelSettings(name=f"torchvision:{name}", weights_file=str(path))
    return build_model(settings, n_classes=n_classes, side=64, seed=1)


def test_weights_of_a_local_file_are_taken_over(weights_file: Callable[..., Path]) -> None:
    path = weights_file()
    state = torch.load(path, weights_only=True)
    assert tensors_sha256(state_tensors(pretrained(path, 10))) == tensors_sha256(state)


def test_a_head_for_other_classes_is_replaced(weights_file: Callable[..., Path]) -> None:
    path = weights_file()
    state, model = torch.load(path, weights_only=True), pretrained(path, 4)
    own = state_tensors(model)
    differ = [
        key for key in own if not torch.equal(own[key].flatten()[:9], state[key].flatten()[:9])
    ]
    assert differ == ["classifier.1.weight", "classifier.1.bias"]
    fresh = state_tensors(
        build_model(ModelSettings(name="torchvision:squeezenet1_1"), n_classes=4, side=64, seed=1)
    )
    assert torch.equal(own["classifier.1.weight"], fresh["classifier.1.weight"])


def test_weights_of_another_model_are_refused(weights_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"does not fit this model, e\.g\. at"):
        pretrained(weights_file("squeezenet1_0"), 10)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"schema = 1\nname = 3\n", b"\x80\x02cos\nsystem\n."]
)
def test_a_file_that_is_no_state_dict_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"weights\.pt is not a file of tensors"):
        pretrained(path, 10)


def test_images_too_small_for_a_model_are_refused_with_the_remedy() -> None:
    model = build_model(ModelSettings(name="torchvision:alexnet"), n_classes=4, side=32, seed=1)
    with pytest.raises(DataError, match=r"images of 32 x 32 pixels .* set data\.resize"):
        check_batches(model, side=32, sizes=[8])


def test_a_last_batch_of_one_image_is_refused_before_training() -> None:
    model = build_model(ModelSettings(name="torchvision:resnet18"), n_classes=4, side=32, seed=1)
    before = tensors_sha256(state_tensors(model))
    check_batches(model, side=32, sizes=[8, 2])
    with pytest.raises(DataError, match=r"last batch of one image .*drop_last = true"):
        check_batches(model, side=32, sizes=[8, 1])
    assert tensors_sha256(state_tensors(model)) == before
