"""Which code the runs of somebody's trainer were made by, and whether it has changed since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.environment import capture, git_commit
from vggstudy.errors import ExecutionError

if TYPE_CHECKING:
    from vggstudy.execution.options import TrainerSite
    from vggstudy.ledger import StudyStore
    from vggstudy.study.study import Study

SHORT = 12
"""Digits of a digest or a commit that are shown."""

UNKNOWN, DIRTY = "code not known", " with changes"


def code_words(environment: Mapping[str, Any]) -> str:
    """The code of a run by its record: its files' digest, else its commit, else that none is known.

    Parameters
    ----------
    environment : mapping
        Of a record, or of this process with what `trainer_environment` says as ``trainer``.
    """
    if digest := code_digest(environment):
        return f"code {digest[:SHORT]}"
    git = environment.get("git")
    if isinstance(git, Mapping) and isinstance(commit := git.get("commit"), str):
        return f"commit {commit[:SHORT]}{'' if git.get('dirty') is False else DIRTY}"
    return UNKNOWN


def code_digest(environment: Mapping[str, Any]) -> str | None:
    """The digest of the files that make a trainer's code, where a record holds one."""
    trainer = environment.get("trainer")
    files = trainer.get("code") if isinstance(trainer, Mapping) else None
    digest = files.get("sha256") if isinstance(files, Mapping) else None
    return digest if isinstance(digest, str) else None


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
    told = _listed({name: count for name, count in before.items() if name != now})
    return told and f"the trainer's code has changed: {told}; from here on {now}"


def code_here(study: Study) -> str | None:
    """One sentence where the code in the working folder is not that of a study's runs.

    Files are read and no program of anybody's is executed, so that of a working folder with git
    the commit is compared and not its files. None where nothing differs, or nothing can be told:
    a study may be read where its code is not.
    """
    from vggstudy.execution.trainers.code import code_state

    trainer = study.protocol.trainer
    if trainer is None or not study.exists:
        return None
    with study.store().index() as index:
        before = codes_of(index.environments())
    before.pop(UNKNOWN, None)
    if not before:
        return None
    try:
        code = code_state(Path.cwd(), trainer.code)
    except ExecutionError:
        return None
    git = None if code else git_commit()
    now = code_words({"trainer": {"code": code}, "git": git and {"commit": git, "dirty": False}})
    same = {now} if code else {now, now + DIRTY}
    told = _listed({name: count for name, count in before.items() if name not in same})
    if told is None or now == UNKNOWN:
        return None
    return f"the trainer's code here is not that of all runs: {told}; here is {now}"


def _listed(others: Mapping[str, int]) -> str | None:
    """The runs of other codes, in words."""
    if not others:
        return None
    (first, count), *rest = others.items()
    runs = "run" if count == 1 else "runs"
    more = "".join(f", {n} of {name}" for name, n in rest)
    return f"this study has {count} {runs} of {first}{more}"
