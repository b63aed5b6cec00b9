"""A short pilot: one epoch in the corners of the grid, from which a study's time is foretold."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.errors import ExecutionError
from vggstudy.identity import canonical_json, cell_id, run_id
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import network

if TYPE_CHECKING:
    from vggstudy.execution import ExecutionOptions
    from vggstudy.protocol import Recipe
    from vggstudy.study.study import Study

MAX_CORNERS = 16
"""Cells that a pilot trains at most."""


@dataclass(frozen=True, slots=True)
class Corner:
    """One cell of the pilot.

    Attributes
    ----------
    levels : mapping
        Its levels.
    epoch_s, fixed_s : float
        Seconds of one epoch with its evaluation, and of everything else of a run.
    """

    levels: Mapping[str, Any]
    epoch_s: float
    fixed_s: float


def run_pilot(study: Study, options: ExecutionOptions) -> list[Corner]:
    """Train one epoch in each corner of the grid, in a folder that is thrown away.

    A corner combines the first or the last level of every factor. Runs are executed one after
    another, so that they do not slow one another.

    Raises
    ------
    StudyError
        If the images are missing, or nothing can be executed; if a trainer of one's own trains,
        whose runs cannot be cut to one epoch.
    """
    from vggstudy.execution import Silent, execute

    if study.protocol.trainer is not None:
        raise ExecutionError("a pilot needs networks that are trained here, not a [trainer]")
    runs = [_one_epoch(run) for run in _corners(study)]
    with tempfile.TemporaryDirectory() as folder:
        store = StudyStore.create(
            Path(folder) / "pilot", study.text, study.protocol.digest(), study.protocol.name
        )
        execute(runs, store, replace(options, jobs=1), Silent())
        timings = {record.run_id: record.timings for record in store.records()}
    corners = []
    for run in runs:
        if found := timings.get(run.run_id):
            epoch = float(found["epoch_s"][0])
            corners.append(Corner(run.levels, epoch, max(0.0, float(found["total_s"]) - epoch)))
    return corners


def foretell(run: PlannedRun, corners: Sequence[Corner]) -> tuple[float, float]:
    """Least and most seconds of a run.

    The least is that of the fastest corner like it and of the fewest epochs that early stopping
    allows; the most that of the slowest and of all epochs. A corner is like a run if they share
    the levels of every factor whose level the run has from the corners.
    """
    known = {name: {_key(corner.levels[name]) for corner in corners} for name in run.levels}
    alike = [
        corner
        for corner in corners
        if all(
            _key(level) == _key(corner.levels[name]) or _key(level) not in known[name]
            for name, level in run.levels.items()
        )
    ] or list(corners)
    fewest, most = _epochs(network(run.recipe))
    times = [(c.fixed_s + fewest * c.epoch_s, c.fixed_s + most * c.epoch_s) for c in alike]
    return min(low for low, _ in times), max(high for _, high in times)


def _epochs(recipe: Recipe) -> tuple[int, int]:
    """Fewest and most epochs that a run of a recipe trains."""
    training = recipe.training
    stopping = training.early_stopping
    if stopping is None:
        return training.epochs, training.epochs
    return min(training.epochs, max(stopping.min_epochs, stopping.patience + 1)), training.epochs


def _corners(study: Study) -> list[PlannedRun]:
    """First replicates of the cells in the corners of the grid, spread evenly where too many."""
    factors = study.protocol.design.factors
    ends = {name: {_key(levels[0]), _key(levels[-1])} for name, levels in factors.items()}
    found = [
        run
        for run in itertools.takewhile(lambda run: run.replicate == 0, study.plan.runs)
        if all(_key(level) in ends[name] for name, level in run.levels.items())
    ]
    step = max(1, -(-len(found) // MAX_CORNERS))
    return found[::step] or list(study.plan.runs[:1])


def _one_epoch(run: PlannedRun) -> PlannedRun:
    """The same run cut to one epoch, under an id of its own."""
    own = network(run.recipe)
    training = own.training.model_copy(update={"epochs": 1, "early_stopping": None})
    recipe = own.model_copy(update={"training": training})
    cell = cell_id(recipe.identity())
    name = run_id(cell, study_seed=run.study_seed, replicate=run.replicate, seeding=run.seeding)
    return replace(run, recipe=recipe, cell_id=cell, run_id=name)


def _key(level: Any) -> str:
    """A level in a form in which 11 and 11.0 are one."""
    return canonical_json(level)
