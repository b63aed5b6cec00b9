"""How runs are expected to come out, where that is stated in a file: means, spreads, rates."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, ValidationError

from vggstudy.errors import AnalysisError
from vggstudy.files import explain
from vggstudy.stated.base import Level, Settings

if TYPE_CHECKING:
    from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
    from vggstudy.analysis.planning.pilot import Pilot

Positive = Annotated[float, Field(gt=0)]


class ExpectedRuns(Settings):
    """What is expected of runs; what is left out stays as the pilot, or the file so far, says."""

    mean: float | None = None
    """Of the outcome of converged runs."""
    sd: Positive | None = None
    """Standard deviation of the outcome between converged runs of a cell."""
    converges: Annotated[float, Field(ge=0, le=1)] | None = None
    """Probability that a run converges."""
    failed: float | None = None
    """What a failed run scores."""
    seconds: Positive | None = None
    """How long a run takes."""


class ExpectedCells(ExpectedRuns):
    """The same of the cells at some levels."""

    at: Annotated[dict[str, Level], Field(min_length=1)]
    """Factors held at a level each."""


class Expected(ExpectedRuns):
    """A file of what is expected: of all cells, then of some, later ones before earlier ones."""

    seed_sd: Annotated[float, Field(ge=0)] | None = None
    """Standard deviation of what a seed adds in all cells that share it."""
    cells: list[ExpectedCells] = Field(default_factory=list, max_length=10_000)


def read_expected(path: Path) -> Expected:
    """Read such a file.

    Raises
    ------
    AnalysisError
        If it cannot be read, or says what is not known.
    """
    try:
        return Expected.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise AnalysisError(explain(error, path, "read")) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AnalysisError(f"{path}: no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise AnalysisError(f"{path}: {where}: {first['msg'].lower()}") from None


def with_expected(pilot: Pilot, expected: Expected) -> Pilot:
    """The pilot with what is stated in place of what its runs say.

    Of a cell of which something is stated nothing is left open.

    Raises
    ------
    AnalysisError
        If it names what the table does not have, or a converging cell remains without mean or
        spread.
    """
    model, table = pilot.model, pilot.model.tables[0]
    mean, sd = model.mean.copy(), model.sd.copy()
    converges, failed, shapes = model.converges.copy(), [*model.failed], [*model.shapes]
    stated = np.zeros(len(model), dtype=bool)
    for one in (expected, *expected.cells):
        chosen = _chosen(one, pilot)
        if (one.mean, one.sd, one.converges, one.failed) != (None, None, None, None):
            stated |= chosen
        mean[0, chosen] = mean[0, chosen] if one.mean is None else one.mean
        sd[0, chosen] = sd[0, chosen] if one.sd is None else one.sd
        converges[chosen] = converges[chosen] if one.converges is None else one.converges
        for cell in np.flatnonzero(chosen).tolist():
            if one.failed is not None:
                failed[cell] = np.full((1, len(model.tables)), np.nan)
                failed[cell][0, 0] = one.failed
    lost = (converges > 0) & ~(np.isfinite(mean[0]) & np.isfinite(sd[0]))
    if lost.any():
        raise AnalysisError("mean and sd must be stated of every cell in which runs converge")
    low, high = table.bounds or (-np.inf, np.inf)
    if ((mean[0] < low) | (mean[0] > high))[converges > 0].any():
        raise AnalysisError(f"mean: {table.outcome} lies between {low:g} and {high:g}")
    seeds = model.seed_sd if expected.seed_sd is None else expected.seed_sd
    changed = replace(
        model,
        mean=np.nan_to_num(mean),
        sd=np.nan_to_num(sd, nan=1.0),
        converges=converges,
        failed=tuple(failed),
        shapes=tuple(shapes),
        seed_sd=seeds,
    )
    runs, hits = (np.where(stated, np.inf, x) for x in (pilot.n, pilot.k))
    return replace(pilot, model=changed, n=runs, k=hits)


def seconds_of(pilot: Pilot, expected: Expected) -> FloatArray:
    """Stated seconds of a run of each cell; NaN where nothing is stated; shape (C,)."""
    found = np.full(len(pilot.model), np.nan)
    for one in (expected, *expected.cells):
        if one.seconds is not None:
            found[_chosen(one, pilot)] = one.seconds
    return found


def _chosen(one: ExpectedRuns, pilot: Pilot) -> BoolArray:
    """The cells that a statement is on; shape (C,)."""
    from vggstudy.analysis.data.parsing import conditions_at

    model = pilot.model
    chosen = np.ones(len(model), dtype=bool)
    if isinstance(one, ExpectedCells):
        table = model.tables[0]
        for condition in conditions_at(one.at, table):
            column = table.factors.index(condition.factor)
            chosen &= np.isin(model.codes[:, column], condition.levels)
    return chosen
