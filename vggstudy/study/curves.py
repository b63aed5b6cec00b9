"""Curves of runs: those that a study recorded, or those of a table with a row a run and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.data.run_curves import RunCurves, curves_of_frame
from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.study.frames import pandas_frame
from vggstudy.study.places import is_file
from vggstudy.study.runs import generalisation_gap, labeller, recorded_rows
from vggstudy.study.sources import open_source
from vggstudy.study.stated_tables import is_protocol
from vggstudy.study.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.analysis.estimators.mean_curves import CurveSet
    from vggstudy.ledger.rows import IndexRow

LABELLED = ("converged", "failed_to_learn", "diverged")


def curves(
    source: str | Path | Study | pd.DataFrame,
    *,
    factors: Sequence[str] = (),
    time: str | None = None,
    outcomes: Sequence[str] = (),
    replicate: str | None = None,
) -> CurveSet:
    """The curves of a study's converged runs, or of all runs of a table.

    Parameters
    ----------
    source : Study, path or DataFrame
        A table has one row a run and time.
    factors : sequence of str
        Of a table: its factors.
    time : str, optional
        Of a table: the column of times.
    outcomes : sequence of str
        Of a table: the columns that were measured.
    replicate : str, optional
        Of a table: the column that tells the runs of a cell apart; ``replicate`` or ``seed``.

    Returns
    -------
    CurveSet
        Its mean curves and their differences have simultaneous bands.

    Raises
    ------
    AnalysisError
        If there are no curves, or the table is no table of curves.
    """
    from vggstudy.analysis.estimators.mean_curves import CurveSet  # SciPy

    table = not isinstance(source, (str, Path, Study)) or (
        not isinstance(source, Study) and is_file(source) and Path(source).name != "study.json"
    )
    if not table:
        return _of_study(source)
    if is_protocol(source):
        raise TableOptionError(f"{source}: curves are of a study or a table, not of a protocol")
    if time is None or not outcomes or not factors:
        raise AnalysisError("curves of a table need --factors, --time and --outcome")
    if isinstance(source, (str, Path)):
        from vggstudy.analysis.data.files import read_table_file

        file = read_table_file(Path(source), factors)
        frame, names = file.frame, file.names
    else:
        frame, names = pandas_frame(source), None
    runs = curves_of_frame(
        frame,
        factors=factors,
        time=time,
        measures=[outcomes] if isinstance(outcomes, str) else outcomes,
        replicate=replicate,
        names=names,
    )
    return CurveSet(tuple(runs), tuple(factors))


def _of_study(source: Any) -> CurveSet:
    """The curves of a study's converged runs."""
    from vggstudy.analysis.estimators.mean_curves import CurveSet  # SciPy

    opened = open_source(source)
    study = opened.study
    if study is None:
        raise AnalysisError("there are no curves")
    rows = [*recorded_rows(study.analysed, study.store()).values()]
    learned = [run for run in curves_of(study, rows, every=True) if run.outcome == "converged"]
    return CurveSet(
        tuple(learned),
        tuple(study.plan.factors),
        confidence=opened.settings.confidence,
        seed=opened.settings.seed,
        shared_seeds=opened.seeds.shared,
    )


def curves_of(study: Study, rows: Sequence[IndexRow], *, every: bool = False) -> list[RunCurves]:
    """The training curves of every run with a label.

    Parameters
    ----------
    study : Study
    rows : sequence of IndexRow
    every : bool
        All curves; by default those that a report draws.
    """
    label = labeller(study.analysed, study.protocol.label, study.registered_comparisons)
    analysis, own = study.protocol.analysis, study.protocol.trainer is not None
    named = [name.removeprefix("final_") for name in (analysis.outcome, *analysis.outcomes)]
    found = []
    for row in rows:
        if row.reason is not None:
            continue
        run, summary, curves = study.analysed.by_id[row.run_id], row.summary, row.curves
        result = {**summary.get("result", {}), "curves": curves}
        outcome = label(run, str(row.status), result).outcome
        drawn = curves if every else _drawn(curves, named if own else ())
        shown = {name: curves[name] for name in drawn}
        if outcome in LABELLED and shown:
            found.append(
                RunCurves(
                    levels=run.levels,
                    outcome=outcome,
                    curves=shown,
                    gap=None if own else generalisation_gap(result.get("metrics", {})),
                    replicate=str(run.replicate),
                )
            )
    return found


def _drawn(curves: Mapping[str, Any], asked: Sequence[str]) -> list[str]:
    """Of what was asked for, else accuracy on data that are not trained on, and training loss."""
    if own := [name for name in dict.fromkeys(asked) if name in curves]:
        return own
    unseen = next((name for name in ("val_accuracy", "test_accuracy") if name in curves), None)
    named = [name for name in (unseen, "train_loss") if name in curves and name is not None]
    return named or list(curves)[:2]
