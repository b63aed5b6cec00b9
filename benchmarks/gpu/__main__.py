"""One call of benchmarks/gpu.sh: python -m gpu CALL FOLDER."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from gpu import lines, tables
from gpu.driver import Driver, end_by_exception
from gpu.keep import Keeper
from gpu.plan import CALL_S, NOTHING_TO_DO, sections


def main() -> int:
    call, folder = int(sys.argv[1]), Path(sys.argv[2]).resolve()
    begun = time.monotonic() - float(os.environ.get("GPU_SPENT_S", "0"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_by_exception)
    root = Path(__file__).resolve().parents[2]
    keeper = Keeper(folder, Path(os.environ.get("GPU_STATE", root / "benchmarks/out/gpu-state")))
    driver = Driver(
        keeper,
        call_s=CALL_S[call],
        scale=float(os.environ.get("GPU_SCALE", "1")),
        trial=os.environ.get("GPU_TRIAL", ""),
        begun=begun,
    )
    planned = sections(call)
    driver.run(planned)
    found = lines.read(keeper.results)
    print(tables.summary(found))
    if driver.hopeless:
        return NOTHING_TO_DO
    passed = [lines.last(found, section=each.name, kind="ended") for each in planned]
    return 0 if all(each and each["status"] == "passed" for each in passed) else 1


if __name__ == "__main__":
    sys.exit(main())
