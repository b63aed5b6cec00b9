"""The grammar of claims' ids.

``<outcome>.<quantity>[.<factor>[*<factor>]][@<factor>=<level>,...]`` with conditions sorted by
factor; ``<quantity>.<factor>[@...]`` for a level of a numeric factor. Two forms name what
two-level factors do not need:

``batch_size=8..16``
    the two levels compared, 16 minus 8, where they are not the first and last of a numeric factor;
``batch_size=128+256+512``
    an average over some of a factor's levels only.

In names and levels the characters ``%@=,*+``, blanks and ``..`` are percent-encoded. A factor with
one level only is named like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from vggstudy.quantities import LEVELS

RESERVED = "%@=,*+ "
"""Characters that ids use for themselves; in names and levels they are percent-encoded."""


def encode(text: str) -> str:
    """Percent-encode the characters that an id uses for itself, and the ``..`` of a pair."""
    encoded = "".join(f"%{ord(c):02X}" if c in RESERVED or not c.isprintable() else c for c in text)
    return encoded.replace("..", "%2E%2E")


def first_word(text: str) -> str:
    """A name as the first word of an id, which ends at a dot."""
    return encode(text).replace(".", "%2E")


def write_claim_id(words: Sequence[str], factors: Sequence[str], held: Mapping[str, str]) -> str:
    """An id.

    Parameters
    ----------
    words : sequence of str
        What stands before the factors, as it is written.
    factors : sequence of str
        Joined by ``*``.
    held : mapping of str to str
        Factor to what stands behind ``=``, as it is written.
    """
    head = ".".join([*words, *(["*".join(map(encode, factors))] if factors else [])])
    tail = ",".join(f"{encode(name)}={held[name]}" for name in sorted(held))
    return f"{head}@{tail}" if tail else head


@dataclass(frozen=True, slots=True)
class HeldFactor:
    """What a claim's id says of one factor after ``@``.

    Attributes
    ----------
    factor : str
    levels : tuple of str
        As the data write them: one level; several that are averaged; or the two compared.
    compared : bool
        Whether they are the earlier and the later of two levels that are compared.
    """

    factor: str
    levels: tuple[str, ...]
    compared: bool = False


@dataclass(frozen=True, slots=True)
class ClaimName:
    """The parts of a claim's id.

    Attributes
    ----------
    outcome, quantity : str
        The same word where the claim is of a level.
    factors : tuple of str
        Factors whose levels are compared, or the one whose level is asked for.
    held : tuple of HeldFactor
    """

    outcome: str
    quantity: str
    factors: tuple[str, ...] = ()
    held: tuple[HeldFactor, ...] = ()


def split_claim_id(text: str) -> ClaimName:
    """Take the id of a claim apart; names and levels are decoded.

    Raises
    ------
    ValueError
        If the text is no such id; says what is missing.
    """
    head, at, tail = text.partition("@")
    outcome, _, rest = head.partition(".")
    level = outcome in LEVELS
    quantity, _, names = (outcome, "", rest) if level else rest.partition(".")
    if not outcome or not quantity or (level and not names):
        msg = f"a claim's id begins with outcome.quantity, got '{text}'"
        raise ValueError(msg)
    factors = tuple(map(unquote, names.split("*"))) if names else ()
    held = tuple(_held(part, text) for part in tail.split(",")) if at else ()
    named = [*factors, *(part.factor for part in held if not part.compared)]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice or not all(named):
        what = f"names {twice[0]} twice" if twice else "has a factor without a name"
        msg = f"the claim's id '{text}' {what}"
        raise ValueError(msg)
    return ClaimName(unquote(outcome), quantity, factors, held)


def _held(part: str, text: str) -> HeldFactor:
    """``batch_size=8``, ``batch_size=8+16`` or ``batch_size=8..16``."""
    factor, equals, levels = part.partition("=")
    compared = ".." in levels
    pieces = levels.split(".." if compared else "+")
    if not equals or not all(pieces) or (compared and len(pieces) != 2):
        msg = f"a claim's id holds factors as factor=level, got '{part}' in '{text}'"
        raise ValueError(msg)
    return HeldFactor(unquote(factor), tuple(map(unquote, pieces)), compared)
