r"""LaTeX: every claim behind one keyed macro, ``\vgg[apa]{id}``.

The macro expands to text without executing anything, so that it may stand in section titles and
captions; an id that the file does not define ends the run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from vggstudy._version import __version__
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cautions import refused_checks, said_behind
from vggstudy.report.citing.cite import cite, latex_interval, latex_number
from vggstudy.report.words.display import Display, display, size_of

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

FORMAT = "vggstudy-macros 1"
FORMS = ("apa", "estimate", "interval", "n")
"""What the macro's bracket may say: everything, or one part of it."""

DEFINITION = re.compile(r"\\vgg@def\{(?P<form>[^{}]*)\}\{(?P<key>[^{}]*)\}\{(?P<text>.*)\}\s*$")
"""A line that defines one form of one claim."""

PREAMBLE = r"""\makeatletter
\def\vgg@def#1#2#3{\expandafter\gdef\csname vgg@#1@#2\endcsname{#3}}
\def\vgg[#1]#2{\ifcsname vgg@#1@#2\endcsname
  \csname vgg@#1@#2\expandafter\endcsname\else\vgg@unknown{#1}{#2}\fi}
\protected\def\vgg@unknown#1#2{%
  \PackageError{vggstudy}{there is no claim `\detokenize{#2}' in the form `\detokenize{#1}'}%
    {The ids are listed by: vggstudy cite STUDY}%
  \batchmode\read-1to\vgg@end}
"""


def tex_key(claim_id: str) -> str:
    """The id as it is written in a macro: what TeX would not take as a letter is ``!`` and hex."""
    return re.sub(
        r"[^A-Za-z0-9_.@=,*+:-]",
        lambda match: "".join(f"!{byte:02X}" for byte in match[0].encode()),
        claim_id,
    )


def claim_id_of(key: str) -> str:
    """The id that `tex_key` writes so."""
    return re.sub(
        r"(?:![0-9A-F]{2})+",
        lambda match: bytes.fromhex(match[0].replace("!", "")).decode(errors="replace"),
        key,
    )


DESPITE = "% despite "
"""Begins the line that names the checks in spite of which claims are defined."""


def macros(claims: Iterable[Claim], *, inputs_digest: str, despite: Collection[str] = ()) -> str:
    r"""A file for ``\input``: the macro and the numbers of every claim that has an interval.

    Parameters
    ----------
    claims : iterable of Claim
        Those that fail their own check are left out.
    inputs_digest : str
    despite : collection of str
        Codes of checks that claims may fail; the file names them.

    Raises
    ------
    AnalysisError
        If two ids are written alike.
    """
    lines = [
        f"% {FORMAT}; made by vggstudy {__version__}; use: \\vgg[{'|'.join(FORMS)}]{{id}}",
        f"% inputs SHA-256 {inputs_digest}",
        *([DESPITE + ", ".join(sorted({*despite}))] if despite else []),
        PREAMBLE.rstrip(),
    ]
    seen: dict[str, str] = {}
    for claim in claims:
        if not cited(claim, despite):
            continue
        key = tex_key(claim.id)
        if seen.setdefault(key, claim.id) != claim.id:
            msg = f"{claim.id} and {seen[key]} are both written {key} in LaTeX: rename a level"
            raise AnalysisError(msg)
        lines += definitions(claim, despite)
    return "\n".join([*lines, r"\makeatother", ""])


def cited(claim: Claim, despite: Collection[str]) -> bool:
    """Whether a file of macros has the numbers of a claim."""
    return claim.available and not refused_checks(claim, despite)


def despite_of(file: str) -> tuple[str, ...]:
    """The checks that a file of macros disregards."""
    said = next((line for line in file.split("\n", 4)[:4] if line.startswith(DESPITE)), DESPITE)
    return tuple(code for code in said.removeprefix(DESPITE).split(", ") if code)


def definitions(claim: Claim, despite: Collection[str] = ()) -> Iterator[str]:
    """The lines that define a claim; none of one that is not to be cited."""
    shown = display(claim)
    if shown is None or not cited(claim, despite):
        return
    texts = (cite(claim, "latex", despite=despite), *_parts(claim, shown))
    for form, text in zip(FORMS, texts, strict=True):
        yield f"\\vgg@def{{{form}}}{{{tex_key(claim.id)}}}{{{text}}}"


def _parts(claim: Claim, shown: Display) -> tuple[str, str, str]:
    """Estimate, interval and size alone."""
    unit = shown.unit.suffix.replace("%", r"\%")
    caution = said_behind(claim)
    estimate = f"{latex_number(shown.number)}{unit}{caution}"
    return estimate, latex_interval(shown) + caution, f"{size_of(claim)}"
