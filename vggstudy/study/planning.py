"""How many replicates: what a pilot, a table or stated numbers say of a study before it is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.plan import make_plan as planned_runs
from vggstudy.protocol import AnalysisSettings, Protocol
from vggstudy.study.cost import recorded_seconds
from vggstudy.study.expected import Expected, seconds_of, with_expected
from vggstudy.study.sources import Source
from vggstudy.study.stopping import declared, stop_of
from vggstudy.suggest import hint

if TYPE_CHECKING:
    from vggstudy.analysis.data.table import RunTable
    from vggstudy.analysis.planning.pilot import Pilot
    from vggstudy.analysis.planning.planning import Plan, Reached, Target, Watch
    from vggstudy.analysis.planning.predicting import Question
    from vggstudy.analysis.planning.sequential import Declared
    from vggstudy.stated.hypotheses import Hypothesis


@dataclass(frozen=True, slots=True)
class PowerAsked:
    """What is asked of a design.

    Attributes
    ----------
    half_widths : mapping of str to float
        By the ids of claims, the half-width that each is to have at most.
    hypotheses : tuple of str
        Ids of those whose power is asked for; all of the protocol where none is named.
    power : float
    replicates : int or None
        Of the design as it is; by default those of the protocol or of the table.
    most : int
        Replicates that are tried at most.
    budget : float or None
        Device-hours.
    studies, seed : int
        Simulated studies a number of replicates, and their seed.
    """

    half_widths: dict[str, float] = field(default_factory=dict)
    hypotheses: tuple[str, ...] = ()
    power: float = 0.8
    replicates: int | None = None
    most: int = 100
    budget: float | None = None
    studies: int = 80
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PowerFound:
    """A plan with its costs.

    Attributes
    ----------
    name : str
        Of the study or table.
    plan : Plan
    cells : int
        That are run.
    hours : float or None
        Device-hours of one replicate of every cell; None where nothing says them.
    runs : int
        Runs that it rests on.
    stated : bool
        Whether something was stated of runs besides, or instead.
    outcome : str
    confidence : float
    """

    name: str
    plan: Plan
    cells: int
    hours: float | None
    runs: int
    stated: bool
    outcome: str
    confidence: float

    def cost(self, n: int) -> float | None:
        """Device-hours of n replicates."""
        return None if self.hours is None else n * self.hours

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        own = {
            "name": self.name,
            "runs": self.runs,
            "stated": self.stated,
            "outcome": self.outcome,
            "confidence": self.confidence,
            "cells": self.cells,
            "hours_per_replicate": self.hours,
        }
        return {**own, **self.plan.to_dict()}


def plan_power(
    source: Source | Protocol,
    asked: PowerAsked,
    *,
    name: str,
    expected: Expected | None = None,
    watch: Watch | None = None,
) -> PowerFound:
    """Find the replicates that reach what is asked, and what the design as it is finds.

    Parameters
    ----------
    source : Source or Protocol
        A study or a table with runs, or the protocol of a study without any.
    asked : PowerAsked
    name : str
    expected : Expected, optional
        What is stated of runs: in place of what runs say, and needed without them.
    watch : callable
        Told the replicates that are tried after each simulated study, and how many studies that
        takes.

    Raises
    ------
    AnalysisError
        If there is nothing to plan from, nothing to plan for, or a target that no number of
        replicates reaches.
    """
    from vggstudy.analysis.planning.planning import make_plan

    protocol = source if isinstance(source, Protocol) else source.protocol
    hypotheses = tuple(protocol.hypotheses) if protocol else ()
    looks = None if protocol is None else _looks(protocol)
    named, asked = asked, _with_declared(asked, looks)
    pilot, shared = _pilot(source, name)
    runs = int(pilot.n[np.isfinite(pilot.n)].sum())
    if expected is not None:
        pilot = with_expected(pilot, expected)
    targets = _targets(asked, hypotheses, name)
    question = _question(source, asked, hypotheses, looks, shared=shared)
    _check_claims(pilot, question)
    hours = _hours(source, pilot, expected)
    bought = _bought(asked, hours)
    plan = make_plan(
        pilot,
        question,
        targets,
        design=asked.replicates or _replicates(source, pilot),
        bought=bought,
        most=asked.most,
        studies=asked.studies,
        seed=asked.seed,
        watch=watch,
    )
    _refuse_unreachable(plan, named)
    table = pilot.model.tables[0]
    return PowerFound(
        name,
        plan,
        len(pilot.model),
        hours,
        runs,
        expected is not None,
        table.outcome,
        question.how.confidence,
    )


def _looks(protocol: Protocol) -> Declared | None:
    """The looks that a protocol declares, and what stops the study."""
    from vggstudy.analysis.planning.sequential import Declared

    found, stop = declared(protocol), stop_of(protocol)
    if found is None or stop is None:
        return None
    return Declared(found.replicates, found.rule, stop)


def _with_declared(asked: PowerAsked, looks: Declared | None) -> PowerAsked:
    """A half-width that stops the study is asked for, too, unless another one is."""
    if looks is None or looks.stop.claim is None or looks.stop.half_width is None:
        return asked
    widths = {looks.stop.claim: looks.stop.half_width, **asked.half_widths}
    return replace(asked, half_widths=widths)


def _pilot(source: Source | Protocol, name: str) -> tuple[Pilot, bool]:
    """How runs come out, and whether cells share seeds."""
    from vggstudy.analysis.data.cells import Cells
    from vggstudy.analysis.planning.pilot import read_pilot

    if isinstance(source, Protocol):
        if source.design.seeding == "crossed":
            raise TableOptionError(_crossed(name))
        return _stated_pilot(source), source.design.seeding == "shared"
    seeds = source.seeds
    if seeds.taken == "crossed":
        raise TableOptionError(_crossed(name))
    table = seeds.applied(source.table)
    if not table.labelled.any():
        raise AnalysisError(f"{name} has no runs yet: --expected FILE states how they come out")
    further = [seeds.applied(one) for one in source.further if _same_runs(one, source.table)]
    cells = Cells.from_table(table)
    pilot = read_pilot(cells, [Cells.from_table(one) for one in further], shared_seeds=seeds.shared)
    return pilot, seeds.shared


def _crossed(name: str) -> str:
    return (
        f"{name} crosses its seeds, so that replicates are squares: power plans none of these yet"
    )


def _same_runs(one: RunTable, main: RunTable) -> bool:
    """Whether a further outcome is measured on the runs themselves."""
    alike = one.replicate == main.replicate and one.codes.shape == main.codes.shape
    return alike and one.horizon is None and bool((one.codes == main.codes).all())


def _stated_pilot(protocol: Protocol) -> Pilot:
    """The cells of a protocol, of which everything is to be stated."""
    import pandas as pd

    from vggstudy.analysis.data.table import RunTable
    from vggstudy.analysis.planning.pilot import Pilot
    from vggstudy.analysis.planning.run_model import RunModel

    plan, settings = planned_runs(protocol), protocol.analysis
    rows = [
        {**cell.levels, "replicate": 0, "label": "converged", settings.outcome: 0.5}
        for cell in plan.cells
    ]
    table = RunTable.from_frame(
        pd.DataFrame(rows),
        factors=plan.factors,
        outcome=settings.outcome,
        margin=protocol.label.margin,
        levels=protocol.design.factors,
    )
    table = table.directed(settings.lower_is_better).blocked(settings.block)
    count = len(table)
    model = RunModel(
        tables=(table,),
        codes=table.codes,
        converges=np.ones(count),
        mean=np.full((1, count), np.nan),
        sd=np.full((1, count), np.nan),
        failed=tuple(np.zeros((0, 1)) for _ in range(count)),
        shapes=tuple(np.zeros((0, 1)) for _ in range(count)),
        correlation=np.eye(1),
    )
    everything = np.full(count, np.inf)
    return Pilot(model, everything, everything, None, (0.5, 0.5))


def _targets(asked: PowerAsked, hypotheses: Sequence[Hypothesis], name: str) -> list[Target]:
    """What is to be reached."""
    from vggstudy.analysis.planning.planning import Target

    known = [one.id for one in hypotheses]
    for one in asked.hypotheses:
        if one not in known:
            there = hint(one, known, "hypotheses") if known else "it states none"
            raise TableOptionError(f"--hypothesis: {name} has no hypothesis {one!r} ({there})")
    chosen = asked.hypotheses or tuple(known)
    if not chosen and not asked.half_widths:
        msg = f"{name} states no hypotheses: name claims by --half-width ID WIDTH"
        raise TableOptionError(msg)
    return [
        *(Target("half_width", claim, width) for claim, width in asked.half_widths.items()),
        *(Target("power", one, asked.power) for one in chosen),
    ]


def _question(
    source: Source | Protocol,
    asked: PowerAsked,
    hypotheses: tuple[Hypothesis, ...],
    looks: Declared | None,
    *,
    shared: bool,
) -> Question:
    """What the analysis will be asked, and how it will answer."""
    from vggstudy.analysis.estimators.how import How
    from vggstudy.analysis.estimators.means import Resampling
    from vggstudy.analysis.numbers.resampling import CHUNK_DRAWS
    from vggstudy.analysis.planning.predicting import Question

    settings: AnalysisSettings = (
        source.analysis if isinstance(source, Protocol) else source.settings
    )
    how = How(
        settings.confidence,
        Resampling("calibrated", settings.resamples, settings.seed, CHUNK_DRAWS),
        shared,
        settings.probability_interval,
        settings.learning or {},
    )
    return Question(tuple(asked.half_widths), hypotheses, how, asked.power, looks)


def _check_claims(pilot: Pilot, question: Question) -> None:
    """Every id must be one of the table's, before anything is simulated."""
    from vggstudy.analysis.data.estimands import Estimand

    first, *further = pilot.model.tables
    for text in question.claims:
        Estimand.parse(text, first, further)


def _replicates(source: Source | Protocol, pilot: Pilot) -> int:
    """Replicates of the design as it is; two at least."""
    if isinstance(source, Protocol):
        found = source.design.replicates
    elif source.study is not None:
        found = source.study.protocol.design.replicates
    else:
        found = int(np.median(pilot.n[np.isfinite(pilot.n)], axis=None)) if len(pilot.n) else 2
    return max(found, 2)


def _hours(source: Source | Protocol, pilot: Pilot, expected: Expected | None) -> float | None:
    """Device-hours of one replicate of every cell: stated, recorded, or a column of a table."""
    seconds = np.full(len(pilot.model), np.nan)
    if isinstance(source, Source):
        seconds = recorded_seconds(source, pilot)
    if expected is not None:
        stated = seconds_of(pilot, expected)
        seconds = np.where(np.isnan(stated), seconds, stated)
    if np.isnan(seconds).all():
        return None
    return float(np.where(np.isnan(seconds), np.nanmean(seconds), seconds).sum()) / 3600


def _bought(asked: PowerAsked, hours: float | None) -> int | None:
    """Replicates that the budget buys, up to those that are tried."""
    if asked.budget is None:
        return None
    if hours is None:
        msg = "--budget needs the time of a run: seconds in --expected, or --outcome seconds"
        raise TableOptionError(msg)
    n = int(asked.budget / hours * (1 + 1e-12))
    if n < 2:
        msg = (
            f"--budget: {asked.budget:g} hours buy {n} replicates a cell, and two are the least: "
            f"{2 * hours:.3g} hours"
        )
        raise TableOptionError(msg)
    return min(n, asked.most)


def _refuse_unreachable(plan: Plan, asked: PowerAsked) -> None:
    """What was asked for by name must be within reach, or at least something of it all."""
    lost = [one for one in plan.reached if one.n is None]
    named = [
        one
        for one in lost
        if one.target.id in asked.half_widths or (one.target.kind == "power" and asked.hypotheses)
    ]
    if named or (lost and len(lost) == len(plan.reached)):
        raise TableOptionError(_unreached((named or lost)[0], plan))


def _unreached(one: Reached, plan: Plan) -> str:
    """That no number of replicates reaches a target, and how far the largest comes."""
    from vggstudy.analysis.planning.planning import claim_at, hypothesis_at

    point, target = plan.points[-1], one.target
    no = f"no number of replicates up to {point.n} gives {target.id} a"
    if target.kind == "half_width":
        width = claim_at(point, target.id).half_width
        there = "it mostly has no interval" if width is None else f"it is {width:.3g}"
        return f"{no} half-width of {target.value:g}: at {point.n} {there}"
    ahead = hypothesis_at(point, target.id)
    against = f" and {ahead.contradicted:.0%} contradict it" if ahead.contradicted else ""
    return (
        f"{no} power of {target.value:.0%}: at {point.n}, {ahead.power:.0%} of studies support "
        f"it{against}"
    )
