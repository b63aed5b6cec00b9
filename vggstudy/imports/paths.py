"""What the folders of a run say: ``lr=0.1,seed=3`` is settings, other names are levels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from vggstudy.imports.runs import Scalar

PAIR = re.compile(r"([A-Za-z][\w.]*)=([^=,]+)")
SEED = re.compile(r"(seed)[_-]?(\d+)", re.IGNORECASE)


def settings_of_folders(folders: Sequence[PurePosixPath]) -> list[dict[str, Scalar]]:
    """Settings of each run, by the folder in which it lies.

    Parts ``name=value``, and ``seed_3``, are settings of those names. Where no run has any of the
    first kind, every other part of its path is a setting ``folder_1``, ``folder_2`` and so on, as
    far as all paths are equally long and the part is not another one in every run.
    """
    parts = [folder.parts for folder in folders]
    pairs = [dict(PAIR.findall(",".join(one))) for one in parts]
    found: list[dict[str, Scalar]] = [
        {f"path.{name}": value for name, value in own.items()} for own in pairs
    ]
    for own, one in zip(found, parts, strict=True):
        for part in one:
            if seed := SEED.fullmatch(part):
                own["path.seed"] = seed[2]
    if any(pairs) or len({len(one) for one in parts}) != 1:
        return found
    for i, column in enumerate(zip(*parts, strict=True), 1):
        names_runs = len({*column}) == len(column) > 1
        if not names_runs and not all(map(SEED.fullmatch, column)):
            for own, part in zip(found, column, strict=True):
                own[f"path.folder_{i}"] = part
    return found
