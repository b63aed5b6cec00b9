"""From runs to results: the table of a study or a CSV, its claims, its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.protocol import AnalysisSettings, LabelRule, Protocol
from vggstudy.study import Study, find_study

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.analysis.table import RunTable
    from vggstudy.report import ReportContext


@dataclass(frozen=True, slots=True)
class Source:
    """Where runs come from, ready to be analysed.

    Attributes
    ----------
    table : RunTable
        The runs.
    settings : AnalysisSettings
        What to estimate.
    study : Study or None
        The study, where the runs are a study's.
    path : Path or None
        The CSV file, where they are a file's.
    protocol : Protocol or None
        The protocol, where there is one.
    """

    table: RunTable
    settings: AnalysisSettings
    study: Study | None = None
    path: Path | None = None
    protocol: Protocol | None = None

    @property
    def claims_path(self) -> Path | None:
        """File of the claims: in the study's folder; a CSV has none of its own."""
        return self.study.path / "claims.json" if self.study else None


def open_source(
    source: str | Path | Study | pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    factors: Sequence[str] = (),
) -> Source:
    """Take runs from a study, its folder, a CSV file or a data frame.

    Parameters
    ----------
    source : Study, path or DataFrame
        A path is a study's folder, a study's name below ``studies/``, or a CSV file.
    protocol : Protocol, optional
        For a CSV or a data frame: its factors, label rule and analysis settings.
    factors : sequence of str
        For a CSV or a data frame without a protocol: the columns that are factors.

    Raises
    ------
    AnalysisError
        If the table cannot be analysed, or nothing says what its factors are.
    LedgerError
        If there is no such study, or it is damaged.
    """
    if isinstance(source, Study):
        return _from_study(source)
    if isinstance(source, (str, Path)):
        if Path(source).is_file() and Path(source).name != "study.json":
            return _from_csv(Path(source), protocol, factors)
        if Path(source).suffix in {".csv", ".tsv", ".txt"}:
            msg = f"{source}: there is no such file"
            raise AnalysisError(msg)
        return _from_study(Study.open(find_study(source)))
    return _from_frame(source, protocol, factors)


def analyze(
    source: str | Path | Study | pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    factors: Sequence[str] = (),
) -> AnalysisResult:
    """Estimate what a study, a CSV or a data frame says; see `open_source` for the parameters.

    Returns
    -------
    AnalysisResult
        Claims with their intervals, by id.
    """
    return analyze_source(open_source(source, protocol=protocol, factors=factors))


def analyze_source(source: Source) -> AnalysisResult:
    """Estimate with the protocol's settings."""
    from vggstudy.analysis import analyze as estimate  # SciPy

    return estimate(
        source.table,
        confidence=source.settings.confidence,
        resamples=source.settings.resamples,
        seed=source.settings.seed,
        protocol_digest=source.protocol.digest() if source.protocol else None,
    )


def published_claims(result: AnalysisResult) -> ClaimSet:
    """The claims as they are written to a file: with the numbers that the report prints."""
    from dataclasses import replace

    from vggstudy.analysis import ClaimSet
    from vggstudy.report.cite import display_strings

    shown = (replace(claim, display=display_strings(claim)) for claim in result.claims.values())
    return ClaimSet(shown)


def inputs_digest(source: Source) -> str:
    """Digest of what `analyze_source` would take in: the table and the protocol."""
    from vggstudy.analysis.api import inputs_digest as digest_of

    return digest_of(source.table, source.protocol.digest() if source.protocol else None)


def report(
    result: AnalysisResult | str | Path | Study,
    path: str | Path,
    *,
    context: ReportContext | None = None,
    language: str = "en",
) -> Path:
    """Write the HTML report of a result (or of what `analyze` takes) to a file; returns its path.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    from vggstudy.report import write_report
    from vggstudy.report_context import report_context

    if isinstance(result, (str, Path, Study)):
        source = open_source(result)
        context = context or report_context(source)
        result = analyze_source(source)
    return write_report(result, Path(path), context=context, language=language)


def _from_study(study: Study) -> Source:
    """Runs of a study, levels in the protocol's order."""
    from vggstudy.analysis.table import RunTable

    settings = study.protocol.analysis
    frame = study.to_frame()
    _require_measured(frame, settings.outcome)
    table = RunTable.from_frame(
        frame,
        factors=study.plan.factors,
        outcome=settings.outcome,
        margin=study.protocol.label.margin,
        levels=study.protocol.design.factors,
    )
    return Source(table, settings, study=study, protocol=study.protocol)


def _from_csv(path: Path, protocol: Protocol | None, factors: Sequence[str]) -> Source:
    """Runs of a CSV file, whose name does not matter."""
    from vggstudy.analysis.table import RunTable

    settings, rule, names = _asked(protocol, factors, str(path))
    table = RunTable.read_csv(path, names, outcome=settings.outcome, margin=rule.margin)
    return Source(table, settings, path=path, protocol=protocol)


def _from_frame(frame: pd.DataFrame, protocol: Protocol | None, factors: Sequence[str]) -> Source:
    """Runs of a data frame."""
    from vggstudy.analysis.table import RunTable

    settings, rule, names = _asked(protocol, factors, "the data frame")
    table = RunTable.from_frame(frame, factors=names, outcome=settings.outcome, margin=rule.margin)
    return Source(table, settings, protocol=protocol)


def _asked(
    protocol: Protocol | None, factors: Sequence[str], where: str
) -> tuple[AnalysisSettings, LabelRule, tuple[str, ...]]:
    """What is asked of a table that is no study's."""
    names = tuple(factors) or (tuple(protocol.design.factors) if protocol else ())
    if not names:
        msg = (
            f"{where}: which columns are factors? "
            "Say --factors depth,batch_size,... or --protocol FILE"
        )
        raise AnalysisError(msg)
    if protocol is None:
        return AnalysisSettings(), LabelRule(), names
    return protocol.analysis, protocol.label, names


def _require_measured(frame: pd.DataFrame, outcome: str) -> None:
    """The protocol's outcome must be something that runs record."""
    from vggstudy.outcomes import MEASURED
    from vggstudy.protocol.wording import suggestion_among

    if outcome not in frame.columns:
        hint = suggestion_among(outcome, MEASURED)
        msg = f"analysis.outcome '{outcome}' is not recorded; recorded: {', '.join(MEASURED)}"
        raise AnalysisError(f"{msg} ({hint})" if hint else msg)
