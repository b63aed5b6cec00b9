"""Looks of a design that is planned: when they come, and how often studies stop at each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.hypotheses.stopping import Stop
from vggstudy.analysis.numbers.looks import Look, Rule

FEWEST_RUNS = 2
"""Of a cell at a look: one says nothing of how much runs vary."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The looks that a protocol declares.

    Attributes
    ----------
    replicates : tuple of int
        Runs of every cell at each look, increasing, the maximum last.
    rule : str
    stop : Stop
    """

    replicates: tuple[int, ...]
    rule: Rule
    stop: Stop

    def at_most(self, n: int) -> tuple[int, ...]:
        """The looks of a study of at most n runs a cell, at the same shares of these.

        With the maximum that was declared they are the looks that were.
        """
        most = self.replicates[-1]
        scaled = {max(FEWEST_RUNS, round(runs * n / most)) for runs in self.replicates[:-1]}
        return (*sorted(runs for runs in scaled if runs < n), n)

    def looks(self, n: int) -> list[Look]:
        """The same as the analysis takes them."""
        runs = self.at_most(n)
        return [Look(number, runs, self.rule) for number in range(1, len(runs) + 1)]


@dataclass(frozen=True, slots=True)
class LookAhead:
    """A look, before there are runs.

    Attributes
    ----------
    number, replicates : int
    level : float
        Of the intervals at this look.
    stops : float
        Share of studies that end here, if runs come out as the pilot suggests.
    error : float
        Its Monte Carlo standard error.
    possible : float
        Share that end here among studies that the pilot leaves possible.
    """

    number: int
    replicates: int
    level: float
    stops: float
    error: float
    possible: float


def looks_ahead(
    looks: Sequence[Look], confidence: float, expected: Sequence[int], possible: Sequence[int]
) -> tuple[LookAhead, ...]:
    """How often studies end at each look.

    Parameters
    ----------
    looks : sequence of Look
    confidence : float
        Of all looks together.
    expected, possible : sequence of int
        For every simulated study, at which look it ended, from 1.
    """
    shares = (
        np.bincount(one, minlength=len(looks) + 1)[1:] / len(one) for one in (expected, possible)
    )
    return tuple(
        LookAhead(
            look.number,
            look.replicates[look.number - 1],
            look.nominal(confidence),
            float(stops),
            math.sqrt(stops * (1 - stops) / len(expected)),
            float(other),
        )
        for look, stops, other in zip(looks, *shares, strict=True)
    )


def mean_replicates(looks: Sequence[LookAhead]) -> float:
    """Runs a cell that studies have on average where they end."""
    return sum(one.stops * one.replicates for one in looks)
