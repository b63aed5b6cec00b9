"""The protocols of a study one after the other, from the one in force and what amended it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vggstudy.ledger.marker import Amendment

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Version:
    """One protocol of a study.

    Attributes
    ----------
    since : str
        When it was put in force, ISO 8601.
    digest : str
        Of the protocol.
    text : str or None
        None where the amendments do not lead back to it.
    """

    since: str
    digest: str
    text: str | None


def versions(
    created_at: str, protocol: str, protocol_digest: str, amendments: Sequence[Amendment]
) -> tuple[Version, ...]:
    """Every protocol of a study, oldest first; the last one is in force."""
    texts: list[str | None] = [protocol]
    for amendment in reversed(amendments):
        after = texts[-1]
        texts.append(None if after is None else undone(after, amendment.diff))
    digests = [*(amendment.old_digest for amendment in amendments), protocol_digest]
    dates = [created_at, *(amendment.date for amendment in amendments)]
    return tuple(
        Version(date, digest, text)
        for date, digest, text in zip(dates, digests, reversed(texts), strict=True)
    )


def undone(text: str, diff: str) -> str | None:
    """The text before an amendment, lines joined by line feeds; None if the diff does not fit."""
    head, lines = diff.split("\n")[:2], diff.split("\n")[2:]
    if diff and [line[:4] for line in head] != ["--- ", "+++ "]:
        return None  # words in place of a diff: the marker was made anew
    try:
        return "\n".join([*_before(text.splitlines(), lines), ""])
    except (ValueError, IndexError):
        return None


def _before(after: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    """Lines of the earlier text.

    Raises
    ------
    ValueError, IndexError
        If the lines of the diff are not those of the later text.
    """
    at = 0
    for line in lines:
        kind, content = line[:1], line[1:]
        if found := _HUNK.fullmatch(line):
            start = int(found[1]) - (found[2] != "0")
            if not at <= start <= len(after):
                raise ValueError(line)
            yield from after[at:start]
            at = start
        elif kind == "-":
            yield content
        elif kind in {" ", "+"} and after[at] == content:
            at += 1
            if kind == " ":
                yield content
        else:
            raise ValueError(line)
    yield from after[at:]
