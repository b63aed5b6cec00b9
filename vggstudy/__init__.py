"""From a protocol file to a confidence interval that a paper can cite.

Examples
--------
>>> import vggstudy as vs
>>> protocol = vs.Protocol.from_file("protocols/quickstart.toml")  # doctest: +SKIP
>>> study = vs.Study(protocol, path="studies/quickstart")  # doctest: +SKIP
>>> study.run(jobs=2)  # doctest: +SKIP
>>> result = vs.analyze(study)  # doctest: +SKIP
>>> vs.report(result, "report.html")  # doctest: +SKIP
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vggstudy._version import __version__

if TYPE_CHECKING:
    from vggstudy.errors import AnalysisError as AnalysisError
    from vggstudy.errors import DataError as DataError
    from vggstudy.errors import ExecutionError as ExecutionError
    from vggstudy.errors import LedgerError as LedgerError
    from vggstudy.errors import ProtocolError as ProtocolError
    from vggstudy.errors import StudyError as StudyError
    from vggstudy.protocol import Protocol as Protocol
    from vggstudy.study.analyze import analyze as analyze
    from vggstudy.study.analyze import report as report
    from vggstudy.study.curves import curves as curves
    from vggstudy.study.study import Study as Study

_HOME = {
    "AnalysisError": "vggstudy.errors",
    "DataError": "vggstudy.errors",
    "ExecutionError": "vggstudy.errors",
    "LedgerError": "vggstudy.errors",
    "Protocol": "vggstudy.protocol",
    "ProtocolError": "vggstudy.errors",
    "Study": "vggstudy.study.study",
    "StudyError": "vggstudy.errors",
    "analyze": "vggstudy.study.analyze",
    "curves": "vggstudy.study.curves",
    "report": "vggstudy.study.analyze",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package loads nothing heavy."""
    if name not in _HOME:
        msg = f"module 'vggstudy' has no attribute '{name}'"
        raise AttributeError(msg)
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """Public names."""
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps `vggstudy.report` the function once the subpackage of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, unless it is a submodule that would hide a public name."""
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
