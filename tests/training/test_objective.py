"""The training loss against torch's definitions, and the counting of batches and classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vggstudy.protocol.model.settings import TrainingSettings
from vggstudy.training.data.batches import batch_bounds
from vggstudy.training.evaluate import class_recall
from vggstudy.training.objective import Objective
from vggstudy.training.optim import make_optimizer, set_rate

TARGETS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])


def logits() -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def objective(**settings: object) -> Objective:
    return Objective.of(TrainingSettings.model_validate(settings), TARGETS, 3)


FED = [
    ("logits", lambda x: x),
    ("softmax", lambda x: x.softmax(1)),
    ("log_softmax", lambda x: x.log_softmax(1)),
]


@pytest.mark.parametrize(("output", "function"), FED)
@pytest.mark.parametrize("weights", [None, [8 / 12, 8 / 6, 8 / 6]])
def test_the_loss_is_torchs_cross_entropy_of_what_is_fed(
    output: str, function: object, weights: list[float] | None
) -> None:
    loss = "weighted_cross_entropy" if weights else "cross_entropy"
    found = objective(output=output, loss=loss)(logits(), TARGETS).mean
    reference = nn.CrossEntropyLoss(torch.tensor(weights) if weights else None)
    # The same sums in float32, divided at another place.
    torch.testing.assert_close(found, reference(function(logits()), TARGETS))  # type: ignore[operator]


def test_losses_of_batches_add_up_to_the_loss_of_the_split() -> None:
    weighted = objective(loss="weighted_cross_entropy")
    whole = weighted(logits(), TARGETS)
    parts = [weighted(logits()[i : i + 3], TARGETS[i : i + 3]) for i in (0, 3, 6)]
    total = sum(part.total for part in parts) / sum(part.weight for part in parts)
    torch.testing.assert_close(torch.as_tensor(total), whole.mean)


def test_class_weights_add_up_to_the_number_of_images() -> None:
    weighted = objective(loss="weighted_cross_entropy")
    assert float(weighted(logits(), TARGETS).weight) == pytest.approx(8)


def test_batches_cover_every_image_once_and_are_never_padded() -> None:
    assert batch_bounds(10, 4, drop_last=False) == [(0, 4), (4, 8), (8, 10)]
    assert batch_bounds(10, 4, drop_last=True) == [(0, 4), (4, 8)]
    assert batch_bounds(8, 4, drop_last=False) == [(0, 4), (4, 8)]
    assert batch_bounds(3, 4, drop_last=False) == [(0, 3)]
    assert batch_bounds(3, 4, drop_last=True) == []


def test_recall_is_per_class_and_absent_classes_have_none() -> None:
    predictions = np.array([0, 1, 1, 3])
    targets = np.array([0, 0, 1, 1])
    assert class_recall(predictions, targets, 3) == [0.5, 0.5, None]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_optimizers_are_torchs(name: str) -> None:
    settings = TrainingSettings.model_validate(
        {"optimizer": name, "lr": 0.1, "weight_decay": 0.01, "momentum": 0.9}
    )
    reference = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    options = {"momentum": 0.9} if name == "sgd" else {}
    own, their = (nn.Parameter(torch.ones(50)) for _ in range(2))
    ours = make_optimizer(settings, [own], torch.device("cpu"))
    theirs = reference[name]([their], lr=0.1, weight_decay=0.01, fused=False, **options)
    for step in range(5):
        for parameter, optimizer in ((own, ours), (their, theirs)):
            parameter.grad = torch.sin(parameter.detach() * (step + 1))
            optimizer.step()
    # Fused kernels round in another order: float32 carries seven digits.
    torch.testing.assert_close(own, their)


def test_a_new_rate_is_used_by_the_next_step() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    settings = TrainingSettings(optimizer="sgd", lr=1.0)
    optimizer = make_optimizer(settings, [parameter], torch.device("cpu"))
    parameter.grad = torch.ones(1)
    set_rate(optimizer, 0.25)
    optimizer.step()
    assert parameter.item() == -0.25
