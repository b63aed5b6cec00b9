"""The command line starts at once: the report's light names import nothing heavy."""

from __future__ import annotations

import subprocess
import sys


def test_the_report_and_citations_import_neither_matplotlib_nor_pandas() -> None:
    code = (
        "import sys, vggstudy.report, vggstudy.report.citing.cite; "
        "heavy = {'matplotlib', 'pandas', 'scipy', 'jinja2', 'torch'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
