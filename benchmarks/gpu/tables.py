"""The lines of results as tables that can be read as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

GFLOP = {11: 0.913, 13: 1.366, 16: 1.876, 19: 2.385}
"""Forward and backward of an image of 32 x 32 with the linear head."""

PARAMETERS = {
    11: 9_225_610 + 5_504,
    13: 9_410_122 + 5_888,
    16: 14_719_818 + 8_448,
    19: 20_029_514 + 11_008,
}
"""With batch normalisation."""

BYTES_A_PARAMETER = 20
"""SGD with momentum reads weight, gradient and momentum, and writes weight and momentum."""

PUBLISHED = {"gemm": 790e12, "copy": 4.3e12}
"""Rates of the published floors: bfloat16 products a second times two, bytes a second."""

RUN_IMAGES = 45_000
RUN_EPOCHS = 30
"""What one run is, where a rate is told in runs an hour."""

Line = dict[str, Any]


def floor_s(depth: int, batch: int, rates: dict[str, float]) -> float:
    """Least seconds of a step: by its arithmetic, or by the optimizer's traffic."""
    arithmetic = batch * GFLOP[depth] * 1e9 / rates["gemm"]
    return max(arithmetic, BYTES_A_PARAMETER * PARAMETERS[depth] / rates["copy"])


def runs_an_hour(steps_per_s: float, batch: int) -> float:
    """Runs an hour of 30 epochs of 45,000 images, by training steps alone."""
    return 3600 * steps_per_s * batch / (RUN_IMAGES * RUN_EPOCHS)


def markdown(lines: Sequence[Line]) -> str:
    """Everything, section by section."""
    parts = [
        "# What the GPU showed",
        summary(lines),
        _machine(lines),
        _first(lines),
        _bits(lines),
        _kernels(lines),
        _steady(lines),
        _study(lines),
        _processes(lines),
        _failures(lines),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(lines: Sequence[Line]) -> str:
    """How every section ended, the newest time."""
    ended: dict[str, Line] = {}
    for line in lines:
        if line.get("kind") == "ended":
            ended[line["section"]] = line
    rows = [
        (name, line["status"], f"{line['seconds']:.0f}", _limit(line), line["reason"])
        for name, line in ended.items()
    ]
    return table(("section", "ended", "s", "limit, s", "why"), rows)


def _limit(line: Line) -> str:
    """A section's limit, where it began."""
    return f"{line['limit_s']:.0f}" if line.get("limit_s") else "-"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Cells side by side; empty where there are no rows."""
    found = [[_cell(value) for value in row] for row in rows]
    if not found:
        return ""
    names = list(head)
    text = [names, ["---"] * len(names), *found]
    return "\n".join("| " + " | ".join(row) + " |" for row in text)


def _cell(value: object) -> str:
    """One value; no character that would end its cell."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "/").replace("\n", " ")


def _cells(lines: Sequence[Line], section: str) -> list[Line]:
    """What a section measured, the newest of each name."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.get("section") == section and line.get("kind") == "cell":
            found[line["name"]] = line
    return list(found.values())


def _titled(title: str, *parts: str) -> str:
    """A part with its heading, if it has content."""
    found = [part for part in parts if part]
    return "\n\n".join([f"## {title}", *found]) if found else ""


def _machine(lines: Sequence[Line]) -> str:
    """Versions and ceilings."""
    shown: list[tuple[str, object, str]] = []
    for line in _cells(lines, "machine"):
        if "value" in line:
            shown.append((line["name"], line["value"] / line["unit_is"], line["unit"]))
        else:
            hidden = {"section", "kind", "name", "at"}
            shown += [(key, value, "") for key, value in line.items() if key not in hidden]
    return _titled("Machine and ceilings", table(("what", "value", "unit"), shown))


def _first(lines: Sequence[Line]) -> str:
    """The first two runs."""
    rows = [
        (line["name"], line["steps"], line["reason"], line["digest"][:12], line["seconds"])
        for line in _cells(lines, "first")
    ]
    return _titled("One run singly and recorded", table(("run", "steps", "why", "bits", "s"), rows))


def _bits(lines: Sequence[Line]) -> str:
    """Whether single, recorded and lane agree, cell by cell."""
    found: dict[str, dict[str, str]] = {}
    for line in _cells(lines, "bits"):
        cell, way = line["name"].split("/")
        found.setdefault(cell, {})[way] = line["digest"]
    rows = []
    for cell, ways in found.items():
        single = ways.get("single")
        rows.append(
            (
                cell,
                *(_same(single, ways.get(way)) for way in ("recorded", "lane")),
                (single or "-")[:12],
            )
        )
    head = ("cell", "recorded = single", "lane of 4 = single", "bits of single")
    return _titled("Bit gates at width 1", table(head, rows))


def _kernels(lines: Sequence[Line]) -> str:
    """Steps with torch's kernels and with fused ones."""
    found: dict[tuple[str, int], dict[str, Line]] = {}
    for line in _cells(lines, "kernels"):
        found.setdefault((line["network"], line["batch_size"]), {})[line["kernels"]] = line
    rows = []
    for cell, ways in found.items():
        row: list[object] = [*cell]
        for figure in ("recorded_ms", "kernels_ms"):
            times = [ways.get(name, {}).get(figure) for name in ("torch", "fused")]
            row += [*times, times[0] / times[1] if all(times) else None]
        rows.append(row)
    head = ["network", "batch", "recorded, ms", "fused", "torch's to fused"]
    head += ["in kernels, ms", "fused", "torch's to fused"]
    return _titled("Fused kernels", table(head, rows))


def _same(one: str | None, other: str | None) -> str:
    """Whether two digests agree."""
    if one is None or other is None:
        return "not measured"
    return "yes" if one == other else "NO"


def ceilings(lines: Sequence[Line]) -> dict[str, float] | None:
    """Rates of this device in bfloat16 products and copies, if they were measured."""
    rates = {line["name"]: line["value"] for line in _cells(lines, "machine") if "value" in line}
    if "gemm bfloat16" not in rates or "copy" not in rates:
        return None
    return {"gemm": rates["gemm bfloat16"], "copy": rates["copy"]}


def _steady(lines: Sequence[Line]) -> str:
    """Throughput by cell and program, with its ratios."""
    here = ceilings(lines)
    cells: dict[tuple[int, int], dict[str, Line]] = {}
    for line in _cells(lines, "steady"):
        cells.setdefault((line["depth"], line["batch_size"]), {})[line["program"]] = line
    rows = []
    for (depth, batch), programs in cells.items():
        for program, line in programs.items():
            rate = line["steps_per_s"]
            row = [f"VGG{depth} BN", batch, program, rate, runs_an_hour(rate, batch)]
            row += [_ratio(rate, programs.get(base)) for base in ("B0", "B2", "B2d", "B3")]
            row += [rate * floor_s(depth, batch, rates) if rates else None for rates in (here,)]
            row += [rate * floor_s(depth, batch, PUBLISHED), line.get("setup_s")]
            rows.append(row)
    head = ["network", "batch", "program", "steps/s", "runs/h", "to B0", "to B2", "to B2d", "to B3"]
    head += ["of the floor here", "of the published floor", "set-up, s"]
    words = (
        f"A run is {RUN_EPOCHS} epochs of {RUN_IMAGES:,} images, by training steps alone. ours-N: N"
        " lanes, with the end of every epoch and its pass over the validation images; B0 to B3:"
        " batch after batch, set-up apart. A floor is the larger of a step's arithmetic at the rate"
        " of bfloat16 matrix products and of the optimizer's traffic at the rate of copies: this"
        " device's, and the published 790 TFLOP/s and 4.3 TB/s."
    )
    shown = table(head, rows)
    return _titled("Steady state", words if shown else "", shown)


def _ratio(rate: float, base: Line | None) -> float | None:
    """How many times as fast as another program."""
    return rate / base["steps_per_s"] if base else None


def _study(lines: Sequence[Line]) -> str:
    """The runs of the reference study."""
    cells = sorted(
        _cells(lines, "study"), key=lambda line: (str(line["levels"]), line["replicate"] or 0)
    )
    rows = [
        (
            line["name"],
            ", ".join(f"{k} {v}" for k, v in (line["levels"] or {}).items()),
            line["replicate"],
            line["status"],
            line["epochs"],
            line["test_accuracy"],
            line["seconds"],
            (line.get("execution") or {}).get("steps"),
        )
        for line in cells
    ]
    head = ("run", "levels", "replicate", "ended", "epochs", "test accuracy", "s", "steps")
    seconds = sum(
        line["seconds"]
        for line in lines
        if line.get("section") == "study" and line.get("kind") == "ended"
    )
    words = f"{len(cells)} records" if cells else ""
    if cells and seconds:
        rate = 3600 * len(cells) / seconds
        words += f" in {seconds:.0f} s of this section, its start included: {rate:,.0f} runs/h"
    return _titled("Reference study", words, table(head, rows))


def _processes(lines: Sequence[Line]) -> str:
    """Whether processes agree."""
    earlier = {line["name"]: line["digest"] for line in _cells(lines, "bits")}
    rows = []
    for line in _cells(lines, "processes"):
        before = _same(line["a"], earlier.get(f"{line['name']}/recorded"))
        rows.append((line["name"], _same(line["a"], line["b"]), before))
    head = ("cell", "process A = process B", "= the gates' process")
    return _titled("Bits across processes", table(head, rows))


def _failures(lines: Sequence[Line]) -> str:
    """Cells that failed and have not been measured since."""
    open_: dict[tuple[str, str], str] = {}
    for line in lines:
        key = (line.get("section", ""), line.get("name", ""))
        if line.get("kind") == "failed":
            open_[key] = line["error"]
        elif line.get("kind") == "cell":
            open_.pop(key, None)
    rows = [(section, name, error) for (section, name), error in open_.items()]
    return _titled("Cells that failed", table(("section", "cell", "error"), rows))
