"""A worker's surroundings."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from vggstudy.execution.local.process import ALLOCATOR, _environment
from vggstudy.execution.options import ExecutionOptions
from vggstudy.training.lanes.count import MAX_STREAMS

OPTIONS = ExecutionOptions(jobs=1)

FAULTS = """
import resource
blocks = [bytearray(2**23) for _ in range(8)]
del blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    blocks = [bytearray(2**23) for _ in range(8)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_memory_that_a_step_frees_serves_the_next_one_without_page_faults() -> None:
    def faults(**environment: str) -> int:
        bare = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
        command = [sys.executable, "-c", FAULTS]
        return int(subprocess.check_output(command, env={**bare, **environment}))

    pages = 4 * 8 * 2**23 // os.sysconf("SC_PAGE_SIZE")
    assert faults() > pages / 2  # half, as the kernel may map several pages at a fault
    assert faults(**ALLOCATOR) < pages / 100


def test_a_device_has_a_queue_for_every_stream_unless_the_user_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_DEVICE_MAX_CONNECTIONS", raising=False)
    assert _environment(OPTIONS, "cpu")["CUDA_DEVICE_MAX_CONNECTIONS"] == str(MAX_STREAMS)
    monkeypatch.setenv("CUDA_DEVICE_MAX_CONNECTIONS", "4")
    assert _environment(OPTIONS, "cpu")["CUDA_DEVICE_MAX_CONNECTIONS"] == "4"


IMPORTED = """
import gc
collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
from vggstudy.execution.local.worker import load_training
del collections[:]
load_training()
gc.callbacks.clear()
print(len(collections), gc.isenabled(), gc.get_freeze_count() > 100_000, gc.get_count()[2])
"""


def test_what_a_worker_imports_is_never_looked_at_by_the_collector() -> None:
    said = subprocess.check_output([sys.executable, "-c", IMPORTED], text=True)
    assert said.split() == ["0", "True", "True", "0"]
