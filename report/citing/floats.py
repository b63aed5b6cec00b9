r"""A figure or a table as LaTeX takes it in: what stands around it, with its claims' ids."""

from __future__ import annotations

from collections.abc import Iterable

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": r"\ensuremath{-}",
    "–": "--",
    "…": r"\dots{}",
    "²": r"\textsuperscript{2}",
    "±": r"\ensuremath{\pm}",
    **{sign: rf"\{sign}" for sign in "%#&_${}"},
}
"""Characters that LaTeX, or its fonts, would not print as they are."""


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return "".join(SPECIAL.get(sign, sign) for sign in " ".join(text.split()))


def named(claims: Iterable[str]) -> list[str]:
    """Comment lines with the ids of claims."""
    return [f"% claim {name}" for name in claims]


def figure_snippet(path: str, *, name: str, caption: str, width: str, claims: Iterable[str]) -> str:
    r"""A ``figure`` environment, to be taken in by ``\input``.

    Parameters
    ----------
    path : str
        Of the picture, without its ending.
    name : str
        Makes the label.
    caption : str
        In plain words.
    width : str
        As LaTeX writes it: ``3.25in``.
    claims : iterable of str
        Ids of the claims that the figure shows.
    """
    lines = [
        f"% figure {name}, made by vggstudy; it shows these claims:",
        *named(claims),
        r"\begin{figure}",
        r"\centering",
        rf"\includegraphics[width={width}]{{{path}}}",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\label{{fig:{name}}}",
        r"\end{figure}",
    ]
    return "\n".join(lines) + "\n"
