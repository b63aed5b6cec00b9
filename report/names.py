"""Words for the names that the data use: the only place that translates column names."""

from __future__ import annotations

FRIENDLY = {
    "batch_norm": "batch normalisation",
    "batch_size": "batch size",
    "data_norm": "data normalisation",
}
"""Friendly names of columns; every other name loses its underscores."""

OUTCOMES = {
    "converged": "probability of convergence",
    "expected": "expected accuracy",
    "accuracy": "accuracy among runs that converged",
}
"""What the outcome part of a claim's id means."""


def friendly(name: str) -> str:
    """A column's name in words."""
    return FRIENDLY.get(name) or name.replace("_", " ").strip() or name


def capitalise(text: str) -> str:
    """The text with its first letter upper case and the rest untouched."""
    return text[:1].upper() + text[1:]
