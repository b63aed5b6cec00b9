"""The report and the citations: claims as figures, tables, sentences and text to paste.

Names are imported when they are first used: importing this package loads neither matplotlib nor
pandas, so that the command line starts at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vggstudy.analysis.data.run_curves import RunCurves
from vggstudy.report.page.context import ReportContext, SourceClaim

if TYPE_CHECKING:
    from vggstudy.report.page.document import render, write_report

__all__ = ["ReportContext", "RunCurves", "SourceClaim", "render", "write_report"]

_PLACES = {
    "render": "page.document",
    "write_report": "page.document",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    from importlib import import_module

    if name not in _PLACES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
