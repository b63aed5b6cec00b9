"""The analysis: from a table of runs to claims with calibrated intervals.

Downwards: `api` (one call), `result` and `sensitivity`; `hypotheses` (verdicts), `claims` (what has
an id), `models` (fitted), `estimators` (one file a kind), `data` (tables, cells, contrasts),
`numbers` (functions of arrays), `notes` (why a number is missing or doubtful).

Names are imported on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vggstudy.analysis.api import analyze, inputs_digest
    from vggstudy.analysis.claims.claim import Claim
    from vggstudy.analysis.claims.claim_set import ClaimSet
    from vggstudy.analysis.data.flow import Flow
    from vggstudy.analysis.data.table import RunTable
    from vggstudy.analysis.estimators.performance import PerformanceProfile
    from vggstudy.analysis.models.fit import FittedModels
    from vggstudy.analysis.result import AnalysisResult
    from vggstudy.stated.models import ModelRequest, ModelRequests

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
    "Claim": "claims.claim",
    "ClaimSet": "claims.claim_set",
    "FittedModels": "models.fit",
    "Flow": "data.flow",
    "ModelRequest": ".stated.models",
    "ModelRequests": ".stated.models",
    "PerformanceProfile": "estimators.performance",
    "RunTable": "data.table",
    "analyze": "api",
    "inputs_digest": "api",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
