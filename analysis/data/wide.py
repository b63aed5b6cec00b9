"""Tables with one column a run: unfolded to one row a run."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from vggstudy.errors import TableOptionError

if TYPE_CHECKING:
    from vggstudy.analysis.data.files import TableFile


def unfolded(file: TableFile, pattern: str, outcome: str) -> TableFile:
    """One row a run, of a table in which columns hold the outcomes of several runs.

    The column ``seed`` (``replicate`` where the pattern does not name a seed) holds what the
    pattern's asterisk stands for. An empty field is a run that does not exist, and its row blank.

    Parameters
    ----------
    file : TableFile
    pattern : str
        Of the columns' names, such as ``seed_*``.
    outcome : str
        Name of the column that receives their values.

    Raises
    ------
    TableOptionError
        If fewer than two columns fit, some of them in per cent and others not, or the table has a
        column of a name that is to be made.
    """
    import pandas as pd

    from vggstudy.analysis.data.files import TableFile

    frame = file.frame
    names = [str(name) for name in frame.columns]
    wide = [name for name in names if fnmatchcase(name, pattern)]
    if len(wide) < 2:
        found = f"only {wide[0]!r}" if wide else "none"
        msg = f"--wide {pattern!r} must fit the columns of two runs or more, and fits {found}"
        raise TableOptionError(f"{msg} of {', '.join(names)}")
    filled = {name for name in wide if frame[name].notna().any()}
    if 0 < len(signed := file.percents & filled) < len(filled):
        msg = f"per cent signs are in {min(signed)!r}, and not in all of its columns"
        raise TableOptionError(f"--wide {pattern!r}: {msg}")
    numbered = "seed" if "seed" in pattern.lower() else "replicate"
    rest = [name for name in names if name not in wide]
    for name in (numbered, outcome):
        if name in rest:
            msg = f"--wide {pattern!r} makes a column {name!r}, which the table has already"
            raise TableOptionError(f"{msg}; --outcome NAME gives the values another name")
    count, size = len(frame), len(wide)
    values = frame[wide].to_numpy(dtype=object).reshape(-1)
    long = frame[rest].iloc[np.repeat(np.arange(count), size)].reset_index(drop=True)
    marks = [_mark(name, pattern) for name in wide]
    long[numbered] = pd.Series(np.tile(np.array(marks, dtype=object), count), dtype=object)
    long[outcome] = pd.Series(values, dtype=object).infer_objects()
    long.loc[pd.isna(long[outcome]).to_numpy(), :] = np.nan
    percents = file.percents | ({outcome} if signed else set())
    return TableFile(long, replace(file.names, columns=tuple(wide)), percents)


def _mark(name: str, pattern: str) -> str:
    """What the asterisk of a pattern stands for; the whole name where there is none, or several."""
    if pattern.count("*") != 1:
        return name
    before, after = pattern.split("*")
    return name[len(before) : len(name) - len(after)] or name
