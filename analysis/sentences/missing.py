"""Why an estimate or its interval is missing."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Kind, Sentence

MISSING = {
    "part_offered": Sentence("%(text)s; the largest complete part of the grid is %(claim)s"),
    "cells_without": Sentence("%(n)s of its %(cells)s cells have no %(what)s: %(names)s"),
    "cells_with_few": Sentence(
        "%(n)s of its %(cells)s cells have fewer than %(least)s %(what)s: %(names)s"
    ),
    "no_replicates": Sentence(
        "one run in each of its %(cells)s cells: without replicates there is no interval"
    ),
    "no_labelled_in_cell": Sentence("no labelled runs in the cell %(names)s"),
    "no_labelled": Sentence("no labelled runs"),
    "no_run_converged": Sentence("no run converged"),
    "none_of_runs_converged": Sentence("none of the %(n)s runs converged"),
    "no_cell_with_converged": Sentence("none of its %(cells)s cells has %(least)s converged runs"),
    "few_spare_runs": Sentence(
        "needs at least %(least)s runs beyond the first of each cell, has %(n)s"
    ),
    "pairs_do_not_vary": Sentence("in no cell do both quantities vary among converged runs"),
    "association_shares_seeds": Sentence(
        "runs share seeds across cells: an association has an interval in single cells only"
    ),
    "band_shares_seeds": Sentence("runs share seeds across cells: a band holds single cells only"),
    "not_followed": Sentence(
        "no run of %(names)s was followed to %(number)s, and not all of them reached the target"
    ),
    "times_tell_nothing": Sentence(
        "no time tells the two apart: no run reached the target, or all did at once"
    ),
    "needs_runs": Sentence("needs at least %(least)s %(what)s, has %(n)s"),
    "runs_do_not_vary": Sentence("all runs of all cells have the same value"),
    "no_cell_of_its_scale": Sentence(
        "the runs of %(names)s have one value, and no cell of the same unit and scale tells how "
        "much they vary"
    ),
    "converged_do_not_vary": Sentence("all converged runs have the same value"),
    "resamples_do_not_vary": Sentence("resamples do not vary between %(low)s and %(high)s"),
    "failed_above_converged": Sentence("in a cell the failed runs score above the converged ones"),
    "needs_seeds": Sentence(
        "needs at least %(least)s seeds with converged runs in every cell, has %(n)s of %(seeds)s"
    ),
    "needs_labelled_seeds": Sentence(
        "needs at least %(least)s seeds with labelled runs in every cell, has %(n)s of %(seeds)s"
    ),
    "needs_blocks": Sentence(
        "needs at least %(least)s blocks (%(factor)s) with what is compared, has %(n)s"
    ),
    "blocks_do_not_vary": Sentence("all blocks give the same value"),
    "blocks_differ_in_unit": Sentence(
        "blocks (%(factor)s) have scales of their own, %(other)s times apart, so that "
        "differences of %(name)s have no mean: take block_ratio, block_scaled, block_wins or "
        "block_rank",
        other=Kind.ROUNDED_2,
    ),
    "ratio_of_signs": Sentence(
        "the means of %(names)s are zero or lie on both sides of it and have no ratio: take "
        "block_scaled"
    ),
    "scale_needs_levels": Sentence(
        "the range of %(n)s levels of %(factor)s is no scale for their difference: it takes three"
    ),
    "not_ranked": Sentence("it ran in fewer than half of the blocks (%(factor)s)"),
    "seeds_do_not_vary": Sentence("all seeds give the same value"),
    "peak_needs_levels": Sentence(
        "a peak needs %(least)s converged levels of %(factor)s, has %(n)s"
    ),
    "seeds_cannot_be_halved": Sentence(
        "the converged seeds cannot be halved with runs of every cell on both sides"
    ),
    "curve_needs_levels": Sentence(
        "needs at least %(least)s levels of %(factor)s with %(runs)s or more converged runs, "
        "has %(n)s (%(levels)s)"
    ),
    "line_needs_levels": Sentence("needs runs at 2 levels of %(factor)s or more, has %(n)s"),
    "all_of_runs_converged": Sentence("all of the %(n)s runs converged"),
    "no_direction": Sentence(
        "whether learning rises or falls along %(factor)s is not established (p = %(a)s of a "
        "rise, %(b)s of a fall)",
        a=Kind.ROUNDED_2,
        b=Kind.ROUNDED_2,
    ),
    "learning_rises_and_falls": Sentence(
        "learning both rises and falls along %(factor)s (p = %(a)s of a rise, %(b)s of a fall): no "
        "level is needed or tolerated",
        a=Kind.ROUNDED_2,
        b=Kind.ROUNDED_2,
    ),
    "declared_rises": Sentence(
        "learning was declared to rise along %(factor)s, and falls somewhere (p = %(p)s)"
    ),
    "declared_falls": Sentence(
        "learning was declared to fall along %(factor)s, and rises somewhere (p = %(p)s)"
    ),
    "learning_rises": Sentence(
        "learning rises along %(factor)s: a level is needed, none is the largest tolerated"
    ),
    "learning_falls": Sentence(
        "learning falls along %(factor)s: a level is tolerated, none is needed"
    ),
    "fit_failed": Sentence("the fit failed: %(what)s"),
    "penalised_fit_failed": Sentence("the penalised fit failed: %(what)s"),
    "no_level_excluded": Sentence("no %(factor)s among those run can be excluded"),
    "straight_line": Sentence("the cell means lie on a straight line: there is no turning point"),
    "set_is_everything": Sentence(
        "the %(level)s set is not bounded: no value of %(factor)s can be excluded",
        level=Kind.PERCENT,
    ),
    "set_beyond_numbers": Sentence(
        "the %(level)s set is not bounded: from %(low)s beyond all numbers",
        level=Kind.PERCENT,
        low=Kind.ROUNDED_4,
    ),
    "set_of_two_rays": Sentence(
        "the %(level)s set is not bounded: every %(factor)s up to %(low)s and from %(high)s on",
        level=Kind.PERCENT,
        low=Kind.ROUNDED_4,
        high=Kind.ROUNDED_4,
    ),
    "strata_untested": Sentence("%(n)s of %(all)s strata cannot be tested; %(claim)s: %(text)s"),
    "no_stratum": Sentence("there is no stratum"),
    "models_beyond_ranking": Sentence("%(n)s models; a ranking compares 2 to %(most)s"),
    "no_difference_made": Sentence("no interval of a difference could be made"),
    "cells_do_not_vary": Sentence("no variance within cells"),
    "groups_do_not_vary": Sentence("the values do not vary within groups"),
    "too_few_groups": Sentence(
        "%(values)s values in %(groups)s groups: needs two groups and a group with two values"
    ),
    "seeds_not_told_from_cells": Sentence(
        "%(seeds)s seeds in %(cells)s cells cannot be told from the cells"
    ),
    "cells_and_seeds_explain": Sentence("cells and seeds explain every value"),
    "model_is_exact": Sentence("the model meets every run exactly"),
    "failed_value_unknown": Sentence(
        "%(n)s failed runs have no outcome, and no chance level is known to stand in"
    ),
    "ranking_needs_seeds": Sentence(
        "%(n)s seeds have converged runs in every cell; %(least)s are needed"
    ),
    "ranking_needs_labelled_seeds": Sentence(
        "%(n)s seeds have labelled runs in every cell; %(least)s are needed"
    ),
    "models_differ_alike": Sentence("two models differ by the same amount in every seed"),
    "model_needs_seeds": Sentence("needs converged runs of two seeds at least"),
    "middle_does_not_vary": Sentence("the middle half does not vary within cells"),
    "few_crossed_cells": Sentence(
        "%(cells)s complete cells of %(a)s x %(b)s seeds; needs one of 2 x 2 at least"
    ),
    "both_seeds_explain": Sentence("the seeds of both kinds explain every value"),
    "seeds_not_said": Sentence("the runs do not say which seeds they share"),
    "no_complete_crossing": Sentence(
        "in no cell did every initialisation converge with every data seed"
    ),
    "levels_beyond_model": Sentence("%(n)s levels to compare; at most %(most)s are fitted"),
    "difference_unbounded": Sentence(
        "the difference is bounded on neither side: a level needed lies beyond the %(factor)s "
        "that were run"
    ),
    "difference_at_least": Sentence(
        "the difference is at least %(low)s: a level needed lies beyond the %(factor)s that were "
        "run",
        low=Kind.ROUNDED_4,
    ),
    "difference_at_most": Sentence(
        "the difference is at most %(high)s: a level needed lies beyond the %(factor)s that were "
        "run",
        high=Kind.ROUNDED_4,
    ),
    "no_curve_to_fit": Sentence(
        "no numeric factor has three levels or more, so there is no curve to fit"
    ),
    "not_judged": Sentence("nothing tells which runs converged, so none is judged"),
    "no_run_failed": Sentence("no run failed, so there are no odds of failing to compare"),
    "no_cell_of_model": Sentence("no cell of the model has labelled runs"),
    "terms_aliased": Sentence(
        "the cells with runs cannot tell %(terms)s from the terms before: leave the term out, or "
        "add runs"
    ),
    "more_terms_undetermined": Sentence(
        "the cells with converged runs do not determine %(terms)s and %(n)s more"
    ),
    "terms_undetermined": Sentence("the cells with converged runs do not determine %(terms)s"),
    "runs_below_terms": Sentence(
        "%(runs)s converged runs cannot determine %(terms)s coefficients and a variance",
        terms=Kind.COUNT,
    ),
}
