from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.failed_values import failed_value
from vggstudy.analysis.data.levels import canonical_level, ordered_levels, write_level
from vggstudy.analysis.data.outcomes import LABELS
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.sensitivity import Specification, relabelled
from vggstudy.claim_ids import encode
from vggstudy.errors import AnalysisError

FACTORS = ("depth", "batch_size")

# What is done to a good frame, and what the message must say.
INVALID: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("misspelt factor", lambda d: d.rename(columns={"depth": "detph"}), "did you mean 'detph'?"),
    ("no outcome", lambda d: d.drop(columns="test_accuracy"), "outcome 'test_accuracy' is not a"),
    ("no replicate", lambda d: d.drop(columns="seed"), "no column 'replicate' or 'seed'"),
    ("unknown label", lambda d: d.replace({"label": {"converged": "ok"}}), "row 1 ('ok'), row 2"),
    ("empty", lambda d: d.iloc[:0], "the table has no runs"),
    ("text", lambda d: d.astype({"test_accuracy": object}).replace(0.1, "x"), "row 13 ('x')"),
    ("percent", lambda d: d.assign(test_accuracy=d.test_accuracy * 100), "divide percentages"),
    (
        "negative",
        lambda d: d.assign(test_accuracy=-d.test_accuracy),
        "fraction in [0, 1]: row 1 (-",
    ),
    ("infinite", lambda d: d.replace({"test_accuracy": {0.1: np.inf}}), "is infinite: row 13"),
    ("twice", lambda d: pd.concat([d, d.iloc[:1]]), "row 25"),
    ("missing level", lambda d: d.assign(depth=d.depth.where(d.depth > 11)), "'depth' is empty"),
    ("missing seed", lambda d: d.assign(seed=d.seed.where(d.seed > 0)), "'seed' is missing: row 1"),
    (
        "two columns",
        lambda d: pd.concat([d, d[["depth"]]], axis=1),
        "'depth' occurs more than once",
    ),
    (
        "converged without a value",
        lambda d: d.assign(test_accuracy=d.test_accuracy.where(d.test_accuracy < 0.5)),
        "missing for a run that converged",
    ),
    (
        "summaries",
        lambda d: d.drop(columns="seed").assign(mean=0.9, std=0.1, n=5),
        "one row a run",
    ),
]


@pytest.mark.parametrize(
    ("asked", "labels", "rule"),
    [
        ({"chance": 0.1}, "cfdx", "column 'label', other runs by test_accuracy above 0.1 + 0.05"),
        ({}, "ccdx", "column 'label', other runs converged"),
        ({"succeeds": "test_accuracy > 0.6"}, "cfdx", "test_accuracy > 0.6"),
    ],
)
def test_a_column_that_names_failures_alone_leaves_the_others_to_the_rule(
    asked: dict[str, Any], labels: str, rule: str
) -> None:
    frame = pd.DataFrame({"depth": 1, "seed": range(4), "test_accuracy": [0.9, 0.1, None, None]})
    frame["label"] = [None, None, "diverged", "crashed"]
    table = RunTable.from_frame(frame, factors=["depth"], **asked)
    codes = {"c": "converged", "f": "failed_to_learn", "d": "diverged", "x": "crashed"}
    assert [LABELS[i] for i in table.label] == [codes[label] for label in labels]
    assert table.label_rule == rule


def test_without_a_failure_among_labels_every_run_counts() -> None:
    frame = pd.DataFrame({"depth": 1, "seed": range(3), "test_accuracy": [0.9, 0.1, None]})
    frame["label"] = [None, None, "crashed"]
    table = RunTable.from_frame(frame, factors=["depth"])
    assert not table.judged
    assert table.count("crashed") == 1


def test_a_label_forgotten_beside_runs_that_converged_is_refused() -> None:
    frame = pd.DataFrame({"depth": 1, "seed": range(2), "test_accuracy": [0.9, 0.8]})
    frame["label"] = [None, "converged"]
    with pytest.raises(AnalysisError, match=r"'label' must be one of .*: row 1"):
        RunTable.from_frame(frame, factors=["depth"])


@pytest.mark.parametrize(
    ("change", "message"), [x[1:] for x in INVALID], ids=[x[0] for x in INVALID]
)
def test_bad_tables_are_refused_with_the_place(
    grid_frame: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(AnalysisError) as error:
        RunTable.from_frame(change(grid_frame), factors=FACTORS)
    assert message in str(error.value)


def test_all_problems_are_listed_at_once(grid_frame: pd.DataFrame) -> None:
    bad = grid_frame.rename(columns={"depth": "dept"}).drop(columns=["seed", "test_accuracy"])
    with pytest.raises(AnalysisError) as error:
        RunTable.from_frame(bad, factors=FACTORS)
    assert len(str(error.value).splitlines()) == 3


def test_wrong_rows_of_all_kinds_are_listed_at_once(grid_frame: pd.DataFrame) -> None:
    bad = grid_frame.copy()
    bad.loc[0, "label"] = "fine"
    bad.loc[1, "test_accuracy"] = 7
    bad["seed"] = bad["seed"].astype(object)
    bad.loc[2, "seed"] = None
    with pytest.raises(AnalysisError) as error:
        RunTable.from_frame(bad, factors=FACTORS)
    message = str(error.value)
    assert "row 1 ('fine')" in message
    assert "row 2 (7.0)" in message
    assert "'seed' is missing: row 3" in message


@pytest.mark.parametrize("factors", [(), ("depth", "depth"), ("depth", "seed"), ("label",)])
def test_factors_that_make_no_grid_are_refused(
    grid_frame: pd.DataFrame, factors: tuple[str, ...]
) -> None:
    with pytest.raises(AnalysisError, match="factor"):
        RunTable.from_frame(grid_frame, factors=factors)


def test_csv_problems_are_named_by_line(grid_frame: pd.DataFrame, tmp_path: Path) -> None:
    grid_frame.loc[2, "label"] = "learnt"
    path = tmp_path / "runs.csv"
    grid_frame.to_csv(path, index=False)
    with pytest.raises(AnalysisError, match=r"line 4 \('learnt'\)"):
        RunTable.read_csv(path, FACTORS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a CSV table: it is empty"),
        (
            b"a,b\n1,2,3\n4,5,6,7\n",
            "its first row has 3 fields where the header names 2: name every column",
        ),
        (b"a,b\n0,2,3\n1,5,6\n2,7,8\n", "its first row has 3 fields where the header names 2"),
        (b"a,b\n1,2,\n3,4,\n", "its first row has 3 fields where the header names 2"),
        (b"a;b\n1;2\n1;2;3;4\n", "not a CSV table: line 3 has 4 fields where the header names 2"),
        (b'a,b\n\n"3,4\n5,6\n', "a quotation mark in line 3 is never closed"),
        (b"a,b\n\xff\x81,1\n", "not a CSV table"),
        (b"a,b\n\0,1\n", "not a CSV table"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(AnalysisError, match=message):
        RunTable.read_csv(path, FACTORS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="no such file"):
        RunTable.read_csv(tmp_path / "none.csv", FACTORS)


def test_blank_lines_of_a_file_are_not_runs(grid_frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(grid_frame.to_csv(index=False) + "\n\n")
    assert len(RunTable.read_csv(path, FACTORS)) == len(grid_frame)


def test_row_order_does_not_change_the_table(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=FACTORS)
    shuffled = RunTable.from_frame(grid_frame.sample(frac=1, random_state=3), factors=FACTORS)
    assert shuffled.content_digest() == table.content_digest()
    assert np.array_equal(shuffled.value, table.value)


def test_a_changed_value_changes_the_digest(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=FACTORS)
    grid_frame["test_accuracy"] += 1e-4 * (grid_frame.index == 0)
    assert (
        RunTable.from_frame(grid_frame, factors=FACTORS).content_digest() != table.content_digest()
    )


def test_runs_without_labels_converge_above_chance_and_margin(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.drop(columns="label").assign(majority_rate=0.1)
    frame.loc[0, "test_accuracy"] = 0.15  # not above 0.1 + 0.05
    frame.loc[1, "test_accuracy"] = 0.151
    table = RunTable.from_frame(frame, factors=FACTORS)
    assert table.count("converged") == (frame.test_accuracy > 0.15).sum()
    assert table.label_rule == "test_accuracy above 0.1 + 0.05"
    given = RunTable.from_frame(frame.drop(columns="majority_rate"), factors=FACTORS, chance=0.8)
    assert given.count("converged") == 0


def two_data_sets() -> pd.DataFrame:
    """Ten classes learned to 70%, and two of which one has 90%, guessed."""
    rng = np.random.default_rng(1)
    rows = [
        (name, seed, value + 0.004 * rng.standard_normal(), rate)
        for name, value, rate in (("balanced10", 0.7, 0.1), ("skewed2", 0.9, 0.9))
        for seed in range(20)
    ]
    return pd.DataFrame(rows, columns=["dataset", "seed", "test_accuracy", "majority_rate"])


def test_a_run_is_held_to_the_majority_rate_of_its_own_row() -> None:
    table = RunTable.from_frame(two_data_sets(), factors=["dataset"])
    learned = table.to_frame().groupby("dataset").outcome.apply(lambda x: (x == "converged").sum())
    assert learned.to_dict() == {"balanced10": 20, "skewed2": 0}
    assert table.chance is None
    assert table.label_rule == "test_accuracy above its majority_rate + 0.05"


def test_other_margins_are_above_the_majority_rate_of_each_row() -> None:
    table = RunTable.from_frame(two_data_sets(), factors=["dataset"])
    assert relabelled(table, Specification(0.2)).count("converged") == 20
    assert relabelled(table, Specification(0.02)).count("converged") == 20


def test_failed_runs_without_an_outcome_count_as_the_chance_of_their_own_data() -> None:
    frame = two_data_sets().assign(label="failed_to_learn")
    frame["test_accuracy"] = np.nan
    table = RunTable.from_frame(frame, factors=["dataset"])
    assert failed_value(Cells.from_table(table)).tolist() == pytest.approx([0.1, 0.9])
    claims = analyze(table, resamples=99).claims
    expected = claims["expected.mean@dataset=skewed2"]
    assert expected.estimate == pytest.approx(0.9)


def test_a_majority_rate_that_is_missing_where_it_decides_is_named() -> None:
    frame = two_data_sets()
    frame.loc[3, "majority_rate"] = np.nan
    with pytest.raises(AnalysisError, match=r"'majority_rate' is missing .*: row 4"):
        RunTable.from_frame(frame, factors=["dataset"])


def test_each_rows_chance_enters_the_digest_only_where_rows_differ() -> None:
    frame = two_data_sets()
    one = RunTable.from_frame(frame, factors=["dataset"])
    other = RunTable.from_frame(
        frame.assign(majority_rate=[0.1] * 20 + [0.89] * 20), factors=["dataset"]
    )
    assert one.content_digest() != other.content_digest()
    same = RunTable.from_frame(frame.assign(majority_rate=0.1), factors=["dataset"])
    assert same.own_chance is None
    assert same.chance == pytest.approx(0.1)


def test_crashed_and_missing_runs_need_no_value(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.copy()
    frame.loc[:1, "test_accuracy"] = np.nan
    frame["label"] = ["crashed", "missing", *frame["label"][2:]]
    table = RunTable.from_frame(frame, factors=FACTORS)
    assert (table.count("crashed"), table.count("missing")) == (1, 1)


def test_a_study_frame_is_accepted(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.rename(columns={"seed": "replicate", "label": "outcome"})
    table = RunTable.from_frame(frame, factors=FACTORS)
    assert table.label_rule == "column 'outcome'"
    assert len(table) == len(frame)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (np.False_, "false"),
        (19, "19"),
        (np.int64(0), "0"),
        (19.0, "19"),
        (0.001, "0.001"),
        (1e-4, "0.0001"),
        (1e-5, "1e-5"),
        (2.5e-7, "2.5e-7"),
        (1e22, "1e22"),
        (-0.0, "0"),
        ("adam", "adam"),
        (" he_normal ", "he_normal"),
    ],
)
def test_levels_are_written_by_value(value: object, text: str) -> None:
    assert write_level(canonical_level(value)) == text


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "", "  ", pd.NaT, pd.NA])
def test_a_missing_level_is_no_level(value: object) -> None:
    with pytest.raises(ValueError, match="is"):
        canonical_level(value)


def test_levels_are_ordered_by_value_and_merged_by_text() -> None:
    assert ordered_levels([100, 9, 20.0, 20, "11", 11]) == [9, 11, 20, 100]
    assert ordered_levels([True, False]) == [False, True]
    assert ordered_levels(["vgg19", "vgg11"]) == ["vgg19", "vgg11"]  # as they come
    assert ordered_levels(["b", "a", "c", "B"], declared=["c", "a"]) == ["c", "a", "b", "B"]


def test_characters_of_the_id_grammar_are_encoded() -> None:
    assert encode("a=b,c@d*e+f g%h..i") == "a%3Db%2Cc%40d%2Ae%2Bf%20g%25h%2E%2Ei"
    assert encode("0.001") == "0.001"


def test_table_becomes_the_frame_that_makes_it() -> None:
    frame = pd.DataFrame(
        {
            "depth": [19, 11, 11],
            "replicate": [0, 1, 0],
            "outcome": ["crashed", "converged", "failed_to_learn"],
            "test_accuracy": [None, 0.9, 0.1],
        }
    )
    table = RunTable.from_frame(frame, factors=["depth"])
    again = RunTable.from_frame(table.to_frame(), factors=["depth"])
    assert again.content_digest() == table.content_digest()
    assert table.to_frame()["depth"].tolist() == [11, 11, 19]


def test_a_cost_is_averaged_over_every_run_that_gave_data() -> None:
    frame = pd.DataFrame(
        {
            "depth": [11, 11, 11, 11, 19, 19],
            "replicate": [0, 1, 2, 3, 0, 1],
            "outcome": [
                "converged",
                "failed_to_learn",
                "diverged",
                "crashed",
                "missing",
                "missing",
            ],
            "seconds_per_epoch": [1.0, 2.0, 6.0, np.nan, np.nan, np.nan],
        }
    )
    table = RunTable.from_frame(frame, factors=["depth"], outcome="seconds_per_epoch")
    every = table.of_every_run()
    assert [every.count(label) for label in LABELS] == [3, 0, 0, 1, 2]
    claims = analyze(every, resamples=199).claims
    assert claims["seconds_per_epoch.mean@depth=11"].estimate == 3.0
    assert "mean seconds_per_epoch of all runs" in claims["seconds_per_epoch.mean"].estimand
    assert (
        "among converged runs"
        in analyze(table, resamples=199).claims["seconds_per_epoch.mean"].estimand
    )
