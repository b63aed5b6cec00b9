"""From runs to results: the claims of a study or a table, and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from vggstudy.analysis.notes import Caution, Note, say
from vggstudy.protocol import LabelRule, Protocol
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.stated.models import ModelRequests
from vggstudy.study.runs import relabelled_frames, with_unfinished
from vggstudy.study.sources import Source, open_source, study_table
from vggstudy.study.study import Study
from vggstudy.study.tables import TableAsked
from vggstudy.together import together

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.analysis.data.table import RunTable, Seeding
    from vggstudy.analysis.sensitivity import Specification
    from vggstudy.report import ReportContext


def analyze(
    source: str | Path | Study | pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    factors: Sequence[str] = (),
    lower_is_better: bool | None = None,
    seeding: Seeding | None = None,
    simultaneous: Sequence[str] = (),
    block: str | None = None,
    sensitivity: bool = False,
    claims: Sequence[str] = (),
    **table: Unpack[TableAsked],
) -> AnalysisResult:
    """Estimate what a study, a CSV or a data frame says; see `open_source` for the parameters.

    How a table is read stands in `vggstudy.study.tables.TableAsked`.

    With `sensitivity`, the headline claims and verdicts are repeated under other label rules. The
    ids, and patterns of ids, in `claims` are made besides those that are made unasked. The claims
    that a pattern of `simultaneous` matches, such as ``accuracy.diff.batch_norm@*``, are a family
    whose intervals hold together.

    Returns
    -------
    AnalysisResult
        Claims with their intervals, by id.
    """
    opened = open_source(
        source,
        protocol=protocol,
        factors=factors,
        lower_is_better=lower_is_better,
        seeding=seeding,
        block=block,
        **table,
    )
    opened = replace(opened, simultaneous=tuple(simultaneous))
    return analyze_source(opened, sensitivity=sensitivity, asked=claims)


def analyze_source(
    source: Source,
    *,
    sensitivity: bool = False,
    asked: Sequence[str] = (),
    headline_only: bool = False,
    claims_only: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> AnalysisResult:
    """Estimate with the protocol's settings, and judge its hypotheses.

    Parameters
    ----------
    source : Source
    sensitivity : bool
        Whether to repeat the headline claims and verdicts under other label rules.
    asked : sequence of str
        Ids, and patterns of ids, of claims that are made besides.
    headline_only : bool
        Whether to make only those, and the headline claims, of the runs.
    claims_only : bool
        Whether nothing but the claims is asked for: no model is fitted beside them.
    meanwhile : callable, optional
        What this process imports for later, while another one begins.
    """
    from vggstudy.analysis import ClaimSet
    from vggstudy.analysis import analyze as estimate  # SciPy
    from vggstudy.analysis.estimators.cell_draws import sharing_draws
    from vggstudy.analysis.sensitivity import compare_rules, to_analyse

    settings = _settings(source)

    def main() -> AnalysisResult:
        named = _source_claims(source)
        return estimate(
            source.table,
            further=source.further,
            named=named,
            asked=asked,
            simultaneous=source.simultaneous,
            headline_only=headline_only,
            claims_only=claims_only,
            **settings,
        )

    def headline(table: RunTable) -> AnalysisResult:
        further = _with_labels(source.further, table)
        found = estimate(table, further=further, headline_only=True, verdicts_only=True, **settings)
        return replace(found, claims=ClaimSet(found.claims.values()))  # these are only compared

    if not sensitivity:
        if meanwhile is not None:
            meanwhile()
        return main()
    tables, note = _relabelled(source)
    others = to_analyse(source.table, tables)
    tasks: list[Callable[[], AnalysisResult]] = [main, *(partial(headline, one) for one in others)]
    with sharing_draws():
        result, *analysed = together(tasks, first=meanwhile)
    return replace(result, sensitivity=compare_rules(result, tables, analysed, note=note))


def _source_claims(source: Source) -> list[str]:
    """The claims that the figures of the protocol's source study are set against."""
    study = source.protocol.source if source.protocol else None
    return [figure.claim for figure in study.figures] if study else []


def _settings(source: Source) -> dict[str, Any]:
    """What the protocol says of the analysis, as `analyze` takes it."""
    protocol = source.protocol
    return {
        "confidence": source.settings.confidence,
        "probability_interval": source.settings.probability_interval,
        "resamples": source.settings.resamples,
        "seed": source.settings.seed,
        "protocol_digest": protocol.digest() if protocol else None,
        "seeding": source.settings.seeding,
        "designed": source.designed,
        "learning": source.settings.learning,
        "hypotheses": protocol.hypotheses if protocol else (),
        "late": _late(source),
        **_looks(source),
        "models": ModelRequests(
            failure=source.settings.failure_model, accuracy=source.settings.accuracy_model
        ),
    }


def _looks(source: Source) -> dict[str, Any]:
    """The look at which a study is analysed, and what is to be said of early ones."""
    from vggstudy.analysis.data.cautions import unfinished
    from vggstudy.study.looking import cautions

    study = source.study
    if study is None:
        return {}
    lacking = unfinished(source.table, Caution.UNFINISHED)
    look = None if study.looks is None else study.looks.look(study.look or 1)
    early = cautions(study, source.settings.confidence)
    return {"look": look, "cautions": (*early, *lacking)}


def _late(source: Source) -> dict[str, Note]:
    """When hypotheses were stated that were not stated before any run, by their ids."""
    from vggstudy.study.basis import stated
    from vggstudy.study.table_register import table_basis

    if source.study is not None:
        found = stated(source.study)
        return {name: one.note for name, one in found.items() if one.note is not None}
    if (basis := table_basis(source)) is not None:
        return {one.id: one.note for one in basis.registrations if one.note is not None}
    hypotheses = source.protocol.hypotheses if source.protocol else ()
    return {one.id: say("stated_unknown") for one in hypotheses}


def _relabelled(source: Source) -> tuple[dict[Specification, RunTable], Note]:
    """The runs under other label rules, as far as they allow, and what could not be varied."""
    from vggstudy.analysis.sensitivity import relabelled, specifications

    if source.study is not None and source.study.protocol.trainer is not None:
        return {}, say("trainer_decides")
    if source.study is not None:
        note = say("last_epoch_label")
        rules = specifications(curves=True)
        return _study_tables(source.study, source.settings.outcome, rules), note
    if source.table.chances is None or source.table.horizon is not None:
        return {}, say("no_other_rule")
    note = say("margin_only")
    return {one: relabelled(source.table, one) for one in specifications(curves=False)}, note


def _study_tables(
    study: Study, outcome: str, chosen: Sequence[Specification]
) -> dict[Specification, RunTable]:
    """A study's runs under other label rules; its records are read once."""
    rules = {(one.margin, one.checkpoint): _rule(study, one) for one in chosen}
    frames = dict(
        zip(rules, relabelled_frames(study.analysed, study.store(), [*rules.values()]), strict=True)
    )

    def table(one: Specification) -> RunTable:
        frame = frames[one.margin, one.checkpoint]
        counted = with_unfinished(frame) if one.unfinished == "converged" else frame
        return study_table(study, outcome, counted)

    return {one: table(one) for one in chosen}


def _with_labels(further: Sequence[RunTable], relabelled: RunTable) -> list[RunTable]:
    """Tables of further outcomes with the labels of the same runs under another rule.

    Those of costs count every run anyway, those of ensembles hold other rows, and those of times
    to a target have labels of their own: they stay.
    """
    import numpy as np

    from vggstudy.analysis.data.outcomes import COSTS

    found = []
    for one in further:
        timed = one.horizon is not None
        if not timed and one.outcome not in COSTS and one.outcome not in ENSEMBLE_OUTCOMES:
            unknown = np.isnan(one.value) & (relabelled.label == 0)  # learned, but without a value
            one = replace(one, label=np.where(unknown, 1, relabelled.label))
        found.append(one)
    return found


def _rule(study: Study, one: Specification) -> LabelRule:
    """The study's label rule with another margin and checkpoint."""
    changes = {"margin": one.margin, "checkpoint": one.checkpoint}
    return study.protocol.label.model_copy(update=changes)


def published_claims(result: AnalysisResult) -> ClaimSet:
    """The claims as they are written to a file: with the numbers that the report prints."""
    from vggstudy.analysis import ClaimSet
    from vggstudy.report.citing.cite import display_strings

    shown = (replace(claim, display=display_strings(claim)) for claim in result.claims.values())
    return ClaimSet(shown)


def inputs_digest(source: Source) -> str:
    """Digest of what `analyze_source` would take in: the table and the protocol."""
    from vggstudy.analysis.api import inputs_digest as digest_of

    table = source.seeds.applied(source.table)
    return digest_of(table, source.protocol.digest() if source.protocol else None)


def report(
    result: AnalysisResult | str | Path | Study,
    path: str | Path,
    *,
    context: ReportContext | None = None,
    language: str = "en",
    title: str | None = None,
    question: str | None = None,
) -> Path:
    """Write the HTML report of a result, a study or a CSV to a file; returns its path.

    That of a study says more than that of a result: its question, protocol, environment.

    Parameters
    ----------
    title, question : str, optional
        Of the report of a table, or of a result without a context. A study's are its protocol's,
        and so are those of a table whose protocol states them.

    Raises
    ------
    StudyError
        If the file cannot be written.
    TableOptionError
        If title or question is given and a protocol states another one.
    TypeError
        If it is none of these, for example a data frame that has not been analysed, or a title
        or a question is given beside a context.
    """
    from vggstudy.report import ReportContext, write_report
    from vggstudy.study.context import report_context

    if context is not None and (title or question):
        raise TypeError("title and question stand in the context that is given")
    if isinstance(result, (str, Path, Study)):
        source = open_source(result).titled(title, question)
        context = context or report_context(source)
        result = analyze_source(source, sensitivity=True)
    if not hasattr(result, "claims"):
        msg = f"report takes a result, a study or a path, not a {type(result).__name__}: analyze it"
        raise TypeError(msg)
    context = context or ReportContext(title=title, question=question, asked_late=bool(question))
    return write_report(result, Path(path), context=context, language=language)
