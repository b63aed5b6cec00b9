"""What somebody probably meant who wrote a name that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable

LONGEST = 100
"""Characters of a name that are compared: what is longer was never a name."""

LISTED = 20
"""Names that are listed where none is like the one that was meant."""

ALIKE = 0.6
"""Share of characters that two names must have in common."""


def near(name: str, known: Iterable[str], *, n: int, alike: float = ALIKE) -> list[str]:
    """At most `n` known names that are like another, the most like one first; case is no matter."""
    from difflib import get_close_matches  # only a mistake pays for it

    spelled = {one.lower(): one for one in reversed(list(known))}
    found = get_close_matches(name[:LONGEST].lower(), list(spelled), n=n, cutoff=alike)
    return [spelled[one] for one in found]


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like another, if one is like it."""
    return next(iter(near(name, known, n=1)), None)


def suggest(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the known name most like another, if one is like it."""
    match = closest(name, known)
    return f"did you mean '{match}'?" if match else None


def hint(name: str, known: Collection[str], what: str = "columns") -> str:
    """`suggest`, or else the first of the names that are known, long ones cut."""
    if found := suggest(name, known):
        return found
    some = [f"{one[:LONGEST]}..." if len(one) > LONGEST else one for one in [*known][:LISTED]]
    more = f" and {len(known) - LISTED:,} more" if len(known) > LISTED else ""
    return f"{what}: {', '.join(some)}{more}"
