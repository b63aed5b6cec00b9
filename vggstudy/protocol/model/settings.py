"""The settings of one training run: data, model and training, as a protocol states them.

Every setting's name is unique among the three sections wherever that was possible, so that a
factor can be named by it alone. A default may never change within a schema version: ids omit
settings at their default (`Recipe.identity`), and a test pins every default.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from vggstudy.stated.base import Integral, Line, Settings

SCHEMA_VERSION = 1

TORCHVISION_PREFIX = "torchvision:"


def _none(value: Any) -> Any:
    """Take the text "none" for what is left out, so that a factor can have it as a level."""
    return None if value == "none" else value


Monitor = Literal["val_loss", "val_accuracy", "train_loss", "test_loss", "test_accuracy"]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1), Integral]

DATA_NAME = r"^(cifar10|digits|imagefolder|synthetic|torchvision:[A-Za-z0-9]+)$"
MODEL_NAME = r"^(vgg|torchvision:[a-z0-9_]+)$"


class DataSettings(Settings):
    """Which images a run sees and how they are prepared."""

    name: str = Field(pattern=DATA_NAME)
    """cifar10 | digits | imagefolder | synthetic | torchvision:NAME (a torchvision dataset)."""
    root: Line | None = None
    """Folder or archive that holds the images; relative to the protocol, the working folder or
    $VGGSTUDY_DATA. Part of a recipe's identity for imagefolder only."""
    train: Count | None = None
    """Images of the training split, validation included (a seeded stratified subset); all of
    them by default."""
    test: Count | None = None
    """Images of the test split (a seeded stratified subset); all of them by default. Where the
    data have no test split, it is drawn from all images; a fifth of them by default."""
    validation: Count | Share = 0.1
    """Images held out of the training split for validation, stratified: a count, or a share."""
    imbalance: Annotated[float, Field(ge=1, le=100_000)] = 1.0
    """Images of the most frequent class per image of the rarest, in the training split, validation
    included: an exponential profile over the classes in their order, made by leaving images out
    (Cui et al. 2019). 1 leaves all; the test split stays as it is."""
    subset_seed: Annotated[int, Field(ge=0), Integral] = 0
    """Seed of the subsets named by train, test and imbalance; the same for every run of a study."""
    classes: Annotated[int, Field(ge=2, le=1000), Integral] = 10
    """Number of classes of synthetic images."""
    resize: Annotated[int, Field(ge=8, le=1024), Integral] | None = None
    """Side in pixels to which images are resized; their own (digits: 32) by default."""
    data_norm: bool = False
    """Data normalisation: every channel to mean 0 and variance 1 over the training images."""
    flip: bool = False
    """Augmentation: random horizontal flips."""
    crop: Annotated[int, Field(ge=0, le=64), Integral] = 0
    """Augmentation: random crops after padding by this many pixels."""


class ModelSettings(Settings):
    """The network."""

    name: str = Field(default="vgg", pattern=MODEL_NAME)
    """vgg | torchvision:NAME (a torchvision classification model)."""
    depth: Annotated[Literal[11, 13, 16, 19], Integral] | None = None
    """Weight layers of a VGG network with its original head; needed for vgg, meaningless
    otherwise."""
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Factor on the number of channels and hidden units (vgg)."""
    batch_norm: bool = False
    """Batch normalisation after every convolution (vgg)."""
    head: Literal["linear", "512", "4096x2"] = "linear"
    """Classifier after the convolutions (vgg): one linear layer, one hidden layer of 512 units,
    or two of 4096."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout probability after each hidden layer of the head, or before its only layer (vgg)."""
    init: Literal[
        "torch", "torchvision", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform"
    ] = "torch"
    """Initialisation of the convolutions and linear layers (vgg). "torch" is the framework's
    default: uniform Kaiming with a = sqrt(5) and random biases; "torchvision" that of
    torchvision's VGG: Kaiming normal (fan out), normal(0, 0.01), zero biases."""
    weights: Annotated[Line | None, BeforeValidator(_none)] = None
    """Pretrained weights by torchvision's name, e.g. "IMAGENET1K_V1", which needs a network the
    first time; "none" trains from scratch, as by default."""
    weights_file: Line | None = None
    """Pretrained weights from a local file (a state_dict)."""


class EarlyStopping(Settings):
    """Stop when the monitored quantity has not improved for a number of epochs."""

    monitor: Monitor = "val_loss"
    """Quantity watched; a test quantity is allowed, and the report then says so."""
    patience: Count = 10
    """Epochs without improvement after which a run stops."""
    min_epochs: Annotated[int, Field(ge=0), Integral] = 0
    """Epochs that every run trains at least: plateaus can outlast the patience."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """Smallest change that counts as an improvement."""


class Scheduler(Settings):
    """How the learning rate changes."""

    name: Literal["none", "plateau", "cosine", "step"] = "none"
    """none | plateau (on the monitored quantity) | cosine (to min_lr over the epochs) | step."""
    patience: Count = 5
    """plateau: epochs without improvement before the rate is reduced."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """plateau, step: what the rate is multiplied by."""
    min_lr: Annotated[float, Field(ge=0)] = 0.0
    """plateau, cosine: the smallest rate."""
    step_size: Count = 30
    """step: epochs between two reductions."""


class TrainingSettings(Settings):
    """How the network is trained."""

    batch_size: Count = 128
    """Images per optimizer step."""
    drop_last: bool = False
    """Drop the last, smaller batch of an epoch (it is never padded)."""
    epochs: Count = 100
    """Largest number of epochs."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    """Optimizer, with torch's defaults for everything not named here."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate at the start, at the reference batch size where it is scaled."""
    lr_scaling: Literal["none", "linear", "sqrt"] = "none"
    """Scales lr with the batch size: by batch_size / lr_reference_batch (linear), or by its square
    root (sqrt)."""
    lr_reference_batch: Count = 128
    """Batch size at which a scaled rate is lr itself."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Momentum (sgd)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay (adamw: decoupled; otherwise an L2 penalty)."""
    loss: Literal["cross_entropy", "weighted_cross_entropy"] = "cross_entropy"
    """Training loss; weighted: by the inverse class frequencies of the training images."""
    output: Literal["logits", "softmax", "log_softmax"] = "logits"
    """What is fed to the loss. Cross entropy takes logits; the others repeat a common mistake."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Arithmetic of the forward and backward pass. "bfloat16": products in bfloat16, weights, sums
    and updates in float32 (autocast). "tf32": products of a GPU in TensorFloat-32; on a CPU, which
    has no such arithmetic, the same bits as float32. A run's record states what was used."""
    kernels: Literal["torch", "fused"] = "torch"
    """What computes bias, batch normalisation, ReLU and pooling (vgg): torch's kernels one after
    another, or fused ones of Triton, which round elsewhere and need a GPU."""
    selection: Monitor | Literal["final"] | None = None
    """Quantity that selects the checkpoint on which the test accuracy is measured; by default
    that of early stopping, else val_loss. "final" takes the last epoch."""
    test_every_epoch: bool = False
    """Record the test loss and accuracy of every epoch, not only of the selected checkpoint."""
    store_probabilities: bool = False
    """Keep the class probabilities of every test image at the selected checkpoint in the run's
    record, for ensembles of replicates: 4 bytes an image and class, a third more as text."""
    early_stopping: EarlyStopping | None = None
    """Early stopping; none by default."""
    scheduler: Scheduler = Scheduler()
    """Learning-rate schedule; constant by default."""

    @property
    def initial_lr(self) -> float:
        """Learning rate of the first epoch: lr, scaled with the batch size where that is asked."""
        if self.lr_scaling == "none":
            return self.lr
        ratio = self.batch_size / self.lr_reference_batch
        return self.lr * (ratio if self.lr_scaling == "linear" else math.sqrt(ratio))

    @property
    def selected_by(self) -> Monitor | Literal["final"]:
        """Quantity that selects the checkpoint, with its default resolved."""
        if self.selection is not None:
            return self.selection
        return self.early_stopping.monitor if self.early_stopping else "val_loss"

    @property
    def monitored(self) -> Monitor:
        """Quantity that early stopping and the plateau schedule watch."""
        if self.early_stopping:
            return self.early_stopping.monitor
        return "val_loss" if self.selected_by == "final" else self.selected_by

    @property
    def uses_test_every_epoch(self) -> bool:
        """Whether the test split is evaluated after every epoch."""
        watched = (self.monitored, self.selected_by)
        return self.test_every_epoch or any(name.startswith("test_") for name in watched)
