"""Where runs come from: a study, a CSV file or a data frame, as tables ready to be analysed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.protocol import AnalysisSettings, LabelRule, Protocol
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.study.study import Study, find_study, is_file
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis.data.files import TableFile
    from vggstudy.analysis.data.seeding import SeedReading, Taken
    from vggstudy.analysis.data.table import RunTable, Seeding
    from vggstudy.analysis.data.times import TimesAsked
    from vggstudy.protocol.model.target import Target


class TableOptionError(AnalysisError):
    """A study was to be read in another way than its protocol says."""

    exit_code = 2


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
    further : tuple of RunTable
        The same runs with the protocol's further outcomes.
    """

    table: RunTable
    settings: AnalysisSettings
    study: Study | None = None
    path: Path | None = None
    protocol: Protocol | None = None
    further: tuple[RunTable, ...] = ()

    @property
    def claims_path(self) -> Path | None:
        """File of the claims: in the study's folder; a CSV has none of its own."""
        return self.study.path / "claims.json" if self.study else None

    @property
    def designed(self) -> Taken | None:
        """How the runs were seeded, where a study, or what a protocol says, leaves no doubt."""
        protocol = self.protocol
        if protocol is None or not (self.study or protocol.states(("design", "seeding"))):
            return None
        return protocol.design.seeding

    @property
    def seeds(self) -> SeedReading:
        """How the seeds of the table are read."""
        from vggstudy.analysis.data.seeding import read_seeds

        return read_seeds(self.table, self.settings.seeding, designed=self.designed)


def open_source(
    source: str | Path | Study | pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    factors: Sequence[str] = (),
    lower_is_better: bool | None = None,
    seeding: Seeding | None = None,
    outcomes: Sequence[str] = (),
    chance: float | None = None,
    times: TimesAsked | None = None,
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
    lower_is_better : bool, optional
        Whether less of the outcome is better; by default as the protocol, or else its name, says.
    seeding : str, optional
        For a CSV or a data frame: whether runs of different cells share their seeds (auto,
        independent, shared or crossed); by default what the protocol says, else auto.
    outcomes : sequence of str
        For a CSV or a data frame: the columns that are analysed, the main one first; by default
        what the protocol says, else ``test_accuracy``.
    chance : float, optional
        For a CSV or a data frame without labels: the outcome of a run that guesses.
    times : TimesAsked, optional
        For a CSV or a data frame: the columns of a time to a target. Without `outcomes` they are
        the outcome, else a further one. By default those that the protocol's target names, where
        the table has them.

    Raises
    ------
    AnalysisError
        If the table cannot be analysed, or nothing says what its factors are.
    LedgerError
        If there is no such study, or it is damaged.
    """
    opened = _open(source, protocol, factors, TableAsked(tuple(outcomes), chance, times))
    stated = opened.settings.lower_is_better if lower_is_better is None else lower_is_better
    opened = replace(opened, table=opened.table.directed(stated))
    if seeding is None:
        return opened
    if opened.study is not None:
        msg = (
            f"{opened.study.path} is a study: how its runs were seeded stands in its protocol "
            "([design] seeding), and [analysis] seeding can say how they are read"
        )
        raise TableOptionError(msg)
    return replace(opened, settings=opened.settings.model_copy(update={"seeding": seeding}))


@dataclass(frozen=True, slots=True)
class TableAsked:
    """What is asked of a table besides its factors.

    Attributes
    ----------
    outcomes : tuple of str
        Columns, the main one first; none, what the protocol says.
    chance : float or None
        Outcome of a run that guesses.
    times : TimesAsked or None
        Columns of a time to a target.
    """

    outcomes: tuple[str, ...] = ()
    chance: float | None = None
    times: TimesAsked | None = None

    def settings(self, protocol: Protocol | None) -> AnalysisSettings:
        """The protocol's settings, or the default ones, with the outcomes that are asked for."""
        found = protocol.analysis if protocol else AnalysisSettings()
        if not self.outcomes:
            return found
        first, *others = self.outcomes
        return found.model_copy(update={"outcome": first, "outcomes": others})

    def refuse_study(self, study: Study) -> None:
        """A study's outcome and label rule are its protocol's."""
        if self.outcomes or self.chance is not None or self.times:
            msg = (
                f"{study.path} is a study: its outcomes and its label rule stand in its protocol "
                "([analysis] outcome, outcomes, target; [label])"
            )
            raise TableOptionError(msg)


def _open(
    source: str | Path | Study | pd.DataFrame,
    protocol: Protocol | None,
    factors: Sequence[str],
    asked: TableAsked,
) -> Source:
    """`open_source`, the outcome's direction as its name says."""
    if isinstance(source, Study):
        asked.refuse_study(source)
        return _from_study(source)
    if isinstance(source, (str, Path)):
        if is_file(source) and Path(source).name != "study.json":
            return _from_file(Path(source), protocol, factors, asked)
        if Path(source).suffix in {".csv", ".tsv", ".txt"}:
            msg = f"{source}: there is no such file"
            raise AnalysisError(msg)
        return _open(Study.open(find_study(source)), protocol, factors, asked)
    return _from_frame(source, protocol, factors, asked)


def _from_study(study: Study) -> Source:
    """Runs of a study, levels in the protocol's order."""
    settings = study.protocol.analysis
    frame = study.to_frame()
    names = [settings.outcome, *settings.outcomes]
    frames = dict.fromkeys(names, frame)
    if asked := [name for name in names if name in ENSEMBLE_OUTCOMES]:
        frames |= dict.fromkeys(asked, _ensembles(study, frame))
    for outcome in names:
        _require_measured(frames[outcome], outcome)
    first, *further = (study_table(study, name, own) for name, own in frames.items())
    if settings.target is not None:
        further.append(_study_times(study, settings.target, frame))
    return Source(first, settings, study=study, protocol=study.protocol, further=_counted(further))


def _study_times(study: Study, target: Target, frame: pd.DataFrame) -> RunTable:
    """How long a study's runs took to its target."""
    from vggstudy.analysis.data.times import TimesAsked, table_of_times

    return table_of_times(
        frame,
        TimesAsked(*target.columns, target.horizon),
        factors=study.plan.factors,
        levels=study.protocol.design.factors,
    )


def _counted(further: Sequence[RunTable]) -> tuple[RunTable, ...]:
    """Tables of further outcomes; those of costs count every run, whatever it has learned."""
    from vggstudy.analysis.data.outcomes import COSTS

    return tuple(one.of_every_run() if one.outcome in COSTS else one for one in further)


def _ensembles(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """The study's ensembles, one a row."""
    from vggstudy.study.ensembles import ensemble_frame  # NumPy

    return ensemble_frame(study.plan, study.store(), frame)


def study_table(study: Study, outcome: str, frame: pd.DataFrame) -> RunTable:
    """A study's runs, or ensembles of them, with one outcome."""
    from vggstudy.analysis.data.table import RunTable

    return RunTable.from_frame(
        frame,
        factors=study.plan.factors,
        outcome=outcome,
        margin=study.protocol.label.margin,
        levels=study.protocol.design.factors,
    )


def _from_file(
    path: Path, protocol: Protocol | None, factors: Sequence[str], asked: TableAsked
) -> Source:
    """Runs of a file, whose name does not matter."""
    from vggstudy.analysis.data.files import read_table_file

    names = _factors(protocol, factors, str(path))
    return replace(_from_table(read_table_file(path, names), protocol, names, asked), path=path)


def _from_frame(
    frame: pd.DataFrame, protocol: Protocol | None, factors: Sequence[str], asked: TableAsked
) -> Source:
    """Runs of a data frame."""
    from vggstudy.analysis.data.files import TableFile

    names = _factors(protocol, factors, "the data frame")
    return _from_table(TableFile(frame, "row", 1), protocol, names, asked)


def _from_table(
    file: TableFile, protocol: Protocol | None, factors: tuple[str, ...], asked: TableAsked
) -> Source:
    """Runs of a table, once for each outcome; the main one labels them all."""
    from vggstudy.analysis.data.table import RunTable

    settings, rule = asked.settings(protocol), protocol.label if protocol else LabelRule()
    times = _table_times(file, settings, factors, asked)
    if asked.times and not asked.outcomes:
        return Source(times[0], settings, protocol=protocol)
    table, *further = (
        RunTable.from_frame(
            file.frame,
            factors=factors,
            outcome=outcome,
            margin=rule.margin,
            chance=asked.chance,
            judged=settings.outcome,
            levels=dict(protocol.design.factors) if protocol else None,
            rows=file.rows,
            first=file.first,
        )
        for outcome in (settings.outcome, *settings.outcomes)
    )
    further = [*_counted(further), *times]
    return Source(table, settings, protocol=protocol, further=tuple(further))


def _table_times(
    file: TableFile, settings: AnalysisSettings, factors: tuple[str, ...], asked: TableAsked
) -> list[RunTable]:
    """The times to a target of a table: those that are asked for, or that the protocol names."""
    from vggstudy.analysis.data.times import TimesAsked, table_of_times

    times, target = asked.times, settings.target
    if times is None and target is not None and set(target.columns) <= set(file.frame.columns):
        times = TimesAsked(*target.columns, target.horizon)
    if times is None:
        return []
    return [table_of_times(file.frame, times, factors=factors, rows=file.rows, first=file.first)]


def _factors(protocol: Protocol | None, factors: Sequence[str], where: str) -> tuple[str, ...]:
    """The factors of a table that is no study's."""
    if protocol is None and not factors:
        msg = (
            f"{where}: which columns are factors? "
            "Say --factors depth,batch_size,... or --protocol FILE"
        )
        raise AnalysisError(msg)
    return tuple(factors) or (tuple(protocol.design.factors) if protocol else ())


def _require_measured(frame: pd.DataFrame, outcome: str) -> None:
    """The protocol's outcome must be something that runs record."""
    from vggstudy.study.runs import MEASURED

    if outcome not in frame.columns:
        hint = suggest(outcome, MEASURED)
        msg = f"analysis.outcome '{outcome}' is not recorded; recorded: {', '.join(MEASURED)}"
        raise AnalysisError(f"{msg} ({hint})" if hint else msg)
