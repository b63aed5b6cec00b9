"""scikit-learn's multi-layer perceptron on digits, as a function that vggstudy calls."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def train(params: dict[str, Any], seeds: Any, report: Any, run_dir: Path) -> dict[str, float]:  # noqa: ARG001 - a run takes a second: nothing is resumed
    """Train one network epoch by epoch; give what it came to.

    Parameters
    ----------
    params : dict
        ``hidden``, ``alpha`` and ``epochs``.
    seeds : TrainerSeeds
    report : FunctionReport
    run_dir : Path
        For checkpoints, which this one has no need of.
    """
    images, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        images / 16, labels, test_size=500, stratify=labels, random_state=seeds.data
    )
    model = MLPClassifier(
        hidden_layer_sizes=(params["hidden"],),
        alpha=params["alpha"],
        max_iter=1,
        warm_start=True,
        random_state=seeds.init,
    )
    for epoch in range(1, params["epochs"] + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch at a time
            model.fit(x, y)
        report.epoch(epoch, train_loss=float(model.loss_))
    return {
        "test_loss": float(log_loss(y_test, model.predict_proba(x_test))),
        "test_accuracy": float(model.score(x_test, y_test)),
    }
