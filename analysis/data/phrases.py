"""An estimand in words, in whatever language and with whatever names a voice has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.data.outcomes import EVERY_RUN
from vggstudy.analysis.sentences import Words
from vggstudy.quantities import QUANTITIES, Form

if TYPE_CHECKING:
    from vggstudy.analysis.data.contrasts import Condition
    from vggstudy.analysis.data.estimands import Estimand

OUTCOMES = {
    "converged": Words("probability of converging"),
    "expected": Words("expected %(measure)s of a run, failed runs included"),
}
AMONG_CONVERGED = Words("mean %(measure)s among converged runs")
OF_ALL = Words("mean %(measure)s of all runs")
RESTRICTED = Words("restricted mean of %(measure)s until the target is reached, up to %(horizon)s")
REACHING = Words("probability of reaching the target before a run ends")
LOWER = Words("probability of a lower %(measure)s among converged runs")
BETTER = {
    False: Words("probability that a run has the higher %(measure)s, failed runs being worst"),
    True: Words("probability that a run has the lower %(measure)s, failed runs being worst"),
}
"""By whether lower is better: of all runs."""

OF_EVERY_RUN = {
    LOWER: Words("probability of a lower %(measure)s"),
    QUANTITIES["iqm"].words: Words("interquartile mean of the %(measure)s"),
    QUANTITIES["median"].words: Words("median %(measure)s"),
    QUANTITIES["hedges_g"].words: Words("standardised difference (Hedges' g) in %(measure)s"),
    QUANTITIES["cliffs_delta"].words: Words("Cliff's delta of the %(measure)s"),
    QUANTITIES["improvement"].words: Words("probability of a higher %(measure)s"),
    QUANTITIES["prediction"].words: Words("%(measure)s of one more run"),
    QUANTITIES["association"].words: Words(
        "rank correlation (Kendall's tau-b) of %(measure)s and %(other)s within cells"
    ),
    QUANTITIES["peak"].words: Words(
        "%(factor)s at the vertex of a quadratic in the mean %(measure)s"
    ),
    QUANTITIES["best"].words: Words("%(factor)s of the best mean %(measure)s"),
}
"""What quantities of runs that converged are where nothing tells which did."""
COMPARED = Words("%(factor)s %(later)s minus %(earlier)s")
OVER = Words("%(factor)s %(later)s over %(earlier)s")
AT = Words("at %(factor)s = %(level)s")
AVERAGED = Words("averaged over %(factors)s with equal weights")
OVER_BLOCKS = Words("over %(factors)s, which stand for others of their kind")
POOLED = Words("pooled over %(factors)s with equal weights")


class Voice(Protocol):
    """How a reader names things."""

    def text(self, message: str, /) -> str:
        """A message in the reader's language."""

    def name(self, column: str, /) -> str:
        """A factor or a measure."""

    def level(self, factor: str, level: Level, /) -> str:
        """A level of a factor."""


class AsWritten:
    """English, with the names of the table."""

    def text(self, message: str, /) -> str:
        """As it is."""
        return message

    def name(self, column: str, /) -> str:
        """As it is."""
        return column

    def level(self, _factor: str, level: Level, /) -> str:
        """As ids write it."""
        return write_level(level)


def phrase(asked: Estimand, voice: Voice) -> str:
    """One phrase: what is estimated, where, averaged over what."""
    return ", ".join([_what(asked, voice), *_compared(asked, voice), *_places(asked, voice)])


def _what(asked: Estimand, voice: Voice) -> str:
    """What is estimated, without where."""
    table = asked.table
    measure = {"measure": voice.name(table.outcome), "horizon": ""}
    if table.horizon is not None:
        measure["horizon"] = write_level(table.horizon)
    gaps = {
        **measure,
        "what": voice.text(_outcome(asked)) % measure,
        "other": voice.name(asked.beside.outcome) if asked.beside else "",
        "factor": voice.name(asked.along or ""),
    }
    words = QUANTITIES[asked.quantity].words
    if asked.quantity == "improvement":
        if asked.outcome == "expected":
            words = BETTER[table.lower_is_better]
        elif table.lower_is_better:
            words = LOWER
    if not (asked.beside or table).judged:
        words = OF_EVERY_RUN.get(words, words)
    return voice.text(words) % gaps


def _outcome(asked: Estimand) -> str:
    """The words for the outcome's mean."""
    if asked.table.horizon is not None:
        return REACHING if asked.outcome == "converged" else RESTRICTED
    mean = OF_ALL if asked.table.label_rule == EVERY_RUN else AMONG_CONVERGED
    return OUTCOMES.get(asked.outcome, mean)


def _compared(asked: Estimand, voice: Voice) -> list[str]:
    """The later level minus the earlier one, of each factor that is compared."""
    contrast, words = asked.contrast, OVER if asked.quantity == "logrank" else COMPARED
    return [
        voice.text(words)
        % {
            "factor": voice.name(name),
            "earlier": _level(asked, name, pair[0], voice),
            "later": _level(asked, name, pair[1], voice),
        }
        for name, pair in zip(contrast.factors, contrast.pairs, strict=True)
    ]


def _places(asked: Estimand, voice: Voice) -> list[str]:
    """Conditions, then what is averaged over."""
    contrast, table = asked.contrast, asked.table
    phrases = [
        voice.text(AT)
        % {"factor": voice.name(c.factor), "level": _level(asked, c.factor, c.levels[0], voice)}
        for c in contrast.conditions
        if len(c.levels) == 1
    ]
    named = {*contrast.factors, *(c.factor for c in contrast.conditions), asked.along}
    free = [voice.name(x) for x in table.factors if x not in named and len(table.levels[x]) > 1]
    blocks = QUANTITIES[asked.quantity].form.blocks
    if blocks and table.block in table.factors and table.block not in named:
        free.remove(voice.name(table.block))
        phrases.append(voice.text(OVER_BLOCKS) % {"factors": voice.name(table.block)})
    free += [_some(asked, c, voice) for c in contrast.conditions if len(c.levels) > 1]
    if free:
        over = POOLED if QUANTITIES[asked.quantity].form == Form.VALUES else AVERAGED
        phrases.append(voice.text(over) % {"factors": ", ".join(free)})
    return phrases


def _some(asked: Estimand, held: Condition, voice: Voice) -> str:
    """A factor with those of its levels that are averaged over."""
    levels = ", ".join(_level(asked, held.factor, i, voice) for i in held.levels)
    return f"{voice.name(held.factor)} ({levels})"


def _level(asked: Estimand, factor: str, index: int, voice: Voice) -> str:
    return voice.level(factor, asked.table.levels[factor][index])
