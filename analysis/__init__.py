"""The analysis: from a table of runs to claims with calibrated intervals.

Flow: `table` (checked once) -> `cells` (sufficient statistics) -> `contrasts` (what is asked) ->
``estimate_*`` (one file an outcome) -> `make_claims` -> `result`. Numbers happen in functions of
arrays: `proportions`, `student`, `robust`, `resampling`, `bootstrap`.

Names are imported on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vggstudy.analysis.api import analyze, inputs_digest
    from vggstudy.analysis.claims import Claim, ClaimSet
    from vggstudy.analysis.flow import Flow
    from vggstudy.analysis.model_requests import ModelRequest, ModelRequests
    from vggstudy.analysis.models import FittedModels
    from vggstudy.analysis.performance import PerformanceProfile
    from vggstudy.analysis.result import AnalysisResult
    from vggstudy.analysis.table import RunTable

__all__ = [
    "AnalysisResult",
    "Claim",
    "ClaimSet",
    "FittedModels",
    "Flow",
    "ModelRequest",
    "ModelRequests",
    "PerformanceProfile",
    "RunTable",
    "analyze",
    "inputs_digest",
]

_MODULES = {
    "AnalysisResult": "result",
    "Claim": "claims",
    "ClaimSet": "claims",
    "FittedModels": "models",
    "Flow": "flow",
    "ModelRequest": "model_requests",
    "ModelRequests": "model_requests",
    "PerformanceProfile": "performance",
    "RunTable": "table",
    "analyze": "api",
    "inputs_digest": "api",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
