"""What a failure model found, and how it prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.design import DesignMatrix, Term
from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.models.text_tables import ends, p_value, text_table
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import LogisticFit
from vggstudy.analysis.numbers.intervals import Interval, percent
from vggstudy.analysis.numbers.profile import LikelihoodRatio
from vggstudy.analysis.numbers.separation import Separation
from vggstudy.markup import html_table, paragraph

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient, in log odds of converging.

    Attributes
    ----------
    term : Term
    se : float
    interval : Interval
        Profile penalised likelihood.
    test : LikelihoodRatio
        Against zero.
    infinite_without_penalty : bool
        Whether maximum likelihood has no finite estimate of it.
    """

    term: Term
    se: float
    interval: Interval
    test: LikelihoodRatio
    infinite_without_penalty: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a factor.

    Attributes
    ----------
    factor : str
    earlier, later : Level
        The ends of the axis, where the factor is the axis.
    per : str or None
        The step of the axis that odds are told for: ``doubling`` or ``unit``; None for levels.
    """

    factor: str
    earlier: Level
    later: Level
    per: Literal["doubling", "unit"] | None = None

    @property
    def name(self) -> str:
        """``depth: 19 against 11``, ``dose: odds per unit, risk 5 against 0``."""
        if self.per is None:
            return f"{self.factor}: {write_level(self.later)} against {write_level(self.earlier)}"
        risk = f"risk {self.later:g} against {self.earlier:g}"
        return f"{self.factor}: odds per {self.per}, {risk}"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a factor does to the chance of converging, averaged over the grid with equal weights.

    Attributes
    ----------
    changes : tuple of Change
        One for a difference; two for an interaction, whose odds ratio is the ratio of two odds
        ratios, and whose risk difference is a difference in differences.
    odds_ratio : Interval
        Geometric mean over cells.
    risk_difference : Interval or None
        Difference of probabilities; None where its limits could not be found.
    """

    changes: tuple[Change, ...]
    odds_ratio: Interval
    risk_difference: Interval | None

    @property
    def name(self) -> str:
        """``depth: 19 against 11; batch_norm: true against false``."""
        return "; ".join(change.name for change in self.changes)

    @property
    def factors(self) -> tuple[str, ...]:
        """Whose changes these are."""
        return tuple(change.factor for change in self.changes)


@dataclass(frozen=True, slots=True, eq=False)
class FailureModel:
    """A fitted model of the probability of converging.

    Attributes
    ----------
    design : DesignMatrix
    k, n : ndarray of shape (M,)
        Converged and labelled runs of the design's cells.
    fit : LogisticFit
        Firth's.
    separation : Separation
        What the penalty had to make finite.
    confidence : float
    where : tuple of Condition
        The part of the grid that the model is for.
    coefficients : tuple of Coefficient
        Empty where the fit did not converge.
    effects : tuple of Effect
    joint : LikelihoodRatio or None
        All coefficients but the intercept against zero; None without any.
    """

    design: DesignMatrix
    k: FloatArray
    n: FloatArray
    fit: LogisticFit
    separation: Separation
    confidence: float
    where: tuple[Condition, ...]
    coefficients: tuple[Coefficient, ...]
    effects: tuple[Effect, ...]
    joint: LikelihoodRatio | None

    def statement(self) -> Note:
        """One sentence on convergence of the fit and on separation."""
        if not self.fit.converged:
            return say("penalised_fit_failed", what=self.fit.failure_reason)
        return self.separation.describe(self.design.names)

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient."""
        import pandas as pd

        return pd.DataFrame([_coefficient_row(c) for c in self.coefficients])

    def effects_frame(self) -> pd.DataFrame:
        """One row an effect."""
        import pandas as pd

        return pd.DataFrame([_effect_row(e) for e in self.effects])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinite or missing limit is None."""
        return {
            "runs": int(self.n.sum()),
            "converged_runs": int(self.k.sum()),
            "cells": len(self.n),
            "confidence": self.confidence,
            "penalised_log_likelihood": self.fit.penalised_log_likelihood,
            "fit_converged": self.fit.converged,
            "statement": self.statement().text,
            "coefficients": [_finite(_coefficient_row(c)) for c in self.coefficients],
            "effects": [_finite(_effect_row(e)) for e in self.effects],
        }

    def summary(self) -> str:
        """Coefficients, effects and the statement on separation as plain text."""
        lines = [
            f"{int(self.k.sum())} of {int(self.n.sum())} runs converged, {len(self.n)} cells",
            self.statement().text,
        ]
        for head, rows in self._tables():
            lines += ["", *text_table(head, rows)]
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        """The same tables for notebooks."""
        tables = (html_table(head, rows) for head, rows in self._tables())
        return paragraph(self.statement().text) + "".join(tables)

    def _tables(self) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        """Heads and rows of the coefficients and of the effects."""
        level = f"{percent(self.confidence)} interval"
        first: list[tuple[str, ...]] = [
            (
                c.term.name,
                f"{c.interval.estimate:.4g}",
                f"{c.se:.3g}",
                ends(c.interval.low, c.interval.high),
                p_value(c.test.p),
            )
            for c in self.coefficients
        ]
        second: list[tuple[str, ...]] = [
            (
                e.name,
                f"{e.odds_ratio.estimate:.4g}",
                ends(e.odds_ratio.low, e.odds_ratio.high),
                f"{e.risk_difference.estimate:.4g}" if e.risk_difference else "-",
                ends(e.risk_difference.low, e.risk_difference.high)
                if e.risk_difference
                else "limits not found",
            )
            for e in self.effects
        ]
        return [
            (("term", "log odds", "se", level, "p"), first),
            (("effect", "odds ratio", level, "risk difference", level), second),
        ]


def _coefficient_row(c: Coefficient) -> dict[str, Any]:
    return {
        "term": c.term.name,
        "estimate": c.interval.estimate,
        "se": c.se,
        "low": c.interval.low,
        "high": c.interval.high,
        "chisq": c.test.chisq,
        "p": c.test.p,
        "infinite_without_penalty": c.infinite_without_penalty,
    }


def _effect_row(e: Effect) -> dict[str, Any]:
    row: dict[str, Any] = {"effect": e.name, "factors": "*".join(e.factors)}
    for name, interval in (("odds_ratio", e.odds_ratio), ("risk_difference", e.risk_difference)):
        row[name] = interval.estimate if interval else None
        row[f"{name}_low"] = interval.low if interval else None
        row[f"{name}_high"] = interval.high if interval else None
    return row


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """The row with None where a number is infinite."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
