"""What the analysis has to tell a reader, as data: a code, and values for a sentence's gaps.

Why a number is missing, what to know of one that is there, when a hypothesis counts as supported.
Their sentences stand in `sentences`; the report says them in its reader's language. Codes and
names of sentences are part of the claims' format: they are never renamed, sentences may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from vggstudy.analysis.sentences import NUMBERS, SENTENCES, WRITTEN, Kind
from vggstudy.errors import AnalysisError


class Reason(StrEnum):
    """Why an estimate or its interval is not available."""

    NO_RUNS = "no_runs"
    NONE_CONVERGED = "none_converged"
    MISSING_CELLS = "missing_cells"
    TOO_FEW_RUNS = "too_few_runs"
    NO_VARIANCE = "no_variance"
    FAILED_ABOVE_CONVERGED = "failed_above_converged"
    FAILED_VALUE_UNKNOWN = "failed_value_unknown"
    UNKNOWN_ESTIMAND = "unknown_estimand"
    SHARED_SEEDS = "shared_seeds"
    NOT_FOLLOWED = "not_followed"
    TOO_FEW_BLOCKS = "too_few_blocks"
    NO_COMMON_UNIT = "no_common_unit"


class Caution(StrEnum):
    """What a reader must know about an estimate that is available."""

    FEW_RUNS = "few_runs"
    WIDE = "wide"
    ZERO_VARIANCE = "zero_variance"
    POOLED_VARIANCE = "pooled_variance"
    UNBALANCED = "unbalanced"
    FEW_CONVERGED = "few_converged"
    SUB_GRID = "sub_grid"
    PLAIN_BOOTSTRAP = "plain_bootstrap"
    SELECTION = "selection"
    SEPARATED = "separated"
    SHARED_SEEDS = "shared_seeds"
    FAILED_VALUE_ASSUMED = "failed_value_assumed"
    CELLS_LEFT_OUT = "cells_left_out"
    HALF_LEARNED = "half_learned"
    OUTLIER_BELOW = "outlier_below"
    CEILING = "ceiling"
    SIMULTANEOUS = "simultaneous"
    SEQUENTIAL = "sequential"
    LOOKED_EARLY = "looked_early"
    UNFINISHED = "unfinished"
    CENSORED = "censored"
    LOG_RANK = "log_rank"
    FEW_BLOCKS = "few_blocks"
    BLOCKS_LEFT_OUT = "blocks_left_out"
    LEVELS_ABSENT = "levels_absent"
    HETEROGENEITY = "heterogeneity"


class ModelReason(StrEnum):
    """Why a fitted quantity, or one over seed blocks, or its interval is not available."""

    TOO_FEW_LEVELS = "too_few_levels"
    NOT_ESTIMABLE = "not_estimable"
    NO_CURVATURE = "no_curvature"
    UNBOUNDED = "unbounded"
    TOO_FEW_SEEDS = "too_few_seeds"
    RESAMPLES_FAILED = "resamples_failed"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    OUTSIDE_RANGE = "outside_range"
    LACK_OF_FIT = "lack_of_fit"
    ALL_CONVERGED = "all_converged"
    NO_DIRECTION = "no_direction"
    NOT_MONOTONE = "not_monotone"
    OTHER_DIRECTION = "other_direction"


class ModelCaution(StrEnum):
    """What a reader must know about a fitted quantity that is available."""

    BEST_SET = "best_set"
    GAPS = "gaps"
    LEVELS_LEFT_OUT = "levels_left_out"
    CURVATURE_NOT_SIGNIFICANT = "curvature_not_significant"
    OUTSIDE_RANGE = "outside_range"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    LACK_OF_FIT = "lack_of_fit"
    OUTLIER = "outlier"
    SOME_RESAMPLES_FAILED = "some_resamples_failed"
    FEW_SEEDS = "few_seeds"
    SEEDS_LEFT_OUT = "seeds_left_out"
    SEEDS_INCOMPLETE = "seeds_incomplete"
    TAKEN_AS_INDEPENDENT = "taken_as_independent"


Levels = tuple[tuple[str, str], ...]
"""A cell by its levels: each factor with the text of its level."""


@dataclass(frozen=True, slots=True)
class Named:
    """The first of some cells by their levels, and how many there are besides.

    Attributes
    ----------
    cells : tuple of Levels
    more : int
    """

    cells: tuple[Levels, ...]
    more: int = 0

    @property
    def names(self) -> list[str]:
        """``depth=19, batch_norm=true`` of each cell."""
        return [", ".join(f"{factor}={level}" for factor, level in cell) for cell in self.cells]

    @property
    def text(self) -> str:
        """``depth=19; depth=11 and 3 more``."""
        return "; ".join(self.names) + (f" and {self.more} more" if self.more else "")

    @classmethod
    def read(cls, names: Iterable[str], more: int) -> Named:
        """The inverse of `names`, for a file that holds these."""
        return cls(tuple(map(_levels, names)), more)


def _levels(name: str) -> Levels:
    """A cell's levels from its name; what has no ``=`` belongs to the level before."""
    found: list[tuple[str, str]] = []
    for part in name.split(", "):
        factor, equals, level = part.partition("=")
        if equals or not found:
            found.append((factor, level))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}, {part}")
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Note:
    """Something to tell a reader, as data: `say` makes one.

    Two notes are equal where they have one code and say the same.

    Attributes
    ----------
    code : str
        A value of `Reason` or `Caution`, or of `ModelReason` or `ModelCaution`; of other notes
        their name.
    name : str
        Of its sentence, a key of `SENTENCES`.
    values : mapping of str to Value
        What stands in the gaps of the sentence.
    """

    code: str
    name: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def written(cls, code: str, text: str) -> Note:
        """A note of which only the English sentence is known, as in a claims file of version 1."""
        return cls(code, WRITTEN, {"name": text})

    @property
    def text(self) -> str:
        """The sentence in English: one clause, with the numbers that led to it."""
        sentence = SENTENCES[self.name]
        return sentence.text % {
            gap: in_english(kind, self.values[gap]) for gap, kind in sentence.kinds.items()
        }

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Note(code={self.code!r}, text={self.text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Note):
            return NotImplemented
        return (self.code, self.text) == (other.code, other.text)

    def __hash__(self) -> int:
        return hash((self.code, self.text))

    def to_dict(self, *, text: bool = True) -> dict[str, Any]:
        """Plain JSON values; the text is for readers and can be left out where there is a name."""
        if self.name == WRITTEN:
            return {"code": self.code, "text": self.text}
        values = {gap: _plain(value) for gap, value in self.values.items()}
        found: dict[str, Any] = {"code": self.code, "name": self.name, "values": values}
        return {**found, "text": self.text} if text else found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Note:
        """The inverse of `to_dict`.

        Raises
        ------
        ValueError
            If there is no sentence of that name, the values do not fill its gaps, or the code is
            no text.
        """
        if not isinstance(data["code"], str):
            raise ValueError("the code of a note must be a text")  # noqa: TRY004 -- as of other data
        if "name" not in data:
            return cls.written(str(data["code"]), str(data["text"]))
        name, values = data["name"], data.get("values", {})
        _check(name, values)
        kinds = SENTENCES[name].kinds
        return cls(data["code"], name, {gap: _read(kinds[gap], values[gap]) for gap in kinds})


def say(name: str, code: str | None = None, /, **values: object) -> Note:
    """A note.

    Parameters
    ----------
    name : str
        Of its sentence, a key of `SENTENCES`.
    code : str, optional
        See `Note`; without it, the name.
    **values : object
        What stands in the gaps of the sentence, as their kinds ask.

    Raises
    ------
    ValueError
        If there is no sentence of that name, or the values do not fill its gaps.
    """
    _check(name, values)
    kinds = SENTENCES[name].kinds
    return Note(str(code or name), name, {gap: _read(kinds[gap], values[gap]) for gap in kinds})


def _check(name: str, values: Mapping[str, object]) -> None:
    """That a sentence has exactly these gaps."""
    if name not in SENTENCES:
        raise ValueError(f"no sentence is named {name!r}")
    gaps = set(SENTENCES[name].kinds)
    if gaps != set(values):
        raise ValueError(f"the sentence {name!r} has the gaps {sorted(gaps)}, got {sorted(values)}")


def _read(kind: Kind, value: Any) -> Value:
    """A value of the kind, from Python or from JSON."""
    if kind == Kind.COUNT:
        return round(float(value))
    if kind in NUMBERS:
        return float(value)
    if kind in (Kind.FACTORS, Kind.LISTED, Kind.TERMS):
        return tuple(map(str, value))
    if kind == Kind.NAMED:
        return value if isinstance(value, Named) else Named.read(value["names"], value["more"])
    if kind == Kind.NOTE:
        return value if isinstance(value, Note) else Note.from_dict(value)
    if kind == Kind.NOTES:
        return tuple(x if isinstance(x, Note) else Note.from_dict(x) for x in value)
    return str(value)


def _plain(value: Value) -> Any:
    """A value as JSON; a number that is not finite in words."""
    if isinstance(value, Note):
        return value.to_dict(text=False)
    if isinstance(value, Named):
        return {"names": value.names, "more": value.more}
    if isinstance(value, tuple):
        return [x.to_dict(text=False) if isinstance(x, Note) else x for x in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def in_english(kind: Kind, value: Value) -> str:
    """A value as a sentence in English has it."""
    if kind == Kind.PERCENT and isinstance(value, float):
        return f"{100 * value:.{4 if value < 0.9999 else 11}g}%"
    if kind in NUMBERS and isinstance(value, int | float):
        return format(value, kind.value)
    if isinstance(value, Note | Named):
        return value.text
    if isinstance(value, tuple):
        between = "; " if kind == Kind.NOTES else ", "
        return between.join(map(str, value)) or "none"
    return str(value)


class NotedError(AnalysisError):
    """What was asked cannot be answered; a report says why in its reader's language."""

    def __init__(self, note: Note) -> None:
        super().__init__(note.text)
        self.note = note


class NotedValueError(ValueError):
    """Numbers from which nothing can be estimated."""

    def __init__(self, note: Note) -> None:
        super().__init__(note.text)
        self.note = note


def note_of(error: Exception, code: str) -> Note:
    """Why a result is missing, from the exception that said so."""
    if isinstance(error, NotedError | NotedValueError):
        return replace(error.note, code=str(code))
    return Note.written(str(code), str(error))


Value = int | float | str | tuple[str, ...] | Named | Note | tuple[Note, ...]
"""What stands in a gap of a sentence."""
