"""Steps with fused kernels beside the same with torch's: whether, and where, they pay."""

from __future__ import annotations

from functools import partial
from typing import Any

import profile_step
import torch

from gpu import single
from gpu.common import site
from gpu.lines import Section


def cell(size: int, *, norm: bool, fused: bool) -> dict[str, Any]:
    """Milliseconds of a step of VGG11 in bfloat16, recorded and in kernels."""
    recipe = profile_step.recipe(11, size, norm=norm, fused=fused)
    step = profile_step.measure(recipe, site())
    torch.cuda.empty_cache()
    return {
        "network": "VGG11 BN" if norm else "VGG11",
        "batch_size": size,
        "kernels": recipe.training.kernels,
        "recorded_ms": step.recorded_ms,
        "kernels_ms": step.kernels_ms,
        "launches": step.launches,
        "refused": step.refused,
    }


def main() -> None:
    if single.wanted():
        single.switch_off()
    todo = {
        f"VGG11{'-BN' if norm else ''}-b{size}/{'fused' if fused else 'torch'}": partial(
            cell, size, norm=norm, fused=fused
        )
        for size in sorted(profile_step.FUSED_SIZES, reverse=True)
        for norm in (True, False)
        for fused in (False, True)
    }
    Section.here("kernels").cells(todo)


if __name__ == "__main__":
    main()
