"""The quantities that a claim can be of: what each compares, what it is called, its unit.

How a quantity is estimated stands in the registry of the analysis (`estimators.registry`). The
words are English; `make messages` collects them for the report's languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """What a quantity is of."""

    OUTCOME = "any outcome, over any cells"
    VALUES = "a column among converged runs, over any cells"
    CELLS = "a column among converged runs, in single cells"
    BESIDE = "a further column and the outcome, of the same runs"
    LEVEL = "a level of a numeric factor, with all others held"
    TIMES = "a time until a target is reached"
    BLOCKS = "any outcome, compared within every block"
    VALUES_OF_BLOCKS = "a column among converged runs, compared within every block"

    @property
    def blocks(self) -> bool:
        """Whether it is over blocks that stand for others of their kind."""
        return self in (Form.BLOCKS, Form.VALUES_OF_BLOCKS)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity.

    Attributes
    ----------
    words : str
        With gaps: ``what`` (the outcome in words), ``measure`` (a column), ``other`` (the column
        that it goes together with), ``factor`` (the one whose level it is), ``horizon`` (the time
        up to which a time to a target counts).
    form : Form
    compares : int
        Number of factors whose levels are compared.
    unit : str or None
        None where it is that of the outcome, or of the factor.
    reference : float or None
        Value that says "no difference".
    of_all : bool
        Whether it can be of all runs too, failed ones worst: its outcome is then ``expected``, over
        any cells.
    """

    words: str
    form: Form = Form.OUTCOME
    compares: int = 0
    unit: str | None = None
    reference: float | None = None
    of_all: bool = False


WHAT = "%(what)s"
"""The outcome in words, and nothing else."""

QUANTITIES = {
    "p": Quantity(WHAT),
    "mean": Quantity(WHAT),
    "diff": Quantity("difference in %(what)s", compares=1, reference=0.0),
    "did": Quantity("difference in differences of the %(what)s", compares=2, reference=0.0),
    "iqm": Quantity("interquartile mean of the %(measure)s among converged runs", Form.VALUES),
    "median": Quantity("median %(measure)s among converged runs", Form.CELLS),
    "hedges_g": Quantity(
        "standardised difference (Hedges' g) in %(measure)s among converged runs",
        Form.CELLS,
        compares=1,
        unit="standard deviations",
        reference=0.0,
    ),
    "cliffs_delta": Quantity(
        "Cliff's delta of the %(measure)s among converged runs",
        Form.CELLS,
        compares=1,
        unit="difference of probabilities",
        reference=0.0,
    ),
    "improvement": Quantity(
        "probability of a higher %(measure)s among converged runs",
        Form.CELLS,
        compares=1,
        unit="probability",
        reference=0.5,
        of_all=True,
    ),
    "prediction": Quantity("%(measure)s of one more run that converges", Form.CELLS),
    "association": Quantity(
        "rank correlation (Kendall's tau-b) of %(measure)s and %(other)s within cells among "
        "converged runs",
        Form.BESIDE,
        unit="correlation",
        reference=0.0,
    ),
    "reached": Quantity(
        "probability of reaching the target by %(measure)s %(horizon)s",
        Form.TIMES,
        unit="probability",
    ),
    "logrank": Quantity(
        "ratio of the rates at which runs reach the target (log-rank), by %(measure)s",
        Form.TIMES,
        compares=1,
        unit="ratio",
        reference=1.0,
    ),
    "needed": Quantity("%(factor)s at which half of the runs converge", Form.LEVEL),
    "tolerated": Quantity("largest %(factor)s at which half of the runs converge", Form.LEVEL),
    "peak": Quantity(
        "%(factor)s at the vertex of a quadratic in the mean %(measure)s among converged runs",
        Form.LEVEL,
    ),
    "best": Quantity("%(factor)s of the best mean %(measure)s among converged runs", Form.LEVEL),
    "block_diff": Quantity("difference in %(what)s", Form.BLOCKS, compares=1, reference=0.0),
    "block_ratio": Quantity(
        "ratio of the %(what)s (geometric mean)",
        Form.VALUES_OF_BLOCKS,
        compares=1,
        unit="ratio",
        reference=1.0,
    ),
    "block_scaled": Quantity(
        "difference in %(what)s as a share of the range of all levels",
        Form.VALUES_OF_BLOCKS,
        compares=1,
        unit="share of the range",
        reference=0.0,
    ),
    "block_wins": Quantity(
        "probability of a better %(what)s",
        Form.BLOCKS,
        compares=1,
        unit="probability",
        reference=0.5,
    ),
    "block_rank": Quantity("mean rank by %(what)s", Form.BLOCKS, unit="rank"),
}
"""By their names in ids."""

SHARES = ("probability", "fraction")
"""Units of numbers from 0 to 1."""


def limits_of(unit: str, quantity: str) -> tuple[float, ...]:
    """Values that only a number which reaches them may be printed as.

    Parameters
    ----------
    unit, quantity : str
        A claim's.
    """
    if unit == "correlation":
        return (-1.0, 0.0, 1.0)
    if unit not in SHARES:
        return (0.0,)
    signed = {"diff": 1.0, "block_diff": 1.0, "did": 2.0}.get(quantity)
    return (0.0, 1.0) if signed is None else (-signed, 0.0, signed)


PLAIN = ("mean", "diff", "did")
"""By the number of factors compared; the mean of convergence is ``p``."""

LEVELS = tuple(name for name, kind in QUANTITIES.items() if kind.form == Form.LEVEL)
"""Quantities that stand first in their ids, before the factor whose level they are."""


def plain_quantity(outcome: str, compares: int) -> str:
    """``p``, ``mean``, ``diff`` or ``did``."""
    return "p" if outcome == "converged" and not compares else PLAIN[min(compares, 2)]
