"""Fused kernels: what they compute, what a device is given, and where they are refused."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vggstudy import extras
from vggstudy.errors import ExecutionError
from vggstudy.extras import require_fused_kernels
from vggstudy.protocol.model.recipe import Recipe

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="not installed: triton"
)


@pytest.mark.slow
@needs_triton
def test_interpreted_kernels_pass_their_own_tests(repository: Path) -> None:
    cases = Path(__file__).with_name("interpreted_fused.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


PASSES: dict[str, dict[str, Any]] = {
    "activate": {"normed": True, "pool": True},
    "moments_of_parts": {},
    "gradients_of_parts": {"normed": True, "pool": True},
    "through_norm": {"trained": True, "pool": True},
}
SUMS: dict[str, dict[str, Any]] = {"moments": {}, "total": {}}


@needs_triton
@pytest.mark.parametrize("name", [*PASSES, *SUMS])
def test_a_device_adds_nothing_atomically_and_rounds_to_nearest(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    ptx = compiled(name)
    assert not re.search(r"\b(atom|red)\.", ptx)
    assert not re.search(r"cvt\.(?!rn\.)[\w.]*bf16(x2)?\.f32", ptx)
    assert not re.search(r"\b(ld|st)\.local", ptx)  # what does not fit registers
    if name in PASSES:
        assert "ld.global.v4" in ptx  # 16 bytes at once


def compiled(name: str) -> str:
    """A kernel for bfloat16 and an H100, as Triton translates it without one."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from vggstudy.training.nets import fused, fused_kernels

    grid = fused.Grid(1024 * 32 * 32, 64)
    chosen: dict[str, Any] = {**PASSES[name], **grid.block} if name in PASSES else grid.fold
    kernel = getattr(fused_kernels, name)
    names: Sequence[str] = kernel.arg_names
    types = {each: "constexpr" if each in chosen else type_of(each) for each in names}
    aligned = [
        (at,)
        for at, each in enumerate(names)
        if each == "channels" or str(types[each]).startswith("*")
    ]
    source = ASTSource(
        kernel,
        types,
        {(names.index(each),): value for each, value in chosen.items()},
        {at: [["tt.divisibility", 16]] for at in aligned},
    )
    return str(triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"])


def type_of(name: str) -> str:
    """Triton's type of a kernel's argument."""
    if name in {"values", "out", "grad", "result"}:
        return "*bf16"
    if name in {"choice", "kept"}:
        return "*u8"
    if name in {"momentum", "eps"}:
        return "fp32"
    sizes = {"pixels", "rows", "height", "width", "channels", "per_split", "splits"}
    return "i32" if name in sizes else "*fp32"


@needs_triton
@pytest.mark.parametrize("channels", [1, 5, 64, 70, 512, 5000])
@pytest.mark.parametrize("rows", [1, 31, 4096, 2**20, 2**26])
def test_every_row_is_summed_once_by_a_bounded_number_of_programs(rows: int, channels: int) -> None:
    from vggstudy.training.nets.fused import FOLDED, PROGRAMS, Grid

    grid = Grid(rows, channels)
    assert (grid.splits - 1) * grid.per_split < rows <= grid.splits * grid.per_split
    assert grid.per_split % grid.block_rows == 0
    assert grid.splits <= max(1, PROGRAMS // grid.across)
    assert grid.fold["block_splits"] >= grid.splits
    assert grid.fold["block_splits"] * grid.fold["block_channels"] <= FOLDED
    assert grid.across * grid.block_channels >= channels
    assert grid.folds * grid.fold["block_channels"] >= channels


# -- Where they are refused ---------------------------------------------------------------------


def test_only_vgg_has_them() -> None:
    document = {"data": {"name": "digits"}, "model": {"name": "torchvision:resnet18"}}
    with pytest.raises(ValidationError, match="only for vgg, not for torchvision:resnet18"):
        Recipe.model_validate(document | {"training": {"kernels": "fused"}})


@pytest.mark.parametrize(
    ("devices", "lacking", "message"),
    [
        (["cpu"], None, "needs a GPU: give --devices cuda:0"),
        (["cuda:0", "cpu"], None, "needs a GPU"),
        (["cuda:0"], "triton", r"needs Triton .* pip install 'vggstudy\[kernels\]'"),
        (["cuda:0"], "compiler", "needs a C compiler"),
    ],
)
def test_what_is_missing_is_named(
    devices: list[str], lacking: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CC", "TRITON_INTERPRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(extras, "find_spec", lambda name: None if lacking == name else name)
    monkeypatch.setattr(shutil, "which", lambda name: None if lacking == "compiler" else name)
    with pytest.raises(ExecutionError, match=message) as told:
        require_fused_kernels(devices)
    assert "\n" not in str(told.value)
    require_fused_kernels(["cuda:1"], elsewhere=True)
    if lacking is None:
        require_fused_kernels(["cuda:0", "cuda:1"])
