"""Whether runs are measured on their training split at the end: where an outcome asks for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from vggstudy.ledger.rows import IndexRow
from vggstudy.protocol import Protocol

OF_TRAINING_SPLIT = frozenset(
    {"train_accuracy", "train_loss", "generalisation_gap", "generalisation_gap_loss"}
)
"""Outcomes that no epoch has measured: weights change while it passes over the training split. The
selected checkpoint needs another pass, which costs a third of an epoch."""

_log = logging.getLogger(__name__)


def needs_training_split(protocol: Protocol) -> bool:
    """Whether an outcome is about such a pass; hypotheses can only be about outcomes."""
    return bool(_asked(protocol))


def _asked(protocol: Protocol) -> list[str]:
    """The outcomes of `OF_TRAINING_SPLIT` that a protocol names."""
    named = (protocol.analysis.outcome, *protocol.analysis.outcomes)
    return [name for name in named if name in OF_TRAINING_SPLIT]


def warn_of_unmeasured(protocol: Protocol, rows: Iterable[IndexRow]) -> None:
    """Say in the log which outcomes lack runs that were executed when nothing asked for them.

    Parameters
    ----------
    protocol : Protocol
    rows : iterable of IndexRow
        Of planned runs.
    """
    asked = _asked(protocol)
    if protocol.trainer is not None or not asked:
        return
    without = sum("train" not in _measured_on(row) for row in rows)
    if without:
        _log.warning(
            "%s: %d runs were executed when nothing asked for numbers of the training split, "
            "and have none; in a folder of its own (vggstudy run --study) the study gets them",
            ", ".join(asked),
            without,
        )


def _measured_on(row: IndexRow) -> Sequence[str]:
    """Splits on which a run's selected checkpoint was measured: all of them, in older records."""
    found: Sequence[str] = row.summary.get("result", {}).get("measured_on", ("train",))
    return found
