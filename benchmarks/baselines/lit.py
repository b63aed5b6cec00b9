"""B1: the same loaders, network and optimizer in Lightning."""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn

from baselines.eager import evaluate, loaders
from baselines.work import MOMENTUM, Work


def missing() -> str | None:
    """Why Lightning cannot be measured here; None where it can."""
    try:
        import lightning  # noqa: F401
    except ImportError as error:
        return f"Lightning cannot be imported ({error}): pip install vggstudy[benchmarks]"
    return None


def train(work: Work, replicate: int) -> tuple[float, nn.Module]:
    """One run: test accuracy and the trained network."""
    import lightning

    class Classifier(lightning.LightningModule):
        """A network with what Lightning asks for."""

        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            images, targets = batch
            outputs = self.model(images)
            loss = nn.functional.cross_entropy(outputs, targets)
            accuracy = (outputs.argmax(dim=1) == targets).float().mean()
            self.log_dict({"train_loss": loss, "train_accuracy": accuracy}, on_epoch=True)
            return loss

        def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
            images, targets = batch
            outputs = self.model(images)
            accuracy = (outputs.argmax(dim=1) == targets).float().mean()
            loss = nn.functional.cross_entropy(outputs, targets)
            self.log_dict({"val_loss": loss, "val_accuracy": accuracy})

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=work.lr, momentum=MOMENTUM)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")  # its advice on loaders and loggers
    device = torch.device(work.device)
    data = work.load(replicate, torch.device("cpu"))
    lightning.seed_everything(replicate, verbose=False)
    split = loaders(data, work.batch_size, pin=device.type == "cuda")
    model = work.model(replicate, data)
    trainer = lightning.Trainer(
        max_epochs=work.epochs,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(model), split["train"], split["validation"])
    return evaluate(model.to(device), split["test"], device), model
