"""The label of a run: what became of it, by the protocol's rule, from its stored curves alone."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from vggstudy.errors import LedgerError

if TYPE_CHECKING:
    from vggstudy.protocol import LabelRule, Protocol
from vggstudy.study.reported import reported

Outcome = Literal["converged", "failed_to_learn", "diverged", "crashed"]
Completion = Literal["stopped", "unfinished"]

EVERY_RUN = "every finished run counts (label.rule none)"
"""Reason of a label where no run can fail to learn."""

SLOPE_EPOCHS = 10
"""Last epochs whose training loss says whether a run was still improving."""

_NORMAL_975 = 1.959963984540054
# Accuracies are counts of images divided by their number, so two that differ do so by far more
# than this; it only absorbs the rounding of p0 + margin.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Label:
    """What became of a run.

    Attributes
    ----------
    outcome : str
        ``"converged"``, ``"failed_to_learn"``, ``"diverged"`` or ``"crashed"``.
    completion : str or None
        ``"stopped"``, or ``"unfinished"`` where the budget of epochs ended a run that was still
        improving; None for a run that diverged or crashed.
    threshold : float or None
        Validation accuracy that a converged run exceeds, a fraction; above 1 where no run can.
        None for a run that diverged or crashed.
    reason : str
        The rule and the values that decided, in words.
    """

    outcome: Outcome
    completion: Completion | None
    threshold: float | None
    reason: str

    @property
    def words(self) -> str:
        """The outcome in words: finished, where every finished run counts."""
        return "finished" if self.reason == EVERY_RUN else self.outcome.replace("_", " ")


def label_run(
    result: Mapping[str, Any],
    rule: LabelRule,
    *,
    comparisons: int,
    patience: int | None,
    monitor: str | None = None,
) -> Label:
    """Label one run.

    In this order: *crashed* without a result; *diverged* after a loss or weight that was not
    finite; *converged* if the accuracy on the validation images exceeds
    `convergence_threshold`; else *failed to learn*.

    A run that ended at the cap of epochs is *unfinished* if its best epoch lies within patience of
    the end (fewer than ``patience`` epochs without improvement, so early stopping would have let
    it go on) or if the training loss was still falling (`theil_sen_upper` of the last 10 epochs
    below 0). A run of a single epoch cannot show that it had stopped improving and is unfinished.

    Parameters
    ----------
    result : mapping
        ``TrainingResult.result``, or that of the ledger's index with its curves; empty for a
        crashed run.
    rule : LabelRule
        Margin, alpha, and whether the selected or the last epoch's weights are judged.
    comparisons : int
        Accuracies among which the judged one may have been chosen: the epochs that the run may
        train, or those of all planned runs, as the rule's ``comparisons`` says.
    patience : int or None
        Patience of early stopping in epochs; None where there is none, and then only the slope
        tells whether a run was unfinished.
    monitor : str or None
        Curve whose best value marks the best epoch, e.g. ``"val_loss"``; None takes the selected
        epoch, which is the same unless the last one is selected by rule.

    Returns
    -------
    Label
        The outcome with its threshold and reason.

    Raises
    ------
    LedgerError
        If the result lacks what the rule needs.
    ValueError
        If ``comparisons`` is below 1.
    """
    status = result.get("status", "crashed")
    if not result or status == "crashed":
        return Label("crashed", None, None, "no attempt gave a result")
    if status == "diverged":
        epochs = result.get("epochs")
        return Label("diverged", None, None, f"a value was not finite after {epochs} epochs")
    data = _part(result, "data")
    threshold = convergence_threshold(
        majority_rate=_number(data, "majority_rate"),
        n_validation=int(_number(data, "n_validation")),
        margin=rule.margin,
        alpha=rule.alpha,
        comparisons=comparisons,
    )
    judged = "final" if rule.checkpoint == "final" else "metrics"
    accuracy = _number(_part(result, judged), "val_accuracy")
    converged = exceeds(accuracy, threshold)
    completion, why = _completion(result, patience=patience, monitor=monitor)
    relation = "exceeds" if converged else "does not exceed"
    return Label(
        "converged" if converged else "failed_to_learn",
        completion,
        threshold,
        f"validation accuracy {accuracy:.4g} {relation} {threshold:.4g}; {why}",
    )


def label_trained(result: Mapping[str, Any], rule: LabelRule) -> Label:
    """Label one run of a trainer of one's own, whose stopping only the trainer knows.

    In this order: *crashed* without a result; *diverged* where a number was not finite or the
    trainer said so; then by what the rule says: every run counts (``rule = "none"``, the default),
    a reported quantity decides (``succeeds``), or the accuracy (``rule = "accuracy"``), which may
    have been chosen among those of all epochs that were reported.

    Parameters
    ----------
    result : mapping
        With its ``status``; empty for a crashed run.
    rule : LabelRule

    Raises
    ------
    LedgerError
        If the result lacks what the rule needs.
    """
    if not result or (status := result.get("status", "crashed")) == "crashed":
        return Label("crashed", None, None, "no attempt gave a result")
    if status == "diverged":
        return Label("diverged", None, None, "the trainer reported numbers that are not finite")
    if rule.succeeds is not None:
        name, relation, number = comparison(rule.succeeds)
        value = _number(reported(result, {}), name)
        holds = _HOLDS[relation](value, number)
        reason = f"{name} is {value:.6g}, and the rule is {rule.succeeds.strip()}"
        return Label("converged" if holds else "failed_to_learn", "stopped", None, reason)
    if rule.rule == "accuracy":
        count = max(1, int(_number(result, "epochs")))
        return label_run(
            {**result, "stop_reason": "trainer"}, rule, comparisons=count, patience=None
        )
    return Label("converged", "stopped", None, EVERY_RUN)


def counts_all(protocol: Protocol) -> bool:
    """Whether every finished run of a study counts, so that none can fail to learn."""
    rule = protocol.label
    return protocol.trainer is not None and rule.succeeds is None and rule.rule != "accuracy"


def comparison(text: str) -> tuple[str, str, float]:
    """Quantity, relation and number of ``val_loss < 3.28``."""
    relation = next(one for one in _HOLDS if one in text)
    name, _, number = text.partition(relation)
    return name.strip(), relation, float(number)


_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def exceeds(accuracy: float, threshold: float) -> bool:
    """Whether a validation accuracy lies above the threshold by more than rounding."""
    return accuracy > threshold + _ROUNDING


def convergence_threshold(
    *, majority_rate: float, n_validation: int, margin: float, alpha: float, comparisons: int
) -> float:
    """Validation accuracy that a run must exceed to have learned anything.

    The larger of the majority-class rate plus the margin, and the smallest k / n with
    P(X > k) <= alpha / comparisons for X ~ Binomial(n, majority rate): the Bonferroni bound on the
    best of so many validation accuracies of networks that guess.

    Parameters
    ----------
    majority_rate : float
        Share of the commonest class among the validation images, a fraction in [0, 1].
    n_validation : int
        Number of validation images.
    margin : float
        Fraction.
    alpha : float
        Chance that the best of them exceeds the bound.
    comparisons : int
        Number of accuracies that are compared with the threshold.

    Raises
    ------
    ValueError
        If ``comparisons`` is below 1.
    LedgerError
        If there are no validation images or the majority rate is no fraction.
    """
    if comparisons < 1:
        msg = f"comparisons must be at least 1, got {comparisons}"
        raise ValueError(msg)
    if n_validation < 1 or not 0 <= majority_rate <= 1:
        msg = (
            "a label needs validation images and the share of their commonest class, got "
            f"{n_validation} images and a share of {majority_rate}"
        )
        raise LedgerError(msg)
    guessed = _binomial_upper(n_validation, majority_rate, alpha / comparisons)
    return max(majority_rate + margin, guessed / n_validation)


@cache
def _binomial_upper(n: int, p: float, tail: float) -> int:
    """Smallest k with P(X > k) <= tail for X ~ Binomial(n, p), by bisection.

    P(X > k) = I_p(k + 1, n - k), the regularised incomplete beta function, keeps its relative
    precision in tails far below 1e-16, where 1 - tail would be 1.
    """
    from scipy.special import betainc  # loading it takes longer than the command line may

    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(middle + 1, n - middle, p) <= tail:
            high = middle
        else:
            low = middle
    return high


def theil_sen_upper(values: Sequence[float]) -> float:
    """Upper end of the 95% interval of the Theil-Sen slope of values at equal steps.

    The interval is the two-sided one of Sen (1968), with the variance of Kendall's statistic
    corrected for ties. Below five values no such interval of 95% exists; the largest slope of all
    pairs then takes its place, so that the limit is below 0 only if every value is smaller than
    the one before.

    Parameters
    ----------
    values : sequence of float, of length n >= 2
        For example the training loss of n consecutive epochs.

    Returns
    -------
    float
        Change of the value per step; 0 for constant values.

    Raises
    ------
    ValueError
        If there are fewer than two values.

    References
    ----------
    P. K. Sen (1968), Estimates of the regression coefficient based on Kendall's tau, Journal of
    the American Statistical Association 63, 1379-1389: equation 2.6 and section 3. SciPy's
    ``stats.theilslopes`` gives the same end.
    """
    n = len(values)
    if n < 2:
        msg = f"a slope needs at least two values, got {n}"
        raise ValueError(msg)
    slopes = sorted((values[j] - values[i]) / (j - i) for i, j in combinations(range(n), 2))
    ties = sum(k * (k - 1) * (2 * k + 5) for k in Counter(values).values())
    sigma = math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)  # (2.6)
    upper = round((len(slopes) + _NORMAL_975 * sigma) / 2)
    return slopes[min(upper, len(slopes) - 1)]


def _completion(
    result: Mapping[str, Any], *, patience: int | None, monitor: str | None
) -> tuple[Completion, str]:
    """Whether a finished run was still improving when its budget ended, and why so."""
    if result.get("stop_reason") != "epoch_cap":
        return "stopped", "stopped early"
    epochs = int(_number(result, "epochs"))
    if epochs == 1:
        return "unfinished", "a single epoch cannot show that improvement had ended"
    best = _best_epoch(result, monitor)
    if patience is not None and epochs - best < patience:
        return "unfinished", f"epoch cap {epochs} reached within patience of the best epoch {best}"
    losses = [value for value in _losses(result)[-SLOPE_EPOCHS:] if value is not None]
    if len(losses) > 1 and theil_sen_upper(losses) < 0:
        return "unfinished", f"epoch cap {epochs} reached while the training loss was falling"
    return "stopped", f"epoch cap {epochs} reached without further improvement"


def _best_epoch(result: Mapping[str, Any], monitor: str | None) -> int:
    """One-based epoch of the first best value of the monitored curve."""
    if monitor is None:
        return int(_number(result, "selected_epoch"))
    values = _part(result, "curves").get(monitor)
    if not values or all(value is None for value in values):
        msg = f"the record has no curve of {monitor}, from which its best epoch is found"
        raise LedgerError(msg)
    sign = 1.0 if monitor.endswith("_loss") else -1.0
    return 1 + min(
        (index for index, value in enumerate(values) if value is not None),
        key=lambda index: sign * values[index],
    )


def _losses(result: Mapping[str, Any]) -> Sequence[float | None]:
    """The training loss of every epoch."""
    values = _part(result, "curves").get("train_loss")
    if not values:
        msg = "the record has no curve of train_loss, from which its completion is found"
        raise LedgerError(msg)
    losses: Sequence[float | None] = values
    return losses


def _part(result: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One section of a result."""
    part = result.get(name)
    if not isinstance(part, Mapping):
        msg = f"the record's result has no {name}, without which a run cannot be labelled"
        raise LedgerError(msg)
    return part


def _number(part: Mapping[str, Any], name: str) -> float:
    """One number of a section."""
    value = part.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"the record's {name} must be a number to label the run, got {value!r}"
        raise LedgerError(msg)
    return value
