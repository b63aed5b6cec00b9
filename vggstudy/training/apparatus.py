"""What a run computes with on its device; the next run of its cell can take it over, in place.

Recorded steps know addresses alone. So a run that is to use what another one has recorded is
written into that one's tensors: its weights, its splits, what is made of them, and the beginning of
its optimizer's state. Whatever a step reads must be written here, by the begin of an epoch
(`GraphSteps.begin`, `Run.begin_epoch`), or earlier in the step itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.data.batches import RunData, SplitTensors
from vggstudy.training.data.transforms import Normaliser
from vggstudy.training.nets.layers import attach_generator
from vggstudy.training.nets.norms import use_native_norms
from vggstudy.training.objective import Objective
from vggstudy.training.optim import make_optimizer, state_of
from vggstudy.training.steps import TrainStep


@dataclass(slots=True)
class Apparatus:
    """The tensors of a run's steps.

    Attributes
    ----------
    data : RunData
    step : TrainStep
    dropout : torch.Generator
        Seeded anew by every epoch.
    draws : bool
        Whether steps draw from it.
    owned : bool
        Whether nothing else reads the splits, so that others can be written into them.
    """

    data: RunData
    step: TrainStep
    dropout: torch.Generator
    draws: bool
    owned: bool

    @classmethod
    def of(
        cls, recipe: Recipe, data: RunData, model: nn.Module, *, owned: bool = False
    ) -> Apparatus:
        """A new one, of a model that it moves to the data's device.

        Parameters
        ----------
        recipe : Recipe
        data : RunData
        model : nn.Module
            As initialised.
        owned : bool
            Whether to copy the splits.
        """
        settings, device = recipe.training, data.train.targets.device
        if owned:
            data = _copy(data)
        model = model.to(device).to(memory_format=torch.channels_last)
        if device.type == "cuda":
            use_native_norms(model)
        if settings.kernels == "fused":
            from vggstudy.training.nets.fused import use_fused_kernels  # imports triton

            use_fused_kernels(model)
        step = TrainStep(
            model=model,
            optimizer=make_optimizer(settings, model.parameters(), device),
            objective=Objective.of(settings, data.train.targets, len(data.classes)),
            precision=settings.precision,
            totals=torch.zeros(4, dtype=torch.float64, device=device),
        )
        made = cls(data, step, torch.Generator(device), draws=False, owned=owned)
        made.renew_generator()
        return made

    def renew_generator(self) -> None:
        """Let dropout draw from a new generator.

        One that a broken capture has drawn from refuses all further work.
        """
        self.dropout = torch.Generator(self.step.totals.device)
        self.draws = attach_generator(self.step.model, self.dropout)

    def fits(self, data: RunData) -> bool:
        """Whether a run of the same cell with these splits can take it over."""
        if not self.owned:
            return all(a is b for a, b in zip(_splits(self.data), _splits(data), strict=True))
        own, new = _parts(self.data), _parts(data)
        return [each.shape for each in own] == [each.shape for each in new]

    def take_over(self, recipe: Recipe, data: RunData, model: nn.Module) -> None:
        """Begin another run of the same cell, in the tensors that there are.

        The given ones are read by work that is issued here: they must live until it is done.

        Parameters
        ----------
        recipe : Recipe
        data : RunData
            It must fit.
        model : nn.Module
            As initialised, on the same device.
        """
        objective = Objective.of(recipe.training, data.train.targets, len(data.classes))
        pairs = list(zip(_parts(self.data), _parts(data), strict=True))
        pairs += zip(_tensors(self.step.model), _tensors(model), strict=True)
        if objective.class_weights is not None and self.step.objective.class_weights is not None:
            pairs.append((self.step.objective.class_weights, objective.class_weights))
        for own, new in pairs:
            if own is not new:
                own.copy_(new)
        for value in [*state_of(self.step.optimizer), self.step.totals]:
            value.zero_()  # where momentum, both of Adam's averages and its count of steps begin
        train, validation, test = _splits(self.data)
        normaliser = self.data.normaliser
        self.data = replace(
            data, train=train, validation=validation, test=test, normaliser=normaliser
        )


def _splits(data: RunData) -> tuple[SplitTensors, ...]:
    """Training, validation, test."""
    return data.train, data.validation, data.test


def _parts(data: RunData) -> list[Tensor]:
    """All that steps and evaluations read of the data."""
    parts = [data.normaliser.scale, data.normaliser.shift]
    for split in _splits(data):
        parts += [split.images, split.targets]
    return parts


def _copy(data: RunData) -> RunData:
    """The same data in tensors that nobody else reads."""
    train, validation, test = (
        SplitTensors(split.images.clone(), split.targets.clone()) for split in _splits(data)
    )
    normaliser = Normaliser(data.normaliser.scale.clone(), data.normaliser.shift.clone())
    return replace(data, train=train, validation=validation, test=test, normaliser=normaliser)


def _tensors(model: nn.Module) -> list[Tensor]:
    """Parameters and buffers, those included that no checkpoint holds."""
    return [each.detach() for each in (*model.parameters(), *model.buffers())]
