"""Section 11, sensitivity: the same estimates under other rules for what counts as converged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestRow
from vggstudy.report.page.figures.specifications import Choice, Curve, draw_specifications
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.evidence import axis_words
from vggstudy.report.page.tables import ABSENT, Column, Table, download, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import Display, confidence_text, read, unit_of
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import brief
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
"""Headline claims whose estimates are drawn; the data have all of them."""

MOST_NAMED = 3
"""Changed verdicts that a rule's row names; the data behind the figure mark all of them."""

PARTS = ("margin", "checkpoint", "unfinished")
"""What a rule is made of."""


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
    values = ((name, getattr(specification, name)) for name in PARTS)
    return ", ".join(_part(value) for name, value in values if value is not None)


def _part(value: float | str) -> str:
    """One part of a rule."""
    if isinstance(value, str):
        return gettext({**CHECKPOINTS, **UNFINISHED}[value])
    return gettext("margin %(margin)s") % {"margin": f"{value:g}"}


def _sentences(view: StudyView, found: Sensitivity) -> str:
    """Which verdicts change, and under which rules; then what could not be varied."""
    names = [result.id for result in view.result.hypotheses]
    texts = [_of_hypotheses(found, names)] if names else []
    texts.append(_of_intervals(found, names))
    if found.note is not None:
        texts.append(capitalise(spoken(found.note)).rstrip(".") + ".")
    return " ".join(texts)


def _of_hypotheses(found: Sensitivity, names: Sequence[str]) -> str:
    """How many hypotheses have another verdict, and the rules that give it."""
    changed = [name for name in names if name in found.changed]
    if not changed:
        text = gettext("No hypothesis has another verdict under any of %(rules)s label rules.")
        return text % {"rules": len(found.outcomes)}
    rules = [o.specification for o in found.outcomes if {*names} & {*o.changed}]
    text = gettext(
        "%(changed)s of %(total)s hypotheses (%(ids)s) have another verdict under another label "
        "rule, and only with %(rules)s."
    )
    return text % {
        "changed": len(changed),
        "total": len(names),
        "ids": ", ".join(changed),
        "rules": rules_words(rules, [outcome.specification for outcome in found.outcomes]),
    }


def _of_intervals(found: Sensitivity, names: Sequence[str]) -> str:
    """How many headline intervals change sides, and the rule under which most do."""
    outcomes, hypotheses = found.outcomes, {*names}
    counts = [len({*outcome.changed} - hypotheses) for outcome in outcomes]
    total = len({*outcomes[0].verdicts} - hypotheses)
    if not any(counts):
        text = gettext(
            "No headline interval changes its side of its reference under any of %(rules)s label "
            "rules."
        )
        return text % {"rules": len(outcomes)}
    text = gettext(
        "%(changed)s of %(total)s headline intervals change their side of their reference under at "
        "least one of %(rules)s label rules, most of them (%(n)s) with %(rule)s."
    )
    return text % {
        "changed": len({*found.changed} - hypotheses),
        "total": total,
        "rules": len(outcomes),
        "n": max(counts),
        "rule": specification_words(outcomes[counts.index(max(counts))].specification),
    }


def rules_words(rules: Sequence[Specification], every: Sequence[Specification]) -> str:
    """Some of all rules in as few words as tell them from the others: "margin 0.2"."""
    wanted = [
        None
        if {getattr(rule, name) for rule in rules} == {getattr(rule, name) for rule in every}
        else tuple(dict.fromkeys(getattr(rule, name) for rule in rules))
        for name in PARTS
    ]

    def is_meant(rule: Specification) -> bool:
        pairs = zip(PARTS, wanted, strict=True)
        return all(values is None or getattr(rule, name) in values for name, values in pairs)

    if [rule for rule in every if is_meant(rule)] == list(rules):
        told = [
            gettext(" or ").join(_part(value) for value in values)
            for name, values in zip(PARTS, wanted, strict=True)
            if values is not None
        ]
        return ", ".join(told) or gettext("each of the %(n)s rules") % {"n": len(every)}
    first = specification_words(rules[0])
    if len(rules) == 1:
        return first
    return gettext("%(rule)s (and %(n)s more)") % {"rule": first, "n": len(rules) - 1}


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
        sentence = _sentences(view, found)
        if len(rules) == 1:
            sentence = gettext("All of these rules give every run the same label.") + " " + sentence
        table = _specifications(rules) if len(rules) > 1 else None
        curve = None if table is None else _curve(view, found, table)
        values = {"sentence": sentence, "curve": curve, "table": None if curve else table}
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


def _curve(view: StudyView, found: Sensitivity, table: Table) -> Picture | None:
    """The specification curve: the claims that the rule moves, under every rule."""
    outcomes = found.outcomes
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.estimates))
    moved = [n for n in names if len({outcome.estimates.get(n) for outcome in outcomes}) > 1]
    claims = [claim for name in moved if (claim := view.claims.get(name)) is not None]
    curves = [_claim_curve(view, claim, outcomes) for claim in claims[:MOST_CLAIMS]]
    if not curves:
        return None
    hypotheses = {result.id for result in view.result.hypotheses}
    counted = [len([n for n in o.changed if not hypotheses or n in hypotheses]) for o in outcomes]
    words = gettext("verdicts changed"), counted
    choices = _choices([outcome.specification for outcome in outcomes])
    return picture(
        lambda canvas: draw_specifications(curves, choices, words, canvas),
        key="fig-specifications",
        question=gettext("How much do the estimates depend on the label rule?"),
        caption=gettext(
            "One column a label rule; bars are %(level)s confidence intervals, the mark in each is "
            "the estimate, – no interval. Dots tell the rule, the last line how many hypotheses "
            "have another verdict under it, or intervals where there are none. Of the headline "
            "claims that the rule moves the first %(n)s are drawn; the data have all %(all)s."
        )
        % {
            "level": confidence_text(claims[0].level),
            "n": len(curves),
            "all": len(claims),
        },
        description=" ".join(
            f"{curve.title}: {row.label}: {row.numbers}." for curve in curves for row in curve.rows
        ),
        table=table,
        data=download(
            "sensitivity.csv",
            ("rule", "id", "estimate", "low", "high", "changed"),
            [
                (o.specification.name, name, *(value or (None,) * 3), int(name in o.changed))
                for o in outcomes
                for name, value in o.estimates.items()
            ],
        ),
    )


def _choices(rules: Sequence[Specification]) -> list[Choice]:
    """What rules differ in: margins, checkpoints, what unfinished runs count as."""
    found = []
    for name in PARTS:
        values = [getattr(rule, name) for rule in rules]
        kinds = [value for value in dict.fromkeys(values) if value is not None]
        for index, kind in enumerate(kinds if len(kinds) > 1 else ()):
            chosen = tuple(value == kind for value in values)
            found.append(Choice(_part(kind), not index, chosen))
    return found


def _claim_curve(view: StudyView, claim: Claim, outcomes: Sequence[RuleResult]) -> Curve:
    """A claim under every rule, in the unit of print."""
    unit = unit_of(claim)
    words = gettext("%(claim)s (%(unit)s)") if unit.scale == 100 else "%(claim)s"
    reference = None if claim.reference is None else claim.reference * unit.scale
    rows = tuple(_row(claim, outcome) for outcome in outcomes)
    return Curve(words % {"claim": brief(view, claim), "unit": axis_words(claim)}, rows, reference)


def _row(claim: Claim, outcome: RuleResult) -> ForestRow:
    """The claim under one rule."""
    shown, label = _shown(claim, outcome), specification_words(outcome.specification)
    value = outcome.estimates.get(claim.id)
    if shown is None or value is None:
        return ForestRow(label, gettext(ABSENT), None, None, None)
    numbers = f"{read(shown.number)} {read(shown.ends)}"
    return ForestRow(label, numbers, *(end * shown.unit.scale for end in value))


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
