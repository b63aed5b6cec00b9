"""What the benchmarks compute from what they measure."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MACHINE = {
    "cores": 2,
    "device": "a processor",
    "torch": "2",
    "python": "3",
    "date": "today",
    "load": 0.0,
    "load_at_end": 0.0,
}


@pytest.fixture
def modules(repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of the benchmarks, which lie in no package of the project."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    names = ("work", "tables", "floor")
    return {name: importlib.import_module(f"baselines.{name}") for name in names}


@pytest.fixture
def work(modules: dict[str, ModuleType]) -> Any:
    """Four runs of a narrow network."""
    return modules["work"].Work(
        depth=11,
        width=0.25,
        batch_size=32,
        batch_norm=True,
        seeds=4,
        epochs=3,
        data="digits",
        images=None,
        precision="float32",
        device="cpu",
    )


def part(work: Any, program: str, seconds: float, **changes: Any) -> dict[str, Any]:
    """What a program of four runs reports."""
    outcome = {
        "seconds": seconds,
        "runs": 4,
        "accuracies": [0.9] * 4,
        "digests": {str(run): f"bits {run}" for run in range(4)},
        "peak_mib": 700.0,
        "extra": {},
    }
    return {"kind": "program", "work": asdict(work), "program": program, **outcome, **changes}


def ours(work: Any) -> dict[str, Any]:
    """Four runs of two workers in ten seconds, whose steps took eight each."""
    return part(work, "ours", 10.0, extra={"workers": 2, "train_s": 16.0, "steps": 400})


def test_the_work_is_a_protocol_of_as_many_runs(work: Any) -> None:
    assert len(work.runs) == 4
    assert {run.recipe.training.batch_size for run in work.runs} == {32}


@pytest.mark.parametrize(("depth", "gflop"), [(11, 0.913), (13, 1.366), (16, 1.876), (19, 2.385)])
def test_operations_are_those_of_the_published_networks(
    depth: int, gflop: float, modules: dict[str, ModuleType]
) -> None:
    from vggstudy.protocol.model.settings import ModelSettings
    from vggstudy.training.models import build_model

    model = build_model(
        ModelSettings.model_validate({"depth": depth}), n_classes=10, side=32, seed=0
    )
    # Half a unit of the last digit of the hand-computed table.
    assert modules["floor"].step_flops(model, 1, 32) / 1e9 == pytest.approx(gflop, abs=5e-4)


def test_ratios_are_of_runs_an_hour(work: Any, modules: dict[str, ModuleType]) -> None:
    parts = [part(work, "B0", 40.0), ours(work)]
    (table,) = modules["tables"].Report.of(parts, machine=MACHINE).tables
    assert [row.ratio for row in table.rows] == [1.0, 4.0]
    assert table.rows[1].runs_per_hour == 1440
    assert table.one_band


def test_the_floor_counts_every_worker_s_steps(work: Any, modules: dict[str, ModuleType]) -> None:
    floor = {"kind": "floor", "work": asdict(work), "workers": 2, "step_flops": 2e9, "gemm": 2e11}
    (table,) = modules["tables"].Report.of([ours(work), floor], machine=MACHINE).tables
    # 400 steps of 2 GFLOP in 16 seconds of two workers: 100 GFLOP/s of 200.
    assert table.floor["ours"] == pytest.approx(100.0)
    assert table.floor["ours/gemm"] == pytest.approx(0.5)


def test_a_run_whose_bits_differ_is_counted(work: Any, modules: dict[str, ModuleType]) -> None:
    timed = ours(work)
    same = {**timed, "kind": "bits", "program": "repeat"}
    digests = {**timed["digests"], "2": "other bits"}
    unlike = {**timed, "kind": "bits", "program": "resumed", "digests": digests}
    broken = {"kind": "bits", "work": asdict(work), "program": "one-worker", "failed": "no memory"}
    bits = modules["tables"].Report.of([timed, same, unlike, broken], machine=MACHINE).bits
    assert bits == {
        "repeat": "identical in 4 runs",
        "resumed": "1 of 4 runs differ",
        "one-worker": "not compared: no memory",
    }


def test_a_program_that_could_not_run_says_why(work: Any, modules: dict[str, ModuleType]) -> None:
    skipped = {"kind": "program", "work": asdict(work), "program": "B1", "skipped": "not installed"}
    report = modules["tables"].Report.of([part(work, "B0", 40.0), skipped], machine=MACHINE)
    assert "| B1 | - | - | - | - | not installed |" in modules["tables"].markdown(report)
