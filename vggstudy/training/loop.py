"""The training loop: epochs of steps, with one synchronisation with the host an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.ahead import Drawn, Draws
from vggstudy.training.apparatus import Apparatus
from vggstudy.training.aside import Background
from vggstudy.training.data.batches import SplitTensors, batch_bounds
from vggstudy.training.draws import epoch_seed
from vggstudy.training.evaluate import Evaluation, Scores
from vggstudy.training.nets.build import restore_tensors, state_tensors
from vggstudy.training.optim import restore_optimizer, set_rate
from vggstudy.training.pending import Stages
from vggstudy.training.results import CURVES, TEST_CURVES
from vggstudy.training.schedule import Patience, Schedule, larger_is_better
from vggstudy.training.steps import EagerSteps, Stepper, evaluation_of
from vggstudy.training.timing import Clock

FINAL = "final"


@dataclass(slots=True)
class Best:
    """The checkpoint on which the test split is measured: the first of the best epochs.

    Attributes
    ----------
    quantity : str
        What selects it; "final" takes the last epoch.
    epoch : int or None
        One-based; None while there is none.
    value : float
    weights : dict of str to Tensor
        Parameters and buffers; empty for "final", where the model itself has them.
    """

    quantity: str
    epoch: int | None = None
    value: float = math.nan
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, epoch: int, values: Mapping[str, float], model: nn.Module) -> None:
        """Keep an epoch's weights if no earlier epoch was as good."""
        if self.quantity == FINAL:
            self.epoch = epoch
            return
        value = values[self.quantity]
        maximise = larger_is_better(self.quantity)
        if self.epoch is None or (value > self.value if maximise else value < self.value):
            self.epoch, self.value = epoch, value
            self.weights = {name: each.clone() for name, each in state_tensors(model).items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from a checkpoint."""
        self.epoch, self.value = state["epoch"], state["value"]
        self.weights = {name: each.to(device) for name, each in state["weights"].items()}


class Run:
    """The live state of one run on its device.

    Parameters
    ----------
    recipe : Recipe
    seeds : Seeds
    apparatus : Apparatus
        With the run's data, and its model as initialised.
    thread : Background or None
        Where epochs are drawn ahead.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    steps : int
        Optimizer updates so far.
    curves : dict of str to list of float
        One value an epoch, not finite ones included.
    diverged : bool
    clock : Clock
    stepper : Stepper
        What issues the steps: operation by operation at first.
    draws : Draws
        The order of each epoch, its flips and crops.
    """

    def __init__(
        self,
        recipe: Recipe,
        seeds: Seeds,
        apparatus: Apparatus,
        *,
        thread: Background | None = None,
    ) -> None:
        settings = recipe.training
        self.recipe, self.seeds = recipe, seeds
        self.apparatus, self.data, self.step = apparatus, apparatus.data, apparatus.step
        self.device = self.data.train.targets.device
        self.model = self.step.model
        maximise = larger_is_better(settings.monitored)
        self.schedule = Schedule.start(
            settings.scheduler,
            initial=settings.initial_lr,
            epochs=settings.epochs,
            maximise=maximise,
        )
        stopping = settings.early_stopping
        self.patience = Patience.start(stopping) if stopping else None
        self.best = Best(settings.selected_by)
        self.bounds = batch_bounds(
            len(self.data.train), settings.batch_size, drop_last=settings.drop_last
        )
        self.stepper: Stepper = EagerSteps(self.step, self.data, self.bounds)
        self.epoch = self.steps = 0
        names = CURVES + (TEST_CURVES if settings.uses_test_every_epoch else ())
        self.curves: dict[str, list[float]] = {name: [] for name in names}
        self.diverged = False
        self.clock = Clock(self.device)
        draw = partial(
            Drawn.of,
            data=recipe.data,
            seeds=seeds,
            count=len(self.data.train),
            page_locked=self.device.type == "cuda",
        )
        self.draws = Draws(draw, thread)

    @property
    def stop_reason(self) -> str | None:
        """Why the run is over; None while it is not."""
        if self.diverged:
            return "non_finite"
        if self.patience and self.patience.exhausted(self.epoch):
            return "early_stopping"
        return "epoch_cap" if self.epoch >= self.recipe.training.epochs else None

    @property
    def selected_epoch(self) -> int | None:
        """One-based epoch of the selected checkpoint; None if a run diverged before any."""
        if self.best.quantity == FINAL and self.diverged:
            return None
        return self.best.epoch

    def run_epoch(self) -> dict[str, float]:
        """Train and evaluate one epoch; the entries it adds to the curves."""
        self.begin_epoch()
        self.stepper.issue(0, len(self.bounds))
        return self.finish_epoch(self.measure().tolist())

    def begin_epoch(self) -> None:
        """Set the learning rate and take what the coming epoch draws."""
        epoch = self.epoch + 1
        self.clock.start()
        set_rate(self.step.optimizer, self.schedule.rate)
        self.model.train()
        self.step.totals.zero_()
        self.apparatus.dropout.manual_seed(epoch_seed(self.seeds.dropout, epoch))
        drawn = self.draws.take(epoch)
        self.stepper.begin(drawn.order, drawn.augmentation)

    def finish_epoch(self, numbers: Sequence[float]) -> dict[str, float]:
        """Take what `measure` found on the device; the entries it adds to the curves."""
        self.clock.stop()
        values = self._values(numbers)
        self.epoch += 1
        self.steps += len(self.bounds)
        for name, curve in self.curves.items():
            curve.append(values[name])
        self.diverged = not all(math.isfinite(value) for value in values.values())
        if not self.diverged:
            self._advance(values)
        return {name: values[name] for name in self.curves}

    @property
    def augmented(self) -> bool:
        """Whether the recipe has flips or crops."""
        return bool(self.recipe.data.flip or self.recipe.data.crop)

    def measure(self) -> Tensor:
        """Everything an epoch is known by, on the device, once its steps have been issued.

        The next epoch is drawn while the device works.

        Returns
        -------
        Tensor of float64, shape (8,) or (11,)
            Sums of `TrainStep.totals`, the largest weight, `Evaluation.totals` of the validation
            split, and of the test split where the protocol asks for its curve.
        """
        self.clock.lap()
        largest = get_total_norm(self.model.parameters(), norm_type=math.inf)
        sums = [self.step.totals, largest.detach().double()[None]]
        sums += [self.stepper.evaluate(split) for split in self.watched_splits]
        found = torch.cat(sums)
        self.clock.end()
        if self.epoch + 1 < self.recipe.training.epochs:
            self.draws.ask(self.epoch + 2)
        return found

    @property
    def watched_splits(self) -> list[SplitTensors]:
        """The splits on which every epoch is measured."""
        splits = [self.data.validation]
        if "test_loss" in self.curves:
            splits.append(self.data.test)
        return splits

    def _values(self, numbers: Sequence[float]) -> dict[str, float]:
        """An epoch's quantities by name, from the sums of `measure`."""
        splits = self.watched_splits
        seen = self.bounds[-1][1]
        scores = [Scores.of(list(numbers[:3]), seen)]
        scores += [
            Scores.of(list(numbers[at : at + 3]), len(s))
            for at, s in zip((5, 8), splits, strict=False)
        ]
        values = {
            "lr": self.schedule.rate,
            "gradient_norm": numbers[3] / len(self.bounds),
            "largest_weight": numbers[4],
        }
        for name, score in zip(("train", "val", "test"), scores, strict=False):
            values |= {f"{name}_loss": score.loss, f"{name}_accuracy": score.accuracy}
        return values

    def evaluate(self, split: SplitTensors) -> Stages[Evaluation]:
        """Sums and predictions over a split with the present weights, in stages."""
        return evaluation_of(self.step, self.data, split)

    def _advance(self, values: Mapping[str, float]) -> None:
        """Tell an epoch's values to all that decide by them."""
        watched = values[self.recipe.training.monitored]
        self.best.offer(self.epoch, values, self.model)
        self.schedule.advance(self.epoch, watched)
        if self.patience:
            self.patience.advance(watched)

    def state(self) -> dict[str, Any]:
        """Everything the rest of the run depends on: tensors and plain values.

        The generators need no state of their own: every epoch seeds them anew.
        """
        return {
            "model": state_tensors(self.model),
            "optimizer": self.step.optimizer.state_dict(),
            "schedule": self.schedule.state(),
            "patience": self.patience.state() if self.patience else None,
            "best": self.best.state(),
            "epoch": self.epoch,
            "steps": self.steps,
            "curves": self.curves,
            "clock": self.clock.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where `state` was taken."""
        restore_tensors(self.model, state["model"])
        restore_optimizer(self.step.optimizer, state["optimizer"])
        self.schedule.restore(state["schedule"])
        if self.patience:
            self.patience.restore(state["patience"])
        self.best.restore(state["best"], self.device)
        self.epoch, self.steps = state["epoch"], state["steps"]
        self.curves = {name: list(state["curves"][name]) for name in self.curves}
        self.clock.restore(state["clock"])
