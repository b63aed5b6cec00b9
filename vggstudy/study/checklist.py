"""Answers for a conference's checklist, from the ledger: error bars, and what was computed on what.

The questions are those of the NeurIPS Paper Checklist (2024 on), items 7 and 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from vggstudy.errors import StudyError
from vggstudy.ledger.rows import IndexRow
from vggstudy.report.words.names import method_words
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult

VARIED = {
    "independent": "every run has seeds of its own for all of these",
    "shared": "the runs of one replicate share them across cells, so that seeds are blocks",
    "crossed": "initialisations are crossed with all other seeds within every cell",
}

STREAMS = "initialisation, order of the data, augmentation, dropout and the split for validation"

OWN = "whatever its trainer draws from the seeds that it is given"

MOST_METHODS = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of the checklist with its answer."""

    question: str
    text: str


def checklist(study: Study, result: AnalysisResult) -> tuple[Answer, ...]:
    """What can be said of a study's error bars and of its computation.

    Parameters
    ----------
    study : Study
    result : AnalysisResult
        Of that study.

    Raises
    ------
    StudyError
        If no run is recorded.
    """
    with study.store().index() as index:
        rows = [row for row in index.rows(curves=False) if row.reason is None]
        environments = index.environments()
    if not rows:
        msg = f"{study.path} has no recorded run: there is nothing to say of its computation"
        raise StudyError(msg)
    return (
        Answer("7. Experiment statistical significance", " ".join(_error_bars(study, result))),
        Answer("8. Experiments compute resources", " ".join(_compute(study, rows, environments))),
    )


def _error_bars(study: Study, result: AnalysisResult) -> Iterator[str]:
    """Factors of variability, method, assumptions."""
    design = study.protocol.design
    drawn = STREAMS if study.protocol.trainer is None else OWN
    yield (
        f"Intervals capture the variability over {design.replicates} planned runs in each of "
        f"{study.plan.n_cells} cells; the runs of a cell differ in {drawn}, and "
        f"{VARIED[design.seeding]}."
    )
    level = f"{result.settings['confidence']:.0%}"
    counts = Counter(claim.method for claim in result.claims.values() if claim.available)
    named = [method_words(name) for name, _ in counts.most_common(MOST_METHODS)]
    yield (
        f"They are {level} confidence intervals, not standard errors, and need not lie evenly "
        f"about their estimates; methods: {'; '.join(dict.fromkeys(named))}."
    )
    yield (
        "No normal distribution of runs is assumed for probabilities, which have exact intervals "
        "of counts; means over runs rest on the bootstrap or on Student's t with a variance of "
        "their own in every cell, and cells are weighted equally."
    )
    if result.table.judged:
        yield (
            "Means of the outcome are among runs that converged; probabilities of converging are "
            "reported beside them, so that failed runs are not lost."
        )
    if design.seeding == "shared":
        yield "Contrasts are taken within replicates, whose number sets the degrees of freedom."
    found = result.exploratory
    if found.claims:
        yield (
            f"{found.claims} exploratory comparisons were made, of which about "
            f"{found.by_chance:.3g} would exclude no difference by chance alone."
        )


def _compute(
    study: Study, rows: Sequence[IndexRow], environments: Sequence[tuple[Mapping[str, Any], int]]
) -> Iterator[str]:
    """Devices, time a run and in total, what failed and what was discarded."""
    yield f"Runs were executed on {'; '.join(_devices(environments))}."
    used = [row for row in rows if row.run_id in study.plan.by_id]
    finished = [row.summary["attempts"][-1]["duration_s"] for row in used if _finished(row)]
    if finished:
        yield (
            f"{len(finished)} of {len(study.plan.runs)} planned runs came to a result, each in "
            f"{_time(median(finished))} (median; {_time(min(finished))} to "
            f"{_time(max(finished))}), {_time(sum(finished))} together."
        )
    lost = [a["duration_s"] for row in used for a in _lost(row)]
    crashed = sum(not _finished(row) for row in used)
    if lost:
        yield (
            f"{len(lost)} further attempts were interrupted or crashed and took "
            f"{_time(sum(lost))}; {crashed} runs have no result."
        )
    else:
        yield "No attempt crashed or was repeated."
    strangers = [row for row in rows if row.run_id not in study.plan.by_id]
    if strangers:
        spent = sum(a["duration_s"] for row in strangers for a in row.summary["attempts"])
        yield f"{len(strangers)} recorded runs are no longer planned; they took {_time(spent)}."
    total = sum(a["duration_s"] for row in rows for a in row.summary["attempts"])
    yield (
        f"All recorded attempts took {_time(total)} of one worker's time; runs that were executed "
        "side by side each count in full. What was computed outside this study is not recorded."
    )


def _finished(row: IndexRow) -> bool:
    """Whether a run came to a result."""
    return row.status != "crashed" and bool(row.summary["attempts"])


def _lost(row: IndexRow) -> Sequence[Mapping[str, Any]]:
    """Attempts of a run that gave no result."""
    attempts: list[Mapping[str, Any]] = row.summary["attempts"]
    return attempts[:-1] if _finished(row) else attempts


def _devices(environments: Sequence[tuple[Mapping[str, Any], int]]) -> list[str]:
    """Each device with its number of runs."""
    found: Counter[str] = Counter()
    for environment, count in environments:
        numerics = environment.get("numerics", {})
        cpu = environment.get("cpu", {})
        name = numerics.get("device_name") or numerics.get("device") or cpu.get("model")
        memory = environment.get("memory_bytes")
        parts = [str(name or "a device that is not recorded")]
        if cpu.get("usable_cores"):
            parts.append(f"{cpu['usable_cores']} processor cores")
        if memory:
            parts.append(f"{memory / 2**30:.0f} GiB of memory")
        found[", ".join(parts)] += count
    return [f"{name} ({count} runs)" for name, count in found.most_common()]


def _time(seconds: float) -> str:
    """Seconds, minutes or hours, to three digits."""
    for unit, size in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
