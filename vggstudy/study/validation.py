"""Whether a validation split can tell a run that has learned from one that guesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vggstudy.errors import DataError, Problem, ProtocolError
from vggstudy.protocol import network
from vggstudy.study.labels import convergence_threshold, exceeds
from vggstudy.study.runs import comparisons_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggstudy.ledger.marker import Comparisons
    from vggstudy.plan import Plan, PlannedRun
    from vggstudy.protocol import LabelRule, LoadedProtocol
    from vggstudy.training.data.outline import Outline

MOST = 100_000
"""So many validation images are tried at most when the least number is looked for."""


@dataclass(frozen=True, slots=True)
class Held:
    """The validation split of a run, and what its label asks of it.

    Attributes
    ----------
    size : int or float
        As the protocol states it: a number of images, or a share.
    classes : ndarray of int64, shape (C,)
        Images of each class in the training split, validation included.
    count : int
        Images held out.
    comparisons : int
        Accuracies that share the rule's alpha.
    """

    size: int | float
    classes: NDArray[np.int64]
    count: int
    comparisons: int

    def majority(self, count: int) -> float:
        """Share of the commonest class among so many images held out."""
        from vggstudy.training.data.splits import stratified_counts

        return float(stratified_counts(self.classes, count).max()) / count

    def threshold(self, rule: LabelRule, count: int) -> float:
        """Accuracy that a converged run exceeds, with so many images."""
        return convergence_threshold(
            majority_rate=self.majority(count),
            n_validation=count,
            margin=rule.margin,
            alpha=rule.alpha,
            comparisons=self.comparisons,
        )

    def tells(self, rule: LabelRule, right: int, count: int) -> bool:
        """Whether so many right of so many are beyond guessing."""
        return exceeds(right / count, self.threshold(rule, count))

    def least(self, rule: LabelRule) -> int | None:
        """The fewest images with which all of them right are beyond guessing."""
        counts = range(self.count + 1, min(int(self.classes.sum()), MOST))
        return next((n for n in counts if self.tells(rule, n, n)), None)


def check_validation(
    plan: Plan, loaded: LoadedProtocol, registered: Comparisons = "run"
) -> list[str]:
    """Refuse validation splits on which no run could be labelled converged.

    Parameters
    ----------
    plan : Plan
    loaded : LoadedProtocol
        Its protocol: data are looked for beside its file, too, and a refusal names the place.
    registered : str
        Whose epochs count where the label rule does not say so: `Study.registered_comparisons`.

    Returns
    -------
    list of str
        What is allowed but seldom meant: splits on which only a perfect result counts.

    Raises
    ------
    ProtocolError
        Naming the least number of images that can tell. Data of which nothing is known without
        decoding them are not checked.
    """
    rule = loaded.protocol.label
    if loaded.protocol.trainer is not None:
        return []  # nothing is known of its data
    roots = (loaded.path.resolve().parent, Path.cwd())
    count = comparisons_of(plan, rule.comparisons or registered)
    refused, warned = [], []
    for held in _splits(plan, roots, count):
        if not held.tells(rule, held.count, held.count):
            refused.append(_refusal(held, rule))
        elif held.count > 1 and not held.tells(rule, held.count - 1, held.count):
            warned.append(
                f"data.validation = {held.size:g} holds {held.count} images out: a run counts as "
                "converged only if it gets all of them right; hold out more"
            )
    if refused:
        problems = [_placed(one, loaded.text) for one in dict.fromkeys(refused)]
        raise ProtocolError(problems, str(loaded.path))
    return list(dict.fromkeys(warned))


def _splits(
    plan: Plan, roots: Sequence[Path], comparisons: Callable[[PlannedRun], int]
) -> Iterator[Held]:
    """The distinct validation splits of a plan, as far as they can be told."""
    from vggstudy.training.data.outline import outline

    known: dict[str, Outline | None] = {}
    seen: set[tuple[str, int]] = set()
    for run in plan.cells:
        data, chances = network(run.recipe).data, comparisons(run)
        drawn = repr(data.model_copy(update={"data_norm": False, "flip": False, "crop": 0}))
        if (drawn, chances) in seen:
            continue
        seen.add((drawn, chances))
        source = repr((data.name, data.root, data.train, data.test, data.classes))
        if source not in known:
            known[source] = outline(data, roots)
        if (found := known[source]) is None:
            continue
        from vggstudy.training.data.splits import split_rows

        try:
            split = split_rows(found, data, split_seed=0)
        except DataError:
            continue  # told when the images are split
        pool = np.concatenate([split.train, split.validation])
        sizes = np.bincount(found.labels[pool], minlength=len(found.classes))
        yield Held(data.validation, sizes[sizes > 0], len(split.validation), chances)


def _refusal(held: Held, rule: LabelRule) -> str:
    """Why no result could pass, and what could."""
    majority, least = held.majority(held.count), held.least(rule)
    start = f"data.validation = {held.size:g} holds {held.count} images out, "
    if majority + rule.margin >= 1:
        return (
            f"{start}{majority:.0%} of them of one class: no accuracy exceeds that by "
            f"label.margin = {rule.margin:g}, so no run could be labelled converged; lower the "
            "margin"
        )
    by_guess = f"{majority**held.count:.2g} > {rule.alpha:g} / {held.comparisons}"
    why = f"and a network that guesses gets all of them right too often ({by_guess})"
    advice = f"hold out at least {least}" if least else "there are too few images to tell"
    return f"{start}{why}, so no run could be labelled converged; {advice}"


def _placed(message: str, text: str) -> Problem:
    """The message at the place of the setting in the protocol's text."""
    from vggstudy.protocol.reading.positions import locate

    path = ("data", "validation")
    line, column = locate(text).of(path)
    return Problem(message, path=path, line=line, column=column)
