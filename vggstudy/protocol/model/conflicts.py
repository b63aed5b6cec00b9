"""Settings that cannot stand together in one recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings

SMALLEST_VGG_SIDE = 32
"""Five poolings halve an image to one pixel."""

VGG_ONLY = ("depth", "width", "batch_norm", "head", "dropout", "init")
"""Model settings that no torchvision model has."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A rule that several settings break together.

    Attributes
    ----------
    message : str
        The rule and the offending values.
    settings : tuple of paths
        The settings that take part, the one most likely to be changed first.
    """

    message: str
    settings: tuple[tuple[str, ...], ...]


class ConflictError(ValueError):
    """A recipe that cannot be run, with all its conflicts."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("; ".join(conflict.message for conflict in conflicts))


def conflicts(
    data: DataSettings, model: ModelSettings, training: TrainingSettings
) -> Iterator[Conflict]:
    """All conflicts of a recipe's sections; none if it can be run."""
    if model.name == "vgg":
        yield from _of_vgg(data, model)
    else:
        yield from _of_other_models(model)
        if training.kernels == "fused":
            message = f'training.kernels = "fused": only for vgg, not for {model.name}'
            yield Conflict(message, (("training", "kernels"), ("model", "name")))
    yield from _of_data(data)
    yield from _of_training(training)


NETWORK = ("data", "model", "training")
"""Sections of a network, which a trainer of one's own has no use for."""


def section_conflicts(document: Mapping[str, Any]) -> Iterator[Conflict]:
    """Sections of a protocol that miss each other, or cannot stand together."""
    label = document.get("label")
    rule = label if isinstance(label, Mapping) else {}
    if document.get("table") is not None:
        yield from _of_table(document, rule)
        return
    if document.get("trainer") is None:
        if document.get("data") is None:
            yield Conflict("'data' is missing", (("data",),))
        if document.get("parameters"):
            message = "[parameters] are for a trainer of your own: there is no [trainer]"
            yield Conflict(message, (("parameters",),))
        for name in ("succeeds", "rule"):
            if rule.get(name) not in (None, "accuracy"):
                message = f"label.{name} is for a trainer of your own: there is no [trainer]"
                yield Conflict(message, (("label", name),))
        return
    for name in NETWORK:
        if document.get(name) is not None:
            message = f"[{name}] has no meaning beside [trainer]: put its settings in [parameters]"
            yield Conflict(message, ((name,),))
    if rule.get("succeeds") is not None and rule.get("rule") is not None:
        message = "label.succeeds and label.rule: give one of them, not both"
        yield Conflict(message, (("label", "rule"),))
    yield from _of_trainer(document["trainer"])


MAKING = ("design", *NETWORK, "trainer", "parameters")
"""Sections that say how runs are made."""


def _of_table(document: Mapping[str, Any], rule: Mapping[str, Any]) -> Iterator[Conflict]:
    """Runs of a table are made: their columns say what they are."""
    for name in MAKING:
        if document.get(name) is not None:
            message = f"[{name}] has no meaning beside [table], whose runs were made elsewhere"
            yield Conflict(message, ((name,),))
    for name in rule:
        if name != "margin":
            message = f"label.{name} has no meaning beside [table]"
            yield Conflict(f"{message}: see table.label, succeeds, chance", (("label", name),))
    analysis = document.get("analysis")
    for name in ("outcome", "outcomes"):
        if isinstance(analysis, Mapping) and name in analysis:
            message = f"analysis.{name} has no meaning beside [table]: table.outcomes names columns"
            yield Conflict(message, (("analysis", name),))


def _of_trainer(trainer: object) -> Iterator[Conflict]:
    """A trainer is a command or a function."""
    if not isinstance(trainer, Mapping):
        return
    given = [name for name in ("command", "function") if trainer.get(name) is not None]
    if not given:
        message = "[trainer] needs a command or the name of a function"
        yield Conflict(message, (("trainer", "command"),))
    if len(given) > 1:
        message = "trainer.command and trainer.function: give one of them, not both"
        yield Conflict(message, (("trainer", "function"),))


def _of_vgg(data: DataSettings, model: ModelSettings) -> Iterator[Conflict]:
    """What vgg needs, and what it cannot take."""
    name = ("model", "name")
    if model.depth is None:
        message = "model.depth is needed for vgg: 11, 13, 16 or 19, in [model] or as a factor"
        yield Conflict(message, (("model", "depth"), name))
    for key in ("weights", "weights_file"):
        if getattr(model, key) is not None:
            message = f"{key} is for torchvision models, not for vgg"
            yield Conflict(message, (("model", key), name))
    if data.resize is not None and data.resize < SMALLEST_VGG_SIDE:
        message = (
            f"vgg halves images five times and needs data.resize >= {SMALLEST_VGG_SIDE}, "
            f"got {data.resize}"
        )
        yield Conflict(message, (("data", "resize"), name))


def _of_other_models(model: ModelSettings) -> Iterator[Conflict]:
    """What only vgg has, and weights from two places."""
    fields = type(model).model_fields
    given = [key for key in VGG_ONLY if getattr(model, key) != fields[key].default]
    if given:
        message = f"{', '.join(given)}: only for vgg, not for {model.name}"
        yield Conflict(message, tuple(("model", key) for key in (*given, "name")))
    if model.weights is not None and model.weights_file is not None:
        message = "weights and weights_file: give one of them, not both"
        yield Conflict(message, (("model", "weights_file"), ("model", "weights")))


def _of_data(data: DataSettings) -> Iterator[Conflict]:
    """Images that nothing names, and a validation split that leaves none to train on."""
    if data.name == "imagefolder" and data.root is None:
        message = "data.root is needed for imagefolder: a folder or an archive of class folders"
        yield Conflict(message, (("data", "root"), ("data", "name")))
    if data.train is not None and data.validation >= data.train:
        message = f"validation = {data.validation} leaves none of the train = {data.train} images"
        yield Conflict(message, (("data", "validation"), ("data", "train")))


def _of_training(training: TrainingSettings) -> Iterator[Conflict]:
    """Limits of a schedule that contradict what they limit."""
    stopping = training.early_stopping
    if stopping is not None and stopping.min_epochs > training.epochs:
        message = (
            f"early_stopping.min_epochs = {stopping.min_epochs} "
            f"is more than epochs = {training.epochs}"
        )
        settings = (("training", "early_stopping", "min_epochs"), ("training", "epochs"))
        yield Conflict(message, settings)
    if training.scheduler.min_lr > training.initial_lr:
        low, rate = training.scheduler.min_lr, training.initial_lr
        scaled = "" if training.lr_scaling == "none" else " scaled with the batch size"
        message = f"scheduler.min_lr = {low} is more than lr = {rate:g}{scaled}"
        yield Conflict(message, (("training", "scheduler", "min_lr"), ("training", "lr")))
