"""Tables of runs that are no study's: what is asked of them, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast, get_args

from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.protocol import AnalysisSettings, LabelRule, Protocol
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis.data.files import TableFile
    from vggstudy.analysis.data.levels import Level
    from vggstudy.analysis.data.table import RunTable
    from vggstudy.analysis.data.times import TimesAsked
    from vggstudy.analysis.notes import Note
    from vggstudy.study.study import Study


AUTO = ("auto",)
"""In place of factors: the columns that look like some."""

Decide = Callable[[str], bool]
"""Says whether a column is a factor."""


class TableAsked(TypedDict, total=False):
    """What is asked of a table besides its factors; what is not asked does not stand in it.

    Attributes
    ----------
    outcomes : sequence of str
        Columns, the main one first; none, what the protocol says, or else ``test_accuracy``.
    chance : float or None
        Of a table without labels: outcome of a run that guesses.
    replicate : str or None
        Column that tells the runs of a cell apart; by default ``replicate`` or ``seed``.
    label : str or None
        Column of labels, or of true and false; by default ``outcome`` or ``label``.
    succeeds : str or None
        Condition that runs meet which converged: ``val_loss < 3.28``.
    percent : bool
        Whether the main outcome, and others that are fractions by their names, are in per cent.
    where : str or None
        Condition that rows meet which belong to the table: ``phase = test and lr <= 0.1``.
    wide : str or None
        Pattern of columns, such as ``seed_*``, each of which holds the outcome of a run.
    levels : mapping of str to sequence
        Order of a factor's levels; by default numbers by value, texts as they come first.
    also : sequence of path
        Further files whose rows belong to the table.
    last : str or None
        Of several rows a run: column of numbers, such as ``epoch``; the row with a run's greatest
        one is taken.
    average_over : sequence of str
        The same: columns, such as ``episode``, that number measurements of a run, whose mean is
        taken (after ``last``).
    time, reached : str or None
        Columns of a time to a target, and of whether it was reached then: see
        `analysis.data.times`. Without `outcomes` they are the outcome, else a further one; by
        default those that the protocol's target names, where the table has them.
    horizon : float or None
        Time up to which means of it count.
    """

    outcomes: Sequence[str]
    chance: float | None
    replicate: str | None
    label: str | None
    succeeds: str | None
    percent: bool
    where: str | None
    wide: str | None
    levels: Mapping[str, Sequence[Level]]
    also: Sequence[str | Path]
    last: str | None
    average_over: Sequence[str]
    time: str | None
    reached: str | None
    horizon: float | None


def asked_of(table: TableAsked) -> TableAsked:
    """Arguments of Python without those that ask for nothing, one of several as a sequence.

    Raises
    ------
    TypeError
        If one is unknown.
    """
    given: dict[str, Any] = dict(table)
    if unknown := given.keys() - TableAsked.__annotations__.keys():
        msg = f"unexpected argument {min(unknown)!r}"
        raise TypeError(msg)
    for name in given.keys() & {"outcomes", "also", "average_over"}:
        one = isinstance(given[name], (str, Path))
        given[name] = (given[name],) if one else tuple(given[name] or ())
    asked = {name: x for name, x in given.items() if x is not False and x not in (None, (), {})}
    return cast("TableAsked", asked)


def _times(
    asked: TableAsked, settings: AnalysisSettings, columns: Collection[str]
) -> TimesAsked | None:
    """The columns of a time to a target.

    Raises
    ------
    TableOptionError
        If only one of them is named, or the time is another outcome already.
    """
    from vggstudy.analysis.data.times import TimesAsked

    time, reached, horizon = (asked.get("time"), asked.get("reached"), asked.get("horizon"))
    if time is not None and reached is not None:
        if time in asked.get("outcomes", ()):
            raise TableOptionError(f"--time: {time!r} is an outcome already")
        return TimesAsked(time, reached, horizon)
    if (time, reached, horizon) != (None, None, None):
        msg = "--time and --reached name two columns together, --horizon a time of theirs"
        raise TableOptionError(msg)
    target = settings.target
    if target is None or not set(target.columns) <= set(columns):
        return None
    return TimesAsked(*target.columns, target.horizon)


def settings_of(asked: TableAsked, protocol: Protocol | None) -> AnalysisSettings:
    """The protocol's settings, or the default ones, with the outcomes that are asked for."""
    found = protocol.analysis if protocol else AnalysisSettings()
    if "outcomes" not in asked:
        return found
    first, *others = asked["outcomes"]
    return found.model_copy(update={"outcome": first, "outcomes": others})


def refuse_study(asked: TableAsked, study: Study) -> None:
    """A study's outcome and label rule are its protocol's."""
    if asked:
        msg = (
            f"{study.path} is a study: its outcomes, its label rule and its runs stand in its "
            "protocol ([analysis] outcome, outcomes, target; [label]; [design])"
        )
        raise TableOptionError(msg)


def tables_of(
    source: Path | pd.DataFrame,
    protocol: Protocol | None,
    factors: Sequence[str],
    asked: TableAsked,
    settings: AnalysisSettings,
    decide: Decide | None = None,
) -> list[RunTable]:
    """Runs of a file or a data frame, once for each outcome; the main one labels them all.

    Where the factors are `AUTO`, columns are taken by what they hold; `decide` answers for those of
    which that is open.

    Raises
    ------
    AnalysisError
        If the table cannot be read or analysed, or nothing says what its factors are.
    """
    from vggstudy.analysis.data.one_row import OneRow, one_row_a_run

    where = str(source) if isinstance(source, Path) else "the data frame"
    names = _factors(protocol, factors, where)
    taken: tuple[Note, ...] = ()
    if names == AUTO:
        names, taken = _by_role(source, asked, settings, decide)
    outcomes = (settings.outcome, *settings.outcomes)
    file = read_rows(source, names, asked, settings)
    times = _times(asked, settings, [str(name) for name in file.frame.columns])
    if "time" in asked and "outcomes" not in asked:
        outcomes = ()
    averaged = tuple(asked.get("average_over", ()))
    how = OneRow(asked.get("last"), averaged, asked.get("replicate"))
    _refuse_twice_divided(asked, settings.outcome, file.percents.intersection(outcomes))
    measured = (*outcomes, *([times.time] if times else []))
    file, notes = one_row_a_run(file, names, measured, how)
    tables = _by_outcome(file, names, outcomes, times, asked, settings, protocol)
    _check_levels(asked.get("levels", {}), tables[0])
    tables[0] = replace(tables[0], notes=(*taken, *notes, *tables[0].notes))
    return tables


def _by_outcome(
    file: TableFile,
    factors: Sequence[str],
    outcomes: Sequence[str],
    times: TimesAsked | None,
    asked: TableAsked,
    settings: AnalysisSettings,
    protocol: Protocol | None,
) -> list[RunTable]:
    """The runs once for each outcome, times to a target the last."""
    from vggstudy.analysis.data.table import RunTable
    from vggstudy.analysis.data.times import table_of_times

    declared = dict(protocol.design.factors) if protocol else {}
    levels = {**declared, **asked.get("levels", {})}
    replicate = asked.get("replicate")
    rule = protocol.label if protocol else LabelRule()
    tables = [
        RunTable.from_frame(
            file.frame,
            factors=factors,
            outcome=outcome,
            margin=rule.margin,
            chance=asked.get("chance"),
            judged=settings.outcome,
            levels=levels,
            replicate=replicate,
            label=asked.get("label"),
            succeeds=asked.get("succeeds"),
            percent=asked.get("percent", False),
            names=file.names,
        )
        for outcome in outcomes
    ]
    if times is not None:
        table = table_of_times(
            file.frame,
            times,
            factors=factors,
            levels=levels,
            replicate=replicate,
            names=file.names,
        )
        tables.append(table)
    return tables


def _refuse_twice_divided(asked: TableAsked, judged: str, signed: Collection[str]) -> None:
    """What had a per cent sign is a fraction already."""
    from vggstudy.analysis.data.outcomes import is_fraction

    twice = [name for name in signed if name == judged or is_fraction(name)]
    if asked.get("percent") and twice:
        msg = f"--percent: {min(twice)!r} has per cent signs, which say so already"
        raise TableOptionError(msg)


def _check_levels(asked: Mapping[str, Sequence[Level]], table: RunTable) -> None:
    """An order is of factors and levels that the table has."""
    from vggstudy.analysis.data.levels import canonical_level, write_level

    for name, levels in asked.items():
        if name not in table.factors:
            known = hint(name, table.factors, "factors")
            raise TableOptionError(f"--levels: {name!r} is no factor ({known})")
        there = [write_level(level) for level in table.levels[name]]
        for text in (write_level(canonical_level(level)) for level in levels):
            if text not in there:
                known = hint(text, there, "levels")
                raise TableOptionError(f"--levels: {name!r} has no level {text!r} ({known})")


def counted(further: Sequence[RunTable]) -> tuple[RunTable, ...]:
    """Tables of further outcomes; those of costs count every run, whatever it has learned."""
    from vggstudy.analysis.data.outcomes import COSTS

    return tuple(
        one.of_every_run() if one.outcome in COSTS and one.horizon is None else one
        for one in further
    )


def _factors(protocol: Protocol | None, factors: Sequence[str], where: str) -> tuple[str, ...]:
    """The factors of a table that is no study's."""
    if protocol is None and not factors:
        msg = (
            f"{where}: which columns are factors? "
            "Say --factors depth,batch_size,... (auto takes them by what columns hold) or "
            "--protocol FILE"
        )
        raise AnalysisError(msg)
    return tuple(factors) or (tuple(protocol.design.factors) if protocol else ())


def _by_role(
    source: Path | pd.DataFrame,
    asked: TableAsked,
    settings: AnalysisSettings,
    decide: Decide | None,
) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """The columns that are factors by what they hold, and what is to be said of it.

    Raises
    ------
    TableOptionError
        If there is none, or nobody decides on one that may be a factor or not.
    """
    from vggstudy.analysis.data.request import LABEL_COLUMNS, REPLICATE_COLUMNS, replicate_in
    from vggstudy.analysis.data.roles import roles_of
    from vggstudy.imports.runs import Status

    frame = read_rows(source, (), asked, settings).frame
    columns = [str(name) for name in frame.columns]
    number = replicate_in(columns, asked.get("replicate"))
    known = {settings.outcome, *settings.outcomes, *LABEL_COLUMNS}
    known |= {name for name in columns if name.lower() in REPLICATE_COLUMNS}
    if "status" in columns and {*frame["status"]} <= {*get_args(Status)}:
        known.add("status")  # of `vggstudy import`
    known |= {"majority_rate", "init_seed", "data_seed", *asked.get("average_over", ())}
    parts = (asked.get("label"), asked.get("last"), asked.get("time"), asked.get("reached"))
    known |= {name for name in parts if name}
    roles = roles_of(frame, known, number)
    if roles.open and decide is None:
        both = ",".join(name for name in columns if name in {*roles.factors, *roles.open})
        without = f" or --factors {','.join(roles.factors)}" if roles.factors else ""
        msg = (
            f"--factors auto: {', '.join(map(repr, roles.open))} may be factors or not; say "
            f"--factors {both}{without}"
        )
        raise TableOptionError(msg)
    chosen = {name for name in roles.open if decide is not None and decide(name)}
    taken = tuple(name for name in columns if name in {*roles.factors, *chosen})
    if not taken:
        raise TableOptionError("--factors auto: no column looks like a factor; name them")
    return taken, roles.notes(taken)


def read_rows(
    source: Path | pd.DataFrame,
    factors: Sequence[str],
    asked: TableAsked,
    settings: AnalysisSettings,
) -> TableFile:
    """One row a run, of all files together; rows that do not belong to the table are blank."""
    from vggstudy.analysis.data.conditions import read_condition, rows_that_meet
    from vggstudy.analysis.data.files import TableFile, read_table_file
    from vggstudy.analysis.data.joined import joined
    from vggstudy.analysis.data.one_row import only
    from vggstudy.analysis.data.row_names import RowNames
    from vggstudy.analysis.data.wide import unfolded

    where, wide = asked.get("where"), asked.get("wide")
    compared = [] if where is None else [one.column for one in read_condition(where)]
    texts = [*factors, *compared]
    if isinstance(source, Path):
        file = read_table_file(source, texts, wide=wide)
    else:
        file = TableFile(source, RowNames())
    if "also" in asked:
        first = str(source) if isinstance(source, Path) else "data frame"
        more = [
            (str(path), read_table_file(Path(path), texts, wide=wide)) for path in asked["also"]
        ]
        file = joined([(first, file), *more])
    if wide is not None:
        file = unfolded(file, wide, settings.outcome)
    if where is None:
        return file
    kept = rows_that_meet(file.frame, where)
    if not kept.any():
        raise TableOptionError(f"no row of the table meets {where!r}")
    return replace(file, frame=only(file.frame, kept))
