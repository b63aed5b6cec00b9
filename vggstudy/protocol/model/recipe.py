"""A recipe: the settings of one training run together, and what of them makes its identity."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from vggstudy.protocol.model.conflicts import ConflictError, conflicts
from vggstudy.protocol.model.settings import (
    SCHEMA_VERSION,
    DataSettings,
    ModelSettings,
    TrainingSettings,
)
from vggstudy.protocol.model.trainer import TrainerRecipe
from vggstudy.stated.base import Settings


class Recipe(Settings):
    """Everything that decides what one run computes, but for its seeds."""

    data: DataSettings
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _runnable(self) -> Recipe:
        """Refuse settings that cannot stand together; sections alone may still be incomplete."""
        if found := list(conflicts(self.data, self.model, self.training)):
            raise ConflictError(found)
        return self

    @property
    def epochs(self) -> int:
        """The largest number of epochs."""
        return self.training.epochs

    def identity(self) -> dict[str, Any]:
        """What a cell's id is made of: the schema version and every setting off its default.

        Together with the rule that a default never changes within a schema version, two
        different recipes never share an identity, and a setting added later at its default
        leaves every id as it was. Where the images lie is not part of it, except for
        imagefolder, where nothing else names them.
        """
        named = self.model_dump(mode="json", exclude_defaults=True)
        if self.data.name != "imagefolder":
            named["data"].pop("root", None)
        return {"schema": SCHEMA_VERSION, **named}


AnyRecipe = Recipe | TrainerRecipe
"""Of a network that is trained here, or of a trainer of one's own."""


def network(recipe: AnyRecipe) -> Recipe:
    """A recipe that must be a network's.

    Raises
    ------
    TypeError
        If it is one of a trainer.
    """
    if isinstance(recipe, Recipe):
        return recipe
    msg = "a trainer of one's own has no network"
    raise TypeError(msg)
