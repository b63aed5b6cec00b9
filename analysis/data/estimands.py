"""The ids of claims, and the words for what they claim; both come from the estimand alone.

Grammar: ``<outcome>.<quantity>[.<factor>[*<factor>]][@<factor>=<level>,...]`` with conditions
sorted by factor. Two forms name what two-level factors do not need:

``batch_size=8..16``
    the two levels compared, 16 minus 8, where they are not the first and last of a numeric factor;
``batch_size=128+256+512``
    an average over some of a factor's levels only.

In names and levels the characters ``%@=,*+``, blanks and ``..`` are percent-encoded. A factor with
one level only is named like any other.
"""

from __future__ import annotations

from vggstudy.analysis.data.contrasts import Contrast, is_headline
from vggstudy.analysis.data.levels import encode, write_level
from vggstudy.analysis.data.outcomes import EVERY_RUN, outcome_id
from vggstudy.analysis.data.table import RunTable

QUANTITIES = {0: "mean", 1: "diff", 2: "did"}


def claim_id(outcome: str, contrast: Contrast, table: RunTable) -> str:
    """Id of a contrast of an outcome.

    Parameters
    ----------
    outcome : str
        ``converged``, ``expected``, or the column that is analysed.
    contrast : Contrast
    table : RunTable
    """
    quantity = quantity_of(outcome, contrast)
    parts = [encode(outcome_id(outcome)).replace(".", "%2E"), quantity]
    if contrast.factors:
        parts.append("*".join(encode(name) for name in contrast.factors))
    held = conditions_of(contrast, table)
    text = ",".join(f"{encode(name)}={held[name]}" for name in sorted(held))
    return ".".join(parts) + (f"@{text}" if text else "")


def quantity_of(outcome: str, contrast: Contrast) -> str:
    """``p``, ``mean``, ``diff`` or ``did``."""
    if outcome == "converged" and not contrast.factors:
        return "p"
    return QUANTITIES[len(contrast.factors)]


def conditions_of(contrast: Contrast, table: RunTable) -> dict[str, str]:
    """What an id says after ``@``, by factor."""
    held = {
        condition.factor: "+".join(_level(table, condition.factor, i) for i in condition.levels)
        for condition in contrast.conditions
    }
    for name, pair in zip(contrast.factors, contrast.pairs, strict=True):
        if not is_headline(table, name, pair):
            held[name] = "..".join(_level(table, name, i) for i in pair)
    return held


def _level(table: RunTable, factor: str, index: int) -> str:
    return encode(write_level(table.levels[factor][index]))


def estimand(outcome: str, contrast: Contrast, table: RunTable) -> str:
    """One phrase: what is estimated, where, averaged over what."""
    among = "of all runs" if table.label_rule == EVERY_RUN else "among converged runs"
    what = {
        "converged": "probability of converging",
        "expected": f"expected {table.outcome} of a run, failed runs included",
    }.get(outcome, f"mean {table.outcome} {among}")
    if len(contrast.factors) == 2:
        what = f"difference in differences of the {what}"
    elif contrast.factors:
        what = f"difference in {what}"
    phrases = [what]
    phrases += [
        f"{name} {_raw(table, name, pair[1])} minus {_raw(table, name, pair[0])}"
        for name, pair in zip(contrast.factors, contrast.pairs, strict=True)
    ]
    phrases += _places(contrast, table)
    return ", ".join(phrases)


def _places(contrast: Contrast, table: RunTable) -> list[str]:
    """Conditions, then what is averaged over."""
    fixed = [c for c in contrast.conditions if len(c.levels) == 1]
    parts = [c for c in contrast.conditions if len(c.levels) > 1]
    phrases = [f"at {c.factor} = {_raw(table, c.factor, c.levels[0])}" for c in fixed]
    named = {*contrast.factors, *(c.factor for c in contrast.conditions)}
    free = [name for name in table.factors if name not in named and len(table.levels[name]) > 1]
    free += [f"{c.factor} ({', '.join(_raw(table, c.factor, i) for i in c.levels)})" for c in parts]
    if free:
        phrases.append(f"averaged over {', '.join(free)} with equal weights")
    return phrases


def _raw(table: RunTable, factor: str, index: int) -> str:
    return write_level(table.levels[factor][index])
