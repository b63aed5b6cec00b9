"""Small recipes and image folders for the tests of training."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import (
    DataSettings,
    EarlyStopping,
    ModelSettings,
    Scheduler,
    TrainingSettings,
)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image cache for all tests: what is decoded once is read by the others."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def seeds() -> Seeds:
    return Seeds(init=11, order=22, augmentation=33, dropout=44, split=55)


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A recipe of seconds: a narrow VGG11 on 80 synthetic images of four classes."""

    def make(**changes: Any) -> Recipe:
        data: dict[str, Any] = {
            "name": "synthetic",
            "classes": 4,
            "train": 80,
            "test": 24,
            "validation": 16,
        }
        model: dict[str, Any] = {"depth": 11, "width": 0.0625}
        training: dict[str, Any] = {"batch_size": 16, "epochs": 3}
        for name, value in changes.items():
            section, _, key = name.partition("_")
            {"data": data, "model": model, "training": training}[section][key] = value
        stopping = training.get("early_stopping")
        if isinstance(stopping, dict):
            training["early_stopping"] = EarlyStopping(**stopping)
        schedule = training.get("scheduler")
        if isinstance(schedule, dict):
            training["scheduler"] = Scheduler(**schedule)
        return Recipe(
            data=DataSettings(**data),
            model=ModelSettings(**model),
            training=TrainingSettings(**training),
        )

    return make


@pytest.fixture
def image_bytes() -> Callable[..., bytes]:
    """A small image file of random pixels."""

    def make(seed: int = 0, *, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> bytes:
        rng = np.random.default_rng(seed)
        shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        file = io.BytesIO()
        image.save(file, format="PNG")
        return file.getvalue()

    return make


@pytest.fixture
def image_tree(image_bytes: Callable[..., bytes]) -> Callable[..., dict[str, bytes]]:
    """Paths and bytes of class folders, in train and test folders or without them."""

    def make(
        *, classes: int = 2, train: int = 5, test: int | None = 3, top: str = ""
    ) -> dict[str, bytes]:
        tree: dict[str, bytes] = {}
        counts = {"train/": train, "test/": test} if test is not None else {"": train}
        for split, count in counts.items():
            for label in range(classes):
                for index in range(count or 0):
                    content = image_bytes(len(tree))
                    tree[f"{top}{split}class-{label}/{index:03d}.png"] = content
        return tree

    return make


@pytest.fixture
def write_tree(tmp_path: Path) -> Callable[..., Path]:
    """Write files below a new folder."""

    def write(tree: dict[str, bytes], name: str = "images") -> Path:
        for path, content in tree.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return tmp_path / name

    return write
