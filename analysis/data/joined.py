"""Several files as one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.analysis.data.row_names import RowNames
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    from vggstudy.analysis.data.files import TableFile

FILE_COLUMN = "file"
"""Added column: which file a row is from, by its name without ending."""


def joined(files: Mapping[str, TableFile]) -> TableFile:
    """The rows of several files, one after another, with a column ``file`` unless there is one.

    Parameters
    ----------
    files : mapping of str to TableFile
        By the files' names.

    Raises
    ------
    AnalysisError
        If a file lacks a column that another has: it would be of another kind.
    """
    import pandas as pd

    from vggstudy.analysis.data.files import TableFile

    first, *others = files
    columns = [str(name) for name in files[first].frame.columns]
    for name in others:
        own = [str(column) for column in files[name].frame.columns]
        lacking = [x for x in columns if x not in own]
        extra = [x for x in own if x not in columns]
        if lacking or extra:
            what = f"has no column {lacking[0]!r}" if lacking else f"has a column {extra[0]!r}"
            msg = f"{name}: {what}, unlike {first}: files of one table have the same columns"
            raise AnalysisError(msg)
    frames = []
    parts: list[tuple[str, int, RowNames]] = []
    start = 0
    for name, file in files.items():
        frame = file.frame
        if FILE_COLUMN not in columns:
            frame = frame.assign(**{FILE_COLUMN: Path(name).name.split(".")[0]})
        parts.append((name, start, file.names))
        start += len(frame)
        frames.append(frame)
    return TableFile(pd.concat(frames, ignore_index=True), RowNames(parts=tuple(parts)))
