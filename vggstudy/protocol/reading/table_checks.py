"""Whether what a protocol says of a table fits together; the table itself is not opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vggstudy.errors import Problem
from vggstudy.protocol.model.wording import shown
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Statement


def table_problems(protocol: Statement) -> Iterator[Problem]:
    """What is wrong with a protocol's [table]; nothing without one."""
    table = protocol.table
    if table is None:
        return
    for at, name in enumerate(table.factors):
        place = ("table", "factors", at)
        if name == "auto":
            message = "table.factors names columns: 'vggstudy init --from FILE' proposes them"
            yield Problem(message, path=place)
        elif name in table.factors[:at]:
            yield Problem(f"{shown(name)} is a factor twice", path=place)
        elif name in table.outcomes:
            yield Problem(f"{shown(name)} is a factor and an outcome", path=place)
    for name in table.levels:
        if name not in table.factors:
            message = f"{shown(name)} is no factor of table.factors"
            hint = suggest(name, table.factors)
            yield Problem(message, path=("table", "levels", name), suggestion=hint)
    if (table.time is None) != (table.reached is None):
        message = "table.time and table.reached name two columns together"
        yield Problem(message, path=("table", "reached" if table.time is None else "time"))
    elif table.horizon is not None and table.time is None:
        message = "table.horizon is a time of table.time, which is missing"
        yield Problem(message, path=("table", "horizon"))
