"""What a trainer reports, line by line, and the result that it makes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vggstudy.protocol.model.wording import shown

MAX_EPOCHS = 100_000
"""Highest number of an epoch."""

MAX_LINE = 2**20
"""Bytes of a line."""

MAX_QUANTITIES = 1000
"""Names in a line."""

DATA = ("majority_rate", "n_validation")
"""Quantities that the accuracy's label rule asks for."""

ENDS = ("finished", "diverged")


class ReportError(Exception):
    """A report that is none, in one sentence."""


Values = dict[str, float | None]
"""Quantities; None where one is not finite."""


@dataclass(slots=True)
class Reported:
    """What a run has reported so far, over all of its attempts.

    Attributes
    ----------
    epochs : dict of int to Values
        By the number of the epoch, from 1.
    final : mapping or None
        The line at the end; None before it.
    lines : int
        Lines of this attempt.
    """

    epochs: dict[int, Values] = field(default_factory=dict)
    final: Mapping[str, Any] | None = None
    lines: int = 0
    _last: int = 0

    def begin(self) -> None:
        """Another attempt reports from here on."""
        self.final, self.lines, self._last = None, 0, 0

    def take(self, line: bytes) -> dict[str, Any] | None:
        """Take one line; gives an epoch's report, None for the end.

        Raises
        ------
        ReportError
            If it is no report.
        """
        self.lines += 1
        content = read_line(line, f"line {self.lines} of the report")
        if "status" in content:
            self.end(content)
            return None
        if self.final is not None:
            raise ReportError("it reports an epoch after its end")
        epoch = _epoch(content.pop("epoch", self._last + 1))
        values = {name: _finite(value) for name, value in content.items() if _is_number(value)}
        for later in [known for known in self.epochs if known >= epoch]:
            del self.epochs[later]
        self.epochs[epoch] = values
        self._last = epoch
        return {"epoch": epoch, **values}

    def end(self, content: Mapping[str, Any]) -> None:
        """Take what is reported at the end."""
        if self.final is not None:
            raise ReportError("it reports its end twice: one process must report")
        status = content.get("status", "finished")
        if status not in ENDS:
            raise ReportError(f"status must be finished or diverged, got {shown(status)}")
        self.final = content

    def lacks(self, names: Sequence[str]) -> str | None:
        """What of these was not reported, in words; None where all of it was."""
        known = {*self.metrics, *(f"final_{name}" for name in self.curves)}
        missing = [name for name in names if name not in known and name != "epochs"]
        if not missing:
            return None
        if texts := [name for name in missing if name in (self.final or {})]:
            value = shown((self.final or {})[texts[0]])
            return f"{texts[0]} at its end is no number: {value} (true and false are 1 and 0)"
        there = ", ".join(sorted(known)[:20]) or "nothing"
        return f"it did not report {', '.join(missing)} at its end; reported: {there}"

    @property
    def metrics(self) -> Values:
        """Numbers of the end."""
        content = self.final or {}
        return {name: _finite(value) for name, value in content.items() if _is_number(value)}

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """A value an epoch of everything that was reported of one; None where there is none."""
        names = dict.fromkeys(name for values in self.epochs.values() for name in values)
        every = range(1, max(self.epochs, default=0) + 1)
        return {name: [self.epochs.get(at, {}).get(name) for at in every] for name in names}

    def result(self) -> dict[str, Any]:
        """The result of a run that has reported its end."""
        content, metrics = self.final or {}, self.metrics
        length = max(self.epochs, default=0)
        broken = None in metrics.values() or None in self.epochs.get(length, {}).values()
        diverged = content.get("status") == "diverged" or broken
        rest = {
            name: value
            for name, value in content.items()
            if name != "status" and name not in metrics
        }
        data = {name: metrics[name] for name in DATA if metrics.get(name) is not None}
        return {
            "status": "diverged" if diverged else "finished",
            "epochs": length,
            "curves": self.curves,
            "metrics": metrics,
            **({"data": data} if data else {}),
            **({"other": rest} if rest else {}),
        }


def read_line(line: bytes, where: str) -> dict[str, Any]:
    """The JSON object of a line.

    Raises
    ------
    ReportError
        If it is none.
    """
    if len(line) > MAX_LINE:
        raise ReportError(f"{where} is longer than {MAX_LINE:,} bytes")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        text = shown(line.decode(errors="replace"))
        raise ReportError(f"{where} is no JSON: {text}") from None
    if not isinstance(content, dict):
        raise ReportError(f"{where} is no JSON object: {shown(content)}")
    if len(content) > MAX_QUANTITIES:
        raise ReportError(f"{where} has more than {MAX_QUANTITIES:,} quantities")
    return content


def last_line(output: bytes) -> dict[str, Any] | None:
    """The JSON object in the last line of an output; None where there is none."""
    lines = output.strip().splitlines()
    try:
        return read_line(lines[-1], "stdout") if lines else None
    except ReportError:
        return None


def _epoch(value: object) -> int:
    """The number of an epoch."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(number) is not int or not 1 <= number <= MAX_EPOCHS:
        msg = f"epoch must be a number from 1 to {MAX_EPOCHS:,}, got {shown(value)}"
        raise ReportError(msg)
    return number


def _is_number(value: object) -> bool:
    """Whether a value can be analysed."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _finite(value: Any) -> float | None:
    """A number as a record holds it; None where it is not finite."""
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None
