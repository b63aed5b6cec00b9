"""The card of a claim: what it is, how it was made, what to know of it, and how to cite it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import cite
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import confidence_text, size_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, method_words
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import Sentence


@dataclass(frozen=True, slots=True)
class Card:
    """A claim as its card shows it.

    Attributes
    ----------
    facts, forms : tuple of (str, str)
        Method, level and runs; texts to copy, each with its style: none where it cannot be cited.
    cautions : tuple of str
    """

    id: str
    estimand: str
    registered: str
    facts: tuple[tuple[str, str], ...]
    cautions: tuple[str, ...]
    forms: tuple[tuple[str, str], ...]


def card_of(view: StudyView, claim_id: str) -> Card:
    """The card of a claim of the study."""
    claim = view.result.claims[claim_id]
    cautions = tuple(f"{capitalise(spoken(note)).rstrip('.')}." for note in claim.warnings)
    forms: tuple[tuple[str, str], ...] = ()
    try:
        forms = (
            ("APA", cite(claim, "apa")),
            ("LaTeX", rf"\vgg[apa]{{{claim_id}}}"),
            ("Markdown", cite(claim, "md")),
        )
    except AnalysisError as refused:
        cautions = (*cautions, *([] if claim.refusal else [f"{capitalise(str(refused))}."]))
    return Card(
        id=claim_id,
        estimand=capitalise(estimand(view, claim)),
        registered=gettext("Registered") if claim.registered else gettext("Exploratory"),
        facts=(
            (gettext("Method"), method_words(claim.method)),
            (gettext("Confidence"), confidence_text(claim.level)),
            ("n", str(size_of(claim))),
        ),
        cautions=cautions,
        forms=forms,
    )


def told(sections: Sequence[Section]) -> dict[str, Sentence]:
    """The first sentence about each claim: the place to which its row leads back."""
    found: dict[str, Sentence] = {}
    for section in sections:
        for sentence in _sentences(section.values):
            found.setdefault(sentence.claim, sentence)
    return found


def _sentences(value: Any) -> Iterator[Sentence]:
    """The sentences inside a section's values, in the order of their names."""
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _sentences(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _sentences(part)
