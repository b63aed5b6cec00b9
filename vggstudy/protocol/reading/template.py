"""What ``vggstudy init`` writes: a starter protocol, or a copy of a shipped one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tomlkit

from vggstudy.errors import ProtocolError
from vggstudy.protocol.model.statement import PLAIN_NAME
from vggstudy.protocol.model.wording import rule_for, shown

_TEMPLATE = """\
# A protocol: which runs to make, from which settings, and how to analyse them.
# What every key means: vggstudy schema, or the page "Protocol file" of the documentation.
schema = 1
name = "{name}"
title = "Does batch normalisation let a deep VGG network learn?"
question = "Do VGG11 and VGG19 learn the digits, with and without batch normalisation?"

# The grid: every combination of levels is a cell, and every cell is run `replicates` times.
[design]
replicates = 3  # more give narrower intervals; adding some later runs only what is new
seed = 2026  # all randomness of the study derives from it
# seeding = "shared"  # the runs of one replicate share their seeds across cells

# A factor is any setting of [data], [model] or [training], with the levels to compare.
[design.factors]
depth = [11, 19]
batch_norm = [false, true]
# batch_size = [8, 32, 128]
# "scheduler.patience" = [3, 5]  # by its path where two sections have a setting of that name

# Cells to leave out: every factor named must match.
# [[design.exclude]]
# depth = 19
# batch_norm = false

# The images: digits, cifar10, synthetic, torchvision:NAME, or imagefolder with a `root`.
[data]
name = "digits"
validation = 0.1  # share, or number, of the training images held out to choose by
# data_norm = true  # every channel to mean 0 and variance 1

# The network: settings that are no factor.
[model]
width = 0.125  # share of the original number of channels: a narrow network trains fast

# How every run is trained.
[training]
batch_size = 32
epochs = 8
optimizer = "adam"
lr = 1e-3

# Stop a run that no longer improves, and never before `min_epochs`.
# [training.early_stopping]
# monitor = "val_loss"
# patience = 10
# min_epochs = 5

# Change the learning rate on the way: plateau, cosine or step.
# [training.scheduler]
# name = "plateau"
# patience = 5
# factor = 0.1
# min_lr = 1e-6

# A run has learned if its validation accuracy exceeds that of guessing by more than this.
[label]
margin = 0.05

# What is estimated, and the confidence level of its intervals.
[analysis]
outcome = "test_accuracy"
confidence = 0.95
"""


def render_template(name: str) -> str:
    """A commented protocol of that name, which runs as it is on the digits images.

    Parameters
    ----------
    name : str
        Name of the study.

    Raises
    ------
    ProtocolError
        If it cannot be the name of a study.
    """
    _check_name(name)
    return _TEMPLATE.format(name=name)


def render_copy(text: str, name: str) -> str:
    """A shipped protocol under another name.

    The line that names the schema is left out: it points to a file beside the shipped one.

    Parameters
    ----------
    text : str
        The shipped protocol.
    name : str
        Name of the study.

    Raises
    ------
    ProtocolError
        If it cannot be the name of a study.
    """
    _check_name(name)
    lines = [line for line in text.splitlines() if not line.startswith("#:schema")]
    at = next(i for i, line in enumerate(lines) if line.startswith("name = "))
    lines[at] = f'name = "{name}"'
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML writes it."""
    plain = list(value) if isinstance(value, tuple) else value
    return str(tomlkit.item(plain).as_string())


def toml_key(name: str) -> str:
    """A key as TOML writes it."""
    return tomlkit.key(name).as_string()


def plain_name(path: Path) -> str:
    """A study's name made of a file's."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.name.partition(".")[0].lower())[:64]
    return name if re.fullmatch(PLAIN_NAME, name) else "table"


def _check_name(name: str) -> None:
    """Refuse what cannot be the name of a study."""
    if not re.fullmatch(PLAIN_NAME, name):
        raise ProtocolError(
            f"a study's name must {rule_for(PLAIN_NAME)}, got {shown(name)}", "init"
        )
