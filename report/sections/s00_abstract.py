"""Section 0, abstract: warnings first, then at most six claims in words and as a forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.display import POINTS, Unit, display, read, unit_of
from vggstudy.report.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.figures.svg import Picture, picture
from vggstudy.report.names import OUTCOMES, capitalise, friendly
from vggstudy.report.prose import claim_sentence
from vggstudy.report.sections.base import Section, Source
from vggstudy.report.sections.headline import Headline, headline_claims
from vggstudy.report.tables import Column, Table, download, entry, estimate_entry, interval_entry
from vggstudy.report.view import Factor, StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

def build(source: Source) -> Section:
    """Build the section."""
    view, t = source.view, source.messages
    headlines = headline_claims(view)
    sentences = [claim_sentence(view, claim, t, factor=factor) for claim, factor in headlines]
    shown = [headline for headline in headlines if display(headline[0]) is not None]
    return Section(
        0,
        "abstract",
        t.gettext("Abstract"),
        {
            "warnings": _warnings(source),
            "sentences": sentences,
            "forest": _forest(view, shown) if shown else None,
        },
    )


def _warnings(source: Source) -> list[str]:
    """What a reader must know before any number."""
    view, t = source.view, source.messages
    warnings = [str(note) for note in view.context.notes]
    if not view.flow.complete:
        warnings.append(_incomplete(source))
    if not any(cell.k for cell in view.cells):
        warnings.append(t.gettext("No run converged: there is no accuracy among converged runs."))
    warnings += [str(warning) for warning in view.result.warnings]
    return list(dict.fromkeys(warnings))


def _incomplete(source: Source) -> str:
    """That runs are missing, with their number and reason."""
    flow, t = source.view.flow, source.messages
    lost = [f"{s.excluded} {t.gettext(s.reason)}" for s in flow.stages if s.excluded]
    return t.gettext("%(n)s of %(planned)s planned runs were analysed; %(lost)s.") % {
        "n": flow["analysed"].n,
        "planned": flow["planned"].n,
        "lost": ", ".join(lost),
    }


def _forest(view: StudyView, headlines: list[Headline]) -> Picture:
    """The headline claims as intervals, one axis for each outcome."""
    keys = dict.fromkeys((claim.outcome, unit_of(claim)) for claim, _ in headlines)
    groups = [_group(view, key, headlines) for key in keys]
    level = display(headlines[0][0])
    assert level is not None
    columns = [Column("Claim", numeric=False), Column("Estimate"), Column("Interval"), Column("n")]
    rows = [
        (entry(row_label(claim, factor)), estimate_entry(claim), interval_entry(claim),
         entry(claim.n))
        for claim, factor in headlines
    ]
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-headline",
        question="How large are the main effects?",
        caption=(
            f"Bars are {level.level} confidence intervals, the thin mark in each is the estimate; "
            "the dark line marks no difference. Every effect averages the cells of the plan with "
            "equal weights. Differences are in percentage points."
        ),
        description=" ".join(f"{r.label}: {r.numbers}." for g in groups for r in g.rows),
        table=Table("Headline claims", tuple(columns), tuple(rows)),
        data=download(
            "headline.csv",
            ("id", "estimate", "low", "high", "level", "n"),
            [(c.id, c.estimate, c.low, c.high, c.level, c.n) for c, _ in headlines],
        ),
    )


def _group(view: StudyView, key: tuple[str, Unit], headlines: list[Headline]) -> ForestGroup:
    """The rows of one outcome."""
    outcome, unit = key
    rows = [
        forest_row(claim, row_label(claim, factor, short=True))
        for claim, factor in headlines
        if (claim.outcome, unit_of(claim)) == key
    ]
    points = unit == POINTS
    return ForestGroup(
        title=capitalise(OUTCOMES.get(outcome, friendly(outcome))),
        axis="difference (percentage points)" if points else friendly(view.outcome),
        rows=tuple(rows),
        reference=0.0 if points else None,
    )


def forest_row(claim: Claim, label: str) -> ForestRow:
    """A claim as a row, in the unit of print."""
    shown = display(claim)
    scale = unit_of(claim).scale
    numbers = [None if v is None else v * scale for v in (claim.estimate, claim.low, claim.high)]
    text = "" if shown is None else f"{read(shown.estimate)} {read(shown.ends)}"
    return ForestRow(label, text, *numbers)


def row_label(claim: Claim, factor: Factor | None, *, short: bool = False) -> str:
    """What a row is about: the factor and its two levels, else the estimand."""
    if factor is None:
        return capitalise(claim.estimand)
    if factor.is_switch:
        text = f"{capitalise(factor.label)}: with against without"
    else:
        earlier, later = factor.text(factor.levels[0]), factor.text(factor.levels[-1])
        text = f"{capitalise(factor.label)}: {later} against {earlier}"
    return text if short else f"{text}, {OUTCOMES.get(claim.outcome, friendly(claim.outcome))}"
