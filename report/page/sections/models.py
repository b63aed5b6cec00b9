"""What the fitted models say: odds ratios, coefficients and components of variance as tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.notes import Note
from vggstudy.report.page.sections.s04_accuracy import outcome_scale
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, entry
from vggstudy.report.words.display import (
    PLAIN,
    POINTS,
    POINTS_OF_POINTS,
    Display,
    Unit,
    confidence_text,
    read,
)
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.notes import spoken, term
from vggstudy.rounding import (
    references_of,
    round_interval,
    round_ratio,
    round_significant,
)

if TYPE_CHECKING:
    from vggstudy.analysis.models.accuracy_result import AccuracyModel
    from vggstudy.analysis.models.failure_result import Change, Effect, FailureModel
    from vggstudy.analysis.numbers.intervals import Interval
    from vggstudy.report.page.view import StudyView

COMPONENTS = {
    "between cells": mark("between cells"),
    "between runs of a cell": mark("between runs of a cell"),
    "between shared seeds": mark("between shared seeds"),
    "between initialisations": mark("between initialisations"),
    "between orders of the data": mark("between orders of the data"),
    "between runs beyond both": mark("between runs beyond both"),
}
"""Where variance comes from, as the analysis names it."""

ROUNDOFF = 1e-6
"""Share of an interval's width within which an estimate lies on a reference: a fit that stops where
its steps are small cannot tell them apart."""

LEAST_P = 0.0001
"""Smaller p values are printed as an inequality."""


def failure_model(view: StudyView) -> FailureModel | None:
    """The model of convergence, where one was fitted."""
    models = view.result.models
    fitted = None if models is None else models.failure
    return None if fitted is None or isinstance(fitted, Note) else fitted


def accuracy_model(view: StudyView) -> AccuracyModel | None:
    """The model of the outcome among converged runs, where one was fitted."""
    models = view.result.models
    fitted = None if models is None else models.accuracy
    return None if fitted is None or isinstance(fitted, Note) else fitted


def sentences(view: StudyView) -> dict[str, str]:
    """One sentence on each model: what it found of itself, or why there is none."""
    models = view.result.models
    if models is None:
        return {}
    found = {}
    for name, model in (("failure", models.failure), ("accuracy", models.accuracy)):
        if isinstance(model, Note):
            words = gettext("No model was fitted: %(reason)s.")
            found[name] = words % {"reason": spoken(model).rstrip(".")}
        else:
            found[name] = capitalise(spoken(model.statement()).rstrip(".")) + "."
    return found


def effects_table(view: StudyView) -> Table | None:
    """Odds ratios and risk differences of the model of convergence; None without effects."""
    model = failure_model(view)
    if model is None or not model.effects:
        return None
    columns = (
        Column(gettext("Effect"), numeric=False),
        Column(gettext("Odds ratio")),
        Column(gettext("Interval")),
        Column(gettext("Risk difference")),
        Column(gettext("Interval")),
    )
    rows = [
        (
            entry(_effect_words(view, effect)),
            entry(_ratio_text(effect.odds_ratio.estimate)),
            Entry(_ratio_ends(effect.odds_ratio), evidence=f"odds_ratio {effect.name}"),
            *_risk(effect, model.confidence),
        )
        for effect in model.effects
    ]
    caption = gettext(
        "Odds ratios of converging (Firth's penalised logistic regression, profile likelihood, "
        "%(level)s) and what they come to in points of probability"
    )
    return Table(caption % {"level": confidence_text(model.confidence)}, columns, tuple(rows))


def _effect_words(view: StudyView, effect: Effect) -> str:
    """A factor and its levels; two factors with a cross between them."""
    return capitalise(" × ".join(_change_words(view, change) for change in effect.changes))


def _change_words(view: StudyView, change: Change) -> str:
    """One factor's change: "depth: 19 against 11"."""
    factor = next((f for f in view.factors if f.name == change.factor), None)
    if change.per:
        unit = gettext("doubling") if change.per == "doubling" else gettext("unit")
        text = gettext("odds per %(unit)s, risk %(later)s against %(earlier)s")
        levels = {"later": f"{change.later:g}", "earlier": f"{change.earlier:g}"}
        words = text % {"unit": unit, **levels}
    elif factor is not None and factor.is_switch:
        words = gettext("with against without")
    else:
        levels = {"later": write_level(change.later), "earlier": write_level(change.earlier)}
        words = gettext("%(later)s against %(earlier)s") % levels
    return f"{friendly(change.factor)}: {words}"


def _ratio_text(ratio: float) -> str:
    """An odds ratio; one that the fit cannot tell from 1 is 1."""
    return round_ratio(1.0 if abs(ratio - 1) <= 10 * ROUNDOFF else ratio)


def _ratio_ends(interval: Interval) -> str:
    """Both ends, each to two significant digits; one that is not bounded in words."""
    low, high = interval.low, interval.high
    if not math.isfinite(high):
        return gettext("from %(end)s") % {"end": round_ratio(low)}
    if low <= 0:
        return gettext("up to %(end)s") % {"end": round_ratio(high)}
    return f"[{round_ratio(low)}, {round_ratio(high)}]"


def _risk(effect: Effect, confidence: float) -> tuple[Entry, Entry]:
    """The difference of probabilities, or of two differences, in points."""
    if effect.risk_difference is None:
        return entry(ABSENT), entry(ABSENT)
    unit = POINTS if len(effect.changes) == 1 else POINTS_OF_POINTS
    return _numbers(effect.risk_difference, unit, confidence, key=f"risk_difference {effect.name}")


def _numbers(interval: Interval, unit: Unit, confidence: float, *, key: str) -> tuple[Entry, Entry]:
    """Estimate and interval, rounded together; an end that is infinite is left open."""
    low, high = (end if math.isfinite(end) else None for end in (interval.low, interval.high))
    width = 1.0 if low is None or high is None else high - low
    estimate = 0.0 if abs(interval.estimate) <= ROUNDOFF * width else interval.estimate
    rounded = round_interval(
        estimate, low, high, references=references_of(unit.limits), scale=unit.scale
    )
    shown = Display(rounded, unit, confidence_text(confidence))
    return entry(read(shown.estimate)), Entry(read(shown.ends), evidence=key)


def coefficient_tables(view: StudyView) -> list[Table]:
    """The coefficients of both models, as far as they were fitted."""
    failure, accuracy = failure_model(view), accuracy_model(view)
    tables = []
    if failure is not None and failure.coefficients:
        tables.append(_log_odds(failure))
    if accuracy is not None:
        tables.append(_means(view, accuracy))
    return tables


def _log_odds(model: FailureModel) -> Table:
    """Coefficients of the model of convergence."""
    rows = [
        (
            entry(term(c.term)),
            *_numbers(c.interval, PLAIN, model.confidence, key=f"log_odds {c.term.name}"),
            entry(p_text(c.test.p)),
        )
        for c in model.coefficients
    ]
    caption = gettext("Model of convergence, log odds: %(runs)s runs in %(cells)s cells")
    numbers = {"runs": int(model.n.sum()), "cells": len(model.n)}
    return Table(caption % numbers, _columns(gettext("p")), tuple(rows))


def _means(view: StudyView, model: AccuracyModel) -> Table:
    """Coefficients of the model of the outcome, with their robust standard errors."""
    scale = outcome_scale(view)
    unit = PLAIN if scale == 1 else Unit(scale, POINTS.suffix, (0.0,))
    errors = model.se if model.se_hc3 is None else model.se_hc3
    rows = [
        (
            entry(term(column)),
            *_numbers(interval, unit, model.confidence, key=f"mean {column.name}"),
            entry(round_significant(float(error) * scale)),
        )
        for column, interval, error in zip(
            model.design.columns, model.coefficients, errors, strict=True
        )
    ]
    caption = gettext("Model of the %(measure)s among %(runs)s runs that converged")
    values = {"measure": friendly(view.outcome), "runs": model.fit.response.size}
    return Table(caption % values, _columns(gettext("Standard error")), tuple(rows))


def _columns(last: str) -> tuple[Column, ...]:
    """Headings of a table of coefficients."""
    return (
        Column(gettext("Term"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(last),
    )


def components_table(view: StudyView) -> Table | None:
    """Standard deviations between cells, seeds and runs; None where there are none."""
    models = view.result.models
    found = [] if models is None else models.components.intervals()
    if models is None or not found:
        return None
    scale = outcome_scale(view)
    unit = PLAIN if scale == 1 else Unit(scale, POINTS.suffix, (0.0,))
    rows = [
        (
            entry(capitalise(gettext(COMPONENTS.get(name, name)))),
            *_numbers(_root(variance), unit, models.components.confidence, key=f"sd {name}"),
        )
        for name, variance in found
    ]
    columns = (
        Column(gettext("Component"), numeric=False),
        Column(gettext("SD")),
        Column(gettext("Interval")),
    )
    caption = gettext("Components of the variance of the %(measure)s among runs that converged")
    return Table(caption % {"measure": friendly(view.outcome)}, columns, tuple(rows))


def _root(variance: Interval) -> Interval:
    """A variance's interval as one of the standard deviation; below zero there is none."""
    values = (variance.estimate, variance.low, variance.high)
    estimate, low, high = (math.sqrt(max(value, 0.0)) for value in values)
    return replace(variance, estimate=estimate, low=low, high=high)


def p_text(p: float) -> str:
    """A p value to two significant digits, never a bare 0."""
    return f"<{LEAST_P:f}".rstrip("0") if p < LEAST_P else round_significant(p)
