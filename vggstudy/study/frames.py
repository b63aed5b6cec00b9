"""Data frames of other libraries than pandas, as tables of pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vggstudy.errors import TableOptionError
from vggstudy.extras import lacks

if TYPE_CHECKING:
    import pandas as pd


def pandas_frame(frame: Any) -> pd.DataFrame:
    """A frame as one of pandas: itself, or that of polars, pyarrow, modin, ... through narwhals.

    Values come over one column at a time, those of numbers as an array, so that neither pyarrow nor
    a method of the library is needed.

    Parameters
    ----------
    frame : DataFrame
        Of any library that narwhals knows, a lazy one as well.

    Raises
    ------
    TableOptionError
        If it is no frame, or narwhals is not installed.
    """
    import pandas as pd

    if isinstance(frame, pd.DataFrame):
        return frame
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    try:
        import narwhals as nw
    except ImportError:
        raise TableOptionError(lacks(f"a table of {kind}", "narwhals", "frames")) from None
    known = nw.from_native(frame, pass_through=True)
    if isinstance(known, nw.LazyFrame):
        known = known.collect()
    if not isinstance(known, nw.DataFrame):
        msg = f"{kind} is no table: give a path, a study or a data frame"
        raise TableOptionError(msg)
    return pd.DataFrame({name: _values(known[name]) for name in known.columns})


def _values(column: Any) -> Any:
    """Numbers as an array, anything else, and numbers with gaps, as a list."""
    plain = column.dtype.is_integer() or column.dtype.is_float()
    return column.to_numpy() if plain and not column.null_count() else column.to_list()
