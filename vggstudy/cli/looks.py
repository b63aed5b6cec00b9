"""How commands show the looks that a protocol declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.cli.console import Console, duration

if TYPE_CHECKING:
    from vggstudy.protocol import Protocol
    from vggstudy.study.stopping import Looks
    from vggstudy.study.study import Study

RULES = {
    "obrien_fleming": "error spent as by O'Brien and Fleming",
    "pocock": "error spent as by Pocock",
    "fixed_width": "no error is spent on a half-width",
}


def look_rows(
    looks: Looks | None, protocol: Protocol, seconds: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Every look, with what its lacking runs take where that is known; for JSON."""
    if looks is None:
        return []
    rows = looks.rows(protocol.analysis.confidence)
    for row, known in zip(rows, seconds, strict=False):
        row["seconds"] = known
    return rows


def show_looks(
    console: Console, looks: Looks | None, protocol: Protocol, rows: Sequence[Mapping[str, Any]]
) -> None:
    """The looks as a table, and what stops the study."""
    stopping = protocol.design.stopping
    if looks is None or stopping is None:
        return
    target = f"the half-width of {stopping.claim} is at most {stopping.half_width}"
    if stopping.decided is not None:
        one, several = "is", "are all"
        plural = several if len(stopping.decided) > 1 else one
        target = f"{', '.join(stopping.decided)} {plural} supported or contradicted"
    console.data(f"looks: stop when {target}; {RULES[looks.rule]}")
    timed = any(row.get("seconds") for row in rows)
    heads = ("look", "replicates", "intervals at", "error spent", *(["time"] if timed else []))
    console.table((*heads, "taken"), [_row(row, timed=timed) for row in rows])


def _row(row: Mapping[str, Any], *, timed: bool) -> list[str]:
    """One look."""
    from vggstudy.analysis.numbers.intervals import percent

    seconds = row.get("seconds")
    taken = row["at"][:10] if "at" in row else "-"
    found = [str(row["look"]), str(row["replicates"]), percent(row["level"]), f"{row['spent']:.3g}"]
    if timed:
        found.append(f"about {duration(seconds[1])}" if seconds else "-")
    return [*found, f"{taken}, stopped" if row.get("met") else taken]


def looks_line(study: Study) -> str:
    """How far the looks are, for the line that a run ends with."""
    from vggstudy.study.looking import look_notes

    said = [note.text for note in look_notes(study.looks, study.protocol)]
    return f"; {said[-1]}" if said else ""
