"""Canonical JSON, ids of cells and runs, and the seeds of a run's random streams."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

ID_LENGTH = 16
"""Hexadecimal digits of an id: 64 bits, a collision chance of 3e-8 among a million runs."""

SEED_BITS = 63
"""Seeds are non-negative and fit a signed 64-bit integer, which every generator accepts."""


ROWS_AT_ONCE = 10_000
"""Rows whose text is in memory together."""


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no blanks, ``11.0`` written as ``11``.

    Parameters
    ----------
    value : JSON value
        Mappings with string keys, sequences, strings, numbers, booleans, None.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no text for it.
    TypeError
        If a mapping's key is not a string, or a value is not JSON.
    """
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _canonical(value: Any) -> Any:
    """Reduce a JSON value to the one form that is hashed."""
    if value is None or isinstance(value, (str, int)):  # most values; a bool is an int
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            msg = f"numbers must be finite, got {value!r}"
            raise ValueError(msg)
        return int(value) if value.is_integer() else value
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, (dict, Mapping)):
        for key in value:
            if not isinstance(key, str):
                msg = f"keys must be strings, got {key!r}"
                raise TypeError(msg)
        return {key: _canonical(item) for key, item in value.items()}
    msg = f"not a JSON value: {value!r}"
    raise TypeError(msg)


def digest(value: Any) -> str:
    """SHA-256 (64 hexadecimal digits) of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_of_rows(content: Mapping[str, Any], rows: Iterable[list[Any]]) -> str:
    """`digest` of the content with its ``rows``, which are never in memory together.

    Parameters
    ----------
    content : mapping of str to JSON value
        Without ``rows``.
    rows : iterable of list
        Of texts, None and numbers, those that are integral being integers.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    head, mark, tail = canonical_json({**content, "rows": []}).partition('"rows":[]')
    found = hashlib.sha256((head + mark[:-1]).encode())
    waiting, separator = iter(rows), ""
    while chunk := list(itertools.islice(waiting, ROWS_AT_ONCE)):
        text = json.dumps(chunk, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        found.update((separator + text[1:-1]).encode())
        separator = ","
    found.update(("]" + tail).encode())
    return found.hexdigest()


def cell_id(identity: Mapping[str, Any]) -> str:
    """Id of a cell from the identity of its recipe (`Recipe.identity`)."""
    return digest({"cell": identity})[:ID_LENGTH]


def run_id(cell: str, *, study_seed: int, replicate: int, seeding: str = "independent") -> str:
    """Id of a planned run: its cell, the study's seed and the replicate.

    ``seeding`` enters only where it is not "independent", so that the ids of the two kinds of
    study differ as their seeds do.
    """
    # Canonical JSON written out: a plan of 100,000 runs calls this 100,000 times.
    shared = "" if seeding == "independent" else f',"seeding":{canonical_json(seeding)}'
    text = f'{{"replicate":{replicate},"run":"{cell}","seed":{study_seed}{shared}}}'
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of a run's named random streams, each an integer in [0, 2**63).

    The streams never share draws: changing how many numbers one of them uses leaves the others
    as they were.
    """

    init: int
    order: int
    augmentation: int
    dropout: int
    split: int


def run_seeds(cell: str, *, study_seed: int, replicate: int, seeding: str = "independent") -> Seeds:
    """Seeds from (study seed, cell, replicate); without the cell when seeds are shared.

    Never from the order of execution, the worker, the lane or the number of devices. With
    ``seeding="shared"`` the replicate is a block: all cells of one replicate draw from the same
    streams. With ``seeding="crossed"`` the initialisation varies apart from all other streams: the
    seeds are those of two independent replicates, `crossed_pair`.
    """
    base: dict[str, Any] = {"seed": study_seed}
    if seeding != "shared":
        base["cell"] = cell
    pair = crossed_pair(replicate) if seeding == "crossed" else (replicate, replicate)
    own = {field.name: pair[0 if field.name == "init" else 1] for field in fields(Seeds)}
    return Seeds(
        **{name: _seed({**base, "replicate": i, "stream": name}) for name, i in own.items()}
    )


TRAINER_SEED_BITS = 31
"""Seeds of a trainer of one's own fit every generator: NumPy takes 32 bits, C's int has 31."""


@dataclass(frozen=True, slots=True)
class TrainerSeeds:
    """Seeds of a run of a trainer of one's own, each an integer in [0, 2**31).

    Attributes
    ----------
    seed : int or None
        One for everything; None under crossed seeding, where it would undo the crossing.
    init, data : int
        One for the initialisation, and one for everything else.
    """

    seed: int | None
    init: int
    data: int


def trainer_seeds(
    cell: str, *, study_seed: int, replicate: int, seeding: str = "independent"
) -> TrainerSeeds:
    """Seeds of a trainer of one's own, from what `run_seeds` takes."""
    base: dict[str, Any] = {"seed": study_seed}
    if seeding != "shared":
        base["cell"] = cell
    crossed = seeding == "crossed"
    first, second = crossed_pair(replicate) if crossed else (replicate, replicate)

    def seed(stream: str, index: int) -> int:
        return _seed({**base, "replicate": index, "stream": stream}) >> (
            SEED_BITS - TRAINER_SEED_BITS
        )

    return TrainerSeeds(
        seed=None if crossed else seed("trainer", replicate),
        init=seed("init", first),
        data=seed("data", second),
    )


def crossed_pair(replicate: int) -> tuple[int, int]:
    """Numbers of the initialisation and of the data seeds of a replicate under crossed seeding.

    The first k^2 replicates hold every initialisation below k with every data seed below k. Number
    k^2 is (k, k), which shares neither with an earlier one: more replicates leave the earlier ones
    as they are.
    """
    edge = math.isqrt(replicate)
    rest = replicate - edge * edge
    if rest == 0:
        return edge, edge
    inner, flipped = divmod(rest - 1, 2)
    return (edge, inner) if flipped else (inner, edge)


def _seed(parts: Mapping[str, Any]) -> int:
    """63 bits of the digest of what a stream is named by."""
    return int(digest(parts), 16) >> (256 - SEED_BITS)
