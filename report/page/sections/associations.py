"""What goes together with the outcome among runs of one cell, as a table."""

from __future__ import annotations

from vggstudy.report.page.tables import (
    Column,
    Table,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import confidence_text
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly

QUANTITY = "association"


def associations_table(view: StudyView) -> Table | None:
    """One row a further outcome and part of the grid; None where there is no such claim."""
    claims = [claim for claim in view.claims if claim.quantity == QUANTITY]
    if not claims:
        return None
    columns = (
        Column(gettext("Quantity"), numeric=False),
        Column(gettext("Where"), numeric=False),
        Column(gettext("Rank correlation")),
        Column(gettext("Interval")),
        Column("n"),
    )
    rows = [
        (
            entry(capitalise(friendly(claim.outcome))),
            entry(capitalise(view.place(claim)) or gettext("All cells")),
            estimate_entry(claim),
            interval_entry(claim),
            entry(claim.k),
        )
        for claim in claims
    ]
    caption = gettext(
        "Rank correlation with %(measure)s within cells among converged runs, with %(level)s "
        "confidence intervals"
    )
    words = {"measure": friendly(view.outcome), "level": confidence_text(claims[0].level)}
    return Table(caption % words, columns, tuple(rows))
