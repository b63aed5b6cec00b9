"""A Lightning module on scikit-learn's digits: a callback reports, and a checkpoint resumes it.

By hand: ``python protocols/trainers/digits_lightning.py --dropout 0.2 --out /tmp/digits``
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Sampler, Subset, TensorDataset

from vggstudy.report_run import finish, log

N_TRAIN, N_VALIDATION = 1200, 300


class Classifier(lightning.LightningModule):
    """A network of one hidden layer."""

    def __init__(self, hidden: int, dropout: float, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.network = torch.nn.Sequential(
            torch.nn.Linear(64, hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(hidden, 10),
        )

    def on_train_epoch_start(self) -> None:
        """Draw from here on what an undisturbed run would draw."""
        torch.manual_seed(self.seed + self.current_epoch)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """The loss of a batch."""
        return self.judge(batch, "train")

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        """Loss and accuracy on the validation images."""
        self.judge(batch, "val")

    def test_step(self, batch: list[torch.Tensor]) -> None:
        """Loss and accuracy on the test images."""
        self.judge(batch, "test")

    def judge(self, batch: list[torch.Tensor], part: str) -> torch.Tensor:
        """Log loss and accuracy as means over an epoch; give the loss."""
        x, y = batch
        logits = self.network(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        self.log(f"{part}_loss", loss, on_step=False, on_epoch=True)
        accuracy = (logits.argmax(1) == y).double().mean()
        self.log(f"{part}_accuracy", accuracy, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Report(Callback):
    """Reports every epoch; Lightning saves its checkpoint after this."""

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Report what the module has logged."""
        found = {name: value.item() for name, value in trainer.callback_metrics.items()}
        log(epoch=pl_module.current_epoch + 1, **found)


class Shuffled(Sampler[int]):
    """An order that seed and epoch make; Lightning tells the epoch."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Be the order of an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        drawn = torch.Generator().manual_seed(self.seed + self.epoch)
        return iter(torch.randperm(self.size, generator=drawn).tolist())


def main() -> None:
    """Train, from the checkpoint where there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(given.out)  # a checkpoint is written there, then moved: whole or not
    logging.getLogger("lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*exists and is not empty.*")  # it is resumed

    images, labels = load_digits(return_X_y=True)
    digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    ends = (0, N_TRAIN, N_TRAIN + N_VALIDATION, len(digits))
    train, validation, test = (Subset(digits, range(*part)) for part in pairwise(ends))
    torch.manual_seed(given.seed)
    model = Classifier(given.hidden, given.dropout, given.seed)
    trainer = lightning.Trainer(
        max_epochs=given.epochs,
        accelerator="auto",
        devices=1,
        plugins=[LightningEnvironment()],  # one process, also within a job of SLURM's
        callbacks=[Report(), ModelCheckpoint(given.out, "last", enable_version_counter=False)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    last = given.out / "last.ckpt"
    trainer.fit(
        model,
        DataLoader(train, batch_size=64, sampler=Shuffled(N_TRAIN, given.seed)),
        DataLoader(validation, batch_size=N_VALIDATION),
        ckpt_path=last if last.exists() else None,
    )
    # Measured anew: a run that was killed after its last epoch has trained none in this process.
    judged = DataLoader(validation, batch_size=N_VALIDATION)
    (validated,) = trainer.validate(model, judged, verbose=False)
    (tested,) = trainer.test(model, DataLoader(test, batch_size=len(test)), verbose=False)
    finish(val_loss=validated["val_loss"], **tested)


if __name__ == "__main__":
    main()
