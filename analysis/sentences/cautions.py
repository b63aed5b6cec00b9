"""What to know of an estimate, and what a model says of its own fit."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Kind, Sentence

CAUTIONS = {
    # What to know of an estimate.
    "interval_wide": Sentence("%(n)s runs: the interval is wide", n=Kind.NUMBER),
    "seeds_shared": Sentence("runs share seeds across cells: %(rules)s"),
    "runs_count_as": Sentence("%(n)s runs count as %(other)s", n=Kind.NUMBER, other=Kind.ROUNDED_3),
    "failed_count_as_failed": Sentence(
        "%(n)s failed runs have no outcome: they count as the failed runs that have one"
    ),
    "failed_count_as": Sentence(
        "%(n)s failed runs have no outcome: they count as %(other)s", other=Kind.NUMBER
    ),
    "failed_count_as_own": Sentence(
        "%(n)s failed runs have no outcome: they count as the chance level of their own data"
    ),
    "model_takes_independent": Sentence(
        "the failure model takes runs that share seeds as independent"
    ),
    "cells_differ_in_runs": Sentence(
        "cells differ in runs: each counts as if it had as few as the smallest"
    ),
    "only_spare_runs": Sentence("only %(n)s runs beyond the first of each cell"),
    "cells_left_out": Sentence(
        "%(n)s of %(cells)s cells have fewer than %(least)s converged runs and are left out"
    ),
    "only_converged_in_cell": Sentence("only %(n)s converged runs in a cell"),
    "only_converged": Sentence("only %(n)s converged runs"),
    "only_runs_in_cell": Sentence("only %(n)s runs in a cell"),
    "predicted_as_normal": Sentence(
        "the next run is predicted as of a normal distribution, and the runs of the cell do not "
        "look like one: the interval may hold it less often"
    ),
    "improvement_takes_independent": Sentence("runs that share seeds are taken as independent"),
    "only_seeds": Sentence("only %(n)s seeds"),
    "few_seeds_complete": Sentence(
        "only %(n)s of %(seeds)s seeds have a run in every cell: each is a cluster of those it has"
    ),
    "seeds_left_out": Sentence("%(n)s of %(seeds)s seeds lack a converged run"),
    "seeds_not_everywhere": Sentence(
        "%(n)s of %(seeds)s seeds did not run in every cell and are left out"
    ),
    "some_did_not_reach": Sentence("%(k)s of %(n)s runs reached the target by %(number)s"),
    "log_rank_p": Sentence("log-rank test: p = %(p)s"),
    "log_rank_takes_unrelated": Sentence(
        "the log-rank test takes runs that share seeds as unrelated"
    ),
    "k_of_n_converged": Sentence("%(k)s of %(n)s runs converged"),
    "cells_at_most_one": Sentence("in %(n)s of %(cells)s cells at most one run converged"),
    "pooled_for_flat": Sentence(
        "the runs of %(names)s have one value; the variance pooled over cells is used"
    ),
    "two_groups": Sentence(
        "%(k)s of %(n)s converged runs of %(names)s form a group of their own far below: the "
        "interval of a mean is too narrow there; see the interquartile mean and their share"
    ),
    "one_below": Sentence(
        "one of %(n)s converged runs of %(names)s lies far below the others: the interval of a "
        "mean may be too narrow; see the interquartile mean"
    ),
    "at_ceiling": Sentence(
        "%(k)s of %(n)s converged runs of %(names)s have the highest value: the interval of a mean "
        "and differences of means are of what the measure can tell"
    ),
    "simultaneous": Sentence(
        "the interval holds together with those of all %(n)s claims that %(name)s matches"
    ),
    "bootstrap_narrow": Sentence("%(method)s intervals are too narrow with %(n)s runs in a cell"),
    "studentized_wide": Sentence(
        "studentized intervals are much too wide with %(n)s runs in a cell"
    ),
    "survivors": Sentence(
        "%(a)s against %(b)s of the runs converged: survivors are compared",
        a=Kind.PERCENT,
        b=Kind.PERCENT,
    ),
    "within_lee": Sentence(
        "%(text)s; for runs that would converge under both the difference lies within %(low)s to "
        "%(high)s (Lee's bounds)",
        low=Kind.ROUNDED_3,
        high=Kind.ROUNDED_3,
    ),
    "with_all_runs": Sentence("%(text)s; over all runs: %(claim)s"),
    "over_part": Sentence("over %(n)s of %(cells)s cells, the largest complete part"),
    "needed_below": Sentence(
        "the %(factor)s needed is < %(level)s, outside those run", level=Kind.NUMBER
    ),
    "needed_above": Sentence(
        "the %(factor)s needed is > %(level)s, outside those run", level=Kind.NUMBER
    ),
    "tolerated_below": Sentence(
        "the %(factor)s tolerated is < %(level)s, outside those run", level=Kind.NUMBER
    ),
    "tolerated_above": Sentence(
        "the %(factor)s tolerated is > %(level)s, outside those run", level=Kind.NUMBER
    ),
    "same_probability": Sentence("the probability is %(p)s at every %(factor)s", p=Kind.NUMBER),
    "one_sided_below": Sentence(
        "one-sided: < %(level)s at %(p)s confidence; the levels of %(factor)s that were run bound "
        "nothing from below",
        level=Kind.ROUNDED_4,
        p=Kind.ROUNDED_4,
    ),
    "one_sided_above": Sentence(
        "one-sided: > %(level)s at %(p)s confidence; the levels of %(factor)s that were run bound "
        "nothing from above",
        level=Kind.ROUNDED_4,
        p=Kind.ROUNDED_4,
    ),
    "bound_on_neither_side": Sentence(
        "the levels of %(factor)s that were run bound it on neither side"
    ),
    "best_among": Sentence(
        "with %(p)s confidence the best %(factor)s is one of %(levels)s", p=Kind.PERCENT
    ),
    "best_with_gaps": Sentence("some %(factor)s between the ends is told apart from the best"),
    "levels_left_out": Sentence("%(factor)s %(levels)s: fewer than 3 converged runs, left out"),
    "no_curvature": Sentence("the curvature is not significant (p = %(p)s)"),
    "minimum": Sentence("the curve turns upwards: a minimum"),
    "maximum": Sentence("the curve turns downwards: a maximum, where lower is better"),
    "outside_converged": Sentence(
        "it lies outside the converged range, %(factor)s %(low)s to %(high)s"
    ),
    "quadratic_does_not_fit": Sentence("a quadratic does not fit the cell means (p = %(p)s)"),
    "curves_do_not_fit": Sentence("the curves do not fit the cell means (p = %(p)s)"),
    "outlier": Sentence("a run of %(names)s is an outlier (p = %(p)s for the largest of all)"),
    "run_determines_fit": Sentence("a run determines its own fit, so equal variances are assumed"),
    "few_blocks": Sentence("only %(n)s blocks (%(factor)s) stand for all of their kind"),
    "blocks_left_out": Sentence(
        "%(n)s of %(all)s blocks (%(factor)s) lack one of the two levels and are left out"
    ),
    "blocks_incomplete": Sentence(
        "%(n)s of %(all)s blocks (%(factor)s) lack a level and are left out of the ranks"
    ),
    "levels_absent": Sentence(
        "%(n)s levels ran in fewer than half of the blocks (%(factor)s) and are not ranked"
    ),
    "blocks_differ": Sentence(
        "in %(k)s of %(n)s blocks (%(factor)s) it has the sign of the mean; between blocks it "
        "varies with a standard deviation of %(other)s (I² = %(p)s)",
        p=Kind.PERCENT,
        other=Kind.ROUNDED_2,
    ),
    "blocks_differ_unmeasured": Sentence(
        "in %(k)s of %(n)s blocks (%(factor)s) it has the sign of the mean; how much blocks differ "
        "beyond that is not known, because runs of some cells do not vary"
    ),
    "blocks_differ_by_factor_unmeasured": Sentence(
        "in %(k)s of %(n)s blocks (%(factor)s) it lies on the same side of 1 as the mean; how much "
        "blocks differ beyond that is not known, because runs of some cells do not vary"
    ),
    "blocks_differ_by_factor": Sentence(
        "in %(k)s of %(n)s blocks (%(factor)s) it lies on the same side of 1 as the mean; between "
        "blocks it varies by a factor of %(other)s, one standard deviation of its logarithm "
        "(I² = %(p)s)",
        p=Kind.PERCENT,
        other=Kind.ROUNDED_3,
    ),
    # What a model says of its own fit.
    "no_test_of_fit": Sentence("lack of fit cannot be tested: no cell or no replicate to spare"),
    "no_lack_of_fit": Sentence(
        "no lack of fit was found: F(%(a)s, %(b)s) = %(f)s, p %(p)s", p=Kind.TEXT
    ),
    "lack_of_fit": Sentence("lack of fit: F(%(a)s, %(b)s) = %(f)s, p %(p)s", p=Kind.TEXT),
    "no_separation": Sentence("no separation: all maximum likelihood estimates are finite"),
    "complete_separation": Sentence(
        "complete separation: no finite maximum likelihood estimate of %(terms)s"
    ),
    "quasi_complete_separation": Sentence(
        "quasi-complete separation: no finite maximum likelihood estimate of %(terms)s"
    ),
}
