"""The plan as it was stated, in the appendix: what the numbers rest on, settings, the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.tables import Column, Table, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken


def build(view: StudyView) -> Section | None:
    """Build the section; none where no plan came with the runs."""
    context = view.context
    values = {
        "basis": [(f"{capitalise(spoken(note)).rstrip('.')}.", odd) for note, odd in context.basis],
        "settings": _settings(context.settings),
        "protocol_text": context.protocol_text,
    }
    if not any(values.values()):
        return None
    return Section("plan", gettext("What this rests on"), values, appendix=True)


def _settings(settings: Sequence[tuple[str, str, str]]) -> Table | None:
    """The base recipe, or None where no protocol came with the runs."""
    rows = [tuple(entry(value) for value in row) for row in settings]
    columns = tuple(
        Column(name, numeric=False)
        for name in (gettext("Section"), gettext("Setting"), gettext("Value"))
    )
    return Table(gettext("Settings that all runs share"), columns, tuple(rows)) if rows else None
