"""Evidence for each kind of hypothesis at any confidence level."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.parsing import check_factor, conditions_at
from vggstudy.analysis.estimators.equivalence import spread_by_cell, tost
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.ranking import Model, Ranking, rank_models
from vggstudy.analysis.estimators.seeds import difference_over_seeds
from vggstudy.analysis.estimators.side_by_side import rank_reliability
from vggstudy.analysis.estimators.times import of_means
from vggstudy.analysis.hypotheses.model_evidence import needed, peak, slope
from vggstudy.analysis.hypotheses.parts import from_interval, not_estimable
from vggstudy.analysis.hypotheses.verdicts import Evidence, all_of, beyond, within
from vggstudy.analysis.notes import Named, Note, NotedError, Reason, note_of, say
from vggstudy.analysis.numbers.student import Spread
from vggstudy.errors import AnalysisError
from vggstudy.stated.hypotheses import ClaimPart, EquivalencePart, Held, Part, RankingPart


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Answers for parts of hypotheses; an answer is kept for the level it was given at.

    Attributes
    ----------
    maker : ClaimMaker
    kept : dict
    verdicts_only : bool
        Whether limits that no verdict needs are left out.
    """

    maker: ClaimMaker
    kept: dict[tuple[str, float, bool], Evidence] = field(default_factory=dict)
    verdicts_only: bool = False

    def brief(self) -> Evaluator:
        """For verdicts alone; what both answer alike is answered once."""
        return replace(self, verdicts_only=True)

    def evidence(self, part: Part, level: float) -> Evidence:
        """The evidence for a part at a confidence level.

        A part that names what the table does not have is not estimable, and its reason says so.
        """
        key = (repr(part), level, self.verdicts_only and KINDS[part.kind].brief)
        if key not in self.kept:
            try:
                self.kept[key] = KINDS[part.kind].judged(self, part, level)
            except AnalysisError as error:
                reason = note_of(error, Reason.UNKNOWN_ESTIMAND)
                name = KINDS[part.kind].about(part)
                self.kept[key] = not_estimable(name, None, level, reason)
        return self.kept[key]

    def claim(self, part: ClaimPart, level: float) -> Evidence:
        """A claim's interval at the level, against the threshold."""
        asked = self.maker.parse(part.claim)
        finding, level = self.maker.finding(asked, level), self.maker.how.nominal(level)
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

    def equivalence(self, part: EquivalencePart, level: float) -> Evidence:
        """Two one-sided tests at alpha = 1 - level; the interval is the (1 - 2 alpha) one.

        At a look, each side has what a two-sided error of 2 alpha leaves it there.
        """
        asked = self.maker.parse(part.claim)
        if asked.quantity != "diff" or asked.outcome != asked.table.outcome:
            raise NotedError(say("equivalence_of_means", claim=part.claim))
        finding = self.maker.finding(asked)
        rule = say("within_margin", claim=asked.id, number=part.margin)
        if finding.interval is None:
            return _refused(asked, rule, level, finding)
        adjusted: str = part.adjust or "cell"
        if adjusted == "cell" and self.maker.how.shared_seeds:
            adjusted = "seed"
        estimate, spread = _difference(of_means(self.maker.cells_of(asked)), asked, adjusted)
        shown = self.maker.how.nominal(1 - 2 * (1 - level))
        test = tost(
            estimate,
            spread,
            margin=part.margin,
            alpha=(1 - shown) / 2,
            method=f"tost_by_{adjusted}",
        )
        verdict = within(test.interval, margin=part.margin)
        return from_interval(
            asked.id,
            rule,
            verdict,
            shown,
            test.interval,
            finding.cautions,
            thresholds=(-part.margin, part.margin),
        )

    def ranking(self, part: RankingPart, level: float) -> Evidence:
        """Every pair that the stated order decides, by simultaneous comparisons."""
        table, level = self.maker.cells.table, self.maker.how.together(level)
        for name in part.factors:
            check_factor(name, table)
        ranking = self._ranked(part, level)
        name = KINDS[part.kind].about(part)
        rule = say("ranked_with_lowest_best" if ranking.lower_is_better else "ranked_as_stated")
        if ranking.reason is not None:
            return not_estimable(name, rule, level, ranking.reason)
        pairs = self._ordered_pairs(part, ranking)
        found = [_pair_evidence(ranking, better, worse, level) for better, worse in pairs]
        return all_of(name, found, level=level)

    def _ranked(self, part: RankingPart, level: float) -> Ranking:
        """The ranking by the outcome that is asked for."""
        table, cells, how = self.maker.cells.table, of_means(self.maker.cells), self.maker.how
        factors, shared = tuple(part.factors), how.shared_seeds
        if part.outcome == "converged":
            return rank_reliability(cells, factors, confidence=level, shared_seeds=shared)
        outcome = table.outcome if part.outcome == "accuracy" else "expected"
        if outcome == "expected" and table.bounds is None:
            raise NotedError(say("no_bounds", name=table.outcome))
        seed = how.resampling.seed
        return rank_models(
            cells, factors, outcome=outcome, confidence=level, seed=seed, shared_seeds=shared
        )

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
    lower, cells = ranking.lower_is_better, [Named.read([name], 0) for name in names]
    rule = say("model_below" if lower else "model_above", claim=cells[0], other=cells[1])
    return from_interval(
        f"{ranking.outcome}: {names[0]} minus {names[1]}",
        rule,
        beyond(interval, threshold=0.0, above=not lower),
        level,
        interval,
        thresholds=(0.0,),
    )


def _refused(asked: Estimand, rule: Note, level: float, finding: Finding) -> Evidence:
    """That a claim has no interval, and why."""
    reason = finding.reason or Note.written("", "")
    return not_estimable(asked.id, rule, level, reason, finding.estimate)


def _difference(cells: Cells, asked: Estimand, adjusted: str) -> tuple[float, Spread]:
    """A difference and its standard error, by cell, by seed, or paired by seed."""
    groups = asked.groups(cells)
    try:
        if adjusted != "cell":
            return difference_over_seeds(cells, groups, paired=adjusted == "pair")
        estimate = float(sum(g.sign * (g.weights @ cells.mean[g.cells]) for g in groups))
        return estimate, spread_by_cell(cells, groups)
    except ValueError as error:
        raise NotedError(note_of(error, Reason.UNKNOWN_ESTIMAND)) from None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a kind of hypothesis is judged.

    Attributes
    ----------
    judged : callable of (Evaluator, part, float)
        Evidence at a confidence level.
    about : callable of a part
        The name of what it is about, before it could be evaluated.
    bound : callable of a part, or None
        What the claim that the part names is set against; None where it names none.
    brief : bool
        Whether verdicts alone cost less.
    """

    judged: Callable[[Evaluator, Any, float], Evidence]
    about: Callable[[Any], str]
    bound: Callable[[Any], float] | None = None
    brief: bool = False


KINDS: Mapping[str, Judgement] = {
    "claim": Judgement(Evaluator.claim, attrgetter("claim"), attrgetter("threshold")),
    "equivalence": Judgement(Evaluator.equivalence, attrgetter("claim"), attrgetter("margin")),
    "slope": Judgement(
        lambda found, part, level: slope(
            part, found.maker, level, verdict_only=found.verdicts_only
        ),
        lambda part: f"converged.slope.{part.along}",
    ),
    "threshold_order": Judgement(
        lambda found, part, level: needed(
            part, found.maker, level, verdict_only=found.verdicts_only
        ),
        lambda part: f"{part.quantity or 'needed'}.diff.{part.compare}",
        brief=True,
    ),
    "peak": Judgement(
        lambda found, part, level: peak(part, found.maker, level, verdict_only=found.verdicts_only),
        lambda part: f"peak.{part.along}",
        brief=True,
    ),
    "ranking": Judgement(
        Evaluator.ranking,
        lambda part: f"{part.outcome or 'expected'}.rank.{'*'.join(sorted(part.factors))}",
    ),
}
"""The one place that knows every kind; a new one is a class of `vggstudy.stated` and a row."""
