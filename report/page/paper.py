"""The report's figures by name, each alone: for notebooks, and for papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vggstudy.analysis.data.outcomes import outcome_id
from vggstudy.errors import AnalysisError
from vggstudy.report.page.building import study_view
from vggstudy.report.page.context import ReportContext
from vggstudy.report.page.figures.files import Font, Format, draw_printed, printed
from vggstudy.report.page.figures.style import Canvas
from vggstudy.report.page.figures.svg import Drawing, collecting
from vggstudy.report.page.sections.contrasts import contrast_picture, pair_label
from vggstudy.report.page.sections.registry import BUILDERS
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.i18n import gettext, speaking
from vggstudy.report.words.instead import instead
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vggstudy.analysis import AnalysisResult, Claim

WIDTH = 3.25
"""Inches: a column of a paper in two."""

NAMED = {
    "fig-convergence-levels": "converged",
    "fig-convergence-cells": "converged.cells",
}
"""Figures that are called by what they show."""


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A figure of the report that stands alone.

    Attributes
    ----------
    name : str
    question, caption : str
        What it answers, and what is drawn.
    claims : tuple of str
        Ids of the claims that it shows.
    draw : callable
        From a canvas to the figure.
    language : str
    speaks : mapping of str to str
        Messages that other ones stand for.
    """

    name: str
    question: str
    caption: str
    claims: tuple[str, ...]
    draw: Callable[[Canvas], Figure]
    language: str
    speaks: Mapping[str, str]

    def figure(self, *, width: float = WIDTH, font: Font = "sans") -> Figure:
        """The figure, to be shown or changed; `printed` scales it to its width."""
        with speaking(self.language, self.speaks):
            return draw_printed(self.draw, key=self.name, width=width, font=font)

    def printed(self, kind: Format, *, width: float = WIDTH, font: Font = "sans") -> bytes:
        """The figure as a file: equal results give equal bytes.

        Parameters
        ----------
        kind : {"pdf", "svg", "png"}
        width : float
            Inches.
        font : {"sans", "serif"}

        Raises
        ------
        AnalysisError
            If no installed font has a letter of its texts.
        """
        figure = self.figure(width=width, font=font)
        return printed(figure, kind, key=self.name, width=width, font=font)


def paper_figures(
    result: AnalysisResult, *, context: ReportContext | None = None, language: str = "en"
) -> dict[str, PaperFigure]:
    """Every figure of the report by its name, none of them drawn yet.

    Those of contrasts are named by outcome besides: ``accuracy.diff`` has the differences over the
    whole grid.

    Raises
    ------
    AnalysisError
        If the language is unknown, or the flow of runs does not add up.
    """
    speaks = instead(result.table)
    with speaking(language, speaks), collecting() as drawings:
        view = study_view(result, context or ReportContext())
        for build in BUILDERS:
            build(view)
        found = {_name(view, one): one for one in drawings}
        drawings.clear()
        for outcome in view.outcomes:
            _contrasts(view, outcome)
        found |= {_name(view, one): one for one in drawings}
        return {
            name: PaperFigure(
                name=name,
                question=one.question,
                caption=one.caption,
                claims=tuple(_claims(one)),
                draw=one.draw,
                language=language,
                speaks=speaks,
            )
            for name, one in found.items()
        }


def plot(
    result: AnalysisResult,
    name: str,
    *,
    width: float = WIDTH,
    font: Font = "sans",
    language: str = "en",
) -> Figure:
    """A figure of the report, as matplotlib's.

    Parameters
    ----------
    result : AnalysisResult
    name : str
        ``accuracy`` (the outcome by cells), ``converged``, ``accuracy.diff`` and the like; a
        name that there is not names all that there are.
    width : float
        Inches that it is to be printed at; it is drawn larger, and saved by ``figure.savefig`` as
        large as it is drawn. See `PaperFigure.printed`.
    font : {"sans", "serif"}
    language : str

    Raises
    ------
    AnalysisError
        If there is no such figure.
    """
    found = paper_figures(result, language=language)
    if name not in found:
        raise _unnamed(name, found)
    return found[name].figure(width=width, font=font)


def chosen(found: dict[str, PaperFigure], match: Sequence[str]) -> list[PaperFigure]:
    """The figures whose names fit one of the patterns; all where there is none.

    Raises
    ------
    AnalysisError
        If a pattern fits none.
    """
    for pattern in match:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise _unnamed(pattern, found)
    return [
        one
        for name, one in found.items()
        if not match or any(fnmatchcase(name, pattern) for pattern in match)
    ]


def _unnamed(name: str, found: Mapping[str, PaperFigure]) -> AnalysisError:
    """That no figure is called so, and what there is."""
    hint = suggest(name, found)
    known = ", ".join(sorted(found))
    return AnalysisError(f"no figure is named {name!r}{f' ({hint})' if hint else ''}: {known}")


def _name(view: StudyView, one: Drawing) -> str:
    """What a figure is called."""
    if one.key == "fig-accuracy":
        return outcome_id(view.outcome)
    return NAMED.get(one.key, one.key.removeprefix("fig-"))


def _claims(one: Drawing) -> Iterator[str]:
    """Claims whose intervals the figure's table prints."""
    seen = dict.fromkeys(entry.claim for row in one.table.rows for entry in row)
    return (name for name in seen if name is not None)


def _contrasts(view: StudyView, outcome: str) -> None:
    """The differences of an outcome over the whole grid."""
    found: list[tuple[Claim, str]] = []
    for factor in view.compared_factors:
        for claim in view.claims.contrasts(outcome, factor):
            shown = view.claims.offered(claim)
            found.append((shown, f"{factor.label} {pair_label(view, factor, shown)}"))
    words = "" if outcome in ("converged", "expected") else friendly(outcome)
    contrast_picture(
        view,
        found,
        key=f"{outcome_id(outcome)}.diff",
        question=gettext("What difference does each factor make?")
        + (f" {capitalise(words)}" if words else ""),
        filename=f"{outcome_id(outcome)}_diff.csv",
    )
