"""The protocol of a study: its model, its file and its grid of cells."""

from vggstudy.protocol.factors import CellRecipe, grid, resolve, setting_paths
from vggstudy.protocol.loading import (
    LoadedProtocol,
    find_protocol,
    load_protocol,
    parse_protocol,
    shipped_protocols,
)
from vggstudy.protocol.model import AnalysisSettings, Design, LabelRule, Protocol
from vggstudy.protocol.schema import json_schema
from vggstudy.protocol.settings import (
    SCHEMA_VERSION,
    DataSettings,
    EarlyStopping,
    ModelSettings,
    Recipe,
    Scheduler,
    TrainingSettings,
)

__all__ = [
    "SCHEMA_VERSION",
    "AnalysisSettings",
    "CellRecipe",
    "DataSettings",
    "Design",
    "EarlyStopping",
    "LabelRule",
    "LoadedProtocol",
    "ModelSettings",
    "Protocol",
    "Recipe",
    "Scheduler",
    "TrainingSettings",
    "find_protocol",
    "grid",
    "json_schema",
    "load_protocol",
    "parse_protocol",
    "resolve",
    "setting_paths",
    "shipped_protocols",
]
