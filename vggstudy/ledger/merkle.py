"""The root of a Merkle tree over all planned runs: one digest of what is there and what is missing.

Leaves and nodes are hashed as in RFC 6962 (section 2.1): SHA-256, a zero byte before a leaf and a
one byte before two children, split at the largest power of two below the number of leaves. So one
run is shown to belong to a root by the digests beside its path, without any other run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from vggstudy.identity import canonical_json


def study_root(planned: Iterable[str], records: Mapping[str, str | None]) -> str:
    """The root over a study's runs, 64 hexadecimal digits.

    Parameters
    ----------
    planned : iterable of str
        Ids of all planned runs.
    records : mapping of str to str or None
        Run id to the checksum of its record; None, or no entry, where there is none. Runs that are
        recorded but not planned are leaves too, and say so.
    """
    wanted = set(planned)
    leaves = [
        canonical_json({"planned": run in wanted, "record": records.get(run), "run": run})
        for run in sorted(wanted | records.keys())
    ]
    return merkle_root([leaf.encode() for leaf in leaves]).hex()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves in their order; SHA-256 of nothing where there is none."""
    if not leaves:
        return hashlib.sha256().digest()
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        # Pairs from the left, an odd one carried up: the tree that RFC 6962 splits from the top.
        pairs = [
            hashlib.sha256(b"\1" + level[at] + level[at + 1]).digest()
            for at in range(0, len(level) - 1, 2)
        ]
        level = pairs + level[2 * len(pairs) :]
    return level[0]
