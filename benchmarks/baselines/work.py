"""The work that every program does: the same networks, images, epochs and evaluations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch
from torch import nn

from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import parse_protocol
from vggstudy.training.data.batches import RunData
from vggstudy.training.nets.build import build_model
from vggstudy.training.session import Assignment, Site

MOMENTUM = 0.9
EVALUATION_BATCH = 256

_PROTOCOL = """
schema = 1
name = "benchmark"
title = "The work of a benchmark"

[design]
replicates = {seeds}
seed = 2026

[design.factors]
batch_norm = [{batch_norm}]

[data]
name = "{data}"
data_norm = true
{images}

[model]
name = "vgg"
depth = {depth}
width = {width}
init = "he_normal"

[training]
optimizer = "sgd"
lr = {lr}
momentum = {momentum}
batch_size = {batch_size}
drop_last = true
epochs = {epochs}
precision = "{precision}"
selection = "final"
"""


@dataclass(frozen=True)
class Work:
    """Some runs that differ in their seed alone.

    Attributes
    ----------
    depth, width, batch_size, batch_norm, epochs
        As in a protocol.
    seeds : int
        Runs.
    data : str
        ``digits`` or ``synthetic``: nothing is ever downloaded.
    images : int or None
        Training images, validation included; all by default.
    precision : str
        Of vggstudy and of the strong baselines.
    device : str
        ``cpu`` or ``cuda``.
    """

    depth: int
    width: float
    batch_size: int
    batch_norm: bool
    seeds: int
    epochs: int
    data: str
    images: int | None
    precision: str
    device: str

    def __post_init__(self) -> None:
        """Refuse what would need a network."""
        if self.data not in ("digits", "synthetic"):
            raise ValueError(f"data must be digits or synthetic, got {self.data}")

    def short(self) -> Work:
        """One epoch of a few batches of the same size: enough to start a device."""
        return replace(self, epochs=1, images=max(8 * self.batch_size, 320))

    @property
    def name(self) -> str:
        """A name for tables and files."""
        norm = "bn" if self.batch_norm else "plain"
        low = "-bfloat16" if self.device == "cpu" and self.precision == "bfloat16" else ""
        return f"vgg{self.depth}-w{self.width:g}-b{self.batch_size}-{norm}{low}"

    @property
    def lr(self) -> float:
        """A learning rate at which all of them learn: smaller without batch normalisation."""
        return 0.02 if self.batch_norm else 0.005

    def protocol(self) -> str:
        """The work as vggstudy's protocol."""
        images = f"train = {self.images}" if self.images else ""
        values = {**asdict(self), "images": images, "lr": self.lr, "momentum": MOMENTUM}
        values["batch_norm"] = str(self.batch_norm).lower()
        return _PROTOCOL.format(**values)

    @cached_property
    def runs(self) -> tuple[PlannedRun, ...]:
        """The runs with their seeds, as vggstudy plans them."""
        return make_plan(parse_protocol(self.protocol(), filename="benchmark.toml")).runs

    def load(self, replicate: int, device: torch.device) -> RunData:
        """The images of a run, split as vggstudy splits them."""
        run = self.runs[replicate]
        return Site(device=device).load(Assignment(recipe=run.recipe, seeds=run.seeds))

    def model(self, replicate: int, data: RunData) -> nn.Module:
        """The network of a run, with vggstudy's initial weights."""
        run = self.runs[replicate]
        return build_model(
            run.recipe.model, n_classes=len(data.classes), side=data.side, seed=run.seeds.init
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one program took for the runs of a `Work`.

    Attributes
    ----------
    seconds : float
        From the first run's begin to the last run's end: without imports, without compilation
        and without the start of the device, which ``extra`` tells as ``setup_s``.
    runs : int
    accuracies : list of float
        Of the test images with the last weights, by replicate.
    digests : dict of str to str
        SHA-256 of the last weights by run id, or by replicate.
    peak_mib : float
        Largest resident memory of the main process, or on a GPU largest allocated memory.
    extra : dict
        What only this program has to tell.
    """

    seconds: float
    runs: int
    accuracies: list[float]
    digests: dict[str, str]
    peak_mib: float
    extra: dict[str, object]
