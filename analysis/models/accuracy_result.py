"""What a model of the outcome among converged runs found, and how it prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.curves import Axis
from vggstudy.analysis.data.design import DesignMatrix
from vggstudy.analysis.models.text_tables import ends, p_value, text_table
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval, percent
from vggstudy.analysis.numbers.ols import FULL_LEVERAGE, Diagnostics, LackOfFit, OlsFit, covariance
from vggstudy.markup import html_table, paragraph

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyModel:
    """The fitted model.

    Attributes
    ----------
    axis : Axis
        Of the curve.
    design : DesignMatrix
        Of every cell of the grid.
    fit : OlsFit
        Over the N converged runs.
    cell : ndarray of shape (N,)
        Cell of each run, index into `Cells`.
    covariance : ndarray of shape (P, P)
    method : str
        Of the covariance: ``hc3_t`` and so on; ``classical_t`` where a run determines its own fit.
    df : int
        Degrees of freedom of t.
    coefficients : tuple of Interval
        In the order of ``design.names``.
    lack_of_fit : LackOfFit or None
        None where there are no cells or replicates to spare.
    diagnostics : Diagnostics or None
        None with one residual degree of freedom.
    cautions : tuple of Note
    confidence : float
        Of the coefficients' intervals.
    """

    axis: Axis
    design: DesignMatrix
    fit: OlsFit
    cell: IntArray
    covariance: FloatArray
    method: str
    df: int
    coefficients: tuple[Interval, ...]
    lack_of_fit: LackOfFit | None
    diagnostics: Diagnostics | None
    cautions: tuple[Note, ...]
    confidence: float

    @property
    def fitted(self) -> FloatArray:
        """The model's mean of every cell of the grid; shape (C,)."""
        return np.asarray(self.design.X @ self.fit.coefficients)

    @property
    def se(self) -> FloatArray:
        """Standard errors behind the intervals; shape (P,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def se_hc2(self) -> FloatArray | None:
        """Standard errors by HC2, shape (P,); None where a run determines its own fit."""
        return self._robust("hc2")

    @property
    def se_hc3(self) -> FloatArray | None:
        """Standard errors by HC3, shape (P,); None where a run determines its own fit."""
        return self._robust("hc3")

    def _robust(self, kind: Any) -> FloatArray | None:
        if self.fit.leverage.max() >= FULL_LEVERAGE:
            return None
        return np.asarray(np.sqrt(np.diag(covariance(self.fit, kind))))

    def statement(self) -> Note:
        """One sentence on how well the curves fit the cell means."""
        test = self.lack_of_fit
        if test is None:
            return say("no_test_of_fit")
        return say(
            "lack_of_fit" if test.p_value < 0.05 else "no_lack_of_fit",
            a=test.df_model,
            b=test.df_within,
            f=test.f,
            p=p_value(test.p_value, equals=True),
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient: term, estimate, se, se_hc2, se_hc3, low, high, method."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what does not exist is None."""
        return {
            "runs": int(self.fit.response.size),
            "factor": self.axis.factor,
            "scale": self.axis.scale,
            "center": self.design.center,
            "confidence": self.confidence,
            "method": self.method,
            "df": self.df,
            "r_squared": self.fit.r_squared,
            "residual_sd": float(np.sqrt(self.fit.variance)),
            "coefficients": self._rows(),
            "lack_of_fit": asdict(self.lack_of_fit) if self.lack_of_fit else None,
            "diagnostics": asdict(self.diagnostics) if self.diagnostics else None,
            "statement": self.statement().text,
            "warnings": [note.to_dict() for note in self.cautions],
        }

    def summary(self) -> str:
        """Coefficients and the statement on lack of fit as plain text."""
        head, rows = self._table()
        first = f"{self.fit.response.size} converged runs, R^2 = {self.fit.r_squared:.3f}"
        return "\n".join([first, self.statement().text, "", *text_table(head, rows)]) + "\n"

    def _repr_html_(self) -> str:
        """The same table for notebooks."""
        head, rows = self._table()
        return paragraph(self.statement().text) + html_table(head, rows)

    def _table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Head and rows of the coefficients."""
        rows = [
            (
                row["term"],
                f"{row['estimate']:.4g}",
                *("-" if row[name] is None else f"{row[name]:.3g}" for name in _ERRORS),
                ends(row["low"], row["high"]),
            )
            for row in self._rows()
        ]
        level = f"{percent(self.confidence)} interval ({self.method})"
        return ("term", "estimate", "HC2 se", "HC3 se", level), rows

    def _rows(self) -> list[dict[str, Any]]:
        """One mapping a coefficient."""
        errors = [x if x is None else x.tolist() for x in (self.se_hc2, self.se_hc3)]
        return [
            {
                "term": name,
                "estimate": x.estimate,
                "se": se,
                **{key: e[i] if e else None for key, e in zip(_ERRORS, errors, strict=True)},
                "low": x.low,
                "high": x.high,
                "method": x.method,
            }
            for i, (name, x, se) in enumerate(
                zip(self.design.names, self.coefficients, self.se.tolist(), strict=True)
            )
        ]


_ERRORS = ("se_hc2", "se_hc3")
