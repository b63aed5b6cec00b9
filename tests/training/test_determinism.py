"""The same run gives the same bits, and leaves the process as it found it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vggstudy.errors import ExecutionError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import train_run
from vggstudy.training.determinism import deterministic, open_device, tensors_sha256
from vggstudy.training.draws import epoch_order, epoch_seed

Make = Callable[..., Recipe]
FULL = {
    "model_batch_norm": True,
    "model_dropout": 0.3,
    "data_flip": True,
    "data_crop": 2,
    "training_epochs": 2,
}


def test_a_repeated_run_is_equal_in_every_result(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    recipe = make_recipe(**FULL)
    first, second = (train_run(recipe, seeds, cache_dir=cache_dir) for _ in range(2))
    assert first.result == second.result


def test_bits_do_not_depend_on_what_ran_before(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    recipe = make_recipe(**FULL)
    alone = train_run(recipe, seeds, cache_dir=cache_dir).result
    torch.manual_seed(123)
    other = make_recipe(model_depth=13, training_batch_size=7, training_precision="bfloat16")
    train_run(other, seeds, cache_dir=cache_dir)
    torch.rand(1000)
    assert train_run(recipe, seeds, cache_dir=cache_dir).result == alone


def test_another_process_computes_the_same_bits(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    recipe = make_recipe(**FULL)
    here = train_run(recipe, seeds, cache_dir=cache_dir).result
    program = (
        "from pathlib import Path\n"
        "from vggstudy.identity import Seeds\n"
        "from vggstudy.protocol.model.recipe import Recipe\n"
        "from vggstudy.training import train_run\n"
        f"recipe = Recipe.model_validate_json({recipe.model_dump_json()!r})\n"
        f"result = train_run(recipe, {seeds!r}, cache_dir=Path({str(cache_dir)!r})).result\n"
        "print(result['parameters_sha256'], result['selected_sha256'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split() == [here["parameters_sha256"], here["selected_sha256"]]


def test_a_run_leaves_the_process_as_it_found_it(
    make_recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    def switches() -> list[object]:
        return [
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            torch.backends.cuda.matmul.fp32_precision,
            torch.backends.cudnn.conv.fp32_precision,  # type: ignore[attr-defined]
            torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
            torch.get_num_threads(),
            torch.get_rng_state().tolist(),
        ]

    torch.set_num_threads(2)
    before = switches()
    train_run(make_recipe(**FULL), seeds, cache_dir=cache_dir)
    assert switches() == before


def test_switches_are_restored_after_an_error() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        deterministic(torch.device("cpu"), threads=1, precision="tf32"),
    ):
        _ = 1 / 0
    assert not torch.are_deterministic_algorithms_enabled()


def test_threads_are_set_and_recorded(make_recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    seen: list[int] = []
    recipe = make_recipe(training_epochs=1)
    done = train_run(
        recipe,
        seeds,
        cache_dir=cache_dir,
        threads=2,
        on_epoch=lambda report: seen.append(torch.get_num_threads()),
    )
    assert seen == [2]
    assert done.numerics["threads"] == 2


def test_digests_do_not_depend_on_the_layout_in_memory() -> None:
    weight = torch.randn(4, 3, 3, 3)
    last = weight.to(memory_format=torch.channels_last)
    assert tensors_sha256({"w": weight}) == tensors_sha256({"w": last})
    assert tensors_sha256({"w": weight}) != tensors_sha256({"v": weight})
    assert tensors_sha256({"w": weight}) != tensors_sha256({"w": weight.flatten()})
    assert tensors_sha256({"w": weight}) != tensors_sha256({"w": weight.view(torch.int32)})


def test_every_epoch_has_its_own_order_whatever_was_drawn_before() -> None:
    orders = [epoch_order(5, epoch, 100).tolist() for epoch in (1, 2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == list(range(100))
    assert epoch_order(5, 2, 100).tolist() == orders[1]


def test_seeds_of_an_epoch_are_pinned() -> None:
    # A change here changes every run's bits: it needs a new schema of records.
    assert epoch_seed(0, 1) == PINNED
    assert 0 <= epoch_seed(2**63 - 1, 10**6) < 2**63


PINNED = 208697013472355267


def with_devices(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let torch see so many CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("count", "there"), [(1, "cuda:0 alone"), (2, "cuda:0 to cuda:1")], ids=["one", "two"]
)
def test_a_device_beyond_the_last_is_refused_with_those_that_are_there(
    count: int, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_devices(monkeypatch, count)
    with pytest.raises(ExecutionError, match=f"'cuda:7' is not there: torch sees {there}"):
        open_device("cuda:7")


OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version"
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (OLD, r"The NVIDIA driver on your system is too old \(found version 11040\)$"),
        ("Found no NVIDIA driver.\nPlease check", "Found no NVIDIA driver$"),
        (None, "torch sees no CUDA device$"),
    ],
    ids=["old driver", "no driver", "no device"],
)
def test_without_a_device_the_reason_is_told_in_one_sentence(
    said: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init() -> None:
        if said is not None:
            raise RuntimeError(said)

    with_devices(monkeypatch, 0)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", init)
    with pytest.raises(ExecutionError, match=f"'cuda' cannot be used: {reason}"):
        open_device("cuda")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ExecutionError, match=r"this build of torch has no CUDA$"):
        open_device("cuda")


@pytest.mark.parametrize(
    ("before", "started"), [(None, False), (":16:8", True)], ids=["unset", "already set"]
)
def test_the_workspace_of_cublas_is_fixed_before_cuda_starts(
    before: str | None, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is unset again afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    if before:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", before)
    with_devices(monkeypatch, 1)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: started)
    assert open_device("cuda") == torch.device("cuda", 0)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == (before or ":4096:8")


def test_cuda_that_has_started_without_a_workspace_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is unset again afterwards
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with_devices(monkeypatch, 1)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(ExecutionError, match="set it to :4096:8 before the process starts"):
        open_device("cuda")
