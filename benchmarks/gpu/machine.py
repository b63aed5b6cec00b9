"""Versions, and the ceilings of copies and matrix products."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from gpu.common import DEVICE, scaled
from gpu.lines import Section
from gpu.plan import NOTHING_TO_DO

ORDER = 8192
COPY_BYTES = 2**30
WINDOW_S = 0.4


def rate(call: Callable[[], object]) -> float:
    """Calls a second, after a warm-up."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    count, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < scaled(WINDOW_S) or not count:
        for _ in range(5):
            call()
        torch.cuda.synchronize()
        count += 5
    return count / took


def versions() -> dict[str, object]:
    """What the figures depend on."""
    device = torch.cuda.get_device_properties(DEVICE)
    found: dict[str, object] = {
        "device": device.name,
        "memory, GiB": round(device.total_memory / 2**30, 1),
        "multiprocessors": device.multi_processor_count,
        "capability": ".".join(map(str, torch.cuda.get_device_capability(DEVICE))),
        "torch": torch.__version__,
        "CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),
        "Python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
    if shutil.which("nvidia-smi"):
        wanted = "driver_version,clocks.sm,clocks.mem,power.limit,memory.used"
        command = ["nvidia-smi", f"--query-gpu={wanted}", "--format=csv,noheader"]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        found["driver, clocks, power, memory used"] = asked.stdout.strip()
    return found


def copy() -> dict[str, object]:
    """Bytes read and written a second."""
    source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    value = 2 * COPY_BYTES * rate(lambda: target.copy_(source))
    return {"value": value, "unit": "TB/s", "unit_is": 1e12}


def gemm(kind: str) -> dict[str, object]:
    """Operations a second in matrix products."""
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    left, right = (torch.randn(ORDER, ORDER, device=DEVICE, dtype=dtype) for _ in range(2))
    value = 2 * ORDER**3 * rate(lambda: left @ right)
    return {"value": value, "unit": "TFLOP/s", "unit_is": 1e12}


def launches() -> dict[str, object]:
    """Kernels a second that one thread issues."""
    tensor = torch.zeros(1, device=DEVICE)
    value = 200 * rate(lambda: [tensor.add_(1) for _ in range(200)])
    return {"value": value, "unit": "thousand/s", "unit_is": 1e3}


if __name__ == "__main__":
    if not torch.cuda.is_available():
        print("no CUDA device is to be seen", file=sys.stderr)
        sys.exit(NOTHING_TO_DO)
    Section.here("machine").cells(
        {
            "versions": versions,
            "copy": copy,
            "gemm bfloat16": lambda: gemm("bfloat16"),
            "gemm tf32": lambda: gemm("tf32"),
            "gemm float32": lambda: gemm("float32"),
            "launches": launches,
        }
    )
