"""What hypotheses and other label rules ask for, and when they count as supported."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Kind, Sentence

HYPOTHESES = {
    # What a hypothesis asks for that the table does not have.
    "no_factor": Sentence("no factor '%(name)s'; there are %(names)s", names=Kind.FACTORS),
    "no_level": Sentence("%(factor)s has no level '%(level)s'; it has %(levels)s"),
    "no_level_of_many": Sentence("%(factor)s has no level '%(level)s'; it has %(levels)s ..."),
    "no_outcome": Sentence(
        "'%(claim)s': no outcome '%(name)s'; there are %(names)s", names=Kind.FACTORS
    ),
    "no_block": Sentence(
        "'%(claim)s' is over blocks, and nothing says which factor they are: name it "
        "(--block COLUMN, or block in [analysis])"
    ),
    "not_within_blocks": Sentence(
        "'%(claim)s' compares levels within blocks (%(factor)s): hold or compare another factor, "
        "over several blocks"
    ),
    "block_alone": Sentence(
        "%(factor)s is the only factor: nothing is left to compare within its levels"
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
    "model_above": Sentence("%(claim)s above %(other)s", claim=Kind.NAMED, other=Kind.NAMED),
    "model_below": Sentence("%(claim)s below %(other)s", claim=Kind.NAMED, other=Kind.NAMED),
    "ranked_with_lowest_best": Sentence(
        "every model stated to be better lies below, all pairs at once"
    ),
    # What is estimated where that is no claim.
    "slope_log2": Sentence("log odds of converging per doubling of %(factor)s"),
    "slope_linear": Sentence("log odds of converging per unit of %(factor)s"),
    "needed_log2": Sentence(
        "%(factor)s that half of the runs need to converge, at %(name)s %(level)s against "
        "%(other)s, in doublings",
        name=Kind.FACTOR,
    ),
    "needed_linear": Sentence(
        "%(factor)s that half of the runs need to converge, at %(name)s %(level)s minus %(other)s",
        name=Kind.FACTOR,
    ),
    "tolerated_log2": Sentence(
        "%(factor)s that half of the runs tolerate, at %(name)s %(level)s against %(other)s, in "
        "doublings",
        name=Kind.FACTOR,
    ),
    "tolerated_linear": Sentence(
        "%(factor)s that half of the runs tolerate, at %(name)s %(level)s minus %(other)s",
        name=Kind.FACTOR,
    ),
    # What the sensitivity analysis could not vary.
    "margin_only": Sentence(
        "the table has no curves, so only the margin of the test accuracy was varied"
    ),
    "no_other_rule": Sentence("no chance level is known, so no other label rule can be tried"),
    "trainer_decides": Sentence(
        "the rule of the study's own trainer decides what counts, and no other is tried"
    ),
    "last_epoch_label": Sentence(
        "the last epoch's label is set against the selected checkpoint's test accuracy"
    ),
}
