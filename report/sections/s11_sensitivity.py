"""Section 11, sensitivity: the same estimates under other rules for what counts as converged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.display import PLAIN, Display, level_text, read, unit_of
from vggstudy.report.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.figures.svg import Picture, picture
from vggstudy.report.formatting import references_of, round_interval
from vggstudy.report.names import capitalise, in_words
from vggstudy.report.sections.base import Section, Source
from vggstudy.report.tables import ABSENT, Column, Entry, Table, download, entry
from vggstudy.report.view import StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.sensitivity import Outcome, Sensitivity

MOST_CLAIMS = 3
"""Headline claims whose estimates are drawn; the table has all of them."""


def build(source: Source) -> Section:
    """Build the section."""
    view, t = source.view, source.messages
    found = view.result.sensitivity
    values: dict[str, object] = {"sentence": None, "curve": None, "table": None}
    if found is not None and not found.outcomes:
        values["sentence"] = capitalise(in_words(found.note)).rstrip(".") + "."
    elif found is not None:
        values = {
            "sentence": capitalise(in_words(found.sentence())).rstrip(".") + ".",
            "curve": _curve(view, found),
            "table": _specifications(found),
        }
    return Section(11, "sensitivity", t.gettext("Sensitivity"), values)


def _specifications(found: Sensitivity) -> Table:
    """One row a rule."""
    columns = (
        Column("Label rule", numeric=False),
        Column("Runs converged"),
        Column("Verdicts changed"),
        Column("Which", numeric=False),
    )
    rows = [
        (
            entry(capitalise(outcome.specification.name)),
            entry(outcome.converged),
            entry(len(outcome.changed)),
            entry(", ".join(outcome.changed) or "–"),
        )
        for outcome in found.outcomes
    ]
    return Table("Verdicts under each label rule", columns, tuple(rows))


def _curve(view: StudyView, found: Sensitivity) -> Picture | None:
    """The specification curve: every rule's interval, claim by claim."""
    names = list(dict.fromkeys(name for outcome in found.outcomes for name in outcome.estimates))
    claims = [claim for name in names if (claim := view.claims.get(name)) is not None]
    groups = [_group(claim, found.outcomes) for claim in claims[:MOST_CLAIMS]]
    groups = [group for group in groups if any(row.low is not None for row in group.rows)]
    if not groups:
        return None
    level = level_text(claims[0].level)
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-specifications",
        question="How much do the estimates depend on the label rule?",
        caption=(
            f"Bars are {level} confidence intervals under each rule, the thin mark in each is the "
            f"estimate. The first {MOST_CLAIMS} headline claims are drawn, the table has all."
        ),
        description=" ".join(f"{g.title}: {len(g.rows)} label rules." for g in groups),
        table=_table(claims, found.outcomes),
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


def _shown(claim: Claim, outcome: Outcome) -> Display | None:
    """A claim's numbers under a rule."""
    value = outcome.estimates.get(claim.id)
    if value is None:
        return None
    unit = unit_of(claim)
    marks = references_of(unit.limits, (claim.reference,))
    return Display(
        round_interval(*value, references=marks, scale=unit.scale), unit, level_text(claim.level)
    )


def _group(claim: Claim, outcomes: tuple[Outcome, ...]) -> ForestGroup:
    """A claim under every rule."""
    rows = []
    for outcome in outcomes:
        shown, label = _shown(claim, outcome), outcome.specification.name
        value = outcome.estimates.get(claim.id)
        if shown is None or value is None:
            rows.append(ForestRow(label, ABSENT, None, None, None))
            continue
        scaled = [end * shown.unit.scale for end in value]
        rows.append(ForestRow(label, f"{read(shown.number)} {read(shown.ends)}", *scaled))
    axis = "" if unit_of(claim) is PLAIN else "percent or percentage points"
    return ForestGroup(capitalise(in_words(claim.estimand)), axis, tuple(rows), claim.reference)


def _table(claims: list[Claim], outcomes: tuple[Outcome, ...]) -> Table:
    """Every claim under every rule."""
    columns = (
        Column("Claim", numeric=False),
        Column("Label rule", numeric=False),
        Column("Estimate"),
        Column("Interval"),
        Column("Changed", numeric=False),
    )
    rows = []
    for claim in claims:
        for outcome in outcomes:
            shown, name = _shown(claim, outcome), outcome.specification.name
            rows.append(
                (
                    entry(claim.id),
                    entry(capitalise(name)),
                    entry(read(shown.estimate) if shown else ABSENT),
                    Entry(read(shown.ends), evidence=f"{claim.id} {name}")
                    if shown
                    else entry(ABSENT),
                    entry("yes" if claim.id in outcome.changed else "no"),
                )
            )
    return Table("Estimates under each label rule", columns, tuple(rows))
