"""Words for the names that the data use: the only place that translates column names."""

from __future__ import annotations

import re

FRIENDLY = {
    "batch_norm": "batch normalisation",
    "batch_size": "batch size",
    "data_norm": "data normalisation",
    "lr": "learning rate",
    "train_accuracy": "training accuracy",
    "train_loss": "training loss",
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
}
"""Friendly names of columns; every other name loses its underscores."""

METHODS = {
    "clopper_pearson": "Clopper-Pearson",
    "clopper_pearson_effective": "Clopper-Pearson on the effective number of runs",
    "fieller_cell": "Fieller",
    "fieller_firth": "Fieller on Firth's estimates",
    "mover_product": "MOVER",
    "mover_wilson": "MOVER on Wilson limits",
    "mover_wilson_effective": "MOVER on Wilson limits of the effective number of runs",
    "newcombe": "Newcombe",
    "newcombe_effective": "Newcombe on the effective number of runs",
    "student_t": "Student t",
    "welch": "Welch",
    "satterthwaite": "Satterthwaite",
}
"""How an interval was made; every other name loses its underscores."""


def method_words(method: str | None) -> str:
    """The method of an interval in words."""
    return "–" if method is None else METHODS.get(method, method.replace("_", " "))


def friendly(name: str) -> str:
    """A column's name in words."""
    return FRIENDLY.get(name) or name.replace("_", " ").strip() or name


def capitalise(text: str) -> str:
    """The text with its first letter upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


def in_words(text: str) -> str:
    """A phrase of the analysis with the friendly names of the columns that it mentions."""
    return re.sub(r"\b[A-Za-z]+(?:_[A-Za-z0-9]+)+\b", lambda match: friendly(match[0]), text)
