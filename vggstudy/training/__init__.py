"""Training: data, models and the loop; the only part of the package that imports torch.

Names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vggstudy.training.failures import CheckpointMismatch, Interrupted

if TYPE_CHECKING:
    from vggstudy.training.data.cache import ImageCache as ImageCache
    from vggstudy.training.data.datasets import prepare_data as prepare_data
    from vggstudy.training.nets.build import ModelSize as ModelSize
    from vggstudy.training.nets.build import describe_model as describe_model
    from vggstudy.training.results import EpochReport as EpochReport
    from vggstudy.training.results import TrainingResult as TrainingResult
    from vggstudy.training.run import train_run as train_run

_HOME = {
    "EpochReport": "results",
    "ImageCache": "data.cache",
    "ModelSize": "nets.build",
    "TrainingResult": "results",
    "describe_model": "nets.build",
    "prepare_data": "data.datasets",
    "train_run": "run",
}

__all__ = ["CheckpointMismatch", "Interrupted", *_HOME]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
