"""The cache of decoded images: filled once by many, never half, and mended when it is damaged."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.data.datasets import prepare_data

FILL = """
import sys
from pathlib import Path
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.data.datasets import prepare_data
print(prepare_data(DataSettings(name="digits"), cache_dir=Path(sys.argv[1])).digest)
"""


def test_processes_that_fill_the_cache_at_once_get_one_and_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path / "cache")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    digests = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(digests) == 1
    folders = [path for path in (tmp_path / "cache" / "images").iterdir() if path.is_dir()]
    assert len(folders) == 1


def test_whatever_happens_to_a_cache_the_images_are_the_same(
    tmp_path: Path, tried: Counter[str]
) -> None:
    settings = DataSettings(name="digits")
    calm = prepare_data(settings, cache_dir=tmp_path / "cache")
    sound = shutil.copytree(calm.path, tmp_path / "sound")
    rng = random.Random(6)
    for case in range(40):
        file = calm.path / rng.choice(("images.npy", "labels.npy", "meta.json"))
        harm: Any = (truncate, flip, Path.unlink, empty)[case % 4]
        harm(file) if harm in (Path.unlink, empty) else harm(file, rng)
        again = prepare_data(settings, cache_dir=tmp_path / "cache", verify=True)
        assert again.digest == calm.digest
        assert (again.images == calm_images(sound)).all()
        tried["harmed caches"] += 1


def calm_images(folder: Path) -> Any:
    """The images as they were first decoded."""
    import numpy as np

    return np.load(folder / "images.npy", mmap_mode="r")


def truncate(path: Path, rng: random.Random) -> None:
    """What a process leaves that was killed while it wrote."""
    os.truncate(path, rng.randrange(path.stat().st_size))


def flip(path: Path, rng: random.Random) -> None:
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.unlink()  # earlier readers have the old file mapped
    path.write_bytes(data)


def empty(path: Path) -> None:
    """Nothing left."""
    path.write_bytes(b"")
