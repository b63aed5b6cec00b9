"""One row for every planned run: its factors, its outcome and everything measured of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import stdev
from typing import TYPE_CHECKING, Any

from vggstudy.errors import LedgerError
from vggstudy.identity import crossed_pair
from vggstudy.ledger import StudyStore
from vggstudy.ledger.marker import Comparisons
from vggstudy.ledger.rows import IndexRow
from vggstudy.plan import Plan, PlannedRun
from vggstudy.protocol import LabelRule, Recipe, network
from vggstudy.study.agreement import refuse_strangers, warn_of_images
from vggstudy.study.labels import Label, label_run, label_trained
from vggstudy.study.reported import reported, reported_columns, warn_of_gaps
from vggstudy.study.splits import warn_of_unmeasured
from vggstudy.study.times import time_to_target

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.protocol.model.target import Target

METRICS = (
    "test_accuracy",
    "test_loss",
    "test_balanced_accuracy",
    "val_accuracy",
    "val_loss",
    "train_accuracy",
    "train_loss",
)
"""Measured at the selected checkpoint; fractions in [0, 1], losses in nats."""

FINAL = tuple(
    f"final_{curve}"
    for curve in (
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "test_loss",
        "test_accuracy",
        "gradient_norm",
        "lr",
    )
)
"""Every curve at its last epoch; those of the test split where a protocol asks for them."""

MEASURED = (
    *METRICS,
    "worst_recall",
    "generalisation_gap",
    "generalisation_gap_loss",
    "curve_stability",
    "train_loss_stability",
    *FINAL,
    "initial_lr",
    "epochs",
    "selected_epoch",
    "steps",
    "seconds",
    "seconds_per_epoch",
    "peak_memory_bytes",
    "parameters",
    "parameters_and_statistics",
)
"""Columns that an analysis may take as its outcome, besides `CLASS_RECALL`."""

CLASS_RECALL = re.compile(r"class_(0|[1-9]\d{0,2})_recall")
"""Column of one class's recall, by the place of the class from 0; made where it is asked for."""


STREAMS = ("init_seed", "data_seed")
"""Under crossed seeding: numbers of a run's initialisation, and of its other seeds."""


def comparisons_of(plan: Plan, whose: Comparisons) -> Callable[[PlannedRun], int]:
    """How many accuracies share the chance that a guessing run passes its label's bound.

    Those of the epochs that a run may train, be it stopped earlier: when it stops depends on its
    accuracies, so a bound for the epochs that it did train would hold less often.

    Parameters
    ----------
    plan : Plan
    whose : str
        "run", or "study" for the epochs of all planned runs.
    """
    if whose == "run":
        return lambda run: run.recipe.epochs or 1
    total = sum(run.recipe.epochs or 1 for run in plan.runs)
    return lambda _: total


Labeller = Callable[[PlannedRun, str, Mapping[str, Any]], Label]
"""From a planned run, its record's status and its result to its label."""


def labeller(plan: Plan, rule: LabelRule, registered: Comparisons) -> Labeller:
    """The label rule of a study.

    Parameters
    ----------
    plan : Plan
    rule : LabelRule
    registered : str
        Whose epochs count where the rule does not say so: `StudyStore.comparisons`.
    """
    if plan.protocol.trainer is not None:
        return lambda _, status, result: label_trained({**result, "status": status}, rule)
    count = comparisons_of(plan, rule.comparisons or registered)

    def label(run: PlannedRun, status: str, result: Mapping[str, Any]) -> Label:
        training = network(run.recipe).training
        stopping = training.early_stopping
        return label_run(
            {**result, "status": status},
            rule,
            comparisons=count(run),
            patience=stopping.patience if stopping else None,
            monitor=training.monitored,
        )

    return label


def recorded_rows(plan: Plan, store: StudyStore) -> dict[str, IndexRow]:
    """The index's rows of the planned runs by run id, for frames under several rules.

    Raises
    ------
    LedgerError
        If a planned run's record is damaged, or says other things of it than the plan: a study is
        never analysed without it in silence.
    """
    with store.index() as index:
        rows = {row.run_id: row for row in index.rows() if row.run_id in plan.by_id}
    _refuse_damaged(store, rows)
    refuse_strangers(plan, store, rows)
    warn_of_images(plan, rows)
    warn_of_unmeasured(plan.protocol, rows.values())
    return rows


def study_frame(
    plan: Plan,
    store: StudyStore,
    rule: LabelRule | None = None,
    *,
    rows: Mapping[str, IndexRow] | None = None,
) -> pd.DataFrame:
    """One row per planned run, failed and missing ones included, in the plan's order.

    Parameters
    ----------
    plan : Plan
        What was to be run.
    store : StudyStore
        The study's ledger.
    rule : LabelRule, optional
        Another rule than the protocol's.
    rows : mapping of str to IndexRow, optional
        From `recorded_rows`, where they were read before.

    Returns
    -------
    DataFrame
        ``run_id``, ``cell_id``, one column a factor, ``replicate``, under crossed seeding those of
        `STREAMS`, ``outcome`` (converged,
        failed_to_learn, diverged, crashed or missing), ``completion``, the columns of `MEASURED`,
        the recall of the classes that the protocol's outcomes name, ``attempts`` and
        ``majority_rate``.

    Raises
    ------
    LedgerError
        If a planned run's record is damaged: a study is never analysed without it in silence.
    """
    import pandas as pd

    label = labeller(plan, rule or plan.protocol.label, store.comparisons)
    records = recorded_rows(plan, store) if rows is None else rows
    recalls = _recalls_asked(plan)
    target = plan.protocol.analysis.target
    entries = [_row(run, records.get(run.run_id), label, recalls, target) for run in plan.runs]
    quantities = MEASURED if plan.protocol.trainer is None else reported_columns(entries, plan)
    frame = pd.DataFrame(entries, columns=columns(plan, quantities))
    if plan.protocol.trainer is not None:
        warn_of_gaps(frame, quantities)
    return frame


def columns(plan: Plan, quantities: Sequence[str] = MEASURED) -> list[str]:
    """Columns of `study_frame`, in order.

    A factor keeps its name: where the number of epochs is one, the column has its levels.

    Parameters
    ----------
    plan : Plan
    quantities : sequence of str
        What is measured of a run.
    """
    return [
        "run_id",
        "cell_id",
        *plan.factors,
        "replicate",
        *(STREAMS if plan.protocol.design.seeding == "crossed" else ()),
        "outcome",
        "completion",
        *(name for name in quantities if name not in plan.factors),
        *_recalls_asked(plan),
        *(plan.protocol.analysis.target.columns if plan.protocol.analysis.target else ()),
        "attempts",
        "majority_rate",
    ]


def _recalls_asked(plan: Plan) -> list[str]:
    """Recalls of single classes among the protocol's outcomes."""
    asked = (plan.protocol.analysis.outcome, *plan.protocol.analysis.outcomes)
    return [name for name in dict.fromkeys(asked) if CLASS_RECALL.fullmatch(name)]


def _refuse_damaged(store: StudyStore, records: Mapping[str, IndexRow]) -> None:
    """Name the damaged records and what to do about them."""
    bad = [row for row in records.values() if row.reason is not None]
    if bad:
        path = store.record_path(bad[0].run_id)
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        msg = (
            f"{path} is damaged: {bad[0].reason}{more}; "
            f"'vggstudy doctor {store.path}' lists them, 'vggstudy run' executes those runs again"
        )
        raise LedgerError(msg)


def _row(
    run: PlannedRun,
    record: IndexRow | None,
    label: Labeller,
    recalls: Sequence[str],
    target: Target | None,
) -> dict[str, Any]:
    """The row of one planned run."""
    base: dict[str, Any] = {
        "run_id": run.run_id,
        "cell_id": run.cell_id,
        **run.levels,
        "replicate": run.replicate,
    }
    if run.seeding == "crossed":
        base |= dict(zip(STREAMS, crossed_pair(run.replicate), strict=True))
    if record is None:
        return {**base, "outcome": "missing", "attempts": 0}
    summary = record.summary
    result = {**summary.get("result", {}), "curves": record.curves}
    given = label(run, str(record.status), result)
    measure = measured if isinstance(run.recipe, Recipe) else reported
    return {
        **base,
        "outcome": given.outcome,
        "completion": given.completion,
        **measure(result, summary["timings"]),
        **{name: _class_recall(result, name) for name in recalls},
        **(time_to_target(target, run, result, summary["timings"]) if target else {}),
        **run.levels,
        "attempts": len(summary["attempts"]),
        "majority_rate": result.get("data", {}).get("majority_rate"),
    }


def _class_recall(result: Mapping[str, Any], name: str) -> float | None:
    """Recall of the class that a column names; None where there is none."""
    found = CLASS_RECALL.fullmatch(name)
    recalls = result.get("test_recall") or []
    at = int(found[1]) if found else len(recalls)
    return recalls[at] if at < len(recalls) else None


def measured(result: Mapping[str, Any], timings: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `MEASURED` for one record."""
    metrics, curves = result.get("metrics", {}), result.get("curves", {})
    epochs = result.get("epochs")
    return {
        **{name: metrics.get(name) for name in METRICS},
        "worst_recall": min(
            (value for value in result.get("test_recall") or () if value is not None), default=None
        ),
        "generalisation_gap": generalisation_gap(metrics),
        "generalisation_gap_loss": _excess(metrics, "test_loss", "train_loss"),
        "curve_stability": curve_stability(curves.get("val_loss", ())),
        "train_loss_stability": curve_stability(curves.get("train_loss", ())),
        **{name: _at(curves, name.removeprefix("final_"), -1) for name in FINAL},
        "initial_lr": _at(curves, "lr", 0),
        "epochs": epochs,
        "selected_epoch": result.get("selected_epoch"),
        "steps": result.get("steps"),
        "seconds": timings.get("total_s"),
        "seconds_per_epoch": _seconds_per_epoch(timings, epochs),
        "peak_memory_bytes": timings.get("peak_memory_bytes"),
        "parameters": result.get("parameters", {}).get("count"),
        "parameters_and_statistics": result.get("parameters_and_statistics"),
    }


def _seconds_per_epoch(timings: Mapping[str, Any], epochs: int | None) -> float | None:
    """Seconds of an epoch's training and evaluation; None where they were not recorded."""
    train, evaluate = timings.get("train_s"), timings.get("evaluate_s")
    return None if train is None or evaluate is None or not epochs else (train + evaluate) / epochs


def generalisation_gap(metrics: Mapping[str, Any]) -> float | None:
    """Accuracy on the training data less that on the test data, where both were measured."""
    return _excess(metrics, "train_accuracy", "test_accuracy")


def _excess(metrics: Mapping[str, Any], larger: str, smaller: str) -> float | None:
    """One metric less another; None where either is missing."""
    first, second = metrics.get(larger), metrics.get(smaller)
    return None if first is None or second is None else first - second


def _at(curves: Mapping[str, Sequence[float | None]], name: str, epoch: int) -> float | None:
    """A curve's value at an epoch; None where it was not recorded."""
    curve = curves.get(name)
    return curve[epoch] if curve else None


def curve_stability(losses: Sequence[float | None]) -> float | None:
    """Standard deviation of the steps of a curve over the last third of its epochs.

    Parameters
    ----------
    losses : sequence of float or None
        One value an epoch, e.g. the validation loss; None where it was not finite.

    Returns
    -------
    float or None
        With divisor n - 1, in the curve's unit: 0 for a straight line. At least the last three
        epochs count; None where there are fewer, or one of them is not finite.
    """
    last = list(losses)[-max(3, math.ceil(len(losses) / 3)) :]
    known = [value for value in last if value is not None]
    if len(known) < 3 or len(known) < len(last):
        return None
    return _unrest(tuple(known))


@lru_cache(maxsize=10_000)
def _unrest(values: tuple[float, ...]) -> float:
    """Standard deviation of the steps; a report asks it of each curve three times."""
    return stdev(later - earlier for earlier, later in pairwise(values))


def relabelled_frames(
    plan: Plan, store: StudyStore, rules: Sequence[LabelRule]
) -> list[pd.DataFrame]:
    """`study_frame` under each of some rules; the records are read, and measured, once.

    Only the columns ``outcome`` and ``completion`` depend on a rule.

    Parameters
    ----------
    plan : Plan
        Of a study without a trainer of its own, which labels its runs itself.
    store : StudyStore
    rules : sequence of LabelRule
    """
    rows = recorded_rows(plan, store)
    labellers = [labeller(plan, rule, store.comparisons) for rule in rules]
    missing = [("missing", None)] * len(rules)
    found = [
        _labels(run, rows[run.run_id], labellers) if run.run_id in rows else missing
        for run in plan.runs
    ]
    frame = study_frame(plan, store, rows=rows)
    return [
        frame.assign(outcome=[one[0] for one in own], completion=[one[1] for one in own])
        for own in zip(*found, strict=True)
    ]


def _labels(
    run: PlannedRun, record: IndexRow, labellers: Sequence[Labeller]
) -> list[tuple[str, str | None]]:
    """Outcome and completion of one run by every rule."""
    result = record.result
    labels = [label(run, str(record.status), result) for label in labellers]
    return [(one.outcome, one.completion) for one in labels]


def with_unfinished(frame: pd.DataFrame) -> pd.DataFrame:
    """A `study_frame` whose failed runs that were still improving converged, where they were."""
    open_ended = (frame["outcome"] == "failed_to_learn") & (frame["completion"] == "unfinished")
    return frame.assign(outcome=frame["outcome"].mask(open_ended, "converged"))
