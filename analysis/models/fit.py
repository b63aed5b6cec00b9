"""The models of one analysis: failure, accuracy, components of variance.

They describe; contrasts come from cell means. A model that cannot be fitted is a reason.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.seeds import replicates
from vggstudy.analysis.models.accuracy import fit_accuracy_model
from vggstudy.analysis.models.accuracy_result import AccuracyModel
from vggstudy.analysis.models.components import Components, components_of
from vggstudy.analysis.models.failure import fit_failure_model
from vggstudy.analysis.models.failure_result import FailureModel
from vggstudy.analysis.models.requests import MAX_TERMS, accuracy_terms, failure_terms
from vggstudy.analysis.models.text_tables import ends
from vggstudy.analysis.notes import ModelCaution, ModelReason, Note, note_of, say
from vggstudy.analysis.numbers.arrays import IntArray
from vggstudy.errors import AnalysisError
from vggstudy.stated.models import ModelRequest, ModelRequests

if TYPE_CHECKING:
    import pandas as pd


NOT_JUDGED = "not_judged"
"""Name of the note that stands for the model of converging where nothing tells what converged."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FittedModels:
    """What was fitted to the runs besides cell means.

    Attributes
    ----------
    failure : FailureModel or Note
        Firth's penalised logistic regression of converging, with odds ratios; or why not.
    accuracy : AccuracyModel or Note
        The quadratic among converged runs, with its test of lack of fit; or why not.
    components : Components
        Variance between cells, between seeds and between runs.
    cautions : tuple of Note
        What to know of all of them.
    """

    failure: FailureModel | Note
    accuracy: AccuracyModel | Note
    components: Components
    cautions: tuple[Note, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether anything told which runs converged."""
        return not (isinstance(self.failure, Note) and self.failure.name == NOT_JUDGED)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a model that was not fitted is ``{"reason": ..., "text": ...}``."""
        return {
            "failure": _plain(self.failure),
            "accuracy": _plain(self.accuracy),
            "components": self.components.to_dict(),
            "warnings": [note.to_dict() for note in self.cautions],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a number: model, quantity, term, estimate, low, high."""
        import pandas as pd

        columns = ["model", "quantity", "term", "estimate", "low", "high"]
        return pd.DataFrame(list(self._rows()), columns=columns)

    def summary(self) -> str:
        """All models as plain text."""
        outcome = "model of the outcome" + (" among converged runs" if self.judged else "")
        parts = [
            *([("model of converging", self.failure)] if self.judged else []),
            (outcome, self.accuracy),
            ("components of variance", self.components),
        ]
        texts = [
            f"{name}\n" + (f"{x.text}\n" if isinstance(x, Note) else x.summary())
            for name, x in parts
        ]
        return "\n".join([*texts, *(f"warning: {note.text}" for note in self.cautions)])

    def lines(self) -> list[str]:
        """Odds ratios, lack of fit and the spread between runs, a line each."""
        found = []
        if isinstance(self.failure, Note):
            if self.judged:
                found.append(f"model of converging: not available ({self.failure.text})")
        else:
            found += [
                f"odds ratio, {e.name}: {e.odds_ratio.estimate:.3g} "
                f"{ends(e.odds_ratio.low, e.odds_ratio.high)}"
                for e in self.failure.effects
            ]
            found.append(self.failure.statement().text)
        named = "model of the outcome"
        if isinstance(self.accuracy, Note):
            found.append(f"{named}: not available ({self.accuracy.text})")
        else:
            found.append(f"{named}: {self.accuracy.statement().text}")
        found += [
            f"standard deviation {name}: {max(0.0, x.estimate) ** 0.5:.3g}"
            for name, x in self.components.intervals()
        ]
        return found

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return f"<pre>{html.escape(self.summary())}</pre>"

    def _rows(self) -> list[Mapping[str, Any]]:
        """Coefficients, effects, components."""
        found: list[Mapping[str, Any]] = []
        if not isinstance(self.failure, Note):
            for c in self.failure.coefficients:
                found.append(_row("failure", "log_odds", c.term.name, c.interval))
            for e in self.failure.effects:
                found.append(_row("failure", "odds_ratio", e.name, e.odds_ratio))
                found.append(_row("failure", "risk_difference", e.name, e.risk_difference))
        if not isinstance(self.accuracy, Note):
            named = zip(self.accuracy.design.names, self.accuracy.coefficients, strict=True)
            found += [_row("accuracy", "coefficient", name, x) for name, x in named]
        found += [_row("components", "variance", *x) for x in self.components.intervals()]
        return found


def fit_models(
    cells: Cells,
    requests: ModelRequests,
    *,
    table: RunTable,
    confidence: float,
    shared_seeds: bool,
) -> FittedModels:
    """Fit every model, or say why one cannot be fitted.

    Parameters
    ----------
    cells : Cells
    requests : ModelRequests
    table : RunTable
        All runs, those with common seeds in a cell included.
    confidence : float
    shared_seeds : bool
        Runs of one replicate share their seeds across cells: the accuracy model's covariance then
        allows dependence within replicates.
    """
    cautions: tuple[Note, ...] = ()
    if shared_seeds:
        cautions = (say("model_takes_independent", ModelCaution.TAKEN_AS_INDEPENDENT),)
    return FittedModels(
        failure=_failure(cells, requests.failure, confidence),
        accuracy=_accuracy(cells, requests.accuracy, confidence, shared_seeds=shared_seeds),
        components=components_of(cells, table, confidence=confidence, shared_seeds=shared_seeds),
        cautions=cautions,
    )


def _failure(cells: Cells, request: ModelRequest, confidence: float) -> FailureModel | Note:
    """The failure model, as far as the cells with runs allow; none where no run failed."""
    if not cells.table.judged:
        return say(NOT_JUDGED, ModelReason.NOT_ESTIMABLE)
    terms = failure_terms(cells.table, request)
    count = sum(len(cells.table.levels[name]) - 1 for name in terms.factors)
    if count >= MAX_TERMS:
        code = ModelReason.NOT_ESTIMABLE
        return say("levels_beyond_model", code, n=count, most=MAX_TERMS)
    if cells.n.any() and not (cells.k < cells.n).any():
        return say("no_run_failed", ModelReason.NOT_ESTIMABLE)
    try:
        found = fit_failure_model(cells, terms, confidence=confidence)
    except AnalysisError as error:
        return note_of(error, ModelReason.NOT_ESTIMABLE)
    if not found.fit.converged:
        return replace(found.statement(), code=str(ModelReason.NOT_ESTIMABLE))
    return found


def _accuracy(
    cells: Cells, request: ModelRequest, confidence: float, *, shared_seeds: bool
) -> AccuracyModel | Note:
    """The accuracy model; with shared seeds its covariance is that of replicates as clusters."""
    terms = accuracy_terms(cells, request)
    if terms is None:
        return say("no_curve_to_fit", ModelReason.TOO_FEW_LEVELS)
    if not shared_seeds:
        return fit_accuracy_model(cells, terms, confidence=confidence)
    blocks: IntArray = np.unique(np.array(replicates(cells)), return_inverse=True)[1]
    if np.unique(blocks).size < 2:
        return say("model_needs_seeds", ModelReason.TOO_FEW_SEEDS)
    return fit_accuracy_model(
        cells, terms, confidence=confidence, robust="clustered", clusters=blocks
    )


def _plain(model: FailureModel | AccuracyModel | Note) -> dict[str, Any]:
    """A model's own dictionary, or its reason."""
    if isinstance(model, Note):
        return {"reason": model.code, "text": model.text}
    return model.to_dict()


def _row(model: str, quantity: str, term: str, x: Any) -> dict[str, Any]:
    """One interval, or an empty one."""
    return {
        "model": model,
        "quantity": quantity,
        "term": term,
        "estimate": x.estimate if x else None,
        "low": x.low if x else None,
        "high": x.high if x else None,
    }
