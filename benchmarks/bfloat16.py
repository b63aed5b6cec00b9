"""One step in float32 and in bfloat16, in processor time: python benchmarks/bfloat16.py.

Three ways, taken in turn in one process of one thread, the smallest of several rounds each:

float32   as the loop does it
autocast  as `training.precision = "bfloat16"` does it: weights are cast at every step
kept      weights of convolutions and linear layers kept in bfloat16 beside float32 masters, which
          the optimizer updates: nothing is cast but gradients, and the new weights once a step
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from vggstudy.execution.local.process import ALLOCATOR
from vggstudy.processor import bfloat16_instructions
from vggstudy.protocol.model.settings import ModelSettings
from vggstudy.training.determinism import deterministic
from vggstudy.training.nets.build import build_model

Step = Callable[[], None]


def network(width: float, *, batch_norm: bool) -> nn.Module:
    settings = {"depth": 11, "width": width, "batch_norm": batch_norm}
    model = build_model(ModelSettings.model_validate(settings), n_classes=10, side=32, seed=1)
    return model.to(memory_format=torch.channels_last)


def plain(model: nn.Module, images: Tensor, targets: Tensor, *, low: bool) -> Step:
    """A step in float32, or under autocast."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            logits = model(images)
        functional.cross_entropy(logits.float(), targets).backward()
        optimizer.step()

    return step


def kept(model: nn.Module, images: Tensor, targets: Tensor) -> Step:
    """A step whose weights stay in bfloat16; the statistics of batch normalisation do not."""
    layers = [each for each in model.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    masters = [p.detach().clone().requires_grad_() for each in layers for p in each.parameters()]
    for each in layers:
        each.to(torch.bfloat16)
    model.to(memory_format=torch.channels_last)
    weights = [p for each in layers for p in each.parameters()]
    others = [p for p in model.parameters() if p.dtype == torch.float32]
    optimizer = torch.optim.Adam([*masters, *others], lr=1e-3, fused=True)
    pixels = images.to(torch.bfloat16)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        functional.cross_entropy(model(pixels).float(), targets).backward()
        for master, weight in zip(masters, weights, strict=True):
            master.grad = weight.grad.to(torch.float32)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(weights, masters)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", default="0.125,0.25,1")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{' '.join(bfloat16_instructions() or ()) or 'no instructions for bfloat16'}\n")
    print("| width | | float32 | autocast | kept |\n| ---: | --- | ---: | ---: | ---: |")
    for width in map(float, arguments.widths.split(",")):
        for batch_norm in (True, False):
            row = measured(width, batch_norm=batch_norm, rounds=arguments.rounds)
            cells = [f"{ms:.1f} ms ({row[0] / ms:.2f})" for ms in row]
            print(f"| {width:g} | {'batch norm' if batch_norm else 'plain'} |", end=" ")
            print(" | ".join(cells), "|", flush=True)


def measured(width: float, *, batch_norm: bool, rounds: int) -> list[float]:
    """Milliseconds of a step, each of the three ways."""
    images = torch.randn(32, 3, 32, 32).to(memory_format=torch.channels_last)
    targets = torch.randint(0, 10, (32,))
    nets = [network(width, batch_norm=batch_norm) for _ in range(3)]
    steps = [
        plain(nets[0], images, targets, low=False),
        plain(nets[1], images, targets, low=True),
        kept(nets[2], images, targets),
    ]
    count = 3 if width >= 1 else 10
    best = [float("inf")] * 3
    with deterministic(torch.device("cpu"), threads=1, precision="bfloat16"):
        for number in range(rounds + 1):  # the first one chooses oneDNN's kernels
            for at, step in enumerate(steps):
                begun = time.process_time()
                for _ in range(count):
                    step()
                spent = (time.process_time() - begun) / count * 1e3
                best[at] = min(best[at], spent) if number else best[at]
    return best


if __name__ == "__main__":
    import os
    import sys

    if not ALLOCATOR.items() <= os.environ.items():  # as a worker's; glibc reads them once
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})
    main()
