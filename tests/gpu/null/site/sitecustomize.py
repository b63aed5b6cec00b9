"""Found by Python at its start, where `run.environment` has named this folder."""

from __future__ import annotations

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).resolve().parent.parent / "plugin.py"), run_name="null_plugin")
