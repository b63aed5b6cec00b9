"""Where runs come from: a study, a CSV file or a data frame, as tables ready to be analysed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.protocol import AnalysisSettings, Protocol
from vggstudy.protocol.reading.ensemble_checks import ENSEMBLE_OUTCOMES
from vggstudy.study.frames import pandas_frame
from vggstudy.study.labels import counts_all
from vggstudy.study.outcomes import not_recorded
from vggstudy.study.places import find_study, is_file
from vggstudy.study.stated_tables import is_protocol, read_stated, reading_of, refuse_other
from vggstudy.study.study import Study
from vggstudy.study.tables import (
    AUTO,
    Decide,
    TableAsked,
    asked_of,
    counted,
    refuse_study,
    settings_of,
    tables_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis.data.seeding import SeedReading, Taken
    from vggstudy.analysis.data.table import RunTable, Seeding
    from vggstudy.protocol.model.target import Target


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
    stated : Path or None
        The protocol's file, where it states the table.
    further : tuple of RunTable
        The same runs with the protocol's further outcomes.
    simultaneous : tuple of str
        Patterns of ids of claims whose intervals are to hold together.
    title, question : str or None
        What the report of a table is called and asks, where its protocol does not say (`titled`).
    """

    table: RunTable
    settings: AnalysisSettings
    study: Study | None = None
    path: Path | None = None
    protocol: Protocol | None = None
    stated: Path | None = None
    further: tuple[RunTable, ...] = ()
    simultaneous: tuple[str, ...] = ()
    title: str | None = None
    question: str | None = None

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

    def blocked(self, block: str | None) -> Source:
        """The same runs over the blocks that are asked for, or else those of the protocol."""
        if block is not None and self.study is not None:
            msg = (
                f"{self.study.path} is a study: its blocks stand in its protocol ([analysis] block)"
            )
            raise TableOptionError(msg)
        stated = self.settings.block if block is None else block
        further = tuple(one.blocked(stated) for one in self.further)
        return replace(self, table=self.table.blocked(stated), further=further)

    def titled(self, title: str | None = None, question: str | None = None) -> Source:
        """The same runs under a title and a question; blanks in them count once, alone not at all.

        Nothing that is registered is overridden.

        Raises
        ------
        TableOptionError
            If the runs are a study's, or the protocol of a table says otherwise.
        """
        given = {
            name: " ".join(text.split())
            for name, text in (("title", title), ("question", question))
            if text is not None and text.strip()
        }
        if given and self.study is not None:
            msg = (
                f"{self.study.path} is a study: its title and its question stand in its protocol "
                "(title, question)"
            )
            raise TableOptionError(msg)
        for name, text in given.items():
            stated = " ".join(str(getattr(self.protocol, name, "")).split())
            if stated not in ("", text):
                refuse_other(name, text, stated)
        return replace(self, title=given.get("title"), question=given.get("question"))


def open_source(
    source: str | Path | Study | pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    factors: Sequence[str] = (),
    lower_is_better: bool | None = None,
    seeding: Seeding | None = None,
    decide: Decide | None = None,
    block: str | None = None,
    **table: Unpack[TableAsked],
) -> Source:
    """Take runs from a study, its folder, a CSV file or a data frame of any library.

    Parameters
    ----------
    source : Study, path or DataFrame
        A path is a study's folder, a study's name below ``studies/``, a CSV file, or a protocol
        that states a table.
    protocol : Protocol, optional
        For a CSV or a data frame: its factors, label rule and analysis settings. What its [table]
        says, other arguments must not contradict.
    factors : sequence of str
        For a CSV or a data frame without a protocol: the columns that are factors; ``auto`` takes
        those that look like some.
    lower_is_better : bool, optional
        Whether less of the outcome is better; by default as the protocol, or else its name, says.
    seeding : str, optional
        For a CSV or a data frame: whether runs of different cells share their seeds (auto,
        independent, shared or crossed); by default what the protocol says, else auto.
    decide : callable, optional
        Answers, with `factors` auto, whether a column is a factor of which that is open; without
        it such a table is refused.
    block : str, optional
        For a CSV or a data frame: the factor whose levels, such as data sets or tasks, stand for
        others of their kind; a column that is not among `factors` is added to them.
    **table
        How a CSV or a data frame is read: the attributes of `TableAsked`.

    Raises
    ------
    AnalysisError
        If the table cannot be analysed, or nothing says what its factors are.
    LedgerError
        If there is no such study, or it is damaged.
    """
    factors = (factors,) if isinstance(factors, str) else tuple(factors)
    if block is not None and factors and block not in factors and factors != AUTO:
        factors = (*factors, block)
    stated = Path(source) if is_protocol(source) else None
    if stated is not None:
        source, protocol = read_stated(stated, protocol)
    beside = {"lower_is_better": lower_is_better, "seeding": seeding, "block": block}
    given: dict[str, object] = {key: x for key, x in beside.items() if x is not None}
    if factors:
        given["factors"] = factors
    factors, asked = reading_of(protocol, {**asked_of(table), **given}, stated)
    opened = replace(_open(source, protocol, factors, asked, decide), stated=stated)
    lower = opened.settings.lower_is_better if lower_is_better is None else lower_is_better
    opened = replace(opened, table=opened.table.directed(lower)).blocked(block)
    if seeding is None:
        return opened
    if opened.study is not None:
        msg = (
            f"{opened.study.path} is a study: how its runs were seeded stands in its protocol "
            "([design] seeding), and [analysis] seeding can say how they are read"
        )
        raise TableOptionError(msg)
    return replace(opened, settings=opened.settings.model_copy(update={"seeding": seeding}))


def _open(
    source: str | Path | Study | pd.DataFrame,
    protocol: Protocol | None,
    factors: Sequence[str],
    asked: TableAsked,
    decide: Decide | None = None,
) -> Source:
    """`open_source`, the outcome's direction as its name says."""
    if isinstance(source, Study):
        refuse_study(asked, source)
        return _from_study(source)
    if isinstance(source, (str, Path)):
        if is_file(source) and Path(source).name != "study.json":
            return _of_table(Path(source), protocol, factors, asked, decide)
        if Path(source).suffix in {".csv", ".tsv", ".txt"}:
            msg = f"{source}: there is no such file"
            raise AnalysisError(msg)
        return _open(Study.open(find_study(source)), protocol, factors, asked)
    return _of_table(pandas_frame(source), protocol, factors, asked, decide)


def _of_table(
    source: Path | pd.DataFrame,
    protocol: Protocol | None,
    factors: Sequence[str],
    asked: TableAsked,
    decide: Decide | None,
) -> Source:
    """Runs of a file, whose name does not matter, or of a data frame."""
    path = source if isinstance(source, Path) else None
    settings = settings_of(asked, protocol)
    table, *further = tables_of(source, protocol, factors, asked, settings, decide)
    return Source(table, settings, path=path, protocol=protocol, further=counted(further))


def _from_study(study: Study) -> Source:
    """Runs of a study, levels in the protocol's order."""
    settings = study.protocol.analysis
    frame = study.analysed_frame()
    names = [settings.outcome, *settings.outcomes]
    frames = dict.fromkeys(names, frame)
    if asked := [name for name in names if name in ENSEMBLE_OUTCOMES]:
        frames |= dict.fromkeys(asked, _ensembles(study, frame))
    for outcome in names:
        _require_measured(study, frames[outcome], outcome)
    first, *further = (study_table(study, name, own) for name, own in frames.items())
    if settings.target is not None:
        further.append(_study_times(study, settings.target, frame))
    return Source(first, settings, study=study, protocol=study.protocol, further=counted(further))


def _study_times(study: Study, target: Target, frame: pd.DataFrame) -> RunTable:
    """How long a study's runs took to its target."""
    from vggstudy.analysis.data.times import TimesAsked, table_of_times

    return table_of_times(
        frame,
        TimesAsked(*target.columns, target.horizon),
        factors=study.plan.factors,
        levels=study.protocol.design.factors,
    )


def _ensembles(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """The study's ensembles, one a row."""
    from vggstudy.study.ensembles import ensemble_frame  # NumPy

    return ensemble_frame(study.analysed, study.store(), frame)


def study_table(study: Study, outcome: str, frame: pd.DataFrame) -> RunTable:
    """A study's runs, or ensembles of them, with one outcome; judged unless none could fail."""
    from vggstudy.analysis.data.table import RunTable

    table = RunTable.from_frame(
        frame,
        factors=study.plan.factors,
        outcome=outcome,
        margin=study.protocol.label.margin,
        levels=study.protocol.design.factors,
    )
    counts = counts_all(study.protocol) and not table.failed.any()  # some may have diverged
    return table.of_every_run() if counts else table


def _require_measured(study: Study, frame: pd.DataFrame, outcome: str) -> None:
    """The protocol's outcome must be something that runs record."""
    if outcome not in frame.columns and study.protocol.trainer is not None:
        raise AnalysisError(f"no run of {study.path} has reported {outcome!r} yet")
    if outcome not in frame.columns:
        raise AnalysisError(not_recorded("analysis.outcome", outcome))
