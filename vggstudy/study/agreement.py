"""Whether a study's records are those of its plan, and whether its runs saw the same images."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vggstudy.identity import canonical_json
from vggstudy.ledger import DamagedFileError, StudyStore
from vggstudy.ledger.rows import IndexRow, recipe_digest
from vggstudy.plan import Plan, PlannedRun
from vggstudy.protocol import DataSettings, Recipe

_log = logging.getLogger(__name__)

SOURCE = ("name", "root", "resize", "classes")
"""Settings that say which images there are; others say which of them a run takes, and how."""

_PLANNED = ("study_seed", "replicate", "seeding", "levels")


def refuse_strangers(plan: Plan, store: StudyStore, rows: Mapping[str, IndexRow]) -> None:
    """Refuse a record that says other things of its run than the plan does.

    Parameters
    ----------
    plan : Plan
    store : StudyStore
    rows : mapping of str to IndexRow
        Intact rows of planned runs, by run id.

    Raises
    ------
    DamagedFileError
        Naming the first such record and what disagrees.
    """
    for path, reason in strangers(plan, store, rows):
        raise DamagedFileError("foreign", reason, str(path))


def strangers(
    plan: Plan, store: StudyStore, rows: Mapping[str, IndexRow]
) -> Iterator[tuple[Path, str]]:
    """The records that `refuse_strangers` refuses, each with what disagrees."""
    digests: dict[str, str] = {}
    compared: dict[tuple[str, str | None], str | None] = {}  # runs of a cell have one recipe
    for run_id, row in rows.items():
        run, summary = plan.by_id[run_id], row.summary
        problem = _stranger(run, row.cell_id, summary)
        recipe = summary.get("recipe_sha256")
        if problem is None and recipe != _digest(run, digests):
            pair = run.cell_id, recipe
            if recipe is None or pair not in compared:
                compared[pair] = _recipe_problem(run, store)
            problem = compared[pair]
        if problem:
            yield store.record_path(run_id), f"{problem}; {_REMEDY}"


_REMEDY = "restore it from a copy, or delete it and run again"


def _stranger(run: PlannedRun, cell_id: str | None, summary: Mapping[str, Any]) -> str | None:
    """What a row says otherwise than the plan; None if nothing."""
    said = {"cell_id": cell_id, **{name: summary.get(name) for name in _PLANNED}}
    for name, value in said.items():
        planned = getattr(run, name)
        if value != (dict(planned) if isinstance(planned, Mapping) else planned):
            return f"{name} is {value!r}, but this run's is {planned!r}"
    return None


def _digest(run: PlannedRun, known: dict[str, str]) -> str:
    """Digest of a cell's recipe as the index has it, made once for all of its runs."""
    if run.cell_id not in known:
        known[run.cell_id] = recipe_digest(run.recipe.model_dump(mode="json"))
    return known[run.cell_id]


def _recipe_problem(run: PlannedRun, store: StudyStore) -> str | None:
    """What a record's recipe says otherwise than its cell's; None if nothing.

    A setting that was added later is in only one of the two, and has its default there.
    """
    recipe = store.read_record(run.run_id).recipe
    for section, settings in run.recipe.model_dump(mode="json").items():
        said = recipe.get(section, {})
        if not isinstance(said, Mapping):
            return f"recipe.{section} must be an object"
        for name, value in settings.items():
            other = name in said and canonical_json(said[name]) != canonical_json(value)
            if other and not (name == "root" and _is_place(run)):
                return f"recipe.{section}.{name} is {said[name]!r}, but this run's is {value!r}"
    return None


def _is_place(run: PlannedRun) -> bool:
    """Whether ``data.root`` says where images lie, and not which they are."""
    return isinstance(run.recipe, Recipe) and run.recipe.data.name != "imagefolder"


def different_images(plan: Plan, rows: Mapping[str, IndexRow]) -> Iterator[str]:
    """One sentence for each data set that was not the same in all runs.

    Parameters
    ----------
    plan : Plan
    rows : mapping of str to IndexRow
        Rows of planned runs, by run id.
    """
    seen: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for run_id, row in rows.items():
        if row.reason is None and (digest := _images(row)) is not None:
            recipe = plan.by_id[run_id].recipe
            if isinstance(recipe, Recipe):
                seen[_source(recipe.data)][digest] += 1
    for (name, *_), counts in seen.items():
        if len(counts) > 1:
            listed = ", ".join(
                f"{count} run{'' if count == 1 else 's'} {digest[:12]}"
                for digest, count in counts.most_common()
            )
            yield f"the runs did not all see the same images of {name}: data.digest of {listed}"


def warn_of_images(plan: Plan, rows: Mapping[str, IndexRow]) -> None:
    """Say what `different_images` finds in the log."""
    for sentence in different_images(plan, rows):
        _log.warning("%s", sentence)


def planned_rows(plan: Plan, store: StudyStore) -> dict[str, IndexRow]:
    """The index's intact rows of the planned runs, without their curves, by run id."""
    with store.index() as index:
        rows = [row for row in index.rows(curves=False) if row.run_id in plan.by_id]
    return {row.run_id: row for row in rows if row.reason is None}


def _images(row: IndexRow) -> str | None:
    """Digest of all images of a run's data set; None where it was not recorded."""
    found = row.summary.get("result", {}).get("data", {}).get("digest")
    return found if isinstance(found, str) else None


def _source(settings: DataSettings) -> tuple[Any, ...]:
    """What says which images there are."""
    made = (settings.train, settings.test) if settings.name == "synthetic" else ()
    return (*(getattr(settings, name) for name in SOURCE), *made)
