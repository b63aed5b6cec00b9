"""Switches that make the same run compute the same bits, and the record of them."""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from vggstudy.errors import ExecutionError
from vggstudy.extras import interpreted
from vggstudy.processor import bfloat16_instructions
from vggstudy.protocol.model.settings import TrainingSettings

CUBLAS_WORKSPACE = ":4096:8"

_SWITCHES: tuple[tuple[Any, str], ...] = (
    (torch.backends.cudnn, "benchmark"),
    (torch.backends.cudnn, "deterministic"),
    (torch.utils.deterministic, "fill_uninitialized_memory"),
)
_PRECISIONS: tuple[Any, ...] = (
    torch.backends.cuda.matmul,
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    torch.backends.mkldnn.matmul,  # type: ignore[attr-defined]
    torch.backends.mkldnn.conv,  # type: ignore[attr-defined]
)


@contextmanager
def deterministic(device: torch.device, *, threads: int, precision: str) -> Iterator[None]:
    """Compute deterministically inside the block; every switch is as before after it.

    Parameters
    ----------
    device : torch.device
    threads : int
        Threads inside an operation on the CPU. It decides how sums are split, so it is part of
        what fixes the bits.
    precision : str
        "tf32" allows TensorFloat-32 in matrix products and convolutions on a GPU; anything else
        forbids it.

    Raises
    ------
    ExecutionError
        If the process has begun to use CUDA without a fixed workspace for cuBLAS.
    """
    if device.type == "cuda":
        _fix_cublas_workspace()
    before = [getattr(owner, name) for owner, name in _SWITCHES]
    formats = [owner.fp32_precision for owner in _PRECISIONS]
    mode = torch.get_deterministic_debug_mode()
    had_threads = torch.get_num_threads()
    try:
        # As `use_deterministic_algorithms`, without the compiler and its switch.
        torch.set_deterministic_debug_mode("error")
        for (owner, name), value in zip(_SWITCHES, (False, True, False), strict=True):
            setattr(owner, name, value)
        tf32 = precision == "tf32" and device.type == "cuda"
        for owner in _PRECISIONS:
            owner.fp32_precision = "tf32" if tf32 else "ieee"
        torch.set_num_threads(threads)
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            yield
    finally:
        torch.set_num_threads(had_threads)
        for owner, value in zip(_PRECISIONS, formats, strict=True):
            owner.fp32_precision = value
        for (owner, name), value in zip(_SWITCHES, before, strict=True):
            setattr(owner, name, value)
        torch.set_deterministic_debug_mode(mode)


def _fix_cublas_workspace() -> None:
    """Fix the workspace of cuBLAS, which it reads once, before CUDA starts."""
    if "CUBLAS_WORKSPACE_CONFIG" in os.environ:
        return
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        msg = (
            "this process has started CUDA without CUBLAS_WORKSPACE_CONFIG, which decides the bits "
            f"of matrix products: set it to {CUBLAS_WORKSPACE} before the process starts"
        )
        raise ExecutionError(msg)
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = CUBLAS_WORKSPACE


def open_device(name: str) -> torch.device:
    """The device of a name: ``cpu``, ``cuda`` or ``cuda:1``. Does not start CUDA.

    Raises
    ------
    ExecutionError
        If there is no such device, or CUDA has been started without a workspace for cuBLAS.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        msg = f"unknown device {name!r}: devices are cpu, cuda, cuda:0, cuda:1, ..."
        raise ExecutionError(msg) from error
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        msg = f"device {name!r} is not supported: devices are cpu, cuda, cuda:0, cuda:1, ..."
        raise ExecutionError(msg)
    count = _count_devices()
    if count == 0:
        msg = f"device {name!r} cannot be used: {_why_no_device()}"
        raise ExecutionError(msg)
    if (device.index or 0) >= count:
        there = "cuda:0 alone" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        msg = f"device {name!r} is not there: torch sees {there}"
        raise ExecutionError(msg)
    _fix_cublas_workspace()
    return torch.device("cuda", device.index or 0)


def _count_devices() -> int:
    """CUDA devices that torch can use; a driver that it cannot use is no warning here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _why_no_device() -> str:
    """Why torch has no CUDA device, in its own words where it says so."""
    if torch.version.cuda is None:
        return "this build of torch has no CUDA"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return _first_sentence(error)
    return "torch sees no CUDA device"


def _first_sentence(error: BaseException) -> str:
    """What an error of torch says, without its advice."""
    text = " ".join(str(error).split())
    return text.split(". ")[0].removesuffix(".") or type(error).__name__


def device_model(device: torch.device) -> str:
    """Model of a device, within which bits are claimed to agree."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"cpu {torch.backends.cpu.get_cpu_capability()}"


def arithmetic(device: torch.device, settings: TrainingSettings) -> dict[str, str]:
    """What decides the bits of a precision and of kernels, beyond `device_model` and torch.

    Products in bfloat16 are added up in another order by each kind of instruction; which compiler
    made them decides how fused kernels add up.
    """
    found: dict[str, str] = {}
    if settings.precision == "bfloat16" and device.type == "cpu":
        names = bfloat16_instructions()
        found["bfloat16"] = "unknown" if names is None else " ".join(names) or "emulated"
    if settings.kernels == "fused":
        found["kernels"] = f"triton {version('triton')}{' interpreted' * interpreted()}"
    return found


def numerics(device: torch.device, *, threads: int, settings: TrainingSettings) -> dict[str, Any]:
    """What the bits of a run depend on, besides its recipe and seeds."""
    cuda, precision = device.type == "cuda", settings.precision
    return {
        "device": device_model(device),
        "machine": platform.machine(),
        "torch": str(torch.__version__),
        "torchvision": version("torchvision"),  # its import would take longer than a short run
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,  # type: ignore[no-untyped-call]
        "threads": threads,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG") if cuda else None,
        "precision": "float32" if precision == "tf32" and not cuda else precision,
        "tf32": precision == "tf32" and cuda,
        "autocast": "bfloat16" if precision == "bfloat16" else None,
        **arithmetic(device, settings),
    }


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the mapping's order.

    The layout in memory does not enter: a channels-last tensor and its contiguous copy agree.
    """
    state = hashlib.sha256()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        state.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        state.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return state.hexdigest()
