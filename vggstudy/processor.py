"""What this machine's processor can compute, by the system's own list of its instructions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""Instructions for products in bfloat16: Intel's tiles, AVX-512's, Arm's."""


@cache
def bfloat16_instructions(cpuinfo: Path = CPUINFO) -> tuple[str, ...] | None:
    """Those of `BFLOAT16` that the processor has; None where the system tells nothing."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            have = set(value.split())
            return tuple(each for each in BFLOAT16 if each in have)
    return None
