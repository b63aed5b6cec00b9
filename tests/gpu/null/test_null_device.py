"""All tests of the GPU on the null device, and that it reports every fault it is there to report.

Each fault is planted in a small program (`captures`, `programs`), beside the same without it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.null.build import lacks
from tests.gpu.null.conftest import OnNull
from tests.gpu.null.run import is_fault, run

GPU = Path(__file__).resolve().parent.parent
ARITHMETIC = {
    "test_training::test_the_first_epoch_agrees_with_the_cpu",
    "test_fused::test_compiled_kernels_agree_with_torch_in_float64",
    "test_fused::test_single_recorded_resumed_and_lane_steps_have_the_same_bits",
    "test_fused::test_a_fused_run_is_near_the_plain_one_and_another",
}
"""The only tests that need arithmetic, or a compiler's kernels, and that are not run here."""

BROKEN_ON_PURPOSE = "test_a_model_that_no_graph_can_record_is_trained_singly_to_the_same_bits"
"""Makes a call that no capture allows, which the null device has to report."""

TESTS = 45
"""How many there are at least: fewer would mean that some are not found any more."""


# -- The tests of the GPU ---------------------------------------------------------------------


def collected() -> set[str]:
    """The tests of the GPU, found without any device."""
    arguments = [str(GPU), "--ignore", str(GPU / "null"), "--collect-only", "-q", "-m", "gpu"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.findall(r"^\S*/(test_\w+)\.py::(.+)$", done.stdout, flags=re.MULTILINE)
    return {"::".join(each) for each in found}


def test_every_test_of_the_gpu_but_the_arithmetic_passes_on_the_null_device(
    built: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    folders = ["--rootdir", str(GPU.parent.parent), str(GPU), "--ignore", str(GPU / "null")]
    chosen = ["-m", "gpu and not arithmetic", f"--junitxml={report}"]
    done = run(
        [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *folders, *chosen],
        built,
        tmp_path,
        timeout_s=600,
    )
    assert done.code == 0, done.out[-4000:]
    suite = ElementTree.parse(report).getroot()[0]
    ran = {
        f"{case.attrib['classname'].rpartition('.')[2]}::{case.attrib['name']}"
        for case in suite.iter("testcase")
    }
    counts = {name: int(suite.attrib[name]) for name in ("failures", "errors", "skipped")}
    assert counts == {"failures": 0, "errors": 0, "skipped": 0}
    every = collected()
    left_out = {each for each in every if each.partition("[")[0] in ARITHMETIC}
    assert every - ran == left_out
    assert {each.partition("[")[0] for each in left_out} == ARITHMETIC
    assert len(ran) >= TESTS
    faults = [line for line in done.lines if is_fault(line)]
    assert [line for line in faults if BROKEN_ON_PURPOSE not in line.test] == []
    assert {line.kind for line in faults} == {"fault: capture"}
    graphs = [int(line.what) for line in done.lines if line.kind == "captured"]
    assert len(graphs) > 100
    assert max(graphs) > 100  # kernels of the largest


def test_a_machine_that_cannot_build_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert lacks() == "not installed: g++"
    monkeypatch.setattr("torch.version.cuda", None)
    assert lacks() == "the null device needs a CUDA build of torch"
    monkeypatch.setattr("sys.platform", "darwin")
    assert lacks() == "the null device needs Linux"


# -- What a capture forbids -------------------------------------------------------------------

FORBIDDEN = [
    "cudaMalloc",
    "cudaFree",
    "cudaHostAlloc",
    "cudaFreeHost",
    "cudaMemcpy",
    "cudaMemset",
    "cudaDeviceSynchronize",
    "cudaStreamSynchronize",
    "cudaStreamQuery",
    "cudaEventQuery",
    "cudaEventSynchronize",
]
NEVER = [
    "wait for the captured stream",
    "copy of pageable memory",
    "wait for an outside event",
    "launch of a graph",
]
ALLOWED = [
    "copy of page-locked memory",
    "copy on another stream",
    "cudaEventRecord",
    "cudaMemGetInfo",
]
SUCCESS, UNSUPPORTED, INVALIDATED = 0, 900, 901


def calls(on_null: OnNull, mode: str, thread: str, names: list[str]) -> dict[str, Any]:
    """The errors of calls during captures, and the faults that were reported."""
    found = {}
    for name in names:
        done = on_null("tests.gpu.null.captures", mode, thread, name)
        assert done.code == 0, done.err
        found[name] = (*json.loads(done.out), len(done.faults))
    return found


@pytest.mark.parametrize(
    ("mode", "thread"), [("global", "own"), ("global", "other"), ("thread_local", "own")]
)
def test_calls_that_a_capture_forbids_are_refused_spoil_it_and_are_reported(
    mode: str, thread: str, on_null: OnNull
) -> None:
    found = calls(on_null, mode, thread, FORBIDDEN)
    assert found == dict.fromkeys(FORBIDDEN, (UNSUPPORTED, INVALIDATED, 1))


@pytest.mark.parametrize(
    ("mode", "thread"),
    [("thread_local", "other"), ("relaxed", "own"), ("relaxed", "other"), ("global", "guarded")],
)
def test_calls_that_the_mode_of_a_capture_allows_are_not_reported(
    mode: str, thread: str, on_null: OnNull
) -> None:
    assert calls(on_null, mode, thread, FORBIDDEN) == dict.fromkeys(
        FORBIDDEN, (SUCCESS,) * 2 + (0,)
    )


@pytest.mark.parametrize("mode", ["global", "relaxed"])
def test_calls_on_the_captured_stream_itself_are_refused_in_every_mode(
    mode: str, on_null: OnNull
) -> None:
    found = calls(on_null, mode, "own", NEVER)
    assert found == dict.fromkeys(NEVER, (UNSUPPORTED, INVALIDATED, 1))


def test_calls_that_can_be_captured_or_have_no_part_in_it_are_allowed(on_null: OnNull) -> None:
    assert calls(on_null, "global", "own", ALLOWED) == dict.fromkeys(ALLOWED, (0, 0, 0))


def program(on_null: OnNull, name: str, *arguments: str, **settings: Any) -> dict[str, Any]:
    done = on_null("tests.gpu.null.programs", name, *arguments, **settings)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_thread_may_copy_from_the_device_during_a_capture_of_its_own_thread_alone(
    on_null: OnNull,
) -> None:
    found = program(on_null, "copying_beside_a_capture")
    assert found["thread_local"] == {"errors": [], "faults": []}
    assert found["global"]["faults"] == ["capture"]
    assert len(found["global"]["errors"]) == 2  # of the copy, and of the capture that it has spoilt


# -- Memory, streams and devices --------------------------------------------------------------


def test_a_recording_that_reads_dead_memory_is_not_replayed(on_null: OnNull) -> None:
    found = program(on_null, "dead_memory")
    dead = "a recording is replayed that reads dead memory: aten.mul.Tensor reads (8,)"
    assert found.pop("forward freed").startswith(dead)
    assert found.pop("backward freed").startswith(dead)  # autograd's own thread is watched too
    assert found == {"forward kept": "replayed", "backward kept": "replayed"}


def test_work_that_strays_from_its_lane_or_device_is_reported(on_null: OnNull) -> None:
    assert program(on_null, "strays", NULL_DEVICES=2) == {
        "its own stream": [],
        "a copy of another thread": [],
        "the default stream": ["stream"],
        "another stream": ["stream"],
        "a backward pass elsewhere": ["stream"],
        "cuDNN's batch norm": ["batch norm"],
        "another device": ["device"],
    }


def test_a_run_on_the_second_device_leaves_nothing_on_the_first(
    on_null: OnNull, cache_dir: Path
) -> None:
    found = program(on_null, "second_device", str(cache_dir), NULL_DEVICES=2)
    assert found["steps"] == "recorded"
    assert (found["bytes"][0], found["work"][0]) == (0, 0)
    assert found["bytes"][1] > 0
    assert found["work"][1] > 0


FOURTH, SIXTEENTH = 3, 15


@pytest.mark.parametrize("kind", ["clean", "changing", "leaking"])
def test_nothing_grows_between_the_fourth_and_the_sixteenth_refill_of_a_lane(
    kind: str, on_null: OnNull, cache_dir: Path
) -> None:
    found = program(on_null, "refills", str(cache_dir), kind)
    alive = found["alive"]
    assert len(alive) == SIXTEENTH + 1
    assert found["finished"] == SIXTEENTH + 2
    # Bytes in use differ by what caches round to; what leaks is above all that was before.
    early, late = alive[FOURTH : FOURTH + 4], alive[SIXTEENTH - 3 :]
    grown = [
        name
        for name in alive[0]
        if min(each[name] for each in late) > max(each[name] for each in early)
    ]
    if kind != "leaking":
        assert not grown
        assert min(alive[FOURTH][name] for name in ("graphs", "events", "allocated bytes")) > 0
    else:
        assert {"graphs", "events", "allocated bytes", "bytes of the device"} <= set(grown)


def test_all_runs_finish_in_fewer_lanes_on_a_small_device(on_null: OnNull, cache_dir: Path) -> None:
    # The cautious lanes leave room before the device refuses; the greedy ones learn it from it.
    found = program(on_null, "lacking_memory", str(cache_dir), NULL_MEM_GIB=0.9)
    for each in found.values():
        assert each["finished"] == 8
        assert 1 <= each["most"] < 6
    assert found["greedy"]["limit"] < 6
    assert found["greedy"]["reason"].startswith("memory ran short at")


def test_every_call_fails_once_a_kernel_has_crashed(on_null: OnNull) -> None:
    found = program(on_null, "crashing", NULL_CRASH_AT=2)
    assert found["before"] == ["done"] * 3
    assert len(found["after"]) == 3
    assert all("an illegal memory access was encountered" in each for each in found["after"])


@pytest.mark.parametrize("clock", ["processor", "wall"])
def test_kernels_take_the_time_that_they_are_given(clock: str, on_null: OnNull) -> None:
    found = program(on_null, "node_times", NULL_NODE_US=20_000, NULL_CLOCK=clock)
    # Five replays of three kernels of 20 ms, one behind the other.
    assert 0.06 <= found["a replay"] < 0.07  # the first is issued behind the mark
    assert not found["ready at once"]
    assert found["busy at once"] < 0.3
    assert found["busy"] == pytest.approx(0.3, rel=1e-6)
    assert found["clock"] >= 0.3
