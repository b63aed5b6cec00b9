"""The protocol of a study: its model, its file and its grid of cells."""

from vggstudy.protocol.grid.cells import (
    MAX_CELLS,
    MAX_RUNS,
    CellRecipe,
    describe_levels,
    grid,
)
from vggstudy.protocol.model.factors import resolve, setting_of, setting_paths
from vggstudy.protocol.model.recipe import AnyRecipe, Recipe, network
from vggstudy.protocol.model.settings import (
    SCHEMA_VERSION,
    DataSettings,
    EarlyStopping,
    ModelSettings,
    Scheduler,
    TrainingSettings,
)
from vggstudy.protocol.model.statement import AnalysisSettings, Design, LabelRule
from vggstudy.protocol.model.trainer import TrainerRecipe, TrainerSettings
from vggstudy.protocol.reading.loading import (
    LoadedProtocol,
    Protocol,
    find_protocol,
    load_protocol,
    parse_protocol,
    shipped_protocols,
)
from vggstudy.protocol.reading.schema import json_schema, schema_text

__all__ = [
    "MAX_CELLS",
    "MAX_RUNS",
    "SCHEMA_VERSION",
    "AnalysisSettings",
    "AnyRecipe",
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
    "TrainerRecipe",
    "TrainerSettings",
    "TrainingSettings",
    "describe_levels",
    "find_protocol",
    "grid",
    "json_schema",
    "load_protocol",
    "network",
    "parse_protocol",
    "resolve",
    "schema_text",
    "setting_of",
    "setting_paths",
    "shipped_protocols",
]
