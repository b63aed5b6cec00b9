"""What is to be said of a study besides its results: notes, and how bad they are."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.analysis.notes import Note

SHORT = 16
"""Digits of a digest that are shown; the JSON has them all."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a reader should know of a study.

    Attributes
    ----------
    note : Note
    odd : bool
        Whether it keeps the study from being what was planned before its first run:
        ``--strict`` fails on it.
    damage : bool
        Whether a file of the study cannot be trusted.
    """

    note: Note
    odd: bool = False
    damage: bool = False
