"""The protocol: a question, a design over factors, one base recipe, the analysis of its runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from vggstudy.identity import digest
from vggstudy.protocol.model.conflicts import ConflictError, section_conflicts
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.protocol.model.source_study import SourceStudy
from vggstudy.protocol.model.stopping import Stopping
from vggstudy.protocol.model.table import TableSettings
from vggstudy.protocol.model.target import Target
from vggstudy.protocol.model.trainer import TrainerSettings, command_digest
from vggstudy.stated.base import ONE_LINE, PROSE, Integral, Level, Settings
from vggstudy.stated.hypotheses import Hypothesis
from vggstudy.stated.models import ModelRequest

PLAIN_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
"""Names become folders: no separators, no leading dot, at most 64 characters."""

COLUMN_NAME = r"^[a-z][a-z0-9_]{0,63}$"
"""A column of the table of runs."""

SUCCESS = (
    r"^\s*[A-Za-z_][A-Za-z0-9_./-]{0,63}\s*(?:<=|>=|<|>)\s*"
    r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?\s*$"
)
"""A reported quantity against a number."""


def _version(value: Any) -> Any:
    """Tell ``true`` from 1, which Python does not."""
    if isinstance(value, bool):
        msg = f"schema must be 1, got {str(value).lower()}"
        raise ValueError(msg)  # noqa: TRY004 - pydantic reports it as a wrong value
    return value


class NestedLevels(Settings):
    """Levels that factors take within some levels of others only."""

    within: dict[str, Level | list[Level]] = Field(min_length=1)
    """The cells that are meant: each factor named with its level, or a list of levels."""
    levels: dict[str, Annotated[list[Level], Field(min_length=1, max_length=10_000)]] = Field(
        min_length=1
    )
    """The levels that other factors take there, all of them among those of [design.factors]."""


class Design(Settings):
    """Which cells are run, how often, from which seed."""

    replicates: Annotated[int, Field(ge=1, le=100_000), Integral]
    """Runs per cell."""
    seed: Annotated[int, Field(ge=0, lt=2**63), Integral]
    """Seed of the study, from which every run's seeds are derived."""
    seeding: Literal["independent", "shared", "crossed"] = "independent"
    """independent: every run has seeds of its own; shared: runs of one replicate share them
    across cells, and the replicate is a block; crossed: k x k replicates of a cell join each of k
    initialisations with each of k seeds of everything else (order of the data, split, augmentation,
    dropout), which tells apart how much of the variance each makes."""
    factors: dict[str, Annotated[list[Level], Field(min_length=1, max_length=10_000)]] = Field(
        default_factory=dict
    )
    """Factor name to its levels. A factor is any setting of [data], [model] or [training], by its
    own name where only one section has it ("batch_size"), else by its path ("scheduler.name"); with
    a [trainer] any name of your own."""
    exclude: list[dict[str, Level | list[Level]]] = Field(default_factory=list, max_length=1000)
    """Cells to drop: every factor named must match its level, or one of a list of levels."""

    @model_validator(mode="after")
    def _crossed_is_square(self) -> Design:
        """Crossed seeds need every initialisation with every other seed."""
        side = math.isqrt(self.replicates)
        if self.seeding == "crossed" and (side < 2 or side * side != self.replicates):
            msg = f"crossed seeding needs 4, 9, 16, 25 ... replicates, got {self.replicates}"
            raise ValueError(msg)
        return self

    nested: list[NestedLevels] = Field(default_factory=list, max_length=1000)
    """Nested factors, e.g. a grid of learning rates for each optimizer."""
    stopping: Stopping | None = None
    """Looks at which the study may stop early; none by default."""


NO_DESIGN = {"replicates": 1, "seed": 0}
"""Stands where runs were made elsewhere: nothing is planned by it."""


class LabelRule(Settings):
    """When a run has learned: statistics.md, part 2 (docs/statistics.md)."""

    margin: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Accuracy above the majority-class rate that a converged run must exceed."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Chance that a run which only guesses is labelled converged in any of the epochs that
    `comparisons` counts."""
    comparisons: Literal["run", "study"] | None = None
    """Whose epochs share alpha: run, the epochs that the run may train, so that its label depends
    on nothing but itself; study, those of all planned runs together. By default what was the
    default when the study was first run: "run", and "study" for a study that was registered when
    that was the only rule (study.json of schema 1)."""
    checkpoint: Literal["best", "final"] = "best"
    """Whose validation accuracy is judged: the selected checkpoint's, or the last epoch's."""
    rule: Literal["accuracy", "none"] | None = None
    """With a [trainer]. none, the default there: every finished run counts, nothing can fail to
    learn. accuracy: by the settings above; the trainer then reports val_accuracy, n_validation and
    majority_rate at its end. Without a [trainer] it is accuracy."""
    succeeds: str | None = Field(default=None, max_length=200, pattern=SUCCESS)
    """With a [trainer]: what a run must have reported at its end to have learned, for example
    "val_loss < 3.28"."""


class AnalysisSettings(Settings):
    """What is estimated and with which interval."""

    outcome: str = Field(default="test_accuracy", pattern=COLUMN_NAME)
    """Recorded quantity that is analysed."""
    outcomes: list[Annotated[str, Field(pattern=COLUMN_NAME)]] = Field(
        default_factory=list, max_length=50
    )
    """Further recorded quantities whose means and differences are estimated besides."""
    lower_is_better: bool | None = None
    """Whether less of the outcome is better: in ranks, turning points, improvement and hypotheses.
    By default as its name says: true of losses, errors, seconds and memory. Further outcomes go by
    their names."""
    target: Target | None = None
    """A value that runs are to reach: the time until they do is analysed besides, e.g. {value =
    0.8, curve = "val_accuracy", time = "epochs"}."""
    block: Annotated[str, Field(min_length=1, max_length=300, pattern=ONE_LINE)] | None = None
    """The factor whose levels, such as data sets or tasks, stand for others of their kind: all
    other factors are compared within each of its levels, and intervals are for new levels of it,
    too. None by default."""
    ensemble_size: Annotated[int, Field(ge=2, le=1000), Integral] = 5
    """Replicates in an ensemble, for the outcomes ensemble_accuracy and ensemble_gain; the
    replicates of a cell are cut into disjoint ensembles of this size."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Confidence level of the intervals."""
    probability_interval: Literal["clopper_pearson", "mid_p"] = "clopper_pearson"
    """Interval of the probability that a run of a single cell converges: clopper_pearson covers at
    least its level, mid_p is shorter and covers it on average."""
    seeding: Literal["auto", "independent", "shared", "crossed"] = "auto"
    """How the seeds of runs are read: as one block wherever runs share one (shared), as unrelated
    (independent), as initialisations crossed with data seeds in every cell (crossed); auto: as the
    design says, and of a table as its column seed tells."""
    learning: dict[str, Literal["rises", "falls"]] = Field(default_factory=dict)
    """Numeric factors along which convergence is declared to rise, or to fall, e.g.
    {batch_size = "rises", lr = "falls"}: half of the runs then need a level, or tolerate one. By
    default the runs decide, and where they do not, nothing is claimed of a level."""
    resamples: Annotated[int, Field(ge=99, le=1_000_000), Integral] = 9999
    """Bootstrap resamples."""
    seed: Annotated[int, Field(ge=0, lt=2**63), Integral] = 0
    """Seed of the bootstrap."""
    failure_model: ModelRequest = ModelRequest()
    """The model of the probability of converging."""
    accuracy_model: ModelRequest = ModelRequest()
    """The model of the outcome among converged runs."""


class Statement(Settings):
    """A study, fully stated: what `Protocol` is read into."""

    schema_version: Annotated[Literal[1], BeforeValidator(_version)] = Field(alias="schema")
    """Version of the protocol's format: 1."""
    name: str = Field(pattern=PLAIN_NAME)
    """Short name: lower-case letters, digits, '.', '_' and '-'; names the study's folder."""
    title: Annotated[str, Field(max_length=300, pattern=ONE_LINE)] = ""
    """Title of the report."""
    question: Annotated[str, Field(max_length=5000, pattern=PROSE)] = ""
    """The question in words, shown in the report."""
    design: Design
    """The grid; needed unless a [table] holds runs that were made."""
    data: DataSettings | None = None
    """The images; needed unless a [trainer] trains."""
    model: ModelSettings = ModelSettings()
    """The network."""
    training: TrainingSettings = TrainingSettings()
    """How it is trained."""
    trainer: TrainerSettings | None = None
    """Who trains instead: a command or a function of your own, with factors of your own in
    [design.factors] and fixed values in [parameters]; without [data], [model] and [training]."""
    parameters: dict[str, Level] = Field(default_factory=dict, max_length=1000)
    """Fixed values for a [trainer], by name."""
    table: TableSettings | None = None
    """A table of runs that were made elsewhere, in place of a design and who trains: analyze,
    report, cite and export read it as this says."""
    label: LabelRule = LabelRule()
    """When a run has learned."""
    analysis: AnalysisSettings = AnalysisSettings()
    """What is estimated."""
    hypotheses: list[Hypothesis] = Field(default_factory=list, max_length=100)
    """Registered hypotheses, each with its verdict in the report."""
    source: SourceStudy | None = None
    """The study that is repeated; none by default."""

    @model_validator(mode="before")
    @classmethod
    def _one_trainer(cls, document: Any) -> Any:
        """A network, a trainer with its parameters, or a table, which has no design to state."""
        if not isinstance(document, dict):
            return document
        if found := list(section_conflicts(document)):
            raise ConflictError(found)
        return document if document.get("table") is None else {"design": NO_DESIGN, **document}

    def command_digest(self) -> str | None:
        """SHA-256 of the command and all that is put into it; None without a command."""
        if self.trainer is None or self.trainer.command is None:
            return None
        return command_digest(self.trainer, self.parameters, self.design.factors)

    def states(self, path: Sequence[str]) -> bool:
        """Whether the protocol itself says something of a setting, be it its default."""
        node: Any = self
        for part in path:
            if not isinstance(node, Settings) or part not in node.model_fields_set:
                return False
            node = getattr(node, part)
        return True

    def digest(self) -> str:
        """SHA-256 of what the protocol says, whatever its spelling, order and comments."""
        return digest(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))
