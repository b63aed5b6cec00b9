"""What the headline claims would be if the seeds of a table were read otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.sections.headline import Headline
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, entry, interval_entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import display, read, size_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


def other_reading(view: StudyView, headlines: list[Headline]) -> Table | None:
    """The headline claims' intervals beside those of the other reading; None without one."""
    others = {claim.id: claim for claim in view.result.otherwise}
    chosen = [claim for claim, _ in headlines if claim.id in others]
    if not chosen:
        return None
    caption = (
        gettext("Runs of one seed are taken as a block; otherwise: if they were unrelated")
        if view.result.seeds.shared
        else gettext("Runs are taken as unrelated; otherwise: if those of one number shared a seed")
    )
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Interval")),
        Column(gettext("Otherwise")),
        Column("n"),
    )
    rows = [
        (
            entry(capitalise(estimand(view, claim))),
            _own(claim),
            _ends(others[claim.id]),
            entry(size_of(claim)),
        )
        for claim in chosen
    ]
    return Table(caption, columns, tuple(rows))


def _own(claim: Claim) -> Entry:
    """The claim's own interval; what is beside it stands elsewhere."""
    shown = interval_entry(claim)
    return Entry(shown.text, shown.claim)


def _ends(claim: Claim) -> Entry:
    """The interval of the other reading, which is no claim that could be cited."""
    shown = display(claim) if claim.available else None
    if shown is None:
        return entry(ABSENT)
    return Entry(read(shown.ends), evidence=f"{claim.id}, seeds read otherwise")
