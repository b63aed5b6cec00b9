"""Notes of the analysis in the report's language, with words for the names of columns."""

from __future__ import annotations

import re

from vggstudy.analysis.data.design import Term
from vggstudy.analysis.notes import Named, Note, Value, in_english
from vggstudy.analysis.sentences import SENTENCES, WRITTEN, Kind
from vggstudy.report.words.i18n import gettext, mark, said, translated
from vggstudy.report.words.names import friendly, in_words

MORE = mark("%(names)s and %(n)s more")


def spoken(note: Note) -> str:
    """A note in the report's language; one of which only the English is known stays English."""
    if note.name == WRITTEN:
        return in_words(_infinities(_singular(note.text)))
    found = SENTENCES[note.name]
    if not translated():
        gaps = {gap: _english(kind, note.values[gap]) for gap, kind in found.kinds.items()}
        return _infinities(_singular(said(found.text) % gaps))
    gaps = {gap: _gap(kind, note.values[gap]) for gap, kind in found.kinds.items()}
    return gettext(found.text) % gaps if gaps else gettext(found.text)


def _english(kind: Kind, value: Value) -> str:
    """What stands in a gap, with words for the names of columns alone."""
    if isinstance(value, Note):
        return spoken(value)
    if isinstance(value, Named):
        return _named(value, equal="=")
    if isinstance(value, tuple) and kind == Kind.NOTES:
        return _listed(kind, value)
    if kind == Kind.WORDS:
        return said(str(value))
    return in_words(in_english(kind, value))


def _gap(kind: Kind, value: Value) -> str:
    """What stands in a gap, in words."""
    if isinstance(value, Note):
        return spoken(value)
    if isinstance(value, Named):
        return _named(value)
    if isinstance(value, tuple):
        return _listed(kind, value)
    if kind == Kind.WORDS:
        return gettext(str(value))
    return friendly(str(value)) if kind == Kind.FACTOR else in_english(kind, value)


def _listed(kind: Kind, values: tuple[str, ...] | tuple[Note, ...]) -> str:
    """Notes, names of columns, terms or levels, one after the other."""
    if kind == Kind.NOTES:
        return "; ".join(spoken(value) for value in values if isinstance(value, Note))
    texts = [str(value) for value in values]
    if kind == Kind.TERMS:
        return _terms(", ".join(texts))
    words = friendly if kind == Kind.FACTORS else in_words
    return ", ".join(map(words, texts)) or "none"


def term(column: Term) -> str:
    """A model's term with words for its columns: "depth=19:log2(batch size)"."""
    named = (variable.named(friendly(variable.factor)) for variable in column.variables)
    return ":".join(named) or f"({friendly('intercept')})"


def _terms(text: str) -> str:
    """The names of terms in a note, and where their estimates run away to."""
    text = _infinities(text)
    if not translated():
        return in_words(text)
    return re.sub(r"[A-Za-z]\w*", lambda match: friendly(match[0]), text)


def _singular(text: str) -> str:
    """One run in the singular where the analysis counts runs: "1 run: the interval is wide"."""
    return re.sub(r"(?<![\w.])(?<!of )1 (converged |labelled )?runs\b", r"1 \1run", text)


def _infinities(text: str) -> str:
    """Where estimates run away to, as signs that stay on the line of their term."""
    for sign, shown in (("+", "+∞"), ("-", "−∞")):
        text = text.replace(f" (to {sign}infinity)", f"\N{NO-BREAK SPACE}({shown})")
    return text


def _named(value: Named, *, equal: str = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}") -> str:
    """Cells by their levels: "depth = 19, batch normalisation = true and 3 more"."""
    found = "; ".join(
        ", ".join(f"{friendly(factor)}{equal}{level}" for factor, level in cell)
        for cell in value.cells
    )
    return gettext(MORE) % {"names": found, "n": value.more} if value.more else found
