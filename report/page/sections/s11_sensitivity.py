"""Section 11, sensitivity: the same estimates under other rules for what counts as converged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, download, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import PERCENT, Display, confidence_text, read, unit_of
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken
from vggstudy.rounding import references_of, round_interval

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.sensitivity import RuleResult, Sensitivity, Specification

CHECKPOINTS = {"best": mark("best checkpoint"), "final": mark("final checkpoint")}
UNFINISHED = {
    "failed": mark("unfinished as failed"),
    "converged": mark("unfinished as converged"),
}

MOST_CLAIMS = 3
"""Headline claims whose estimates are drawn; the table has all of them."""

MOST_ROWS = 1_000
"""Claims times rules that the table shows."""

MOST_NAMED = 6
"""Changed verdicts that a rule's row names; the data behind the figure mark all of them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Label rules under which everything comes out the same.

    Attributes
    ----------
    name : str
        The first of them, with the number of the others.
    count : int
    outcome : RuleResult
        What each of them gives.
    """

    name: str
    count: int
    outcome: RuleResult


def alike(outcomes: Sequence[RuleResult]) -> tuple[Rules, ...]:
    """The rules, those that agree in every estimate and verdict taken together."""
    groups: list[list[RuleResult]] = []
    for outcome in outcomes:
        for group in groups:
            first = group[0]
            if (first.converged, first.estimates, first.verdicts, first.changed) == (
                outcome.converged,
                outcome.estimates,
                outcome.verdicts,
                outcome.changed,
            ):
                group.append(outcome)
                break
        else:
            groups.append([outcome])
    return tuple(Rules(_name(group, len(groups)), len(group), group[0]) for group in groups)


def _name(group: list[RuleResult], groups: int) -> str:
    """The rules of a group in a few words."""
    if groups == 1:
        if len(group) > 1:
            return gettext("each of the %(n)s rules") % {"n": len(group)}
        return specification_words(group[0].specification)
    others = len(group) - 1
    first = specification_words(group[0].specification)
    if not others:
        return first
    return gettext("%(rule)s (and %(n)s more alike)") % {"rule": first, "n": others}


def specification_words(specification: Specification) -> str:
    """A label rule: "margin 0.05, best checkpoint, unfinished as failed"."""
    parts = [gettext("margin %(margin)s") % {"margin": f"{specification.margin:g}"}]
    if specification.checkpoint:
        parts.append(gettext(CHECKPOINTS[specification.checkpoint]))
    if specification.unfinished:
        parts.append(gettext(UNFINISHED[specification.unfinished]))
    return ", ".join(parts)


def _sentence(found: Sensitivity) -> str:
    """How many verdicts change, and what could not be varied."""
    text = gettext(
        "%(changed)s of %(total)s verdicts change under at least one of %(rules)s label rules"
    )
    text %= {
        "changed": len(found.changed),
        "total": len(found.outcomes[0].verdicts),
        "rules": len(found.outcomes),
    }
    if found.note is None:
        return text
    return gettext("%(text)s; %(note)s") % {"text": text, "note": spoken(found.note)}


def build(view: StudyView) -> Section | None:
    """Build the section; none where the analysis was not repeated under other label rules."""
    found = view.result.sensitivity
    if not view.judged or found is None:
        return None
    values: dict[str, object] = {"sentence": None, "curve": None, "table": None}
    if not found.outcomes:
        note = "" if found.note is None else spoken(found.note)
        values["sentence"] = capitalise(note).rstrip(".") + "."
    else:
        rules = alike(found.outcomes)
        sentence = capitalise(_sentence(found)).rstrip(".") + "."
        if len(rules) == 1:
            sentence += " " + gettext("All of these rules give every run the same label.")
        values = {
            "sentence": sentence,
            "curve": _curve(view, found, rules),
            "table": _specifications(rules) if len(rules) > 1 else None,
        }
    return Section("sensitivity", gettext("Sensitivity"), values, appendix=True)


def _specifications(rules: Sequence[Rules]) -> Table:
    """One row for rules that agree."""
    columns = (
        Column(gettext("Label rule"), numeric=False),
        Column(gettext("Rules")),
        Column(gettext("Runs converged")),
        Column(gettext("Verdicts changed")),
        Column(gettext("Which"), numeric=False),
    )
    rows = [
        (
            entry(capitalise(one.name)),
            entry(one.count),
            entry(one.outcome.converged),
            entry(len(one.outcome.changed)),
            entry(_named(one.outcome.changed)),
        )
        for one in rules
    ]
    return Table(gettext("Verdicts under each label rule"), columns, tuple(rows))


def _named(names: Sequence[str]) -> str:
    """The first of the verdicts that changed, hypotheses before claims, and how many more."""
    shown = ", ".join(names[:MOST_NAMED]) or "–"
    if len(names) <= MOST_NAMED:
        return shown
    words = gettext("%(names)s and %(n)s more")
    return words % {"names": shown, "n": len(names) - MOST_NAMED}


def _curve(view: StudyView, found: Sensitivity, rules: Sequence[Rules]) -> Picture | None:
    """The specification curve: the claims that the rule moves, under every rule."""
    names = list(dict.fromkeys(name for one in rules for name in one.outcome.estimates))
    moved = [n for n in names if len({one.outcome.estimates.get(n) for one in rules}) > 1]
    claims = [claim for name in moved if (claim := view.claims.get(name)) is not None]
    groups = [_group(claim, rules) for claim in claims[:MOST_CLAIMS]]
    groups = [group for group in groups if any(row.low is not None for row in group.rows)]
    if not groups:
        return None
    level = confidence_text(claims[0].level)
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-specifications",
        question=gettext("How much do the estimates depend on the label rule?"),
        caption=gettext(
            "Bars are %(level)s confidence intervals under each rule, the thin mark in each is the "
            "estimate. Of the headline claims that the rule moves the first %(n)s are drawn, the "
            "table has all; rules that agree in everything share a row."
        )
        % {"level": level, "n": MOST_CLAIMS},
        description=" ".join(
            gettext("%(title)s: %(n)s rows.") % {"title": g.title, "n": len(g.rows)} for g in groups
        ),
        table=_table(claims, rules),
        data=download(
            "sensitivity.csv",
            ("rule", "id", "estimate", "low", "high", "changed"),
            [
                (o.specification.name, name, *(value or (None,) * 3), int(name in o.changed))
                for o in found.outcomes
                for name, value in o.estimates.items()
            ],
        ),
    )


def _shown(claim: Claim, outcome: RuleResult) -> Display | None:
    """A claim's numbers under a rule."""
    value = outcome.estimates.get(claim.id)
    if value is None:
        return None
    unit = unit_of(claim)
    marks = references_of(unit.limits, (claim.reference,))
    return Display(
        round_interval(*value, references=marks, scale=unit.scale),
        unit,
        confidence_text(claim.level),
    )


def _group(claim: Claim, rules: Sequence[Rules]) -> ForestGroup:
    """A claim under every rule."""
    rows = []
    for one in rules:
        shown, label = _shown(claim, one.outcome), one.name
        value = one.outcome.estimates.get(claim.id)
        if shown is None or value is None:
            rows.append(ForestRow(label, gettext(ABSENT), None, None, None))
            continue
        scaled = [end * shown.unit.scale for end in value]
        rows.append(ForestRow(label, f"{read(shown.number)} {read(shown.ends)}", *scaled))
    unit = unit_of(claim)
    axis = gettext("percent") if unit is PERCENT else ""
    if unit.scale == 100 and unit is not PERCENT:
        axis = gettext("difference (percentage points)")
    marks = () if claim.reference is None else (claim.reference * unit.scale,)
    return ForestGroup(claim.id, axis, tuple(rows), marks)


def _table(claims: list[Claim], rules: Sequence[Rules]) -> Table:
    """Every claim under every rule."""
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Label rule"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(gettext("Changed"), numeric=False),
    )
    rows = []
    for claim in claims:
        for one in rules:
            shown, name = _shown(claim, one.outcome), one.name
            rows.append(
                (
                    entry(claim.id),
                    entry(capitalise(name)),
                    entry(read(shown.estimate) if shown else ABSENT),
                    Entry(read(shown.ends), evidence=f"{claim.id} {name}")
                    if shown
                    else entry(ABSENT),
                    entry(gettext("yes") if claim.id in one.outcome.changed else gettext("no")),
                )
            )
    return Table(gettext("Estimates under each label rule"), columns, tuple(rows), most=MOST_ROWS)
