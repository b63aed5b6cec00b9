"""Ratios and tables of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from baselines.work import Work

OTHERWISE = {
    "B0": "a plain loop over DataLoaders, one run after another",
    "B1": "the same in Lightning",
    "B2": "a strong loop: images in memory, channels last, nothing fetched in an epoch",
    "B3": "the strong loop with torch.compile",
    "B4": "the strong loop in a process a core",
    "joblib": "the strong loop under joblib.Parallel",
    "tune": "the strong loop as a function of Ray Tune",
    "ours": "`vggstudy run`: ledger, checkpoints and the same bits each time in it",
}
"""What somebody would otherwise do, in words."""

BAND = 0.1
"""Programs that draw other batches differ by luck: their mean accuracies must lie this close."""


@dataclass(frozen=True, slots=True)
class Row:
    """One program on one work.

    Attributes
    ----------
    runs_per_hour : float or None
        None where it was not measured; ``note`` then says why.
    ratio : float or None
        To B0.
    accuracy : float or None
        Mean over the runs.
    peak_mib : float or None
    note : str
    """

    program: str
    runs_per_hour: float | None
    ratio: float | None
    accuracy: float | None
    peak_mib: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    """All programs on one work.

    Attributes
    ----------
    work : str
    rows : tuple of Row
    floor : dict
        Rates of the machine and of ours in GFLOP/s, and ours as fractions of them.
    one_band : bool or None
        Whether all mean accuracies lie within `BAND`.
    """

    work: str
    rows: tuple[Row, ...]
    floor: dict[str, float]
    one_band: bool | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Attributes
    ----------
    machine : dict
    tables : tuple of Table
    bits : dict of str to str
        How ours agreed with itself: ``identical``, or what differed.
    """

    machine: dict[str, Any]
    tables: tuple[Table, ...]
    bits: dict[str, str]

    @classmethod
    def of(cls, parts: Sequence[Mapping[str, Any]], *, machine: dict[str, Any]) -> Report:
        """Put the parts side by side."""
        names: dict[str, list[Mapping[str, Any]]] = {}
        for part in parts:
            names.setdefault(Work(**part["work"]).name, []).append(part)
        tables = tuple(_table(name, found) for name, found in names.items())
        return cls(machine=machine, tables=tables, bits=_bits(parts))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _table(name: str, parts: Sequence[Mapping[str, Any]]) -> Table:
    """The rows of one work."""
    programs = {part["program"]: part for part in parts if part["kind"] == "program"}
    base = _rate(programs.get("B0", {}))
    rows = tuple(_row(program, part, base) for program, part in programs.items())
    means = [row.accuracy for row in rows if row.accuracy is not None]
    floors = [part for part in parts if part["kind"] == "floor" and "gemm" in part]
    return Table(
        work=name,
        rows=rows,
        floor=_floor(floors[0], programs.get("ours", {})) if floors else {},
        one_band=max(means) - min(means) <= BAND if len(means) > 1 else None,
    )


def _rate(part: Mapping[str, Any]) -> float | None:
    """Runs an hour."""
    return 3600 * part["runs"] / part["seconds"] if "seconds" in part else None


def _row(program: str, part: Mapping[str, Any], base: float | None) -> Row:
    """One program, measured or not."""
    rate = _rate(part)
    if rate is None:
        return Row(program, None, None, None, None, part.get("skipped") or part.get("failed") or "")
    extra = part["extra"]
    apart = {"setup_s": "set-up", "compile_s": "compilation"}
    notes = [f"{extra[key]:.1f} s of {word}" for key, word in apart.items() if key in extra]
    note = f"and {', '.join(notes)}" if notes else ""
    return Row(
        program=program,
        runs_per_hour=rate,
        ratio=rate / base if base else None,
        accuracy=sum(part["accuracies"]) / len(part["accuracies"]),
        peak_mib=part["peak_mib"],
        note=note,
    )


def _floor(part: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, float]:
    """Rates in GFLOP/s: matrix products, convolutions alone, our training steps.

    A worker's steps are timed by itself; all workers together have that rate as often.
    """
    found = {"gemm": part["gemm"] / 1e9}
    if "convolutions" in part:
        found["convolutions"] = part["workers"] * part["convolutions"] / 1e9
    if "extra" in ours:
        extra = ours["extra"]
        rate = extra["workers"] * part["step_flops"] * extra["steps"] / extra["train_s"] / 1e9
        found["ours"] = rate
        found["ours/gemm"] = rate / found["gemm"]
        if "convolutions" in found:
            found["ours/convolutions"] = rate / found["convolutions"]
    return found


def _bits(parts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Compare every further execution with the timed one, run by run."""
    found = {}
    for part in parts:
        if part["kind"] != "bits":
            continue
        timed = [
            other
            for other in parts
            if other.get("program") == "ours" and other["work"] == part["work"]
        ]
        if not timed or "digests" not in part or "digests" not in timed[0]:
            found[part["program"]] = f"not compared: {part.get('failed', 'not measured')}"
            continue
        mine, theirs = part["digests"], timed[0]["digests"]
        unlike = [run for run in theirs if mine.get(run) != theirs[run]]
        found[part["program"]] = (
            f"{len(unlike)} of {len(theirs)} runs differ"
            if unlike or len(mine) != len(theirs)
            else f"identical in {len(theirs)} runs"
        )
    return found


def markdown(report: Report) -> str:
    """The report as it is printed."""
    machine = report.machine
    lines = [
        f"{machine['cores']} cores, {machine['device'] or 'CPU'}, torch {machine['torch']}, "
        f"Python {machine['python']}; {machine['date']}; "
        f"load {machine['load']:.1f} before, {machine['load_at_end']:.1f} after",
        "",
    ]
    if report.tables:
        lines += otherwise(report.tables[0])
    for table in report.tables:
        lines += [f"**{table.work}**", ""]
        lines += ["| program | runs/h | to B0 | accuracy | peak MiB | |"]
        lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
        lines += [_line(row) for row in table.rows]
        lines.append("")
        if table.floor:
            floor = ", ".join(f"{name} {value:.3g}" for name, value in table.floor.items())
            lines += [f"GFLOP/s and fractions: {floor}", ""]
        if table.one_band is not None:
            lines += [f"accuracies within {BAND:g}: {'yes' if table.one_band else 'NO'}", ""]
    lines += ["Bits of ours:", ""]
    lines += [f"- {name}: {verdict}" for name, verdict in report.bits.items()]
    return "\n".join(lines) + "\n"


def otherwise(table: Table) -> list[str]:
    """What one would otherwise do, on the first work: a table that needs no other words."""
    rows = [row for row in table.rows if row.program in OTHERWISE]
    lines = [
        f"What you would otherwise do, {table.work}:",
        "",
        "| | runs an hour | times the first | again |",
        "| --- | ---: | ---: | --- |",
    ]
    for row in rows:
        rate = "-" if row.runs_per_hour is None else f"{row.runs_per_hour:,.0f}"
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"| {OTHERWISE[row.program]} | {rate} | {ratio} | "
            f"`python benchmarks/training.py --only {row.program} --out NEW_FOLDER` |"
        )
    return [*lines, ""]


def _line(row: Row) -> str:
    """One row of a table."""

    def cell(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        f"| {row.program} | {cell(row.runs_per_hour, ',.0f')} | {cell(row.ratio, '.2f')} | "
        f"{cell(row.accuracy, '.3f')} | {cell(row.peak_mib, ',.0f')} | {row.note} |"
    )
