"""Printing: data to stdout, messages to stderr, tables, JSON; safe for terminals."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from vggstudy.errors import OutputError
from vggstudy.errors import printable as escape

P = ParamSpec("P")
R = TypeVar("R")

CLEAR_REST = "\x1b[K"
"""Clears a terminal's line from the cursor on."""


def printable(text: str) -> str:
    """The text line by line, with whatever would steer a terminal escaped."""
    return "\n".join(escape(line) for line in text.split("\n"))


class Console:
    """How much to say, and in which form."""

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose

    def data(self, text: str) -> None:
        """A result: stdout."""
        _require_stdout()
        click.echo(printable(text))

    def text(self, text: str) -> None:
        """A result that a program may read: as it is, but on a terminal nothing may steer that."""
        _require_stdout()
        terminal = sys.stdout.isatty()
        click.echo(printable(text) if terminal else text, nl=False, color=True)  # strip nothing

    def say(self, text: str) -> None:
        """A message: stderr, unless quiet."""
        if not self.quiet:
            _message(text)

    def warn(self, text: str) -> None:
        """A warning: stderr, always."""
        _message(f"vggstudy: warning: {text}")

    def json(self, kind: str, content: Mapping[str, Any]) -> None:
        """A result as JSON, with its format and version."""
        document = {"format": f"vggstudy-{kind}", "version": 1, **content}
        self.text(
            inert_json(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"
        )

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table of plain text, numbers to the right."""
        for line in table_lines(header, rows):
            self.data(line)

    def claims(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table whose first column is an id and whose last a caution, a terminal's line a row.

        Without a caution that column is left out. Where a terminal is too narrow, a caution becomes
        a mark and long ids lose their middle.
        """
        if rows and not any(row[-1] for row in rows):
            header = (*header[:-1], "")
        width = shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else 0
        lines = table_lines(header, rows)
        if width and max(map(len, lines)) > width:
            short = [(*row[:-1], "!" if row[-1] else "") for row in rows]
            rest = max(map(len, table_lines(header[1:-1], [row[1:-1] for row in short])))
            room = max(24, width - rest - len("  " * 2 + "!"))
            short = [(middle_cut(row[0], room), *row[1:]) for row in short]
            lines = table_lines((*header[:-1], ""), short)
            cut = any(len(row[0]) > room for row in rows)
            below = [
                "! has a caution" if any(row[-1] for row in rows) else "",
                "ids are shortened to the terminal's width" if cut else "",
            ]
            if said := "; ".join(filter(None, below)):
                lines.append(f"{said}: a pipe gets all")
        for line in lines:
            self.data(line)

    @contextlib.contextmanager
    def steps(self) -> Iterator[Callable[[str], None]]:
        """Says on a terminal what is being done: one line, overwritten, and gone at the end."""

        def step(text: str) -> None:
            if self.live:  # the cursor goes back, so that a warning begins where the line did
                with contextlib.suppress(BrokenPipeError):
                    click.echo(f"{printable(text)}{CLEAR_REST}\r", err=True, nl=False, color=True)

        try:
            yield step
        finally:
            step("")

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal that a live display may use."""
        terminal = sys.stderr is not None and sys.stderr.isatty()  # None where it was closed
        return terminal and not self.quiet and os.environ.get("TERM") != "dumb"


def _require_stdout() -> None:
    """Results need a place to go to: a closed one is an error, as a full one is."""
    if sys.stdout is None:  # where the caller closed it
        raise OSError(errno.EBADF, "standard output is closed, so nothing could be written")


def write_result(path: Path, text: str | bytes) -> None:
    """Write a result's file: whole, or not at all."""
    from vggstudy.files import explain, write_atomic

    try:
        write_atomic(path, text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise OutputError(explain(error, path, "written")) from None


def inert_json(text: str) -> str:
    """A JSON text that says the same, with whatever would steer a terminal as an escape of JSON."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _message(text: str) -> None:
    """Write to stderr; without a reader the message is lost and the work goes on."""
    with contextlib.suppress(BrokenPipeError):
        click.echo(printable(text), err=True)


def middle_cut(text: str, room: int) -> str:
    """A text of at most so many characters; a longer one lacks its middle."""
    if len(text) <= room:
        return text
    half = (room - 1) // 2
    return f"{text[: room - 1 - half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


def table_lines(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines of a table: a column is right-aligned when all its cells look like numbers."""
    cells = [[escape("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    numeric = [
        bool(cells) and all(re.match(r"^$|^[<>~]?[-+]?[\d.,]", row[i]) for row in cells)
        for i in range(len(header))
    ]

    def line(row: Sequence[str]) -> str:
        columns = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        return "  ".join(columns).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return [line(list(header)), rule, *(line(row) for row in cells)]


output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write."
)

language_option = click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "ko"]),
    default="en",
    show_default=True,
    help="Language of the page.",
)


def common(command: Callable[..., R]) -> Callable[..., R]:
    """Options that every command has; the command receives a `Console` first."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @click.option("-q", "--quiet", is_flag=True, help="No messages and no progress.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more.")
    @functools.wraps(command)
    def wrapper(*args: Any, as_json: bool, quiet: bool, verbose: bool, **kwargs: Any) -> R:
        _log_to_stderr(verbose=verbose, quiet=quiet)
        return command(Console(as_json=as_json, quiet=quiet, verbose=verbose), *args, **kwargs)

    return wrapper


class _Sentence(logging.Formatter):
    """A log message as one of our sentences."""

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return printable(f"vggstudy: {level}{record.getMessage()}")


class _Once(logging.Filter):
    """Lets a message pass once: a command may open a study's index more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = text not in self.seen
        self.seen.add(text)
        return new


def _log_to_stderr(*, verbose: bool, quiet: bool) -> None:
    """Show the package's log messages: warnings, and with --verbose everything."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Sentence())
    handler.addFilter(_Once())
    logger = logging.getLogger("vggstudy")
    logger.handlers[:] = [handler]
    logger.propagate = False
    level = logging.INFO if verbose else logging.WARNING
    logger.setLevel(logging.ERROR if quiet else level)


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(n_bytes: float) -> str:
    """``12 kB``, ``3.4 MB``: decimal multiples."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.3g} {unit}"
    return f"{n_bytes:.0f} B"
