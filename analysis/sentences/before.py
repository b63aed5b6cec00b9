"""What stands before all results: the table, its holes, how its seeds are read."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Kind, Sentence

BEFORE = {
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
    "cells_on_demand": Sentence(
        "the %(n)s cells are too many for a claim each: claims of cells, and comparisons of them, "
        "are made when they are asked for by id"
    ),
    "cells_without_converged": Sentence("no run converged in %(n)s of %(cells)s cells"),
    "flat_cell": Sentence("the converged runs of one cell have one and the same value"),
    "flat_cells": Sentence("the converged runs of %(n)s cells each have one and the same value"),
    "levels_are_one": Sentence("%(factor)s: %(levels)s are taken as one level, %(level)s"),
    "levels_look_alike": Sentence(
        "%(factor)s: %(levels)s look like one level; they are analysed apart, so write them alike "
        "if they are one"
    ),
    "flat_cell_unjudged": Sentence("the runs of one cell have one and the same value"),
    "flat_cells_unjudged": Sentence("the runs of %(n)s cells each have one and the same value"),
    "factors_by_role": Sentence("taken for factors: %(names)s", names=Kind.FACTORS),
    "column_has_gaps": Sentence("no factor, since fields are empty: %(names)s", names=Kind.FACTORS),
    "column_is_constant": Sentence(
        "no factor, since all rows have one value: %(names)s", names=Kind.FACTORS
    ),
    "column_seldom_recurs": Sentence(
        "no factor, since values seldom recur: %(names)s", names=Kind.FACTORS
    ),
    "column_says_the_same": Sentence(
        "no factor, since a column before it says the same: %(names)s", names=Kind.FACTORS
    ),
    "lower_is_better": Sentence("lower values of %(factor)s are better"),
    "zero_or_one": Sentence(
        '%(factor)s is 0 or 1 in every run: --succeeds "%(factor)s = 1" makes it a probability '
        "with exact limits"
    ),
    "rows_averaged": Sentence(
        "%(n)s rows are averaged over %(names)s to %(runs)s runs of %(k)s rows each",
        names=Kind.FACTORS,
    ),
    "rows_averaged_unequal": Sentence(
        "%(n)s rows are averaged over %(names)s to %(runs)s runs of %(least)s to %(most)s rows",
        names=Kind.FACTORS,
    ),
    "last_rows": Sentence(
        "of %(n)s rows the last by %(factor)s of each of %(runs)s runs counts; all of them end "
        "with %(low)s"
    ),
    "last_rows_differ": Sentence(
        "of %(n)s rows the last by %(factor)s of each of %(runs)s runs counts; they end between "
        "%(low)s and %(high)s"
    ),
    "measurements_as_factor": Sentence(
        "every run has the same %(n)s values of %(factor)s: if they number measurements of one "
        "run, they are no levels to compare, and averaging over them leaves one row a run"
    ),
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
}
