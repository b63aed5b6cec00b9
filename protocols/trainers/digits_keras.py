"""A Keras model on scikit-learn's digits, over PyTorch: an epoch a call, and a file to go on from.

By hand: ``python protocols/trainers/digits_keras.py --units 32 --out /tmp/digits``
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")  # before keras is imported

import keras
import numpy as np
from sklearn.datasets import load_digits

from vggstudy.report_run import finish, log

N_TRAIN, N_VALIDATION, BATCH = 1200, 300, 64


def new_model(units: int, activation: str) -> keras.Model:
    """A network of one hidden layer."""
    layers = [
        keras.layers.Input((64,)),
        keras.layers.Dense(units, activation=activation),
        keras.layers.Dense(10),
    ]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    return model


def saved(folder: Path) -> list[Path]:
    """The models of finished epochs, the newest last."""
    return sorted(folder.glob("epoch-*.keras"))


def keep(model: keras.Model, folder: Path, epoch: int) -> None:
    """Save the model and its optimizer whole, and let the one before go."""
    before = saved(folder)
    model.save(folder / "new.keras")
    (folder / "new.keras").replace(folder / f"epoch-{epoch:04d}.keras")
    for path in before:
        path.unlink(missing_ok=True)


def main() -> None:
    """Train, from the last finished epoch where there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32")
    ends = (N_TRAIN, N_TRAIN + N_VALIDATION)
    x, x_validation, x_test = np.split(images, ends)
    y, y_validation, y_test = np.split(labels, ends)

    keras.utils.set_random_seed(given.seed)
    last = saved(given.out)[-1:]
    done = int(last[0].stem.removeprefix("epoch-")) if last else 0
    model = keras.models.load_model(last[0]) if last else new_model(given.units, given.activation)
    judged: dict[str, float] = {}
    for epoch in range(done + 1, given.epochs + 1):
        order = np.random.default_rng((given.seed, epoch)).permutation(N_TRAIN)
        fitted = model.fit(x[order], y[order], BATCH, epochs=1, shuffle=False, verbose=0)
        judged = model.evaluate(
            x_validation, y_validation, N_VALIDATION, verbose=0, return_dict=True
        )
        log(
            epoch=epoch,
            train_loss=float(fitted.history["loss"][0]),
            val_loss=float(judged["loss"]),
            val_accuracy=float(judged["accuracy"]),
        )
        keep(model, given.out, epoch)
    tested = model.evaluate(x_test, y_test, len(x_test), verbose=0, return_dict=True)
    finish(test_loss=float(tested["loss"]), test_accuracy=float(tested["accuracy"]))


if __name__ == "__main__":
    main()
