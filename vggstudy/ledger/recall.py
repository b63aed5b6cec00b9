"""Whether the recalls of the classes and the accuracies of a test split can belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

NEAR = 1e-9


def recall_problem(
    recalls: Sequence[float | None] | None, *, metrics: Mapping[str, Any], data: Mapping[str, Any]
) -> str | None:
    """What the recalls and the accuracies disagree on; None where they agree.

    Parameters
    ----------
    recalls : sequence of float or None
        Share of each class's test images that was recognised; None for a class without images.
    metrics : mapping
        With ``test_accuracy`` and ``test_balanced_accuracy``.
    data : mapping
        With ``n_test`` and ``classes``.

    Notes
    -----
    A class of n images has a recall h / n, so n is a multiple of the denominator b of the reduced
    fraction, and n - h one of b less the numerator. With all n adding up to the test split, the
    images that are missed lie between two sums, which the accuracy must respect.
    """
    if recalls is None:
        return None
    classes = data.get("classes")
    if isinstance(classes, (list, tuple)) and len(classes) != len(recalls):
        return f"test_recall has {len(recalls)} entries, data.classes {len(classes)}"
    known = [value for value in recalls if value is not None]
    if not known:
        return None
    if min(known) < 0 or max(known) > 1:
        return f"test_recall goes from {min(known)!r} to {max(known)!r}"
    balanced = metrics.get("test_balanced_accuracy")
    mean = sum(known) / len(known)
    if balanced is not None and abs(balanced - mean) > NEAR:
        return f"metrics.test_balanced_accuracy is {balanced!r}, the mean of test_recall {mean!r}"
    accuracy, count = metrics.get("test_accuracy"), data.get("n_test")
    if accuracy is None:
        return None
    least, largest = 1 - max(known), 1 - min(known)
    if type(count) is int and count > 0:
        bounds = _missed(known, count)
        if bounds is None:
            return f"test_recall cannot come from {count} images (data.n_test)"
        least, largest = bounds[0] / count, bounds[1] / count
    if not least - NEAR <= 1 - accuracy <= largest + NEAR:
        return (
            f"metrics.test_accuracy is {accuracy!r}, but by test_recall it lies between "
            f"{1 - largest:.6g} and {1 - least:.6g}"
        )
    return None


def _missed(recalls: Sequence[float], count: int) -> tuple[float, float] | None:
    """Least and most images that such recalls miss of so many; None where none of both fit."""
    parts = [_fraction(value, count) for value in recalls]
    given = sum(images for _, images in parts)
    if given > count:
        return None
    missed = sum(images - hits for hits, images in parts)
    rest = count - given
    return missed + rest * (1 - max(recalls)), missed + rest * (1 - min(recalls))


@lru_cache(maxsize=65_536)
def _fraction(value: float, count: int) -> tuple[int, int]:
    """The simplest fraction near a number with a denominator of at most so much."""
    return Fraction(value).limit_denominator(count).as_integer_ratio()
