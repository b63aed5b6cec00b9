"""The multiverse of label rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.result import AnalysisResult
from vggstudy.analysis.sensitivity import (
    MARGINS,
    Sensitivity,
    Specification,
    compare_rules,
    relabelled,
    specifications,
    to_analyse,
)
from vggstudy.stated.hypotheses import ClaimPart, ConjunctionHypothesis

TableMaker = Callable[..., RunTable]
SPEC = ConjunctionHypothesis(
    id="H",
    text="b helps",
    kind="all",
    parts=[ClaimPart(kind="claim", claim="converged.diff.b", direction="above", threshold=0.0)],
)


def short(table: RunTable) -> AnalysisResult:
    return analyze(table, resamples=99, hypotheses=[SPEC], headline_only=True)


def table_at_risk(make_table: TableMaker) -> RunTable:
    """Twelve runs of one level score 0.17, which only a small margin above 0.1 calls learned."""
    table = make_table({(0, 0): [0.17] * 11 + [0.18], (0, 1): [0.5 + i / 100 for i in range(12)]})
    return replace(table, chance=0.1)


def test_curves_allow_sixteen_rules_and_a_table_without_them_four() -> None:
    assert len(set(specifications(curves=True))) == 16
    without = specifications(curves=False)
    assert [one.margin for one in without] == list(MARGINS)
    assert {one.checkpoint for one in without} == {None}
    assert specifications(curves=True)[0].name == (
        "margin 0.02, best checkpoint, unfinished as failed"
    )


def compared(
    table: RunTable, tables: Mapping[Specification, RunTable], note: Note | None = None
) -> Sensitivity:
    analysed = [short(one) for one in to_analyse(table, tables)]
    return compare_rules(short(table), tables, analysed, note=note)


def test_a_margin_that_turns_a_level_into_failures_changes_the_verdict(
    make_table: TableMaker,
) -> None:
    table = table_at_risk(make_table)
    tables = {one: relabelled(table, one) for one in specifications(curves=False)}
    counts = [found.count("converged") for found in tables.values()]
    assert counts == [24, 24, 12, 12]  # 0.17 and 0.18 exceed 0.12 and 0.15, not 0.20
    found = compared(table, tables, note=say("margin_only"))
    assert found.changed["H"] == ["margin 0.1", "margin 0.2"]
    assert found.changed["converged.diff.b"] == ["margin 0.1", "margin 0.2"]
    assert "label rules; the table has no curves" in found.sentence()
    assert found.outcomes[0].changed == ()
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_same_rule_changes_nothing(make_table: TableMaker) -> None:
    table = table_at_risk(make_table)
    same = dict.fromkeys(specifications(curves=False), table)
    found = compared(table, same)
    assert found.changed == {}
    assert found.sentence().startswith("0 of ")


def test_rules_that_label_all_runs_alike_are_analysed_once(make_table: TableMaker) -> None:
    table = table_at_risk(make_table)
    tables = {one: relabelled(table, one) for one in specifications(curves=False)}
    counts = [one.count("converged") for one in to_analyse(table, tables)]
    assert counts == [12]  # margins 0.1 and 0.2; the smaller ones label as the table itself
    for outcome in compared(table, tables).outcomes:
        apart = short(tables[outcome.specification])
        assert outcome.verdicts["H"] == apart.hypotheses[0].verdict.value


def test_crashed_and_unknown_runs_stay_what_they_are(make_table: TableMaker) -> None:
    table = replace(make_table({(0, 0): [0.5, 0.6, None]}), chance=0.1)
    label, value = table.label.copy(), table.value.copy()
    label[0], value[2] = 3, np.nan
    table = replace(table, label=label, value=value)
    found = relabelled(table, specifications(curves=False)[3])
    assert found.label.tolist() == [3, 0, 1]
    assert "above 0.1 + 0.2" in found.label_rule


def test_without_chance_there_is_no_other_margin(make_table: TableMaker) -> None:
    with pytest.raises(ValueError, match="needs the chance level"):
        relabelled(make_table({(0, 0): [0.5, 0.6]}), specifications(curves=False)[0])


def test_no_rules_give_an_empty_multiverse_in_words() -> None:
    assert Sensitivity((), say("no_other_rule")).sentence().startswith("0 of 0 verdicts")


def test_an_analysis_for_its_verdicts_alone_says_what_a_whole_one_says(
    make_table: TableMaker,
) -> None:
    table = table_at_risk(make_table)
    table = relabelled(table, Specification(0.075))  # one of twelve runs of a level is left
    whole = analyze(table, resamples=99, hypotheses=[SPEC])
    brief = analyze(table, resamples=99, hypotheses=[SPEC], headline_only=True, verdicts_only=True)
    claims_alone = analyze(table, resamples=99, hypotheses=[SPEC], claims_only=True)
    assert claims_alone.models is None
    assert whole.models is not None
    assert list(claims_alone.claims.values()) == list(whole.claims.values())
    assert [one.verdict for one in brief.hypotheses] == [one.verdict for one in whole.hypotheses]
    ends = [
        [(one.id, one.estimate, one.low, one.high) for one in found.headline()]
        for found in (whole, brief)
    ]
    assert ends[0] == ends[1]
