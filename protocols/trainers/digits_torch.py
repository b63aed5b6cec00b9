"""A plain PyTorch script on scikit-learn's digits: it reports to vggstudy and can be resumed.

By hand: ``python protocols/trainers/digits_torch.py --lr 0.1 --out /tmp/digits``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

from vggstudy.report_run import finish, log

N_TRAIN, N_VALIDATION = 1200, 300


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def loss_and_accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Cross entropy and share of right answers."""
    with torch.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        return loss, (logits.argmax(1) == y).double().mean().item()


def main() -> None:
    """Train, from the checkpoint where there is one."""
    given = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    train, validation = slice(N_TRAIN), slice(N_TRAIN, N_TRAIN + N_VALIDATION)
    test = slice(N_TRAIN + N_VALIDATION, None)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[given.optimizer]
    optimizer = kind(model.parameters(), lr=given.lr)
    order = torch.Generator().manual_seed(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    checkpoint, first = given.out / "checkpoint.pt", 1
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        order.set_state(state["order"])
        first = state["epoch"] + 1
    for epoch in range(first, given.epochs + 1):
        for batch in torch.split(torch.randperm(N_TRAIN, generator=order), 64):
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(model(x[batch]), y[batch]))
            optimizer.step()
        train_loss, _ = loss_and_accuracy(model, x[train], y[train])
        val_loss, val_accuracy = loss_and_accuracy(model, x[validation], y[validation])
        log(epoch=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=val_accuracy)
        state = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "order": order.get_state()}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").replace(checkpoint)  # whole, or not at all
    val_loss, val_accuracy = loss_and_accuracy(model, x[validation], y[validation])
    _, test_accuracy = loss_and_accuracy(model, x[test], y[test])
    finish(
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        test_accuracy=test_accuracy,
        n_validation=N_VALIDATION,
        majority_rate=y[validation].bincount().max().item() / N_VALIDATION,
    )


if __name__ == "__main__":
    main()
