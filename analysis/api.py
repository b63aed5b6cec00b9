"""The analysis from table to result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import get_args

from vggstudy.analysis.claims.catalogue import (
    asked_for,
    claims_cells,
    default_claims,
    known,
    outcomes_of,
)
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.claims.many import with_families, with_survivors
from vggstudy.analysis.claims.on_demand import ClaimsOnDemand
from vggstudy.analysis.data.cautions import says_unfinished, table_cautions
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.flow import Flow
from vggstudy.analysis.data.seeding import SeedReading, Taken, read_seeds
from vggstudy.analysis.data.table import RunTable, Seeding
from vggstudy.analysis.estimators.converged import ProbabilityInterval
from vggstudy.analysis.estimators.how import Declared, How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import HypothesisResult, judge
from vggstudy.analysis.hypotheses.registered import registered
from vggstudy.analysis.models.fit import FittedModels, fit_models
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.bootstrap import Method
from vggstudy.analysis.numbers.looks import Look
from vggstudy.analysis.numbers.resampling import CHUNK_DRAWS
from vggstudy.analysis.numbers.variance import CellPlusSeed
from vggstudy.analysis.result import AnalysisResult, cell_frame
from vggstudy.errors import AnalysisError
from vggstudy.identity import digest
from vggstudy.stated.hypotheses import Hypothesis, parts_of
from vggstudy.stated.models import ModelRequests

logger = logging.getLogger(__name__)

MAX_CHUNK_DRAWS = 4_000_000


def analyze(
    table: RunTable,
    *,
    confidence: float = 0.95,
    resamples: int = 9_999,
    seed: int = 0,
    method: Method = "calibrated",
    protocol_digest: str | None = None,
    chunk_draws: int = CHUNK_DRAWS,
    seeding: Seeding | None = None,
    designed: Taken | None = None,
    further: Sequence[RunTable] = (),
    hypotheses: Sequence[Hypothesis] = (),
    late: Mapping[str, Note] | None = None,
    models: ModelRequests | None = None,
    named: Sequence[str] = (),
    asked: Sequence[str] = (),
    simultaneous: Sequence[str] = (),
    headline_only: bool = False,
    claims_only: bool = False,
    verdicts_only: bool = False,
    probability_interval: ProbabilityInterval = "clopper_pearson",
    lower_is_better: bool | None = None,
    block: str | None = None,
    learning: Mapping[str, Declared] | None = None,
    look: Look | None = None,
    cautions: Sequence[Note] = (),
) -> AnalysisResult:
    """Estimate every cell, margin and contrast of a table of runs.

    Parameters
    ----------
    table : RunTable
    confidence : float
        Two-sided level of all intervals.
    resamples : int
        Bootstrap resamples of each interval that is drawn.
    seed : int
        With a claim's id, the seed of its draws.
    method : str
        How means are bootstrapped: calibrated, percentile, basic, bca or studentized.
    protocol_digest : str, optional
        Enters the digest of the inputs.
    chunk_draws : int
        Draws held in memory at a time; changes no number.
    seeding : str, optional
        Whether runs of different cells share their seeds: auto, independent, shared or crossed; by
        default what the table says (`RunTable.seeding`). Claims on several cells then take the runs
        of one seed as a block. See `seeding.read_seeds`.
    designed : str, optional
        How the runs were seeded, where a design says so: ``auto`` then asks no further.
    further : sequence of RunTable
        The same runs with other outcomes, of which means and contrasts are estimated besides, and
        their association with the outcome within cells.
    hypotheses : sequence of Hypothesis
        Registered hypotheses, to be judged together.
    late : mapping of str to Note, optional
        By id, when those hypotheses were stated that were not stated before any run: their claims
        are not registered.
    models : ModelRequests, optional
        What the fitted models hold; by default as `ModelRequests` says.
    named : sequence of str
        Ids of claims that are made besides, e.g. those that a source study's figures are set
        against; an id of what the table does not have makes none.
    asked : sequence of str
        Ids, and patterns of ids with ``*`` and ``?``, of claims that are made besides. Any other
        is estimated when ``result.claims[id]`` is read.
    simultaneous : sequence of str
        Patterns of ids, with ``*`` and ``?``: the claims that one matches are a family, whose
        intervals hold together.
    headline_only : bool
        Only grand means and contrasts averaged over the whole grid; `cells` holds counts alone, and
        no model is fitted.
    claims_only : bool
        No model is fitted beside the claims, which are those of a whole analysis.
    verdicts_only : bool
        With `headline_only`, for analyses that are only compared with another one: no bounds on
        selection stand beside the claims, no limits beside verdicts that need none.
    probability_interval : str
        Of the probability that a run of a single cell converges: clopper_pearson covers at least
        its level; mid_p is shorter and covers it on average.
    lower_is_better : bool, optional
        Whether less of the outcome is better, in ranks, turning points and hypotheses; by default
        as the table says.
    block : str, optional
        The factor whose levels (data sets, tasks) stand for others of their kind; by default what
        the table says (`RunTable.blocked`).
    learning : mapping of str to str, optional
        Numeric factors along which convergence is declared: ``rises`` or ``falls``. Of others the
        runs decide whether a level is needed or tolerated.
    look : Look, optional
        The look of several that these runs are: `confidence` is then that of all looks together,
        intervals have the level of this one.
    cautions : sequence of Note
        What must be known of every claim.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    AnalysisError
        If a setting is out of range, `models` or `asked` name what the table does not have, or
        `simultaneous` no family.
    """
    _check_settings(confidence, resamples, seed, method, chunk_draws, probability_interval)
    raw = _told(table, further, lower_is_better, block)
    seeds = read_seeds(raw[0], seeding, designed=designed)
    table, *further = map(seeds.applied, raw)
    resampling = Resampling(method, resamples, seed, chunk_draws)
    maker = ClaimMaker(
        Cells.from_table(table.independent()),
        How(
            confidence,
            resampling,
            seeds.shared,
            probability_interval,
            learning or {},
            bounds=not verdicts_only,
        ).looking(look),
        inputs_digest(table, protocol_digest),
        {other.outcome: Cells.from_table(other.independent()) for other in further},
        tuple(cautions),
    )
    wanted, along = asked_for(asked, maker), _declared(models, hypotheses)
    made = default_claims(maker, named, headline_only=headline_only, along=along)
    made |= {one.id: one for one in maker.claims(wanted).values() if one.id not in made}
    evaluator = Evaluator(maker, verdicts_only=verdicts_only)
    judged = judge(hypotheses, evaluator, confidence=confidence, late=late)
    made = with_families(registered(made, hypotheses, judged, maker), simultaneous, maker)
    if headline_only:
        return _result(maker, made, table, further, seeds, judged, headline_only=True)
    made = with_survivors(made, maker)
    fitted = None if claims_only else _models(maker, table, models)
    result = _result(maker, made, table, further, seeds, judged, fitted)
    return replace(result, otherwise=_otherwise(result, maker, raw))


def _told(
    table: RunTable, further: Sequence[RunTable], lower_is_better: bool | None, block: str | None
) -> tuple[RunTable, ...]:
    """The tables with what the caller says of them in place of what they say themselves."""
    if lower_is_better is not None:
        table = table.directed(lower_is_better)
    tables = (table, *further)
    return tables if block is None else tuple(one.blocked(block) for one in tables)


def _result(
    maker: ClaimMaker,
    made: Mapping[str, Claim],
    table: RunTable,
    further: Sequence[RunTable],
    seeds: SeedReading,
    judged: tuple[HypothesisResult, ...],
    fitted: FittedModels | None = None,
    *,
    headline_only: bool = False,
) -> AnalysisResult:
    """Everything that was made, with what must be known before it is read."""
    claims = ClaimsOnDemand(made.values(), maker)
    logger.debug("%d claims on %d cells", len(claims), len(maker.cells))
    flow = Flow.of(table)
    each = not headline_only and claims_cells(table)
    return AnalysisResult(
        table=table,
        cells=cell_frame(maker.cells, claims, outcomes_of(table) if each else []),
        claims=claims,
        flow=flow,
        warnings=(
            *maker.notes,
            *_seeds(seeds, fitted),
            *table_cautions(maker.cells, table, flow, told=any(map(says_unfinished, maker.notes))),
            *([] if each or headline_only else [say("cells_on_demand", n=len(maker.cells))]),
        ),
        settings=_settings(table, maker.how),
        inputs_digest=maker.inputs_digest,
        hypotheses=judged,
        models=fitted,
        seeds=seeds,
        further=tuple(further),
    )


def _declared(models: ModelRequests | None, hypotheses: Sequence[Hypothesis]) -> set[str]:
    """Factors along which a curve was asked for."""
    said = [] if models is None else [models.failure.along, models.accuracy.along]
    said += [getattr(part, "along", None) for one in hypotheses for part in parts_of(one)]
    return {name for name in said if name is not None}


def _settings(table: RunTable, how: How) -> dict[str, object]:
    """What the numbers were made with."""
    return {
        "confidence": how.confidence,
        "resamples": how.resampling.resamples,
        "seed": how.resampling.seed,
        "method": how.resampling.method,
        "outcome": table.outcome,
        "label_rule": table.label_rule,
        **({"learning": dict(how.learning)} if how.learning else {}),
        **({} if how.look is None else {"look": asdict(how.look), "overall": how.overall}),
    }


def _otherwise(
    result: AnalysisResult, maker: ClaimMaker, raw: Sequence[RunTable]
) -> tuple[Claim, ...]:
    """The headline claims and the registered ones as another reading of seeds would have them."""
    if result.seeds.other is None:
        return ()
    cells, *further = (
        Cells.from_table(result.seeds.otherwise(table).independent()) for table in raw
    )
    how = replace(maker.how, shared_seeds=result.seeds.other == "shared")
    others = {one.table.outcome: one for one in further}
    other = replace(maker, cells=cells, how=how, further=others)
    asked = {claim.id: claim for claim in result.headline()}
    asked |= {claim.id: claim for claim in result.claims.values() if claim.registered}
    return tuple(other.claim(one) for text in asked if (one := known(text, other)) is not None)


def _seeds(seeds: SeedReading, fitted: FittedModels | None) -> tuple[Note, ...]:
    """How seeds are read, how much they move the runs, and what takes no heed of them."""
    if not seeds.shared or seeds.other is None or fitted is None:
        return seeds.notes
    apart = say("taken_apart_from_seeds")
    return (*seeds.notes, *_component(fitted.components.seeds), apart)


def _component(found: CellPlusSeed | Note | None) -> tuple[Note, ...]:
    """How much of the spread within cells comes from seeds; nothing where that cannot be told."""
    if not isinstance(found, CellPlusSeed):
        return ()
    rest = found.residual**0.5
    if not found.seed:
        return (say("no_seeds_component", b=rest),)
    return (say("seeds_component", a=found.seed**0.5, b=rest),)


def _models(
    maker: ClaimMaker, table: RunTable, requests: ModelRequests | None
) -> FittedModels | None:
    """The models beside the claims, at the same level; none of times to a target.

    Models of the runs that reached one say nothing of the time to it.
    """
    if table.horizon is not None:
        return None
    return fit_models(
        maker.cells,
        requests or ModelRequests(),
        table=table,
        confidence=maker.how.confidence,
        shared_seeds=maker.how.shared_seeds,
    )


def inputs_digest(table: RunTable, protocol_digest: str | None) -> str:
    """SHA-256 of what claims are made from: the table's content and the protocol's digest."""
    return digest({"table": table.content_digest(), "protocol": protocol_digest})


def _check_settings(
    confidence: float,
    resamples: int,
    seed: int,
    method: str,
    chunk_draws: int,
    probability_interval: str,
) -> None:
    """Every setting out of range, in one message."""
    wrong = []
    if not 0 < confidence < 1:
        wrong.append(f"confidence must lie between 0 and 1, got {confidence}")
    if resamples < 99:
        wrong.append(f"resamples must be at least 99, got {resamples}")
    if seed < 0:
        wrong.append(f"seed must not be negative, got {seed}")
    if method not in get_args(Method):
        wrong.append(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not 1 <= chunk_draws <= MAX_CHUNK_DRAWS:
        wrong.append(f"chunk_draws must lie in [1, {MAX_CHUNK_DRAWS}], got {chunk_draws}")
    if probability_interval not in get_args(ProbabilityInterval):
        known = " or ".join(get_args(ProbabilityInterval))
        wrong.append(f"probability_interval must be {known}, got {probability_interval!r}")
    if wrong:
        raise AnalysisError("\n".join(wrong))
