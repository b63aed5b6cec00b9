"""What a finished run amounts to: its selected checkpoint measured, its numbers collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vggstudy.probabilities import ImageProbabilities
from vggstudy.training.aside import Aside
from vggstudy.training.data.batches import RunData, SplitTensors
from vggstudy.training.determinism import tensors_sha256
from vggstudy.training.evaluate import Scores, class_probabilities, class_recall
from vggstudy.training.loop import Run
from vggstudy.training.nets.build import model_size, restore_tensors, state_tensors
from vggstudy.training.pending import READY, PendingNumbers, Stages
from vggstudy.training.results import finite

Fetch = Callable[[Tensor], PendingNumbers]
"""Begins to move numbers to the host, behind all that has been issued so far."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run computed.

    Attributes
    ----------
    numbers : dict
        All but the digests.
    digests : dict of str to Future, or None
        SHA-256 of weights, by name: another thread may still be at them.
    """

    numbers: dict[str, Any]
    digests: dict[str, Future[str] | None]

    def ready(self) -> bool:
        """Whether the digests are there."""
        return all(each is None or each.done() for each in self.digests.values())

    def result(self) -> dict[str, Any]:
        """All of it; waits for the digests."""
        found = {name: each.result() if each else None for name, each in self.digests.items()}
        return {**self.numbers, **found}


def summarise(run: Run, aside: Aside, fetch: Fetch, *, train_measured: bool) -> Stages[Summary]:
    """Measure the selected checkpoint and collect what the run computed, in stages.

    Leaves the selected weights in the model; nothing of the run is needed afterwards.

    Parameters
    ----------
    run : Run
    aside : Aside
        Where weights are hashed.
    fetch : callable
    train_measured : bool
        Whether the selected checkpoint is measured on the training split, too.
    """
    last = aside.submit(state_tensors(run.model), tensors_sha256)
    measured = ("train", "val", "test") if train_measured else ("val", "test")
    metrics, recall = yield from _selected_metrics(run, fetch, measured)
    selected = None
    if run.selected_epoch is not None:
        selected = aside.submit(state_tensors(run.model), tensors_sha256)
    size = model_size(run.model)
    kept = run.recipe.training.store_probabilities and selected is not None
    probabilities = (yield from _probabilities(run, fetch)) if kept else {}
    numbers = {
        "status": "diverged" if run.diverged else "finished",
        "stop_reason": run.stop_reason,
        "epochs": run.epoch,
        "steps": run.steps,
        "selected_epoch": run.selected_epoch,
        "curves": {name: [finite(v) for v in curve] for name, curve in run.curves.items()},
        "measured_on": list(measured),
        "metrics": metrics,
        "test_recall": recall,
        "final": {name: finite(run.curves[name][-1]) for name in ("val_loss", "val_accuracy")},
        "parameters": {"count": size.count, "trainable": size.trainable},
        "parameters_and_statistics": size.with_statistics,
        "data": _describe_data(run.data),
        **({"test_probabilities": probabilities} if kept else {}),
    }
    return Summary(numbers, {"parameters_sha256": last, "selected_sha256": selected})


def _probabilities(run: Run, fetch: Fetch) -> Stages[dict[str, Any]]:
    """Class probabilities of the test images by the weights that the model has now."""
    test = run.data.test
    values = yield from class_probabilities(
        run.model,
        test,
        normaliser=run.data.normaliser,
        precision=run.recipe.training.precision,
    )
    yield fetch(values[:1].sum(dim=1))  # once that is there, all of them are
    targets = test.targets.cpu().numpy().astype(np.uint16)
    return ImageProbabilities(values.cpu().numpy(), targets).to_json()


def _selected_metrics(
    run: Run, fetch: Fetch, names: Sequence[str]
) -> Stages[tuple[dict[str, float | None], list[float | None]]]:
    """Metrics and recall of the selected checkpoint; none if a run diverged before any.

    On the validation split they are those of its epoch, which had the same weights.
    """
    metrics: dict[str, float | None] = {
        f"{name}_{kind}": None for name in names for kind in ("loss", "accuracy")
    }
    metrics["test_balanced_accuracy"] = None
    n_classes = len(run.data.classes)
    if run.selected_epoch is None:
        return metrics, [None] * n_classes
    if run.best.weights:
        restore_tensors(run.model, run.best.weights)
        yield READY
    for name in ("val_loss", "val_accuracy"):
        metrics[name] = finite(run.curves[name][run.selected_epoch - 1])
    if "train" in names:
        metrics |= (yield from _measure(run, fetch, "train", run.data.train))[0]
    found, predictions = yield from _measure(run, fetch, "test", run.data.test)
    metrics |= found
    recall = class_recall(predictions, run.data.test.targets.cpu().numpy(), n_classes)
    metrics["test_balanced_accuracy"] = float(np.mean([r for r in recall if r is not None]))
    return metrics, recall


def _measure(
    run: Run, fetch: Fetch, name: str, split: SplitTensors
) -> Stages[tuple[dict[str, float | None], NDArray[np.int64]]]:
    """Metrics and predictions of a split by the weights that the model has now."""
    evaluation = yield from run.evaluate(split)
    sums = fetch(evaluation.totals)
    yield sums
    scores = Scores.of(sums.values(), len(split))
    metrics = {f"{name}_loss": finite(scores.loss), f"{name}_accuracy": scores.accuracy}
    return metrics, evaluation.predictions.cpu().numpy()


def _describe_data(data: RunData) -> dict[str, Any]:
    """Sizes and statistics of the splits."""
    validation = data.validation.targets.cpu().numpy()
    statistics = data.statistics
    return {
        "digest": data.digest,
        "n_train": len(data.train),
        "n_validation": len(data.validation),
        "n_test": len(data.test),
        "classes": list(data.classes),
        "majority_rate": int(np.bincount(validation).max()) / len(validation),
        "channel_mean": list(statistics.mean) if statistics else None,
        "channel_std": list(statistics.std) if statistics else None,
    }
