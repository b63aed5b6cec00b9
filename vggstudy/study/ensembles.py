"""Ensembles of replicates: the mean of their softmax outputs, as a table of its own.

The replicates of a cell are cut into disjoint groups by their index, and every group is one
ensemble. Groups share no run, so the ensembles of a cell are independent and identically
distributed, and the interval of any mean holds for theirs with the number of groups as n. What is
estimated is the accuracy of an ensemble of a stated size. All replicates as one ensemble, with a
jackknife over them, would estimate that of an ensemble whose size changes with the study, from
resamples that share all but one of their members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.errors import LedgerError
from vggstudy.ledger import StudyStore
from vggstudy.plan import Plan, PlannedRun
from vggstudy.probabilities import ImageProbabilities

if TYPE_CHECKING:
    import pandas as pd

ENSEMBLE_ACCURACY = "ensemble_accuracy"
ENSEMBLE_GAIN = "ensemble_gain"


def ensemble_frame(plan: Plan, store: StudyStore, frame: pd.DataFrame) -> pd.DataFrame:
    """One row for every ensemble of a study.

    Parameters
    ----------
    plan : Plan
        With the size of the ensembles, ``analysis.ensemble_size``.
    store : StudyStore
    frame : DataFrame
        One row a run, from `vggstudy.study.runs.study_frame`: the labels.

    Returns
    -------
    DataFrame
        The factors, ``replicate`` (index of the ensemble), ``outcome``, and the columns
        ``ensemble_accuracy`` and ``ensemble_gain`` (its accuracy less the mean of its members').
        An ensemble has converged if all of its members have; it is missing if one of them has no
        probabilities to give. Replicates that fill no group belong to none.

    Raises
    ------
    LedgerError
        If members disagree about the test images.
    """
    import pandas as pd

    size = plan.protocol.analysis.ensemble_size
    labels = dict(zip(frame["run_id"], frame["outcome"], strict=True))
    rows = []
    for cell in plan.cells:
        members = [run for run in plan.runs if run.cell_id == cell.cell_id]
        for index, start in enumerate(range(0, len(members) - size + 1, size)):
            group = members[start : start + size]
            outcome = _outcome([labels[run.run_id] for run in group])
            scores = _scores(store, group) if outcome != "missing" else {}
            if not scores:
                outcome = "missing"
            rows.append({**cell.levels, "replicate": index, "outcome": outcome, **scores})
    columns = [*plan.factors, "replicate", "outcome", ENSEMBLE_ACCURACY, ENSEMBLE_GAIN]
    return pd.DataFrame(rows, columns=columns)


def _outcome(labels: Sequence[str]) -> str:
    """The label of an ensemble from those of its members."""
    if any(label in {"missing", "crashed"} for label in labels):
        return "missing"
    return "converged" if all(label == "converged" for label in labels) else "failed_to_learn"


def _scores(store: StudyStore, group: Sequence[PlannedRun]) -> Mapping[str, float]:
    """Accuracy and gain of one ensemble; nothing if a member kept no probabilities."""
    members = []
    for run in group:
        stored = store.read_record(run.run_id).result.get("test_probabilities")
        if stored is None:
            return {}
        members.append(ImageProbabilities.from_json(stored))
    return ensemble_scores(members, [run.run_id for run in group])


def ensemble_scores(members: Sequence[ImageProbabilities], names: Sequence[str]) -> dict[str, Any]:
    """Accuracy of the mean of the members' probabilities, and its gain over theirs.

    Parameters
    ----------
    members : sequence of ImageProbabilities
    names : sequence of str
        How errors name them.

    Raises
    ------
    LedgerError
        If two members were tested on other images.

    References
    ----------
    Lakshminarayanan, Pritzel, Blundell (2017), Simple and scalable predictive uncertainty
    estimation using deep ensembles, section 2.4: a uniformly weighted mixture.
    """
    targets = members[0].targets
    for member, name in zip(members, names, strict=True):
        if not np.array_equal(member.targets, targets):
            msg = f"the runs {names[0]} and {name} were tested on other images: no ensemble of them"
            raise LedgerError(msg)
    mean = np.mean([member.values for member in members], axis=0, dtype=np.float64)
    accuracy = float((mean.argmax(axis=1) == targets).mean())
    own = float(np.mean([member.accuracy for member in members]))
    return {ENSEMBLE_ACCURACY: accuracy, ENSEMBLE_GAIN: accuracy - own}
