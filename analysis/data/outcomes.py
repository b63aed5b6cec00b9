"""Names, units and ranges of what is measured on a run."""

from __future__ import annotations

LABELS = ("converged", "failed_to_learn", "diverged", "crashed", "missing")
"""What a planned run can have come to; a table holds indices into this."""

CONVERGED, FAILED_TO_LEARN, DIVERGED, CRASHED, MISSING = range(len(LABELS))

FAILED = (FAILED_TO_LEARN, DIVERGED)
"""Runs that count as data and did not converge."""

NOT_DATA = (CRASHED, MISSING)

UNITS = {
    "seconds": "s",
    "seconds_per_epoch": "s",
    "epochs": "epochs",
    "steps": "updates",
    "peak_memory_bytes": "bytes",
    "parameters": "parameters",
    "parameters_and_statistics": "parameters",
    "selected_epoch": "epochs",
    "generalisation_gap": "fraction",
    "curve_stability": "nats",
    "train_loss_stability": "nats",
    "final_gradient_norm": "nats per unit of a weight",
    "final_lr": "learning rate",
    "initial_lr": "learning rate",
}
"""Units of recorded columns whose name does not say them."""


_UNKNOWN = "unit of "


COSTS = (
    "seconds",
    "seconds_per_epoch",
    "peak_memory_bytes",
    "parameters",
    "parameters_and_statistics",
    "initial_lr",
)
"""Columns that say nothing of what a run has learned: as further outcomes their means are taken
over all runs that gave data."""

EVERY_RUN = "every run that gave data"
"""The label rule of a table in which all of them count."""


TO_TARGET = "_to_target"
"""What the columns of times to a target end in, where a study's records give them."""


def is_fraction(column: str) -> bool:
    """Whether a column holds fractions in [0, 1], by its name."""
    return column == "accuracy" or column.endswith(("_accuracy", "_recall"))


LOWER = ("loss", "error", "seconds", "seconds_per_epoch", "peak_memory_bytes", "perplexity")
"""Columns of which less is better, besides those that end in one of `LOWER_ENDINGS`."""

LOWER_ENDINGS = ("_loss", "_error", "_seconds")


def lower_by_name(column: str) -> bool:
    """Whether less of a column is better, as its name says: losses, errors, times and memory."""
    return column in LOWER or column.endswith(LOWER_ENDINGS)


def outcome_id(column: str) -> str:
    """The first word of a claim's id: ``accuracy`` for test accuracy, else the column's name."""
    return "accuracy" if column in {"test_accuracy", "accuracy"} else column


def unit_known(column: str) -> bool:
    """Whether a column's name says its unit."""
    return not unit(column).startswith(_UNKNOWN)


def unit(column: str) -> str:
    """Unit of a column's values."""
    if is_fraction(column):
        return "fraction"
    if column.endswith("_loss"):
        return "nats"
    return UNITS.get(column.removesuffix(TO_TARGET), f"{_UNKNOWN}{column}")
