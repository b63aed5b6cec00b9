"""The language of a report: `render` chooses it, every message below reads it.

A label of an axis and a word in a caption are as much part of a language as a sentence. The
catalogue is therefore not handed from function to function: it is chosen once for a rendering, in
a context variable, so that two renderings in two threads do not meet.

Messages are English and stand in the code, marked by `gettext`, `ngettext` or, where they are
looked up later, by `mark`. Outside a rendering they come out as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from vggstudy.errors import AnalysisError

LANGUAGES = ("en", "ko")
DOMAIN = "messages"
LOCALE = Path(__file__).parent.parent / "locale"

_SOURCE = NullTranslations()
_active: ContextVar[NullTranslations] = ContextVar("catalogue", default=_SOURCE)


_instead: ContextVar[Mapping[str, str]] = ContextVar("instead", default={})  # noqa: B039 - read only


@cache
def translations(language: str) -> NullTranslations:
    """The message catalogue of a language.

    Raises
    ------
    AnalysisError
        If there is no catalogue for `language`.
    """
    if language not in LANGUAGES:
        msg = f"no report in language {language!r}: choose one of {', '.join(LANGUAGES)}"
        raise AnalysisError(msg)
    if language == "en":
        return _SOURCE
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return GNUTranslations(file)


@contextmanager
def speaking(language: str, instead: Mapping[str, str] | None = None) -> Iterator[None]:
    """Within it, messages come out in that language.

    Parameters
    ----------
    language : str
    instead : mapping of str to str, optional
        Messages that other ones stand for.

    Raises
    ------
    AnalysisError
        If there is no catalogue for `language`.
    """
    token, other = _active.set(translations(language)), _instead.set(instead or {})
    try:
        yield
    finally:
        _active.reset(token)
        _instead.reset(other)


def gettext(message: str) -> str:
    """The message in the language of the rendering."""
    return _active.get().gettext(said(message))


def said(message: str) -> str:
    """The message that stands for another in this rendering, or that message."""
    return _instead.get().get(message, message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The message for that number of things."""
    return _active.get().ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    """The message where its English means different things in different places."""
    return _active.get().pgettext(context, message)


def mark(message: str) -> str:
    """The message as it is: a mark for what extracts messages, which `gettext` looks up later."""
    return message


def translated() -> bool:
    """Whether the rendering speaks another language than that of the messages."""
    return _active.get() is not _SOURCE
