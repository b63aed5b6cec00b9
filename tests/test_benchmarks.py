"""What the benchmarks compute from what they measure."""

from __future__ import annotations

import importlib
import json
import random
import sys
import tarfile
import time
from collections.abc import Iterator
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
def gpu(repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of the sections on a GPU that need none."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    names = ("driver", "keep", "lines", "plan", "tables", "tests")
    return {name: importlib.import_module(f"gpu.{name}") for name in names}


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
    from vggstudy.training.nets.build import build_model

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


def test_the_first_table_says_in_words_what_one_would_otherwise_do(
    work: Any, modules: dict[str, ModuleType]
) -> None:
    skipped = {"kind": "program", "work": asdict(work), "program": "tune", "skipped": "no Ray"}
    parts = [part(work, "B0", 40.0), part(work, "B2d", 25.0), skipped, ours(work)]
    text = modules["tables"].markdown(modules["tables"].Report.of(parts, machine=MACHINE))
    _, _, first = text.partition("What you would otherwise do, vgg11-w0.25-b32-bn:\n\n")
    rows = first.partition("\n\n")[0].splitlines()[2:]
    figures = [[cell.strip() for cell in row.split("|")[2:4]] for row in rows]
    assert figures == [["360", "1.00"], ["-", "-"], ["1,440", "4.00"]]
    assert rows[0].startswith("| a plain loop over DataLoaders")
    assert "`python benchmarks/training.py --only ours --out NEW_FOLDER`" in rows[2]


def test_every_program_is_asked_for_and_known(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    training = importlib.import_module("training")
    known = importlib.import_module("baselines.part").PARTS
    for device in ("cpu", "cuda"):
        found = training.works(device)
        assert len({each.name for each in found}) == len(found)
        assert {name for each in found for name in training.programs(each)} <= known.keys()
    assert set(training.PROGRAMS) == set(training.programs(training.works("cpu")[0]))
    assert set(training.OTHERS) <= known.keys()


STUBBORN = """
import signal, subprocess, sys, time
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""

CELLS = """
import os, sys
from gpu.lines import Section
def die():
    if os.environ.get("DIES"):
        print("no memory of that", file=sys.stderr, flush=True)
        os.abort()
    return {"value": 2}
def fail():
    raise ValueError("no such kernel")
todo = {"one": lambda: {"value": 1}, "two": die, "three": lambda: {"value": 3}}
if os.environ.get("DIES"):
    todo["four"] = fail
Section.here("cells").cells(todo)
"""


class Call:
    """A call of sections that are made up, at a tenth of the time."""

    def __init__(self, gpu: dict[str, ModuleType], folder: Path) -> None:
        self.gpu, self.folder = gpu, folder
        self.results = folder / "results" / "results.jsonl"

    def section(self, name: str, code: str, seconds: float = 50.0, **more: Any) -> Any:
        return self.gpu["plan"].Planned(name, seconds, (sys.executable, "-c", code), **more)

    def run(self, *planned: Any, call_s: float = 400.0) -> dict[str, dict[str, Any]]:
        keeper = self.gpu["keep"].Keeper(self.folder / "results", self.folder / "state")
        driver = self.gpu["driver"].Driver(
            keeper, call_s=call_s, scale=0.1, trial="", begun=time.monotonic()
        )
        driver.run(planned)
        return {line["section"]: line for line in self.lines() if line["kind"] == "ended"}

    def lines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.gpu["lines"].read(self.results)
        return found


@pytest.fixture
def call(gpu: dict[str, ModuleType], tmp_path: Path, repository: Path) -> Iterator[Call]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(repository / "benchmarks"))
        yield Call(gpu, tmp_path)


def test_a_section_that_hangs_or_crashes_stops_no_other_and_is_named(call: Call) -> None:
    began = time.monotonic()
    ended = call.run(
        call.section("hangs", STUBBORN, 15.0),
        call.section("crashes", "import os, sys; sys.stderr.write('so it is'); os.abort()"),
        call.section("refuses", "import sys; sys.exit('no such device')"),
        call.section("needs", "", after="crashes"),
        call.section("passes", "print('well')"),
    )
    # 1.5 s of the first, 1 s until it is killed, and less than a second for each of the others.
    assert time.monotonic() - began < 15
    assert {name: line["status"] for name, line in ended.items()} == {
        "hangs": "timed out",
        "crashes": "failed",
        "refuses": "failed",
        "needs": "skipped",
        "passes": "passed",
    }
    assert ended["crashes"]["reason"] == "SIGABRT: so it is"
    assert ended["refuses"]["reason"] == "exit status 1: no such device"
    text = (call.folder / "results" / "results.md").read_text()
    assert "| refuses | failed |" in text
    assert "| needs | skipped | 0 | - | crashes did not pass |" in text
    child = int((call.folder / "state" / "logs" / "hangs.txt").read_text().split()[0])
    assert (
        not Path(f"/proc/{child}/cmdline").exists()
        or not Path(f"/proc/{child}/cmdline").read_bytes()
    )


def test_what_passed_is_not_repeated_and_the_rest_goes_on(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIES", "1")
    cells, once = call.section("cells", CELLS), call.section("once", "")
    ended = call.run(once, cells)
    assert ended["cells"]["status"] == "failed"
    # A new process measured what the lost one had not come to.
    done = [line["name"] for line in call.lines() if line["kind"] == "cell"]
    assert done == ["one", "three"]
    text = (call.folder / "results" / "results.md").read_text()
    assert "four: ValueError: no such kernel" in text
    assert "two: its process was lost in this call" in text
    monkeypatch.delenv("DIES")
    (call.folder / "results").rename(call.folder / "before")  # the folder is a new one each time
    ended = call.run(once, cells)
    assert ended["cells"]["status"] == "passed"
    assert [line["name"] for line in call.lines() if line["kind"] == "cell"] == [*done, "two"]
    assert sum(line["section"] == "once" for line in call.lines()) == 1


def test_a_call_ends_in_its_time_however_long_its_sections_may_take(call: Call) -> None:
    began = time.monotonic()
    sleep = "import time; time.sleep(60)"
    ended = call.run(
        call.section("beside", sleep, 300.0, background=True),
        call.section("long", sleep, 300.0),
        call.section("late", ""),
        call_s=40.0,
    )
    assert time.monotonic() - began < 4.0 + 4.0  # the call, and a loaded machine's delay
    assert ended["long"]["status"] == ended["beside"]["status"] == "timed out"
    assert ended["late"]["status"] == "skipped"


def test_records_come_back_without_checkpoints_and_below_the_limit(
    gpu: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu["keep"], "MOST_BYTES", 40_000)
    keeper = gpu["keep"].Keeper(tmp_path / "results", tmp_path / "state")
    for name in ("small", "other"):
        folder = keeper.study / "runs" / name
        folder.mkdir(parents=True)
        record = {"run_id": name, "levels": {"depth": 11}, "status": "finished", "replicate": 0}
        (folder / "run.json").write_text(json.dumps(record))
        (folder / "checkpoint.pt").write_bytes(bytes(100))
    noise = random.Random(7).randbytes(100_000)  # cannot be compressed
    (keeper.study / "noise").write_bytes(noise)
    (keeper.folder / "tests.txt").write_text("line\n" * 20_000)
    keeper.keep()
    keeper.keep()
    with tarfile.open(keeper.folder / "study.tar.gz") as archive:
        assert sorted(archive.getnames()) == ["runs/other/run.json", "runs/small/run.json"]
    files = list(keeper.folder.iterdir())
    assert len(files) <= 8
    assert max(path.stat().st_size for path in files) <= 40_000
    lines = gpu["lines"].read(keeper.results)
    assert [line["name"] for line in lines if line["kind"] == "cell"] == ["other", "small"]
    assert [line["left_out"] for line in lines if line["kind"] == "note"] == [["noise"]]


def test_a_torn_line_costs_no_other(gpu: dict[str, ModuleType], tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    gpu["lines"].append(path, {"section": "a", "kind": "cell"})
    with path.open("a") as file:
        file.write('{"section": "b", "ki')
    assert [line["section"] for line in gpu["lines"].read(path)] == ["a"]


def test_the_floor_of_a_small_batch_is_the_optimizer_s_traffic(gpu: dict[str, ModuleType]) -> None:
    floor, rates = gpu["tables"].floor_s, gpu["tables"].PUBLISHED
    # Two digits of the published table: 43 and 93 us a step; .058 and .151 s for 50,000 images.
    assert floor(11, 8, rates) == pytest.approx(43e-6, abs=5e-7)
    assert floor(19, 8, rates) == pytest.approx(93e-6, abs=5e-7)
    assert floor(11, 1024, rates) * 50_000 / 1024 == pytest.approx(0.058, abs=5e-4)
    assert floor(19, 1024, rates) * 50_000 / 1024 == pytest.approx(0.151, abs=5e-4)


def test_steady_state_is_told_with_its_ratios(gpu: dict[str, ModuleType]) -> None:
    cell = {"section": "steady", "kind": "cell", "depth": 11, "batch_size": 8, "setup_s": 1.0}
    lines = [
        {**cell, "name": "VGG11-b8/ours-4", "program": "ours-4", "steps_per_s": 6000.0},
        {**cell, "name": "VGG11-b8/B2", "program": "B2", "steps_per_s": 1000.0},
        {**cell, "name": "VGG11-b8/B0", "program": "B0", "steps_per_s": 400.0},
    ]
    # 6,000 steps of 8 images a second are 128 runs of 30 x 45,000 images an hour.
    row = "| VGG11 BN | 8 | ours-4 | 6,000 | 128 | 15 | 6 | - | - | - | 0.258 | 1 |"
    assert row in gpu["tables"].markdown(lines)


def test_bits_that_differ_stand_out(gpu: dict[str, ModuleType]) -> None:
    cell = {"section": "bits", "kind": "cell"}
    lines = [
        {**cell, "name": "VGG11-b8-tf32/single", "digest": "a" * 64},
        {**cell, "name": "VGG11-b8-tf32/recorded", "digest": "a" * 64},
        {**cell, "name": "VGG11-b8-tf32/lane", "digest": "b" * 64},
    ]
    assert f"| VGG11-b8-tf32 | yes | NO | {'a' * 12} |" in gpu["tables"].markdown(lines)


def test_fused_kernels_stand_beside_those_of_torch(gpu: dict[str, ModuleType]) -> None:
    cell = {"section": "kernels", "kind": "cell", "network": "VGG11 BN", "batch_size": 1024}
    lines = [
        {**cell, "name": "a", "kernels": "torch", "recorded_ms": 6.0, "kernels_ms": 5.5},
        {**cell, "name": "b", "kernels": "fused", "recorded_ms": None, "kernels_ms": 5.0},
    ]
    shown = gpu["tables"].markdown(lines)
    assert "| VGG11 BN | 1024 | 6 | - | - | 5.5 | 5 | 1.1 |" in shown


def test_tests_that_have_passed_are_not_repeated(gpu: dict[str, ModuleType]) -> None:
    output = (
        "[gw1] [ 10%] PASSED tests/gpu/test_lanes.py::test_one[a b] \n"
        "[gw0] [ 12%] FAILED tests/gpu/test_lanes.py::test_two \n"
        "tests/gpu/test_training.py::test_three PASSED      [ 14%]\n"
    )
    called = gpu["tests"].command(output)
    left_out = [called[at + 1] for at, word in enumerate(called) if word == "--deselect"]
    assert left_out == [
        "tests/gpu/test_lanes.py::test_one[a b]",
        "tests/gpu/test_training.py::test_three",
    ]


def test_tests_that_failed_are_named(gpu: dict[str, ModuleType]) -> None:
    output = (
        "==== test session starts ====\nFAILED tests/gpu/test_lanes.py::test_old - it was\n"
        "==== test session starts ====\n[gw0] [ 12%] FAILED tests/gpu/test_lanes.py::test_two \n"
        "FAILED tests/gpu/test_lanes.py::test_two[a b] - assert 1 == 2\n"
        "ERROR tests/gpu/test_training.py::test_three - no memory\n"
    )
    assert gpu["tests"].failed(output) == ["test_two[a b]", "test_three"]


def test_the_sections_fit_their_calls(gpu: dict[str, ModuleType]) -> None:
    plan = gpu["plan"]
    for call in (1, 2):
        taken = sum(
            each.seconds for each in plan.sections(call) if not (each.background or each.rest)
        )
        assert taken + plan.RESERVE_S < plan.CALL_S[call]


def test_a_short_run_starts_a_device_with_the_same_batches(work: Any) -> None:
    short = work.short()
    assert (short.epochs, short.batch_size) == (1, work.batch_size)
    assert short.images >= 8 * short.batch_size


def test_no_benchmark_downloads_images(work: Any) -> None:
    with pytest.raises(ValueError, match="digits or synthetic, got cifar10"):
        type(work)(**{**asdict(work), "data": "cifar10"})
