"""What the tests on a GPU share: a small recipe, a cache, and cuBLAS fixed before CUDA starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def seeds() -> Seeds:
    return Seeds(init=11, order=22, augmentation=33, dropout=44, split=55)


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """A recipe of seconds, with everything that draws: 360 images, a ragged last batch."""

    def make(*, model: dict[str, Any] | None = None, **training: Any) -> Recipe:
        chosen = {"depth": 11, "width": 0.25, "batch_norm": True, "dropout": 0.3}
        return Recipe(
            data=DataSettings(
                name="synthetic", classes=4, train=400, test=100, flip=True, crop=2, data_norm=True
            ),
            model=ModelSettings.model_validate(chosen if model is None else model),
            training=TrainingSettings.model_validate({"batch_size": 48, "epochs": 3, **training}),
        )

    return make
