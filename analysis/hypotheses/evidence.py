"""Evidence for each kind of hypothesis at any confidence level."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.parsing import check_factor, conditions_at
from vggstudy.analysis.estimators.equivalence import (
    paired_differences,
    paired_spread,
    spread_by_cell,
    tost,
)
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.ranking import Model, Ranking, rank_models
from vggstudy.analysis.hypotheses.parts import from_interval, not_estimable
from vggstudy.analysis.hypotheses.specs import (
    ClaimPart,
    EquivalencePart,
    Held,
    NeededPart,
    Part,
    RankingPart,
    SlopePart,
)
from vggstudy.analysis.hypotheses.verdicts import Evidence, all_of, beyond, within
from vggstudy.analysis.notes import Note, NotedError, Reason, note_of, say
from vggstudy.analysis.numbers.student import Spread
from vggstudy.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Answers for parts of hypotheses; an answer is kept for the level it was given at.

    Attributes
    ----------
    maker : ClaimMaker
    kept : dict
    """

    maker: ClaimMaker
    kept: dict[tuple[str, float], Evidence] = field(default_factory=dict)

    def evidence(self, part: Part, level: float) -> Evidence:
        """The evidence for a part at a confidence level.

        A part that names what the table does not have is not estimable, and its reason says so.
        """
        key = (repr(part), level)
        if key not in self.kept:
            try:
                self.kept[key] = self._evaluate(part, level)
            except AnalysisError as error:
                reason = note_of(error, Reason.UNKNOWN_ESTIMAND)
                self.kept[key] = not_estimable(_name(part), None, level, reason)
        return self.kept[key]

    def _evaluate(self, part: Part, level: float) -> Evidence:
        if isinstance(part, ClaimPart):
            return self._claim(part, level)
        if isinstance(part, EquivalencePart):
            return self._equivalence(part, level)
        if isinstance(part, RankingPart):
            return self._ranking(part, level)
        from vggstudy.analysis.hypotheses import model_evidence  # fits models

        if isinstance(part, SlopePart):
            return model_evidence.slope(part, self.maker, level)
        if isinstance(part, NeededPart):
            return model_evidence.needed(part, self.maker, level)
        return model_evidence.peak(part, self.maker, level)

    def _claim(self, part: ClaimPart, level: float) -> Evidence:
        """A claim's interval at the level, against the threshold."""
        asked = self.maker.parse(part.claim)
        finding = self.maker.finding(asked, level)
        rule = say(part.direction, claim=asked.id, other=part.threshold)
        if finding.interval is None:
            return _refused(asked, rule, level, finding)
        above = part.direction == "above"
        found = from_interval(
            asked.id,
            rule,
            beyond(finding.interval, threshold=part.threshold, above=above),
            level,
            finding.interval,
            finding.cautions,
            thresholds=(part.threshold,),
        )
        return replace(found, estimate=finding.estimate)

    def _equivalence(self, part: EquivalencePart, level: float) -> Evidence:
        """Two one-sided tests at alpha = 1 - level; the interval is the (1 - 2 alpha) one."""
        asked = self.maker.parse(part.claim)
        if asked.quantity != "diff" or asked.outcome != asked.table.outcome:
            raise NotedError(say("equivalence_of_means", claim=part.claim))
        finding = self.maker.finding(asked)
        rule = say("within_margin", claim=asked.id, number=part.margin)
        if finding.interval is None:
            return _refused(asked, rule, level, finding)
        estimate, spread = _difference(self.maker.cells_of(asked), asked, part.adjust)
        test = tost(
            estimate,
            spread,
            margin=part.margin,
            alpha=1 - level,
            method=f"tost_by_{part.adjust}",
        )
        verdict = within(test.interval, margin=part.margin)
        shown = 1 - 2 * (1 - level)
        return from_interval(
            asked.id,
            rule,
            verdict,
            shown,
            test.interval,
            finding.cautions,
            thresholds=(-part.margin, part.margin),
        )

    def _ranking(self, part: RankingPart, level: float) -> Evidence:
        """Every pair that the stated order decides, by simultaneous comparisons."""
        table = self.maker.cells.table
        for name in part.factors:
            check_factor(name, table)
        outcome = "expected" if part.outcome == "expected" else table.outcome
        if outcome == "expected" and table.bounds is None:
            raise NotedError(say("no_bounds", name=table.outcome))
        ranking = rank_models(
            self.maker.cells,
            part.factors,
            outcome=outcome,
            confidence=level,
            seed=self.maker.how.resampling.seed,
            shared_seeds=self.maker.how.shared_seeds,
        )
        name = _name(part)
        rule = say("ranked_with_lowest_best" if table.lower_is_better else "ranked_as_stated")
        if ranking.reason is not None:
            return not_estimable(name, rule, level, ranking.reason)
        pairs = self._ordered_pairs(part, ranking)
        found = [_pair_evidence(ranking, better, worse, level) for better, worse in pairs]
        return all_of(name, found, level=level)

    def _ordered_pairs(self, part: RankingPart, ranking: Ranking) -> list[tuple[int, int]]:
        """(better, worse) for all pairs that the order decides."""
        if not part.order:
            order = ranking.order
            return list(itertools.pairwise(order))
        groups = [self._matching(held, ranking.models) for held in part.order]
        found = [
            (better, worse)
            for i, group in enumerate(groups)
            for later in groups[i + 1 :]
            for better in group
            for worse in later
            if better != worse
        ]
        if not found:
            raise NotedError(say("order_compares_none"))
        return found

    def _matching(self, held: Held, models: tuple[Model, ...]) -> list[int]:
        """Models with these levels."""
        conditions = conditions_at(held, self.maker.cells.table)
        wanted = {(c.factor, c.levels[0]) for c in conditions}
        return [i for i, model in enumerate(models) if wanted <= set(model.levels)]


def _pair_evidence(ranking: Ranking, better: int, worse: int, level: float) -> Evidence:
    """One pair of models: the better one minus the worse one."""
    interval = ranking.comparison(worse, better)
    names = ranking.models[better].name, ranking.models[worse].name
    lower = ranking.lower_is_better
    rule = say("model_below" if lower else "model_above", claim=names[0], other=names[1])
    return from_interval(
        f"{ranking.outcome}: {names[0]} minus {names[1]}",
        rule,
        beyond(interval, threshold=0.0, above=not lower),
        level,
        interval,
        thresholds=(0.0,),
    )


def _name(part: Part) -> str:
    """What a part is about, before it could be evaluated."""
    if isinstance(part, (ClaimPart, EquivalencePart)):
        return part.claim
    if isinstance(part, RankingPart):
        return f"{part.outcome}.rank.{'*'.join(sorted(part.factors))}"
    if isinstance(part, NeededPart):
        return f"needed.diff.{part.compare}"
    kind = "converged.slope" if isinstance(part, SlopePart) else "peak"
    return f"{kind}.{part.along}"


def _refused(asked: Estimand, rule: Note, level: float, finding: Finding) -> Evidence:
    """That a claim has no interval, and why."""
    reason = finding.reason or Note.written("", "")
    return not_estimable(asked.id, rule, level, reason, finding.estimate)


def _difference(cells: Cells, asked: Estimand, adjust: str) -> tuple[float, Spread]:
    """A difference and its standard error, adjusted by cell or paired by replicate."""
    groups = asked.groups(cells)
    try:
        if adjust == "pair":
            pairs = paired_differences(cells, groups)
            spread = paired_spread(pairs)
            return float(pairs.mean()), spread
        estimate = float(sum(g.sign * (g.weights @ cells.mean[g.cells]) for g in groups))
        return estimate, spread_by_cell(cells, groups)
    except ValueError as error:
        raise NotedError(note_of(error, Reason.UNKNOWN_ESTIMAND)) from None
