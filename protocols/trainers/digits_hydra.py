"""A Hydra application on scikit-learn's digits: its configuration is its own, a study overrides it.

By hand: ``python protocols/trainers/digits_hydra.py model=mlp model.alpha=0.1 seed=3``
"""

from __future__ import annotations

import hydra
import numpy as np
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from vggstudy.report_run import finish, log

N_TRAIN, N_TEST = 1200, 300


@hydra.main(version_base="1.3", config_path="digits_hydra", config_name="config")
def main(config: DictConfig) -> None:
    """Train what the configuration names; a run takes a second, so that nothing is resumed."""
    images, labels = load_digits(return_X_y=True)
    train, test = slice(N_TRAIN), slice(N_TRAIN, N_TRAIN + N_TEST)
    model = hydra.utils.instantiate(config.model, random_state=config.seed)
    drawn = np.random.default_rng(config.seed)
    for epoch in range(1, config.epochs + 1):
        for batch in np.split(drawn.permutation(N_TRAIN), N_TRAIN // config.batch_size):
            model.partial_fit(images[batch] / 16, labels[batch], classes=range(10))
        loss = log_loss(labels[train], model.predict_proba(images[train] / 16))
        log(epoch=epoch, train_loss=float(loss))
    finish(
        test_loss=float(log_loss(labels[test], model.predict_proba(images[test] / 16))),
        test_accuracy=float(model.score(images[test] / 16, labels[test])),
    )


if __name__ == "__main__":
    main()
