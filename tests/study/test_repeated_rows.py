"""Several rows that measure one run are recognised, and become one row when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

import vggstudy as vs
from vggstudy.analysis.data.files import TableFile
from vggstudy.analysis.data.one_row import OneRow, one_row_a_run
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.study.sources import open_source

EPISODES = Path(__file__).with_name("episodes.csv")
"""Two algorithms, five seeds each, twenty episodes of each run."""


def curves(**more: Any) -> pd.DataFrame:
    """Two algorithms, three seeds each, epochs 1 to 4 of each run."""
    rows = [
        {
            "algo": algo,
            "seed": seed,
            "epoch": epoch,
            "test_accuracy": 0.5 + 0.01 * epoch + 0.1 * seed,
        }
        for algo in ("A", "B")
        for seed in range(3)
        for epoch in range(1, 5)
    ]
    return pd.DataFrame(rows).assign(**more)


def refusal(frame: pd.DataFrame, **asked: Any) -> str:
    """The message for a table that is refused."""
    with pytest.raises(AnalysisError) as error:
        open_source(frame, factors=["algo"], chance=0.1, **asked)
    return str(error.value)


def test_episodes_are_told_from_a_factor(capfd: pytest.CaptureFixture[str]) -> None:
    assert _invoke(["analyze", str(EPISODES), "--factors", "algo"]) == 3
    said = capfd.readouterr().err
    assert "algo=A, replicate 0: line 2, line 3 and 18 more" in said
    assert "every run has the same 20 values of 'episode'" in said
    assert "--average-over episode" in said
    assert "is it a factor" not in said
    assert said.count("\n") == 1


def test_averaged_episodes_give_what_a_test_on_means_of_runs_gives() -> None:
    frame = pd.read_csv(EPISODES)
    means = frame.groupby(["algo", "seed"]).test_accuracy.mean()
    welch = ttest_ind(means["B"], means["A"], equal_var=False)
    low, high = welch.confidence_interval()
    result = vs.analyze(EPISODES, factors=["algo"], average_over="episode", seeding="independent")
    claim = result.claims["accuracy.diff.algo"]
    assert claim.estimate == pytest.approx(means["B"].mean() - means["A"].mean(), abs=1e-12)
    assert claim.n == 10
    # Ours are calibrated for skewed runs too: they agree with Welch's to a tenth of their width.
    assert (claim.low, claim.high) == pytest.approx((low, high), abs=(high - low) / 10)
    assert low < 0 < high


def test_averaging_is_said_before_the_results() -> None:
    result = vs.analyze(EPISODES, factors=["algo"], average_over=["episode"])
    assert "200 rows are averaged over episode to 10 runs of 20 rows each" in [
        note.text for note in result.warnings
    ]


def test_episodes_that_are_named_a_factor_are_warned_of() -> None:
    texts = [note.text for note in open_source(EPISODES, factors=["algo", "episode"]).table.notes]
    assert any("every run has the same 20 values of episode" in text for text in texts)
    frame = curves().rename(columns={"epoch": "depth"})
    assert not open_source(frame, factors=["algo", "depth"], chance=0.1).table.notes


@pytest.mark.parametrize(
    ("command", "option"),
    [("analyze", "--last"), ("report", "--average-over"), ("cite", "--last"), ("export", "--last")],
)
def test_every_command_on_a_table_takes_the_option(
    command: str,
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _invoke([command, str(EPISODES), "--factors", "algo", option, "episode"])
    assert code == 0, capfd.readouterr().err


# What a table of curves is made into, and what the message must propose.
RECOGNISED: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    ("epochs", lambda d: d, "--last epoch takes"),
    ("a tracker's name", lambda d: d.rename(columns={"epoch": "trainer/global_step"}), "--last tr"),
    ("images", lambda d: d.rename(columns={"epoch": "image_id"}), "--average-over image_id makes"),
    ("names of images", lambda d: d.assign(img="i" + d.pop("epoch").astype(str)), "--average-over"),
    ("runs of unlike length", lambda d: d.drop(index=[3, 7]), "'epoch' numbers them"),
    ("a count without a name", lambda d: d.rename(columns={"epoch": "k"}), "--average-over k"),
    ("equal distances", lambda d: d.assign(t=d.pop("epoch") * 500), "the same 4 values of 't'"),
    (
        "a time and a number",
        lambda d: pd.concat([d.assign(episode=i) for i in (5, 9)]),
        "--last epoch --average-over episode",
    ),
]


@pytest.mark.parametrize(
    ("change", "proposed"), [x[1:] for x in RECOGNISED], ids=[x[0] for x in RECOGNISED]
)
def test_measurements_of_a_run_are_recognised(
    change: Callable[[pd.DataFrame], pd.DataFrame], proposed: str
) -> None:
    said = refusal(change(curves()))
    assert proposed in said
    assert "several rows are one run" in said


@pytest.mark.parametrize("name", ["seconds_per_epoch", "best_epoch", "learning_rate"])
def test_what_is_measured_once_a_run_counts_nothing(name: str) -> None:
    frame = curves(depth=[1, 2] * 12, **{name: range(24)}).drop(columns="epoch")
    frame = frame[frame.index % 4 < 2]
    said = refusal(frame)
    assert "column 'depth' differs" in said
    assert name not in said


@pytest.mark.parametrize("values", [[True, False, True, False], [11, 13, 16, 19], list("abcd")])
def test_a_factor_that_was_forgotten_is_no_measurement(values: list[Any]) -> None:
    frame = curves(setting=values * 6).drop(columns="epoch")
    said = refusal(frame)
    assert "column 'setting' differs between these rows: is it a factor, too?" in said
    assert "--average-over" not in said


def test_a_cell_is_named_once() -> None:
    said = refusal(pd.concat([curves().drop(columns="epoch").iloc[:1]] * 4))
    assert said == "replicates must differ within a cell (algo=A, replicate 0): row 2, row 3, row 4"


def test_the_last_row_counts_whatever_the_order_of_the_file() -> None:
    frame = curves(label=["failed_to_learn"] * 3 + ["converged"] + ["converged"] * 20)
    whole = open_source(frame.sample(frac=1, random_state=3), factors=["algo"], last="epoch")
    assert whole.table.value.tolist() == [0.54, 0.64, 0.74] * 2
    assert whole.table.count("converged") == 6
    assert "all of them end with 4" in whole.table.notes[0].text


def test_runs_that_end_early_are_said() -> None:
    short = open_source(curves().drop(index=[3]), factors=["algo"], chance=0.1, last="epoch").table
    assert short.value[0] == 0.53
    assert "they end between 3 and 4" in short.notes[0].text


def test_last_goes_before_the_average() -> None:
    frame = pd.concat([curves().assign(episode=i, test_accuracy=i / 8) for i in range(3)])
    frame.loc[frame.epoch < 4, "test_accuracy"] = 0.9
    opened = open_source(frame, factors=["algo"], chance=0.0, last="epoch", average_over="episode")
    assert opened.table.value.tolist() == [0.125] * 6


def test_outcomes_and_chance_levels_are_averaged_and_seeds_of_episodes_are_none() -> None:
    frame = curves(val_loss=np.arange(24.0), majority_rate=[0.1, 0.2, 0.3, 0.4] * 6)
    frame = frame.assign(replicate=frame.seed, seed=np.arange(24))
    opened = open_source(
        frame, factors=["algo"], outcomes=["test_accuracy", "val_loss"], average_over="epoch"
    )
    assert opened.table.chances == pytest.approx([0.25] * 6)
    assert opened.table.seeds is None
    assert opened.further[0].value.tolist() == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5]


def test_spellings_of_one_level_are_one_run() -> None:
    frame = curves(algo=["1e-3", "0.001", 0.001, "1e-3"] * 6)
    frame = frame.assign(seed=np.repeat(range(6), 4)).astype({"algo": object})
    table = open_source(frame, factors=["algo"], chance=0.1, average_over="epoch").table
    assert len(table) == 6


def test_places_in_messages_are_those_of_the_file() -> None:
    frame = curves().astype({"test_accuracy": object})
    frame.loc[9, "test_accuracy"] = "?"
    assert "'test_accuracy' is not a number: row 10 ('?')" in refusal(frame, average_over="epoch")
    frame.loc[9, "test_accuracy"] = np.inf
    assert "'test_accuracy' is infinite: row 9" in refusal(frame, average_over="epoch")


def test_a_measurement_without_a_value_is_not_left_out_in_silence() -> None:
    frame = curves(label="converged")
    frame.loc[6, "test_accuracy"] = np.nan
    assert "missing for a run that converged: row 5" in refusal(frame, average_over="epoch")


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"average_over": "epok"},
        "--average-over epok: there is no such column (did you mean 'epoch'",
    ),
    ({"last": "algo"}, "--last algo: the column is a factor"),
    ({"average_over": "test_accuracy"}, "the column is an outcome"),
    ({"last": "name"}, "'name' is not a number: row 1 ('x')"),
    ({"last": "gaps"}, "'gaps' is empty: row 1"),
    ({"average_over": "gaps"}, "is empty in row 1"),
    ({"average_over": "half"}, "one run has half 0 twice (row 1 and row 2)"),
    ({"average_over": "epoch"}, "'label' is 'converged' in row 1 and 'diverged' in row 2"),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_cannot_be_made_one_row_is_refused_with_the_place(
    asked: dict[str, Any], said: str
) -> None:
    frame = curves(name="x", label=["converged"] + ["diverged"] * 23)
    frame = frame.assign(half=(frame.epoch - 1) // 2, gaps=[np.nan, *range(23)])
    assert said in refusal(frame, **asked)


def test_blank_rows_and_missing_levels_stay_for_the_table_s_own_checks() -> None:
    frame = TableFile(curves().astype({"algo": object}), RowNames())
    frame.frame.loc[0, "algo"] = None
    made, _ = one_row_a_run(frame, ["algo"], ["test_accuracy"], OneRow(average_over=("epoch",)))
    assert made.frame.test_accuracy.notna().tolist()[:3] == [True, True, False]
    assert "'algo' is empty" in refusal(frame.frame, average_over="epoch")


def test_a_study_has_one_record_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    claims = tmp_path / "claims.json"
    claims.write_text("{}")
    assert _invoke(["cite", str(claims), "--last", "epoch"]) == 2
    assert "--last is for a CSV" in capfd.readouterr().err
