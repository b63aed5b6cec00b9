"""Which code the runs of somebody's trainer were made by, and whether it has changed since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vggstudy.environment import capture

if TYPE_CHECKING:
    from vggstudy.execution.options import TrainerSite
    from vggstudy.ledger import StudyStore

SHORT = 12
"""Digits of a digest or a commit that are shown."""


def code_words(environment: Mapping[str, Any]) -> str:
    """The code of a run by its record: its files' digest, else its commit, else that none is known.

    Parameters
    ----------
    environment : mapping
        Of a record, or of this process with what `trainer_environment` says as ``trainer``.
    """
    files = environment.get("trainer", {}).get("code")
    if files:
        return f"code {files['sha256'][:SHORT]}"
    git = environment.get("git")
    if git:
        return f"commit {git['commit'][:SHORT]}{'' if git['dirty'] is False else ' with changes'}"
    return "code not known"


def codes_of(environments: Iterable[tuple[Mapping[str, Any], int]]) -> Counter[str]:
    """Number of runs of each code, of those that a trainer of one's own has trained."""
    found: Counter[str] = Counter()
    for environment, count in environments:
        if "trainer" in environment:
            found[code_words(environment)] += count
    return found


def changed_code(store: StudyStore, site: TrainerSite) -> str | None:
    """One sentence where the code here is not that of all runs of a study; None where it is."""
    from vggstudy.execution.trainers.code import trainer_environment

    with store.index() as index:
        before = codes_of(index.environments())
    now = code_words({**capture(), "trainer": trainer_environment(site)})
    others = {name: count for name, count in before.items() if name != now}
    if not others:
        return None
    listed = ", ".join(f"{count} of {name}" for name, count in others.items())
    return f"the trainer's code has changed: this study has runs {listed}; from here on {now}"
