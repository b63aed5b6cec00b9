"""B2 and its variants: data on the device, channels last, fused SGD, no synchronisation a step.

B2 trains one run after another, B3 compiles the network besides, B4 spreads B2 over processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.work import EVALUATION_BATCH, MOMENTUM, Work
from vggstudy.training.data.batches import RunData, SplitTensors
from vggstudy.training.determinism import tensors_sha256

Network = Callable[[Tensor], Tensor]


def train(work: Work, replicate: int, compiled: Compiled | None = None) -> tuple[float, nn.Module]:
    """One run: test accuracy and the trained network."""
    device = torch.device(work.device)
    data = work.load(replicate, device)
    torch.manual_seed(replicate)
    model = work.model(replicate, data).to(device, memory_format=torch.channels_last)
    if compiled is not None:
        compiled.model.load_state_dict(model.state_dict())
        model = compiled.model
    forward: Network = model if compiled is None else compiled.forward
    optimizer = torch.optim.SGD(model.parameters(), lr=work.lr, momentum=MOMENTUM, fused=True)
    for _ in range(work.epochs):
        model.train()
        one_epoch(forward, optimizer, data, work)
        evaluate(model, data, data.validation, work)
    return evaluate(model, data, data.test, work), model


def one_epoch(
    forward: Network, optimizer: torch.optim.Optimizer, data: RunData, work: Work
) -> float:
    """Mean loss of an epoch; the only number that leaves the device."""
    split, batch = data.train, work.batch_size
    total = torch.zeros((), device=split.targets.device)
    order = torch.randperm(len(split), device=total.device)
    for start in range(0, len(split) - batch + 1, batch):
        rows = order[start : start + batch]
        optimizer.zero_grad(set_to_none=True)
        with precision(work):
            outputs = forward(data.normaliser(split.images[rows]))
            loss = functional.cross_entropy(outputs, split.targets[rows])
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return float(total) / (len(split) // batch)


@torch.no_grad()
def evaluate(model: nn.Module, data: RunData, split: SplitTensors, work: Work) -> float:
    """Accuracy over a split."""
    model.eval()
    correct = torch.zeros((), device=split.targets.device)
    for start in range(0, len(split), EVALUATION_BATCH):
        targets = split.targets[start : start + EVALUATION_BATCH]
        with precision(work):
            outputs = model(data.normaliser(split.images[start : start + EVALUATION_BATCH]))
        correct += (outputs.argmax(dim=1) == targets).sum()
    return float(correct) / len(split)


def precision(work: Work) -> AbstractContextManager[object]:
    """The block of a forward pass."""
    if work.precision == "bfloat16":
        return torch.autocast(torch.device(work.device).type, dtype=torch.bfloat16)
    return nullcontext()


class Compiled:
    """A network compiled once; the runs load their weights into it.

    Attributes
    ----------
    seconds : float
        What compilation took.
    """

    def __init__(self, work: Work) -> None:
        device = torch.device(work.device)
        data = work.load(0, device)
        self.model = work.model(0, data).to(device, memory_format=torch.channels_last)
        self.forward: Network = torch.compile(self.model)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.0, fused=True)
        started = time.perf_counter()
        rows = slice(0, work.batch_size)
        self.model.train()
        for _ in range(2):
            with precision(work):
                outputs = self.forward(data.normaliser(data.train.images[rows]))
                loss = functional.cross_entropy(outputs, data.train.targets[rows])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.seconds = time.perf_counter() - started


def warm_up(train: Callable[[Work], object], work: Work) -> None:
    """Start the device, its libraries and their kernels with a short run.

    Without it, whoever comes first pays for what all others find ready.
    """
    train(work.short())
    torch.cuda.synchronize()


def in_processes(work: Work, processes: int) -> tuple[float, float, list[tuple[float, str]]]:
    """B4: seconds, those of its set-up before, and accuracy and digest of every run."""
    context = get_context("spawn")
    begun = time.perf_counter()
    threads = max(1, len(os.sched_getaffinity(0)) // processes)
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        list(pool.map(_warm, [work] * processes, chunksize=1))
        started = time.perf_counter()
        found = list(pool.map(_one, [work] * work.seeds, range(work.seeds), chunksize=1))
        return time.perf_counter() - started, started - begun, found


def _warm(work: Work) -> None:
    """Import everything, start the device, and stay busy so that every process gets one."""
    if work.device != "cpu":
        warm_up(lambda short: train(short, 0), work)
    time.sleep(1)


def _one(work: Work, replicate: int) -> tuple[float, str]:
    """One run in a process of the pool."""
    accuracy, model = train(work, replicate)
    return accuracy, tensors_sha256(model.state_dict())
