"""What a run's result says of itself twice, and must say the same both times.

Each check is asked only where what it compares is there: records of older versions hold less. It
is an identity of how a run is computed, so no honest record breaks one, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import mul, sub
from typing import Any

from vggstudy.ledger.recall import recall_problem

EXACT = 1e-9
"""Counts divided by counts: what is lost in a division and the product that undoes it."""

MEASURED_AGAIN = 1e-5
"""Relative difference of a loss that is measured twice on the same weights: the same kernels on the
same batches give the same bits; a wide margin costs nothing against a changed number."""

Numbers = Sequence[float | None]


def consistency_problem(payload: Mapping[str, Any]) -> str | None:
    """The first thing that a record says in two ways; None where all of it agrees.

    Parameters
    ----------
    payload : mapping
        A record's fields, each of its type (`vggstudy.ledger.checks`), of a run with a result.
    """
    training = payload["recipe"].get("training", {})
    if not isinstance(training, Mapping):
        return "recipe.training must be an object"
    result = payload["result"]
    own = "trainer" in payload["recipe"]
    for check in _TRAINER_CHECKS if own else _CHECKS:
        for problem in check(result, training):
            return problem
    return None


def _ranges(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """Accuracies and recalls are fractions, losses are not negative."""
    for name, value in result.get("metrics", {}).items():
        if value is not None and not _within(name, value, value):
            yield f"metrics.{name} is {value!r}, which no {_noun(name)} can be"
    for name, curve in result.get("curves", {}).items():
        if not name.endswith(("_accuracy", "_loss")):
            continue
        known = curve if None not in curve else [value for value in curve if value is not None]
        if known and not _within(name, min(known), max(known)):
            yield f"curves.{name} goes from {min(known)!r} to {max(known)!r}: no {_noun(name)} can"


def _accuracies(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """Accuracies are fractions, whoever trains; a loss of one's own may be anything."""
    metrics, curves = result.get("metrics", {}), result.get("curves", {})
    for name, values in {**curves, **{name: [value] for name, value in metrics.items()}}.items():
        known = [value for value in values if value is not None]
        if name.endswith("_accuracy") and any(not 0 <= value <= 1 for value in known):
            odd = next(value for value in known if not 0 <= value <= 1)
            yield f"{name} is {odd!r}, and an accuracy is a fraction from 0 to 1"


def _within(name: str, least: float, largest: float) -> bool:
    """Whether numbers of that name can lie between these two; what is not finite is not asked."""
    if name.endswith("_accuracy"):
        return not (least < 0 or largest > 1)
    return not (name.endswith("_loss") and -math.inf < least < 0)


def _noun(name: str) -> str:
    """What a number of that name is."""
    return "accuracy" if name.endswith("_accuracy") else "loss"


def _lengths(result: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    """Curves have an entry an epoch; the epochs are those that the reason for stopping allows."""
    epochs = result.get("epochs")
    if epochs is None:
        return
    for name, curve in result.get("curves", {}).items():
        if len(curve) != epochs:
            yield f"epochs is {epochs}, but curves.{name} has {len(curve)} entries"
    cap, reason = training.get("epochs"), result.get("stop_reason")
    if isinstance(cap, int):
        if epochs > cap:
            yield f"epochs is {epochs}, the recipe allows {cap}"
        if reason == "epoch_cap" and epochs != cap:
            yield f"it stopped at the recipe's {cap} epochs (stop_reason), but epochs is {epochs}"
    if reason == "early_stopping" and training.get("early_stopping", 0) is None:
        yield "stop_reason is early_stopping, which the recipe has not"
    diverged = result.get("status") == "diverged"
    if reason is not None and diverged != (reason == "non_finite"):
        yield f"status is {result.get('status')!r}, stop_reason {reason!r}"


def _steps(result: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    """Steps are epochs times the batches of one."""
    counts = result.get("steps"), result.get("epochs"), result.get("data", {}).get("n_train")
    size, drop = training.get("batch_size"), training.get("drop_last")
    steps, epochs, n_train = counts
    if not all(_is_count(value) for value in (*counts, size)) or drop is None:
        return
    batches = n_train // size if drop else -(-n_train // size)
    if steps != epochs * batches:
        yield (
            f"steps is {steps}, but {epochs} epochs of {n_train} images in batches of {size} "
            f"are {epochs * batches}"
        )


def _last(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """The final numbers are the curves' last."""
    curves = result.get("curves", {})
    for name, value in result.get("final", {}).items():
        curve = curves.get(name)
        if curve and curve[-1] != value:
            yield f"final.{name} is {value!r}, the last of curves.{name} {curve[-1]!r}"


def _finite(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """A number that is not finite ends a run: it stands at the last epoch of a diverged one."""
    for name, curve in result.get("curves", {}).items():
        if None in curve:
            at = list(curve).index(None) + 1
            if at < len(curve) or result.get("status") != "diverged":
                yield f"curves.{name} has no number at epoch {at}, where the run went on"


def _selected(result: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    """The selected epoch is the first of the best by what selects it."""
    epochs, epoch = result.get("epochs"), result.get("selected_epoch")
    if epochs is None or "selected_epoch" not in result:
        return
    if epoch is not None and not 1 <= epoch <= epochs:
        yield f"selected_epoch is {epoch}, of {epochs}"
        return
    quantity = _selected_by(training)
    diverged = result.get("status") == "diverged"
    if quantity == "final":
        expected = None if diverged else epochs
        if epoch != expected:
            yield f"selected_epoch is {epoch}, the last one, which the recipe asks for, {expected}"
        return
    curve = result.get("curves", {}).get(quantity)
    if not curve:
        return
    offered = curve[:-1] if diverged else curve
    if None in offered:
        return
    expected = _first_best(offered, largest=quantity.endswith("_accuracy"))
    if epoch != expected:
        yield f"selected_epoch is {epoch}, but curves.{quantity} is best at {expected}"


def _selected_by(training: Mapping[str, Any]) -> str:
    """What selects a checkpoint; empty where the recipe does not say."""
    if "selection" not in training:
        return ""
    if training["selection"] is not None:
        return str(training["selection"])
    stopping = training.get("early_stopping")
    return str(stopping.get("monitor", "")) if isinstance(stopping, Mapping) else "val_loss"


def _first_best(curve: Numbers, *, largest: bool) -> int | None:
    """One-based place of the first largest or smallest value; None in an empty curve."""
    if not curve:
        return None
    best = max(curve) if largest else min(curve)  # type: ignore[type-var]
    return list(curve).index(best) + 1


def _measured(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """What is measured at the selected checkpoint was measured when it was made."""
    epoch, curves = result.get("selected_epoch"), result.get("curves", {})
    metrics = result.get("metrics", {})
    if epoch is None:
        for name, value in metrics.items():
            if value is not None and "selected_epoch" in result:
                yield f"metrics.{name} is {value!r}, but no epoch was selected"
        return
    for name in ("val_loss", "val_accuracy", "test_loss", "test_accuracy"):
        value = metrics.get(name)
        curve = curves.get(name)
        if value is None or not curve or epoch > len(curve) or curve[epoch - 1] is None:
            continue
        then = curve[epoch - 1]
        allowed = EXACT if name.endswith("_accuracy") else MEASURED_AGAIN * max(1.0, abs(then))
        if abs(value - then) > allowed:
            yield f"metrics.{name} is {value!r}, curves.{name} at epoch {epoch} {then!r}"


def _counted(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """An accuracy is a number of images of so many."""
    data = result.get("data", {})
    sizes = {name: data.get(f"n_{long}") for name, long in _SPLITS}
    metrics, curves = result.get("metrics", {}), result.get("curves", {})
    for name, count in sizes.items():
        if not _is_count(count):
            continue
        value = metrics.get(f"{name}_accuracy")
        if value is not None and not _are_shares([value], count):
            yield f"metrics.{name}_accuracy is {value!r}, no number of {count} images"
        if name != "train":  # a dropped batch is not among those that its curve counts
            known = [one for one in curves.get(f"{name}_accuracy", ()) if one is not None]
            if known and not _are_shares(known, count):
                odd = next(one for one in known if not _are_shares([one], count))
                yield f"curves.{name}_accuracy holds {odd!r}, no number of {count} images"


def _are_shares(values: Sequence[float], count: int) -> bool:
    """Whether fractions are whole numbers of so many; without a loop in Python over the values."""
    products = [*map(mul, values, repeat(count))]
    return bool(max(map(abs, map(sub, products, map(round, products)))) <= EXACT * count)


def _recalls(result: Mapping[str, Any], _: Mapping[str, Any]) -> Iterator[str]:
    """The recalls of the classes make the accuracies."""
    problem = recall_problem(
        result.get("test_recall"),
        metrics=result.get("metrics", {}),
        data=result.get("data", {}),
    )
    if problem:
        yield problem


def _is_count(value: object) -> bool:
    """Whether a value is a positive whole number."""
    return type(value) is int and value > 0


_SPLITS = (("train", "train"), ("val", "validation"), ("test", "test"))
"""Splits as metrics and as sizes name them."""

_TRAINER_CHECKS = (_accuracies, _lengths)
"""What holds of a trainer of one's own."""

_CHECKS: tuple[Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[str]], ...] = (
    _ranges,
    _lengths,
    _finite,
    _steps,
    _last,
    _selected,
    _measured,
    _counted,
    _recalls,
)
