"""Where messages become sentences of a language: gettext's interface, English only so far."""

from __future__ import annotations

from gettext import NullTranslations

from vggstudy.errors import AnalysisError

LANGUAGES = ("en",)


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
    return NullTranslations()
