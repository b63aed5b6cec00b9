"""Messages of the report that others stand for, where the table means other runs than they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vggstudy.report.words.i18n import mark

if TYPE_CHECKING:
    from vggstudy.analysis import RunTable

UNJUDGED = {
    # words/prose.py
    "%(measure)s among runs that converged": mark("%(measure)s"),
    "Among runs that converged, mean %(measure)s was": mark("Mean %(measure)s was"),
    "Only %(place)s: elsewhere, too few runs converged in some cells.": mark(
        "Only %(place)s: elsewhere, some cells have too few runs."
    ),
    # page/sections
    "How accurate are the runs that converged, by %(factor)s?": mark(
        "What do the runs come to, by %(factor)s?"
    ),
    "%(panels)s panels over %(levels)s levels of %(factor)s; %(converged)s runs converged, "
    "%(failed)s failed.": mark(
        "%(panels)s panels over %(levels)s levels of %(factor)s; %(converged)s runs."
    ),
    "%(measure)s by cell, among runs that converged": mark("%(measure)s by cell"),
    "Converged/run": mark("Runs"),
    "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, no "
    "interval.": mark("%(measure)s: dots are runs, the thin mark is their mean, no interval."),
    "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, the band "
    "its %(level)s confidence interval.": mark(
        "%(measure)s: dots are runs, the thin mark is their mean, the band its %(level)s "
        "confidence interval."
    ),
    "Cells in which fewer than two runs converged have no line.": mark(
        "Cells with fewer than two runs have no line."
    ),
    "Cells whose converged runs do not vary": mark("Cells whose runs do not vary"),
    "Every run that converged: its %(measure)s less the mean of its cell, against that mean. "
    "Intervals do not assume that the scatter is the same in all cells.": mark(
        "Every run: its %(measure)s less the mean of its cell, against that mean. Intervals do not "
        "assume that the scatter is the same in all cells."
    ),
    "%(n)s runs in %(cells)s cells with two converged runs or more.": mark(
        "%(n)s runs in %(cells)s cells with two runs or more."
    ),
    "%(measure)s among runs that converged:": mark("%(measure)s:"),
    "Model of the %(measure)s among %(runs)s runs that converged": mark(
        "Model of the %(measure)s: %(runs)s runs"
    ),
    "Components of the variance of the %(measure)s among runs that converged": mark(
        "Components of the variance of the %(measure)s"
    ),
    "The turning point of a quadratic in the %(factor)s among runs that converged. An interval "
    "that is not bounded means that no turning point is identified.": mark(
        "The turning point of a quadratic in the %(factor)s. An interval that is not bounded means "
        "that no turning point is identified."
    ),
    "Rank correlation with %(measure)s within cells among converged runs, with %(level)s "
    "confidence intervals": mark(
        "Rank correlation with %(measure)s within cells, with %(level)s confidence intervals"
    ),
    "The %(factor)s of the best mean among runs that converged; the bar goes from the least to the "
    "largest level that no other level is told to be better than.": mark(
        "The %(factor)s of the best mean; the bar goes from the least to the largest level that no "
        "other level is told to be better than."
    ),
    "Runs from the plan to the analysis; losses stand to the side. A crashed run gave no data and "
    "is not a run that failed to learn.": mark(
        "Runs from the plan to the analysis; losses stand to the side."
    ),
    "%(measure)s after each epoch. Lines are means over the runs that converged; a run that ended "
    "before the others keeps its last value. Bands are %(level)s confidence bands of the mean at "
    "all epochs together, drawn from three runs on. Failed runs are thin lines below, at most "
    "%(n)s a panel.": mark(
        "%(measure)s after each epoch. Lines are means over runs; a run that ended before the "
        "others keeps its last value. Bands are %(level)s confidence bands of the mean at all "
        "epochs together, drawn from three runs on."
    ),
    "%(measure)s of the runs that converged: median number of epochs; median standard deviation of "
    "the last %(n)s epochs (unrest)": mark(
        "%(measure)s: median number of epochs; median standard deviation of the last %(n)s epochs "
        "(unrest)"
    ),
    "%(measure)s of the runs that converged: median number of epochs; median standard deviation of "
    "the last %(n)s epochs (unrest); median accuracy on the training data less that on the test "
    "data (gap)": mark(
        "%(measure)s: median number of epochs; median standard deviation of the last %(n)s epochs "
        "(unrest); median accuracy on the training data less that on the test data (gap)"
    ),
    "%(measure)s under a factor's last level less that under its first, averaged over the pairs of "
    "cells that differ in nothing else and have three converged runs each. Bands are %(level)s "
    "confidence bands of the difference at all epochs together.": mark(
        "%(measure)s under a factor's last level less that under its first, averaged over the "
        "pairs of cells that differ in nothing else and have three runs each. Bands are %(level)s "
        "confidence bands of the difference at all epochs together."
    ),
    # analysis/sentences
    "converged runs": mark("runs"),
    "only %(n)s converged runs": mark("only %(n)s runs"),
    "only %(n)s converged runs in a cell": mark("only %(n)s runs in a cell"),
    "it lies outside the converged range, %(factor)s %(low)s to %(high)s": mark(
        "it lies outside the levels that were run, %(factor)s %(low)s to %(high)s"
    ),
    "all converged runs have the same value": mark("all runs have the same value"),
    "%(k)s of %(n)s converged runs of %(names)s form a group of their own far below: the "
    "interval of a mean is too narrow there; see the interquartile mean and their share": mark(
        "%(k)s of %(n)s runs of %(names)s form a group of their own far below: the interval of a "
        "mean is too narrow there; see the interquartile mean and their share"
    ),
    "one of %(n)s converged runs of %(names)s lies far below the others: the interval of a mean "
    "may be too narrow; see the interquartile mean": mark(
        "one of %(n)s runs of %(names)s lies far below the others: the interval of a mean may be "
        "too narrow; see the interquartile mean"
    ),
    "%(k)s of %(n)s converged runs of %(names)s have the highest value: the interval of a mean "
    "and differences of means are of what the measure can tell": mark(
        "%(k)s of %(n)s runs of %(names)s have the highest value: the interval of a mean and "
        "differences of means are of what the measure can tell"
    ),
    "%(factor)s %(levels)s: fewer than 3 converged runs, left out": mark(
        "%(factor)s %(levels)s: fewer than 3 runs, left out"
    ),
    "needs at least %(least)s seeds with converged runs in every cell, has %(n)s of %(seeds)s": (
        mark("needs at least %(least)s seeds with runs in every cell, has %(n)s of %(seeds)s")
    ),
    "needs at least %(least)s levels of %(factor)s with %(runs)s or more converged runs, has %(n)s "
    "(%(levels)s)": mark(
        "needs at least %(least)s levels of %(factor)s with %(runs)s or more runs, has %(n)s "
        "(%(levels)s)"
    ),
    "%(n)s of %(cells)s cells have fewer than %(least)s converged runs and are left out": mark(
        "%(n)s of %(cells)s cells have fewer than %(least)s runs and are left out"
    ),
}
"""By the message that speaks of runs that converged: nothing tells which do, and all runs count."""

OTHER_OUTCOMES = {
    "How accurate are the runs that converged, by %(factor)s?": mark(
        "What do the runs that converged come to, by %(factor)s?"
    ),
    "Every %(measure)s here is among runs that converged (%(k)s of %(n)s), which are survivors: "
    "the expected accuracy, over all runs, stands beside it in the table.": mark(
        "Every %(measure)s here is among runs that converged (%(k)s of %(n)s), which are "
        "survivors: the expected value, over all runs, stands beside it in the table."
    ),
}
"""By the message that speaks of accuracies: the outcome is none."""

TIMES = {
    # words/prose.py
    "%(measure)s among runs that converged": mark("%(measure)s to the target"),
    "Among runs that converged, mean %(measure)s was": mark(
        "The restricted mean of %(measure)s to the target was"
    ),
    # page/sections
    "Every %(measure)s here is among runs that converged (%(k)s of %(n)s), which are "
    "survivors.": mark(
        "%(k)s of %(n)s runs reached the target; the others count as long as they were followed."
    ),
    "How accurate are the runs that converged, by %(factor)s?": mark(
        "How long do the runs take to the target, by %(factor)s?"
    ),
    "%(measure)s by cell, among runs that converged": mark("%(measure)s to the target by cell"),
    "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, no "
    "interval.": mark(
        "%(measure)s to the target: dots are the runs that reached it, the thin mark is the "
        "restricted mean over all runs, no interval."
    ),
    "%(measure)s among runs that converged: dots are runs, the thin mark is their mean, the band "
    "its %(level)s confidence interval.": mark(
        "%(measure)s to the target: dots are the runs that reached it, the thin mark is the "
        "restricted mean over all runs, the band its %(level)s confidence interval."
    ),
}
"""By the message that speaks of runs that converged: a restricted mean is over the others too."""


def instead(table: RunTable) -> Mapping[str, str]:
    """The messages that a table calls for, by those that they stand for."""
    if table.horizon is not None:
        return TIMES
    if not table.judged:
        return UNJUDGED
    return {} if table.outcome.endswith("accuracy") else OTHER_OUTCOMES
