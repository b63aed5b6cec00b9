"""What sections share: recipes, a place to train, digests, windows."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from gpu import single
from vggstudy.identity import Seeds, digest
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training.determinism import open_device
from vggstudy.training.results import TrainingResult
from vggstudy.training.session import Site

DEVICE = "cuda:0"
STEPS = 10
EPOCHS = 3
"""30 steps: three epochs, so that a recording is left and entered again."""

SEEDS = Seeds(init=11, order=22, augmentation=33, dropout=44, split=55)


def graphs() -> bool:
    """Whether steps are recorded."""
    return not single.wanted()


def scaled(seconds: float) -> float:
    """Seconds of a window; less in a trial with shorter limits."""
    return seconds * min(1.0, float(os.environ.get("GPU_SCALE", "1")))


def cache_dir() -> Path:
    """Decoded images, kept from call to call."""
    return Path(os.environ["GPU_STATE"]) / "cache"


def site() -> Site:
    """The device."""
    return Site(device=open_device(DEVICE), cache_dir=cache_dir())


def recipe(depth: int, batch: int, precision: str, *, epochs: int = EPOCHS) -> Recipe:
    """A network of full width with batch normalisation, trained as the reference study does."""
    held_out = 64
    return Recipe(
        data=DataSettings(
            name="synthetic",
            classes=10,
            train=STEPS * batch + held_out,
            validation=held_out,
            test=100,
            data_norm=True,
        ),
        model=ModelSettings.model_validate({"depth": depth, "batch_norm": True}),
        training=TrainingSettings.model_validate(
            {
                "batch_size": batch,
                "epochs": epochs,
                "optimizer": "adam",
                "lr": 0.001,
                "precision": precision,
                "drop_last": True,
            }
        ),
    )


def gates() -> dict[str, Recipe]:
    """The cells whose bits are compared."""
    return {
        f"VGG{depth}-b{batch}-{precision}": recipe(depth, batch, precision)
        for batch in (8, 128, 1024)
        for depth in (11, 19)
        for precision in ("tf32", "bfloat16")
    }


def bits(result: TrainingResult) -> str:
    """A digest of everything that must be equal."""
    return digest(result.result)


def device_name() -> str:
    """The model of the device: no bits are compared between models."""
    return torch.cuda.get_device_name(DEVICE)
