"""What a claim estimates, in the words of the report's language."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.analysis.data.phrases import phrase
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import friendly

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.data.levels import Level
    from vggstudy.report.page.view import StudyView


class _Spoken:
    """The report's language, with words for columns and levels."""

    def __init__(self, view: StudyView) -> None:
        self._factors = {factor.name: factor for factor in view.factors}

    def text(self, message: str, /) -> str:
        return gettext(message)

    def name(self, column: str, /) -> str:
        return friendly(column)

    def level(self, factor: str, level: Level, /) -> str:
        return self._factors[factor].text(level)


def estimand(view: StudyView, claim: Claim) -> str:
    """One phrase: what is estimated, where, averaged over what; factors in the study's order."""
    asked = view.result.estimand(claim.id)
    order = asked.table.factors.index
    held = tuple(sorted(asked.contrast.conditions, key=lambda c: order(c.factor)))
    return phrase(replace(asked, contrast=replace(asked.contrast, conditions=held)), _Spoken(view))
