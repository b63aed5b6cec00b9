"""What the machine could do: its rate in matrix products, and in the convolutions of a network."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.work import Work

MATRIX = {"cpu": 1536, "cuda": 8192}
"""Order of the matrices: the product of two then comes near the fastest."""

WINDOW_S = 2.0


def step_flops(model: nn.Module, batch: int, side: int) -> float:
    """Operations of one training step: a product of the forward pass costs two more backward.

    The first convolution needs no gradient of the images.
    """
    counts: list[float] = []

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        each = output.numel() // output.shape[0]
        inputs = module.weight[0].numel()
        counts.append(2 * each * inputs * (2 if not counts else 3))

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    device = next(model.parameters()).device
    with torch.no_grad():
        model.eval()(torch.zeros(2, 3, side, side, device=device))
    for hook in hooks:
        hook.remove()
    return batch * sum(counts)


def gemm_rate(device: str, *, workers: int, dtype: str) -> float:
    """Operations a second in matrix products, all workers together."""
    if device != "cpu":
        return _gemm(device, dtype)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        list(pool.map(_pause, [1.0] * workers, chunksize=1))
        return sum(pool.map(_gemm, [device] * workers, [dtype] * workers, chunksize=1))


def _one_thread() -> None:
    torch.set_num_threads(1)


def _pause(seconds: float) -> None:
    """Occupy a process until all have started."""
    time.sleep(seconds)


def _gemm(device: str, dtype: str) -> float:
    """Operations a second of this process."""
    order = MATRIX[torch.device(device).type]
    kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    left, right = (torch.randn(order, order, device=device, dtype=kind) for _ in range(2))
    return 2 * order**3 * _repeats_a_second(lambda: left @ right, device)


def conv_rate(work: Work, *, side: int = 32) -> float:
    """Operations a second in the convolutions of a network alone, one thread, float32.

    Forward and both gradients of every convolution at its own shape, in channels last, without
    anything between them: what training would reach if all else were free.
    """
    torch.set_num_threads(1)
    data = work.load(0, torch.device("cpu"))
    model = work.model(0, data).to(memory_format=torch.channels_last)
    seconds = flops = 0.0
    size = side
    for layer in model.features:
        if isinstance(layer, nn.MaxPool2d):
            size //= 2
        elif isinstance(layer, nn.Conv2d):
            shape = (work.batch_size, layer.in_channels, size, size)
            images = torch.randn(shape).to(memory_format=torch.channels_last)
            seconds += 1 / _repeats_a_second(lambda x=images, m=layer: _pass(m, x), "cpu", 0.4)
            each = layer.weight.numel() * 2 * size**2 * work.batch_size
            flops += each * 3
    return flops / seconds


def _pass(layer: nn.Conv2d, images: Tensor) -> None:
    """Forward and backward of one convolution."""
    images.requires_grad_(requires_grad=True)
    output = functional.conv2d(images, layer.weight, layer.bias, padding=1)
    torch.autograd.grad(output, (images, layer.weight, layer.bias), output)


def _repeats_a_second(call: object, device: str, window_s: float = WINDOW_S) -> float:
    """How often something can be done a second, after a warm-up."""
    cuda = torch.device(device).type == "cuda"

    def wait() -> None:
        if cuda:
            torch.cuda.synchronize()

    for _ in range(3):
        call()
    wait()
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < window_s:
        for _ in range(20 if cuda else 1):
            call()
            count += 1
        wait()
    return count / elapsed
