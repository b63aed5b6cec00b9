"""Which versions of the code made a study's runs, where they are not one and the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vggstudy.analysis.notes import Named, say
from vggstudy.study.codes import SHORT, code_digest
from vggstudy.study.remarks import Remark

MOST_NAMED = 6
"""So many versions are named, those of most runs first."""

UNKNOWN = "unknown"


def version_remarks(environments: Sequence[tuple[Mapping[str, Any], int]]) -> Iterator[Remark]:
    """That runs of a study were not all made by the same code.

    Parameters
    ----------
    environments : sequence of (mapping, int)
        Environments as records hold them, with the number of their runs.
    """
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for environment, runs in environments:
        counts[tuple(_versions(environment).items())] += runs
    if len(counts) < 2:
        return
    differ = {each[0][0] for each in zip(*counts, strict=True) if len({*each}) > 1}
    listed = [
        (*((name, version) for name, version in versions if name in differ), ("runs", str(runs)))
        for versions, runs in counts.most_common()
    ]
    named = Named(tuple(listed[:MOST_NAMED]), max(0, len(listed) - MOST_NAMED))
    yield Remark(say("versions_differ", n=len(listed), names=named), odd=True)


def _versions(environment: Mapping[str, Any]) -> dict[str, str]:
    """What may change a number between two runs of one device, by name."""
    packages, git = environment.get("packages"), environment.get("git")
    torch = packages.get("torch") if isinstance(packages, Mapping) else None
    commit = UNKNOWN
    if isinstance(git, Mapping):
        commit = f"{str(git.get('commit'))[:12]}{'+' if git.get('dirty') else ''}"
    return {
        "code": (code_digest(environment) or UNKNOWN)[:SHORT],  # of a trainer of one's own
        "vggstudy": str(environment.get("vggstudy", UNKNOWN)),
        "commit": commit,
        "torch": str(torch or UNKNOWN),
    }
