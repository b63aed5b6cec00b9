"""The protocol of a study: its model, its file and its grid of cells."""

from vggstudy.protocol.factors import resolve, setting_paths
from vggstudy.protocol.grid import (
    MAX_CELLS,
    MAX_RUNS,
    CellRecipe,
    describe_levels,
    grid,
    level_text,
)
from vggstudy.protocol.loading import (
    LoadedProtocol,
    find_protocol,
    load_protocol,
    parse_protocol,
    shipped_protocols,
)
from vggstudy.protocol.model import AnalysisSettings, Design, LabelRule, Protocol
from vggstudy.protocol.schema import json_schema, schema_text
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
    "MAX_CELLS",
    "MAX_RUNS",
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
    "describe_levels",
    "find_protocol",
    "grid",
    "json_schema",
    "level_text",
    "load_protocol",
    "parse_protocol",
    "resolve",
    "schema_text",
    "setting_paths",
    "shipped_protocols",
]
