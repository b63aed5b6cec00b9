"""Path data in tenths of a pixel, relative, with the shortest command for every step."""

from __future__ import annotations

import re

ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}
TOKEN = re.compile(r"[A-Za-z]|[-+.\deE]+")


def shorten(data: str) -> str:
    """The same path to the nearest tenth of a pixel.

    Positions are rounded before they are subtracted, so that errors do not add up.

    Parameters
    ----------
    data : str
        Absolute commands M, L, Q, C and Z, each with its letter, as matplotlib writes them. What
        holds others comes back as it is.
    """
    tokens = TOKEN.findall(data)
    if any(token.isalpha() and token.upper() not in ARGUMENTS for token in tokens):
        return data
    if any(token in "mlqch" for token in tokens):
        return data
    writer = _Writer()
    place = 0
    while place < len(tokens):
        command = tokens[place].upper()
        count = ARGUMENTS[command]
        points = [round(10 * float(token)) for token in tokens[place + 1 : place + 1 + count]]
        writer.step(command, points)
        place += 1 + count
    return "".join(writer.parts)


class _Writer:
    """Appends steps to a path; lengths are tenths of a pixel."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._at = (0, 0)
        self._start = (0, 0)
        self._last = ""
        self._moved = False

    def step(self, command: str, points: list[int]) -> None:
        """One command with absolute points."""
        if command == "Z":
            self._write("z", [])
            self._at = self._start
            return
        x, y = self._at
        by = [value - (x, y)[i % 2] for i, value in enumerate(points)]
        self._at = (points[-2], points[-1])
        if command == "M":
            self._start, self._moved = self._at, False
            self._write("m" if self.parts else "M", by)
        elif command != "L":
            self._write(command.lower(), by)
        elif any(by) or not self._moved:
            self._line(*by)
        self._moved = self._moved or command != "M"

    def _line(self, dx: int, dy: int) -> None:
        """A straight step, by one number where it follows an axis."""
        if dy == 0:
            self._write("h", [dx])
        elif dx == 0:
            self._write("v", [dy])
        else:
            self._write("l", [dx, dy])

    def _write(self, letter: str, values: list[int]) -> None:
        """The letter, unless it repeats; numbers, apart only where they would run together."""
        text = "" if letter == self._last and letter not in "mz" else letter
        for value in values:
            number = _tenths(value)
            joined = text or (self.parts[-1] if self.parts else "")
            apart = joined[-1:].isdigit() and not number.startswith("-")
            text += f" {number}" if apart else number
        self.parts.append(text)
        self._last = letter


def _tenths(value: int) -> str:
    """A length as the shortest number: "12", "-.5"."""
    whole, tenth = divmod(abs(value), 10)
    sign = "-" if value < 0 else ""
    if not tenth:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{tenth}"
