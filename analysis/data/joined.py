"""Several files as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.analysis.data.row_names import RowNames
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    from vggstudy.analysis.data.files import TableFile

FILE_COLUMN = "file"
"""Added column: which file a row is from."""


def joined(files: Sequence[tuple[str, TableFile]]) -> TableFile:
    """The rows of several files, one after another, with a column ``file`` unless there is one.

    Parameters
    ----------
    files : sequence of (str, TableFile)
        The name of each, and its rows.

    Raises
    ------
    AnalysisError
        If a file is given twice, lacks a column that another has, or writes one in per cent that
        another does not: it would be of another kind.
    """
    import pandas as pd

    from vggstudy.analysis.data.files import TableFile

    (first, head), *others = files
    columns = [str(name) for name in head.frame.columns]
    for name, other in others:
        own = [str(column) for column in other.frame.columns]
        lacking = [x for x in columns if x not in own]
        extra = [x for x in own if x not in columns]
        if lacking or extra:
            what = f"has no column {lacking[0]!r}" if lacking else f"has a column {extra[0]!r}"
            msg = f"{name}: {what}, unlike {first}: files of one table have the same columns"
            raise AnalysisError(msg)
        frames = (head.frame, other.frame)
        signed = head.percents ^ other.percents
        filled = (x for x in signed if all(frame[x].notna().any() for frame in frames))
        if unlike := min(filled, default=None):
            with_sign, without = (first, name) if unlike in head.percents else (name, first)
            msg = f"{with_sign}: {unlike!r} has per cent signs, unlike in {without}"
            raise AnalysisError(msg)
    names = [name for name, _ in files]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise AnalysisError(f"{again}: is named twice: its rows would count twice")
    rows = []
    parts: list[tuple[str, int, RowNames]] = []
    start = 0
    for (name, file), short in zip(files, _short(names), strict=True):
        frame = file.frame
        if FILE_COLUMN not in columns:
            frame = frame.assign(**{FILE_COLUMN: short})
        parts.append((name, start, file.names))
        start += len(frame)
        rows.append(frame)
    percents = {name for _, file in files for name in file.percents}
    whole = pd.concat(rows, ignore_index=True)
    return TableFile(whole, RowNames(parts=tuple(parts)), frozenset(percents))


def _short(names: Sequence[str]) -> list[str]:
    """Names of files without folder and ending, where these tell them apart."""
    short = [Path(name).name.split(".")[0] for name in names]
    return short if len({*short}) == len(short) else [*names]
