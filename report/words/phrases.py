"""The analysis' own words in the report's language.

The analysis explains itself in English phrases with numbers in them: why an estimate is missing,
what to know of one, when a hypothesis counts as supported. Here every such phrase stands as a
message. `phrase` finds the message that a text was made from, and puts what stood in its gaps into
the message's translation. A test holds the messages against the source of the analysis.
"""

from __future__ import annotations

import re
from functools import cache

from vggstudy.report.words.i18n import gettext, mark, translated
from vggstudy.report.words.names import friendly, in_words

MESSAGES = (
    # What stands before all results.
    mark("%(n)s of %(planned)s planned runs was not run yet"),
    mark("%(n)s of %(planned)s planned runs were not run yet"),
    mark("1 run crashed; it is not data"),
    mark("%(n)s runs crashed; they are not data"),
    mark("no run has an outcome yet"),
    mark("%(n)s of %(cells)s cells of the grid has no runs: %(names)s"),
    mark("%(n)s of %(cells)s cells of the grid have no runs: %(names)s"),
    mark("%(n)s of %(cells)s combinations of levels is not in the table: %(names)s"),
    mark("%(n)s of %(cells)s combinations of levels are not in the table: %(names)s"),
    mark("no run converged in %(n)s of %(cells)s cells"),
    mark("the converged runs of one cell have one and the same value"),
    mark("the converged runs of %(n)s cells each have one and the same value"),
    mark(
        "The test set was used for stopping or for selecting the checkpoint, as the protocol "
        "asks: test accuracies are optimistic."
    ),
    # Why an estimate or its interval is missing.
    mark("%(text)s; the largest complete part of the grid is %(claim)s"),
    mark("%(n)s of its %(cells)s cells have no %(what)s: %(names)s"),
    mark("%(n)s of its %(cells)s cells have fewer than %(least)s %(what)s: %(names)s"),
    mark("no labelled runs in the cell %(names)s"),
    mark("no labelled runs"),
    mark("no run converged"),
    mark("none of the %(n)s runs converged"),
    mark("none of its %(cells)s cells has %(least)s converged runs"),
    mark("needs at least %(least)s runs beyond the first of each cell, has %(n)s"),
    mark("in no cell do both quantities vary among converged runs"),
    mark("runs share seeds across cells: an association has an interval in single cells only"),
    mark("needs at least %(least)s %(what)s, has %(n)s"),
    mark("all runs of all cells have the same value"),
    mark("all converged runs have the same value"),
    mark("resamples do not vary between %(low)s and %(high)s"),
    mark("in a cell the failed runs score above the converged ones"),
    mark(
        "needs at least %(least)s seeds with converged runs in every cell, has %(n)s of %(seeds)s"
    ),
    mark("all seeds give the same value"),
    mark("a peak needs %(least)s converged levels of %(factor)s, has %(n)s"),
    mark("the converged seeds cannot be halved with runs of every cell on both sides"),
    mark(
        "needs at least %(least)s levels of %(factor)s with %(runs)s or more converged runs, "
        "has %(n)s (%(levels)s)"
    ),
    mark("needs runs at 2 levels of %(factor)s or more, has %(n)s"),
    mark("the fit failed: %(text)s"),
    mark("the penalised fit failed: %(text)s"),
    mark("no convergence within the iterations"),
    mark("the information matrix is singular"),
    mark("no %(factor)s among those run can be excluded"),
    mark("the cell means lie on a straight line: there is no turning point"),
    mark("the curve is a straight line"),
    mark("the %(level)s set is not bounded: no value of %(factor)s can be excluded"),
    mark("the %(level)s set is not bounded: from %(low)s beyond all numbers"),
    mark("the %(level)s set is not bounded: every %(factor)s up to %(low)s and from %(high)s on"),
    mark("%(n)s of %(all)s strata cannot be tested; %(claim)s: %(text)s"),
    mark("there is no stratum"),
    mark("%(n)s models; a ranking compares 2 to %(most)s"),
    mark("no interval of a difference could be made"),
    mark("no variance within cells"),
    mark("the values do not vary within groups"),
    mark("%(values)s values in %(groups)s groups: needs two groups and a group with two values"),
    mark("%(seeds)s seeds in %(cells)s cells cannot be told from the cells"),
    mark("cells and seeds explain every value"),
    mark("the model meets every run exactly"),
    mark("%(n)s failed runs have no outcome, and no chance level is known to stand in"),
    mark("%(n)s seeds have converged runs in every cell; %(least)s are needed"),
    mark("%(n)s seeds have labelled runs in every cell; %(least)s are needed"),
    mark("needs converged runs of two seeds at least"),
    mark("the middle half does not vary within cells"),
    mark("%(cells)s complete cells of %(a)s x %(b)s seeds; needs one of 2 x 2 at least"),
    mark("the seeds of both kinds explain every value"),
    mark("the runs do not say which seeds they share"),
    mark("in no cell did every initialisation converge with every data seed"),
    mark("%(n)s levels to compare; at most %(most)s are fitted"),
    mark(
        "the difference is bounded on neither side: a level needed lies beyond the %(factor)s "
        "that were run"
    ),
    mark("no numeric factor has three levels or more, so there is no curve to fit"),
    mark("no cell of the model has labelled runs"),
    mark(
        "the cells with runs cannot tell %(terms)s from the terms before: leave the term out, or "
        "add runs"
    ),
    mark("the cells with converged runs do not determine %(terms)s and %(n)s more"),
    mark("the cells with converged runs do not determine %(terms)s"),
    mark("%(runs)s converged runs cannot determine %(terms)s coefficients and a variance"),
    mark("%(share)s of the resamples do not determine the model"),
    # What a hypothesis asks for that the table does not have.
    mark("no factor '%(name)s'; there are %(names)s"),
    mark("%(factor)s has no level '%(level)s'; it has %(levels)s"),
    mark("'%(claim)s': no outcome '%(name)s'; there are %(names)s"),
    mark(
        "'%(claim)s': '%(name)s' is no quantity that fits; p or mean without a factor, "
        "diff with one, did with two"
    ),
    mark("'%(claim)s' must hold each of %(names)s at one level"),
    mark("'%(claim)s': %(name)s is of the outcome in single cells"),
    mark("'%(claim)s': association is of a further outcome of the same runs"),
    mark("'%(claim)s': equivalence is of a difference of means of converged runs"),
    mark("%(factor)s has %(n)s levels: say which two are compared, as in @%(name)s=A..B"),
    mark("%(name)s has no bounds, so it has no expected value"),
    mark("the stated order compares no two models"),
    mark("every cell needs %(least)s converged runs"),
    mark("the variances of all cells are zero"),
    mark("pairs need two groups of as many cells"),
    mark("paired equivalence needs two pairs, got %(n)s"),
    mark("a curve needs a numeric factor; '%(name)s' has levels in words"),
    mark("the log2 scale needs levels above 0; %(factor)s has %(level)s: use the linear scale"),
    # What to know of an estimate.
    mark("%(n)s runs: the interval is wide"),
    mark("runs share seeds across cells: %(rules)s"),
    mark("%(n)s runs count as %(other)s"),
    mark("%(n)s failed runs have no outcome: they count as the failed runs that have one"),
    mark("%(n)s failed runs have no outcome: they count as %(other)s"),
    mark("the failure model takes runs that share seeds as independent"),
    mark("cells differ in runs: each counts as if it had as few as the smallest"),
    mark("only %(n)s runs beyond the first of each cell"),
    mark("%(n)s of %(cells)s cells have fewer than %(least)s converged runs and are left out"),
    mark("only %(n)s converged runs in a cell"),
    mark("only %(n)s converged runs"),
    mark("only %(n)s seeds"),
    mark("%(n)s of %(seeds)s seeds lack a converged run"),
    mark("%(k)s of %(n)s runs converged"),
    mark("in %(n)s of %(cells)s cells at most one run converged"),
    mark("the runs of %(names)s have one value; the variance pooled over cells is used"),
    mark("%(method)s intervals are too narrow with %(n)s runs in a cell"),
    mark("studentized intervals are much too wide with %(n)s runs in a cell"),
    mark("%(text)s; over all runs: %(claim)s"),
    mark("%(a)s against %(b)s of the runs converged: survivors are compared"),
    mark("over %(n)s of %(cells)s cells, the largest complete part"),
    mark("the %(factor)s needed is %(level)s, outside those run"),
    mark("the probability is %(p)s at every %(factor)s"),
    mark("the interval reaches beyond the levels of %(factor)s that were run"),
    mark(
        "one-sided: %(level)s at %(p)s confidence; the levels of %(factor)s that were run bound "
        "nothing from below"
    ),
    mark(
        "one-sided: %(level)s at %(p)s confidence; the levels of %(factor)s that were run bound "
        "nothing from above"
    ),
    mark("the levels of %(factor)s that were run bound it on neither side"),
    mark("%(factor)s %(levels)s: fewer than 3 converged runs, left out"),
    mark("the curvature is not significant (p = %(p)s)"),
    mark("the curve turns upwards: a minimum"),
    mark("it lies outside the converged range, %(factor)s %(low)s to %(high)s"),
    mark("a quadratic does not fit the cell means (p = %(p)s)"),
    mark("the curves do not fit the cell means (p = %(p)s)"),
    mark("a run of %(names)s is an outlier (p = %(p)s for the largest of all)"),
    mark("a run determines its own fit, so equal variances are assumed"),
    mark("lack of fit cannot be tested: no cell or no replicate to spare"),
    mark("no lack of fit was found: F(%(a)s, %(b)s) = %(f)s, p %(p)s"),
    mark("lack of fit: F(%(a)s, %(b)s) = %(f)s, p %(p)s"),
    mark("no separation: all maximum likelihood estimates are finite"),
    mark("complete separation: no finite maximum likelihood estimate of %(terms)s"),
    mark("quasi-complete separation: no finite maximum likelihood estimate of %(terms)s"),
    # When a hypothesis counts as supported.
    mark("all of: %(rules)s"),
    mark("every model stated to be better lies above, all pairs at once"),
    mark("the outcome rises to a peak and falls, in every stratum"),
    mark("%(claim)s within %(number)s by two one-sided tests"),
    mark("%(claim)s above %(other)s"),
    mark("%(claim)s below %(other)s"),
    # Parts of the others.
    mark("converged runs"),
    mark("labelled runs"),
    mark("%(names)s and %(n)s more"),
    # What the sensitivity analysis could not vary.
    mark("the table has no curves, so only the margin of the test accuracy was varied"),
    mark("no chance level is known, so no other label rule can be tried"),
    mark("the last epoch's label is set against the selected checkpoint's test accuracy"),
    # The environment of the runs.
    mark("%(n)s runs"),
    mark("unknown device"),
)
"""In the order in which they are tried: what holds another stands before it."""

CODES = {"a", "b", "claim", "f", "level", "method", "name", "other", "p"}
"""Gaps whose content stays as it is."""

PHRASES = {"text", "what"}
"""Gaps that hold a phrase of their own."""

COUNTS = {"n", "k", "all", "cells", "groups", "least", "most", "planned", "runs", "seeds", "values"}
"""Gaps that hold a number and nothing else."""


def phrase(text: str) -> str:
    """A phrase of the analysis in the report's language, with words for column names.

    A phrase that no message fits comes out in English.
    """
    if not translated():
        return in_words(_infinities(_singular(text)))
    for message in MESSAGES:
        found = _pattern(message).fullmatch(text)
        if found:
            gaps = {name: _gap(name, value) for name, value in found.groupdict().items()}
            return gettext(message) % gaps if gaps else gettext(message)
    return in_words(text)


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """What a message looks like once its gaps are filled."""
    parts = re.split(r"%\((\w+)\)s", message)
    gaps = [rf"(?P<{name}>{'[0-9.]+' if name in COUNTS else '.+'})" for name in parts[1::2]]
    words = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(a + b for a, b in zip(words, [*gaps, ""], strict=True)), re.DOTALL)


def _gap(name: str, value: str) -> str:
    """What stands in a gap, in words."""
    if name in PHRASES:
        return phrase(value)
    if name == "rules":
        return "; ".join(phrase(rule) for rule in value.split("; "))
    if name == "factor":
        return friendly(value)
    if name == "names":
        return _names(value)
    if name == "terms":
        return term(value)
    return value if name in CODES else in_words(value)


def term(text: str) -> str:
    """The names of a model's terms with words for columns: "log2(batch size):depth=19"."""
    text = _infinities(text)
    if not translated():
        return in_words(text)
    return re.sub(r"[A-Za-z]\w*", lambda match: friendly(match[0]), text)


def _singular(text: str) -> str:
    """One run in the singular where the analysis counts runs: "1 run: the interval is wide"."""
    return re.sub(r"(?<![\w.])(?<!of )1 (converged |labelled )?runs\b", r"1 \1run", text)


def _infinities(text: str) -> str:
    """Where estimates run away to, as signs that stay on the line of their term."""
    for sign, shown in (("+", "+∞"), ("-", "−∞")):
        text = text.replace(f" (to {sign}infinity)", f"\N{NO-BREAK SPACE}({shown})")
    return text


def _names(value: str) -> str:
    """Cells by their levels, or factors: "depth=19, batch_norm=true and 3 more"."""
    more = _pattern("%(names)s and %(n)s more").fullmatch(value)
    if more:
        words = gettext("%(names)s and %(n)s more")
        return words % {"names": _names(more["names"]), "n": more["n"]}
    named = re.sub(r"\b([A-Za-z]\w*)(?=[=,;]|$)", lambda match: friendly(match[1]), value)
    return named.replace("=", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
