"""Decode the images of the reference study, while the device does other things."""

from __future__ import annotations

import sys
import time

from gpu.lines import Section
from gpu.study import archive, protocol


def main() -> None:
    images = archive()
    if not images.exists():
        sys.exit(f"no image archive at {images}: put it there, or name it in VGGSTUDY_IMAGES")
    from vggstudy.plan import make_plan
    from vggstudy.training.data.datasets import prepare_data

    started = time.perf_counter()
    prepare_data(make_plan(protocol()).runs[0].recipe.data)
    Section.here("decode").note("decoded", seconds=time.perf_counter() - started)


if __name__ == "__main__":
    main()
