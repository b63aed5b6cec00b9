"""Which outcomes a study's runs record, and what is said of a name that none of them is."""

from __future__ import annotations

from vggstudy.protocol import Protocol
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.study.runs import CLASS_RECALL, MEASURED
from vggstudy.suggest import suggest


def not_recorded(key: str, outcome: str) -> str:
    """``analysis.outcome 'x' is not recorded; recorded: ... (did you mean 'y'?)``."""
    hint = suggest(outcome, MEASURED)
    msg = f"{key} '{outcome}' is not recorded; recorded: {', '.join(MEASURED)}"
    return f"{msg} ({hint})" if hint else msg


def check_outcomes(protocol: Protocol) -> list[str]:
    """What to say before training of outcomes that its runs will not hold.

    They may be columns of a table that the protocol describes, so they are no mistake in it. What a
    trainer of one's own reports is not known beforehand.
    """
    if protocol.trainer is not None:
        return []
    asked = {"analysis.outcome": [protocol.analysis.outcome]}
    asked["analysis.outcomes"] = list(protocol.analysis.outcomes)
    return [
        not_recorded(key, outcome)
        for key, outcomes in asked.items()
        for outcome in outcomes
        if outcome not in (*MEASURED, *ENSEMBLE_OUTCOMES) and not CLASS_RECALL.fullmatch(outcome)
    ]
