"""Every sentence of the analysis, once, in English; `notes` fills the gaps.

`make messages` collects them for the report's languages.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a value is, and so how it is written; the others are formats of numbers."""

    COUNT = ".0f"
    NUMBER = "g"
    ROUNDED_2 = ".2g"
    ROUNDED_3 = ".3g"
    ROUNDED_4 = ".4g"
    PERCENT = ".0%"
    TEXT = "text"
    """An id, a name of a method, a level: the same in every language."""
    FACTOR = "factor"
    """The name of a column."""
    FACTORS = "factors"
    """Names of columns, one after the other."""
    LISTED = "listed"
    """Levels, one after the other."""
    NAMED = "named"
    """The first of some cells by their levels, and the number of the others."""
    TERMS = "terms"
    """Terms of a model."""
    WORDS = "words"
    """One of `WORDS`."""
    NOTE = "note"
    NOTES = "notes"


NUMBERS = frozenset(kind for kind in Kind if kind.value[-1] in "fg%")


KINDS = {
    **dict.fromkeys(
        ("a", "all", "b", "cells", "groups", "k", "least", "most", "n", "planned", "runs"),
        Kind.COUNT,
    ),
    **dict.fromkeys(("seeds", "values"), Kind.COUNT),
    **dict.fromkeys(("claim", "date", "level", "method", "name", "other"), Kind.TEXT),
    **dict.fromkeys(("high", "low", "number"), Kind.NUMBER),
    "f": Kind.ROUNDED_3,
    "factor": Kind.FACTOR,
    "levels": Kind.LISTED,
    "names": Kind.NAMED,
    "p": Kind.ROUNDED_2,
    "rules": Kind.NOTES,
    "terms": Kind.TERMS,
    "text": Kind.NOTE,
    "what": Kind.WORDS,
}
"""What a gap of that name holds, where its sentence does not say otherwise."""


class Sentence:
    """A sentence in English, and what its gaps hold.

    Parameters
    ----------
    text : str
        With gaps as in ``%(n)s``. `make messages` collects it for translation.
    **kinds : Kind
        Of gaps that hold something else than `KINDS` says.
    """

    def __init__(self, text: str, **kinds: Kind) -> None:
        self.text = text
        self.kinds = {gap: kinds.get(gap, KINDS[gap]) for gap in _GAP.findall(text)}


_GAP = re.compile(r"%\((\w+)\)s")


class Words(str):
    """Words that fill a gap of several sentences; `make messages` collects them too."""

    __slots__ = ()


WRITTEN = "written"
_ANY = "%(name)s"

SENTENCES = {
    # What stands before all results.
    "not_run_one": Sentence("%(n)s of %(planned)s planned runs was not run yet"),
    "not_run": Sentence("%(n)s of %(planned)s planned runs were not run yet"),
    "crashed_one": Sentence("1 run crashed; it is not data"),
    "crashed": Sentence("%(n)s runs crashed; they are not data"),
    "no_outcome_yet": Sentence("no run has an outcome yet"),
    "empty_cell": Sentence("%(n)s of %(cells)s cells of the grid has no runs: %(names)s"),
    "empty_cells": Sentence("%(n)s of %(cells)s cells of the grid have no runs: %(names)s"),
    "unplanned_cell": Sentence(
        "%(n)s of %(cells)s combinations of levels is not in the table: %(names)s"
    ),
    "unplanned_cells": Sentence(
        "%(n)s of %(cells)s combinations of levels are not in the table: %(names)s"
    ),
    "cells_without_converged": Sentence("no run converged in %(n)s of %(cells)s cells"),
    "flat_cell": Sentence("the converged runs of one cell have one and the same value"),
    "flat_cells": Sentence("the converged runs of %(n)s cells each have one and the same value"),
    "levels_are_one": Sentence("%(factor)s: %(levels)s are taken as one level, %(level)s"),
    "levels_look_alike": Sentence(
        "%(factor)s: %(levels)s look like one level; they are analysed apart, so write them alike "
        "if they are one"
    ),
    "lower_is_better": Sentence("lower values of %(factor)s are better"),
    "seeds_crossed": Sentence(
        "seeds are crossed: %(n)s of %(all)s runs, no two of a cell with a common seed, enter the "
        "estimates; all of them enter the components of variance"
    ),
    "seeds_recur": Sentence(
        "the same seeds (%(n)s) recur in %(cells)s cells: runs of one seed are taken as a block "
        "(with seeding = independent they would be taken as unrelated)"
    ),
    "seeds_component": Sentence(
        "of the spread between runs of a cell, a standard deviation of %(a)s comes from seeds that "
        "cells share, %(b)s from the rest",
        a=Kind.ROUNDED_2,
        b=Kind.ROUNDED_2,
    ),
    "no_seeds_component": Sentence(
        "seeds that cells share add nothing to the spread between runs of a cell, as far as the "
        "runs tell; its standard deviation is %(b)s",
        b=Kind.ROUNDED_2,
    ),
    "recurring_seeds_unrelated": Sentence(
        "%(n)s of %(runs)s runs have a seed that another cell has too; as asked, they are taken as "
        "unrelated"
    ),
    "few_seeds_recur": Sentence(
        "%(n)s of %(runs)s runs have a seed that another cell has too; they are taken as unrelated "
        "(with seeding = shared those of one seed would be a block)"
    ),
    "seeds_repeat_in_cell": Sentence(
        "several runs of one cell have the same seed (%(name)s in %(names)s): runs are taken as "
        "unrelated"
    ),
    "seed_twice_in_cell": Sentence(
        "seeding = shared needs seeds that differ within a cell; %(names)s has seed %(name)s twice"
    ),
    "crossed_needs_streams": Sentence(
        "seeding = crossed needs the columns init_seed and data_seed, which tell the seeds of a "
        "run's initialisation and of its data"
    ),
    "taken_apart_from_seeds": Sentence(
        "interquartile means over several cells, effect sizes of two cells, needed levels and "
        "turning points take runs that share seeds as unrelated"
    ),
    "test_set_selects": Sentence(
        "The test set was used for stopping or for selecting the checkpoint, as the protocol "
        "asks: test accuracies are optimistic."
    ),
    # Why an estimate or its interval is missing.
    "part_offered": Sentence("%(text)s; the largest complete part of the grid is %(claim)s"),
    "cells_without": Sentence("%(n)s of its %(cells)s cells have no %(what)s: %(names)s"),
    "cells_with_few": Sentence(
        "%(n)s of its %(cells)s cells have fewer than %(least)s %(what)s: %(names)s"
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
    # What a hypothesis asks for that the table does not have.
    "no_factor": Sentence("no factor '%(name)s'; there are %(names)s", names=Kind.FACTORS),
    "no_level": Sentence("%(factor)s has no level '%(level)s'; it has %(levels)s"),
    "no_level_of_many": Sentence("%(factor)s has no level '%(level)s'; it has %(levels)s ..."),
    "no_outcome": Sentence(
        "'%(claim)s': no outcome '%(name)s'; there are %(names)s", names=Kind.FACTORS
    ),
    "no_quantity": Sentence(
        "'%(claim)s': '%(name)s' is no quantity that fits; p or mean without a factor, "
        "diff with one, did with two"
    ),
    "must_hold": Sentence(
        "'%(claim)s' must hold each of %(names)s at one level", names=Kind.FACTORS
    ),
    "of_single_cells": Sentence("'%(claim)s': %(name)s is of the outcome in single cells"),
    "association_of_further": Sentence(
        "'%(claim)s': association is of a further outcome of the same runs"
    ),
    "equivalence_of_means": Sentence(
        "'%(claim)s': equivalence is of a difference of means of converged runs"
    ),
    "which_two_levels": Sentence(
        "%(factor)s has %(n)s levels: say which two are compared, as in @%(name)s=A..B"
    ),
    "no_bounds": Sentence("%(name)s has no bounds, so it has no expected value"),
    "order_compares_none": Sentence("the stated order compares no two models"),
    "every_cell_needs": Sentence("every cell needs %(least)s converged runs"),
    "variances_are_zero": Sentence("the variances of all cells are zero"),
    "pairs_need_groups": Sentence("pairs need two groups of as many cells"),
    "levels_in_words": Sentence("a curve needs a numeric factor; '%(name)s' has levels in words"),
    "log2_above_zero": Sentence(
        "the log2 scale needs levels above 0; %(factor)s has %(level)s: use the linear scale",
        level=Kind.NUMBER,
    ),
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
    "only_seeds": Sentence("only %(n)s seeds"),
    "few_seeds_complete": Sentence(
        "only %(n)s of %(seeds)s seeds have a run in every cell: each is a cluster of those it has"
    ),
    "seeds_left_out": Sentence("%(n)s of %(seeds)s seeds lack a converged run"),
    "seeds_not_everywhere": Sentence(
        "%(n)s of %(seeds)s seeds did not run in every cell and are left out"
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
    # When a hypothesis counts as supported.
    "all_of": Sentence("all of: %(rules)s"),
    "ranked_as_stated": Sentence("every model stated to be better lies above, all pairs at once"),
    "falls_and_rises": Sentence(
        "the outcome falls to its lowest and rises again, in every stratum"
    ),
    "rises_and_falls": Sentence("the outcome rises to a peak and falls, in every stratum"),
    "within_margin": Sentence("%(claim)s within %(number)s by two one-sided tests"),
    "above": Sentence("%(claim)s above %(other)s", other=Kind.NUMBER),
    "below": Sentence("%(claim)s below %(other)s", other=Kind.NUMBER),
    "model_above": Sentence("%(claim)s above %(other)s"),
    "model_below": Sentence("%(claim)s below %(other)s"),
    "ranked_with_lowest_best": Sentence(
        "every model stated to be better lies below, all pairs at once"
    ),
    # What the sensitivity analysis could not vary.
    "margin_only": Sentence(
        "the table has no curves, so only the margin of the test accuracy was varied"
    ),
    "no_other_rule": Sentence("no chance level is known, so no other label rule can be tried"),
    "last_epoch_label": Sentence(
        "the last epoch's label is set against the selected checkpoint's test accuracy"
    ),
    # What a study rests on: its runs, its amendments, when its hypotheses were stated.
    "rests_on": Sentence("protocol %(name)s, planned runs %(other)s (first digits of SHA-256)"),
    "rests_on_inputs": Sentence("inputs of all claims %(name)s (first digits of SHA-256)"),
    "all_planned_recorded": Sentence("all %(planned)s planned runs are recorded"),
    "planned_recorded": Sentence("%(n)s of %(planned)s planned runs are recorded"),
    "planned_missing": Sentence("%(n)s of %(planned)s planned runs are missing: %(names)s"),
    "planned_crashed": Sentence("%(n)s of %(planned)s planned runs crashed: %(names)s"),
    "records_damaged": Sentence("%(n)s records are damaged: %(names)s"),
    "no_longer_planned": Sentence(
        "%(n)s recorded runs are no longer planned by the protocol: %(names)s"
    ),
    "never_amended": Sentence("the protocol was never amended"),
    "amended": Sentence(
        "the protocol was amended on %(date)s, after %(n)s of %(all)s runs: %(rules)s"
    ),
    "amended_in_words": Sentence("the protocol was amended on %(date)s in words only"),
    "not_put_in_force": Sentence(
        "the protocol differs from the one in force, after %(n)s of %(all)s runs: %(rules)s"
    ),
    "replicates_changed": Sentence("replicates %(a)s to %(b)s"),
    "plan_changed": Sentence("planned runs %(a)s to %(b)s"),
    "part_changed": Sentence("[%(name)s] changed"),
    "hypothesis_added": Sentence("hypothesis %(name)s added"),
    "hypothesis_changed": Sentence("hypothesis %(name)s changed"),
    "hypothesis_withdrawn": Sentence("hypothesis %(name)s withdrawn"),
    "added_late": Sentence("added after %(n)s of %(all)s runs"),
    "changed_late": Sentence("changed after %(n)s of %(all)s runs"),
    "not_known_before": Sentence("not known to have been stated before %(n)s of %(all)s runs"),
    "stated_unknown": Sentence("the runs came as a table, which does not say when it was stated"),
    "hypothesis_late": Sentence("hypothesis %(name)s: %(text)s"),
    "hypothesis_registered": Sentence(
        "hypothesis %(name)s: stated on %(date)s, before there was any run"
    ),
    "receipt": Sentence(
        "receipt %(name)s of %(date)s: protocol %(other)s, when %(n)s runs were recorded"
    ),
    "receipt_damaged": Sentence("receipt %(name)s is damaged: %(other)s"),
    "receipt_of_another": Sentence(
        "receipt %(name)s is of a protocol that was never in force: %(other)s"
    ),
    "receipt_at_odds": Sentence(
        "receipt %(name)s is at odds with the study: it tells of another plan or hypothesis"
    ),
    "stamp_kept": Sentence(
        "receipt %(name)s: a time stamp is kept with it, which 'vggstudy verify' checks"
    ),
    "stamp_holds": Sentence(
        "receipt %(name)s: time-stamped on %(date)s by %(other)s, when %(n)s of %(all)s runs had "
        "begun; by certificates with the SHA-256 %(level)s"
    ),
    "stamp_open": Sentence("receipt %(name)s: its time stamp cannot be checked: %(other)s"),
    "stamp_wrong": Sentence("receipt %(name)s: its time stamp does not hold: %(other)s"),
    "witness_named": Sentence(
        "receipt %(name)s: to be found in %(other)s, as its authors say; not looked up"
    ),
    "witness_holds": Sentence("receipt %(name)s: held by %(other)s of %(date)s"),
    "witness_wrong": Sentence("receipt %(name)s: not held by %(other)s: %(level)s"),
    "no_journal": Sentence("there is no journal: deletions, reruns and looks do not show"),
    "journal_is": Sentence("journal of %(n)s entries, the last of %(date)s: %(name)s"),
    "journal_late": Sentence("the journal begins on %(date)s, when there were %(n)s runs already"),
    "journal_edited": Sentence("line %(n)s of the journal is not what was written"),
    "journal_gap": Sentence("lines are missing from the journal before line %(n)s"),
    "journal_fork": Sentence(
        "line %(n)s of the journal follows an earlier one: two wrote at once, or it was put in"
    ),
    "journal_repaired": Sentence("torn lines of the journal that a later entry names: %(n)s"),
    "journal_torn": Sentence(
        "the last line of the journal is torn (%(n)s bytes); the next entry names it"
    ),
    "journal_lost": Sentence("the journal no longer holds the entry that receipt %(name)s names"),
    "amendment_gone": Sentence(
        "the journal knows an amendment of %(date)s, to protocol %(name)s, which the study hides"
    ),
    "results_gone": Sentence(
        "%(n)s results that the journal knows are gone from the records: %(names)s"
    ),
    "results_replaced": Sentence("%(n)s records are not those that the journal knows: %(names)s"),
    "results_twice": Sentence("%(n)s runs came to a result more than once: %(names)s"),
    "results_beside": Sentence(
        "%(n)s records are not in the journal, which the next 'vggstudy run' notes: %(names)s"
    ),
    "attempts_crashed": Sentence("%(n)s attempts crashed, %(k)s were made again"),
    "looked_at": Sentence(
        "results were looked at %(k)s times, first on %(date)s with %(n)s of %(all)s results"
    ),
    "never_looked_at": Sentence("the journal knows of no look at the results"),
    "manifest_damaged": Sentence("the manifest of the pack is damaged: %(other)s"),
    "manifest_differs": Sentence("the pack is not what its manifest says: %(other)s"),
    "manifest_holds": Sentence("the pack is what its manifest says: %(n)s files, root %(name)s"),
    "not_signed": Sentence("the manifest of the pack is not signed"),
    "signature_kept": Sentence("the manifest is signed, which 'vggstudy verify' checks"),
    "signature_open": Sentence("the signature of the manifest cannot be checked: %(other)s"),
    "signature_wrong": Sentence("the signature of the manifest does not hold: %(other)s"),
    "signature_holds": Sentence(
        "the manifest is signed by the key %(name)s; whose that is, --signers tells"
    ),
    "signature_trusted": Sentence("the manifest is signed by %(name)s"),
    "change_unknown": Sentence("what was there before is not known"),
    # The environment of the runs.
    "runs": Sentence("%(n)s runs"),
    "unknown_device": Sentence("unknown device"),
}
"""Every sentence by the name that its notes carry; a name is never given to another sentence."""

SENTENCES[WRITTEN] = Sentence(_ANY)

WORDS = (
    Words("converged runs"),
    Words("labelled runs"),
    Words("no convergence within the iterations"),
    Words("the information matrix is singular"),
)
"""What may fill a gap of the kind `Kind.WORDS`."""
