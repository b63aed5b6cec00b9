"""Anybody's table: what tells runs apart, which rows count, what a run came to, in which unit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vggstudy.errors import AnalysisError, TableOptionError
from vggstudy.study.analyze import analyze, analyze_source
from vggstudy.study.sources import open_source

LOSSES = """run,lr,phase,val_loss
0,0.1,test,3.2
1,0.1,test,3.21
2,0.1,test,3.22
3,0.1,test,3.23
4,0.1,test,3.24
0,0.01,test,3.3
1,0.01,test,3.31
2,0.01,test,3.32
3,0.01,test,3.33
4,0.01,test,3.34
9,0.01,pilot one,9.9
"""


@pytest.fixture
def losses(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text(LOSSES)
    return path


def test_a_loss_without_labels_has_means_of_all_runs_and_no_claim_on_convergence(
    losses: Path,
) -> None:
    result = analyze(
        losses, factors=["lr"], outcomes=["val_loss"], replicate="run", where="phase = test"
    )
    assert result.claims["val_loss.mean@lr=0.1"].estimate == pytest.approx(3.22)
    assert result.claims["val_loss.diff.lr"].estimate == pytest.approx(-0.1)
    assert "of all runs" in result.claims["val_loss.mean"].estimand
    assert not [name for name in result.claims if name.startswith(("converged", "expected"))]
    assert "converge" not in result.summary()
    with pytest.raises(AnalysisError, match="converged"):
        result.estimand("converged.p")


def test_a_condition_says_which_runs_converged(losses: Path) -> None:
    asked = {"outcomes": "val_loss", "replicate": "run", "where": "phase = test"}
    source = open_source(losses, factors=["lr"], succeeds="val_loss < 3.28", **asked)  # type: ignore[arg-type]
    assert (source.table.count("converged"), source.table.count("failed_to_learn")) == (5, 5)
    assert source.table.label_rule == "val_loss < 3.28"
    assert analyze_source(source).claims["converged.p@lr=0.1"].estimate == 1


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("lr = 0.1", 5),
        ("lr == 1e-1", 5),
        ("lr != 0.1", 6),
        ("val_loss >= 3.3 and phase = test", 5),
        ("phase = 'pilot one'", 1),
        ("phase = pilot one AND val_loss < inf", 1),
        ('`phase` != "test"', 1),
        ("run < 2 and lr < 0.05 and val_loss <= 3.31", 2),
    ],
)
def test_rows_are_chosen_by_comparisons_joined_by_and(losses: Path, where: str, count: int) -> None:
    found = open_source(losses, factors=["lr"], outcomes=["val_loss"], replicate="run", where=where)
    assert len(found.table) == count


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("phse = test", "did you mean 'phase'"),
        ("phase < test", "'test' is not a number"),
        ("phase < 3", "holds 'test', which is not a number"),
        ("__import__('os').system('x')", "is no comparison"),
        ("lr = 0.1 or lr = 0.01 and", "is no comparison"),
        ("", "is empty"),
        ("lr = 7", "no row"),
        ("lr = 0,1", "write 0,1 with a decimal point"),
    ],
)
def test_what_is_no_condition_is_said_in_one_sentence(losses: Path, where: str, said: str) -> None:
    with pytest.raises(TableOptionError, match=said) as error:
        open_source(losses, factors=["lr"], outcomes=["val_loss"], replicate="run", where=where)
    assert error.value.exit_code == 2


def test_lines_are_named_as_the_file_has_them_whatever_rows_are_left_out(losses: Path) -> None:
    losses.write_text(LOSSES.replace("3.34", "oops"))
    with pytest.raises(AnalysisError, match=r"not a number: line 11 \('oops'\)"):
        open_source(
            losses,
            factors=["lr"],
            outcomes=["val_loss"],
            replicate="run",
            where="phase = test and lr = 0.01",
        )


def test_a_run_without_a_value_needs_somebody_to_say_whether_it_failed(losses: Path) -> None:
    losses.write_text(LOSSES.replace("3.34", "").replace("9.9", "inf"))
    asked = {"factors": ["lr"], "outcomes": ["val_loss"], "replicate": "run"}
    with pytest.raises(AnalysisError) as error:
        open_source(losses, **asked)  # type: ignore[arg-type]
    assert "'val_loss' is infinite" in str(error.value)
    assert "is missing, and nothing tells which runs failed: say --label" in str(error.value)
    kept = open_source(losses, **asked, where="val_loss < inf")  # type: ignore[arg-type]
    assert len(kept.table) == 9
    told = open_source(losses, **asked, succeeds="val_loss < 4")  # type: ignore[arg-type]
    assert (told.table.count("converged"), told.table.count("diverged")) == (9, 2)


def test_minus_infinity_is_no_value_either(losses: Path) -> None:
    losses.write_text(LOSSES.replace("3.34", "-inf").replace("9.9", "inf"))
    asked = {"factors": ["lr"], "outcomes": ["val_loss"], "replicate": "run"}
    advised = "val_loss > -inf and val_loss < inf"
    with pytest.raises(AnalysisError, match=advised):
        open_source(losses, **asked)  # type: ignore[arg-type]
    assert len(open_source(losses, **asked, where=advised).table) == 9  # type: ignore[arg-type]
    told = open_source(losses, **asked, succeeds="val_loss < 4")  # type: ignore[arg-type]
    assert (told.table.count("converged"), told.table.count("diverged")) == (9, 2)


@pytest.mark.parametrize("word", ["True", "true", "TRUE"])
def test_true_is_true_in_a_condition_however_the_file_writes_it(tmp_path: Path, word: str) -> None:
    path = tmp_path / "solved.csv"
    path.write_text("a,seed,solved\n1,0,True\n1,1,False\n1,2,True\n")
    asked = {"factors": ["a"], "outcomes": ["solved"], "succeeds": f"solved = {word}"}
    assert open_source(path, **asked).table.count("converged") == 2  # type: ignore[arg-type]
    rest = open_source(path, factors=["a"], outcomes=["solved"], where=f"solved != {word}")
    assert len(rest.table) == 1


def test_a_seed_by_another_case_is_named_and_is_no_factor(losses: Path) -> None:
    losses.write_text(LOSSES.replace("run,", "Seed,").replace("9,0.01,pilot one,9.9\n", ""))
    for factors in (["lr"], "auto"):
        with pytest.raises(AnalysisError, match="'Seed' would do, were it called 'seed'"):
            open_source(losses, factors=factors, outcomes=["val_loss"])


@pytest.mark.parametrize(("end", "open_too"), [("failed", False), ("annealed", True)])
def test_how_a_run_ended_in_import_s_words_is_no_factor(end: str, open_too: bool) -> None:
    rows = [(lr, seed, "finished" if seed else end) for lr in (1, 2) for seed in range(4)]
    frame = pd.DataFrame(rows, columns=["lr", "seed", "status"]).assign(loss=range(8))
    if open_too:
        with pytest.raises(TableOptionError, match="'status' may be factors or not"):
            open_source(frame, factors="auto", outcomes=["loss"])
    else:
        assert open_source(frame, factors="auto", outcomes=["loss"]).table.factors == ("lr",)


def test_a_condition_must_not_contradict_labels_and_keeps_crashes() -> None:
    frame = pd.DataFrame(
        {
            "a": [1, 1, 1, 2, 2, 2],
            "seed": [0, 1, 2, 3, 4, 5],
            "loss": [1.0, 9.0, None, 1.0, 1.1, 1.2],
            "label": ["converged", "failed_to_learn", "crashed", *["converged"] * 3],
        }
    )
    table = open_source(frame, factors=["a"], outcomes=["loss"], succeeds="loss < 5").table
    assert [table.count(x) for x in ("converged", "failed_to_learn", "crashed")] == [4, 1, 1]
    with pytest.raises(AnalysisError, match=r"contradicts 'loss < 20'.*--label label.*row 2"):
        open_source(frame, factors=["a"], outcomes=["loss"], succeeds="loss < 20")


def test_a_column_that_is_named_may_say_true_and_false() -> None:
    frame = pd.DataFrame({"a": [1, 1], "seed": [0, 1], "reward": [3.0, 1.0], "ok": [True, False]})
    table = open_source(frame, factors=["a"], outcomes=["reward"], label="ok").table
    assert (table.count("converged"), table.count("failed_to_learn")) == (1, 1)
    with pytest.raises(AnalysisError, match=r"'a' must be one of .*, or true or false.*row 1 \(3"):
        open_source(
            frame.assign(a=3, b=1), factors=["b"], outcomes=["reward"], label="a", replicate="seed"
        )


def test_percentages_are_fractions(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "a,seed,acc\n" + "".join(f"{a},{s},{90 + a + s / 10}\n" for a in (1, 2) for s in range(4))
    )
    claim = analyze(tmp_path / "p.csv", factors=["a"], outcomes=["acc"], percent=True).claims
    assert claim["acc.mean@a=1"].estimate == pytest.approx(0.9115)
    assert claim["acc.mean"].unit == "fraction"
    (tmp_path / "p.csv").write_text("a,seed,acc\n1,0,93\n1,1,193\n")
    with pytest.raises(AnalysisError, match=r"percentage in \[0, 100\]: line 3"):
        open_source(tmp_path / "p.csv", factors=["a"], outcomes=["acc"], percent=True)


def test_what_has_a_per_cent_sign_is_not_divided_twice(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("a,seed,acc,gpu\n1,0,93%,5%\n1,1,94%,6%\n2,2,95%,7%\n2,3,96%,8%\n")
    asked = {"factors": ["a"], "outcomes": ["acc"]}
    assert open_source(path, **asked).table.value.max() == 0.96  # type: ignore[arg-type]
    with pytest.raises(TableOptionError, match="'acc' has per cent signs, which say so already"):
        open_source(path, **asked, percent=True)  # type: ignore[arg-type]
    path.write_text("a,seed_0,seed_1\n1,93%,94%\n2,95%,96%\n")
    wide = {**asked, "wide": "seed_*"}
    assert open_source(path, **wide).table.value.max() == 0.96  # type: ignore[arg-type]
    with pytest.raises(TableOptionError, match="which say so already"):
        open_source(path, **wide, percent=True)  # type: ignore[arg-type]
    path.write_text("a,seed_0,seed_1,seed_2\n1,93%,94,\n2,95%,96,\n")
    with pytest.raises(TableOptionError, match="signs are in 'seed_0', and not in all"):
        open_source(path, **wide)  # type: ignore[arg-type]
    path.write_text("a,seed_0,seed_1,seed_2\n1,93%,94%,\n2,95%,96%,\n")
    assert len(open_source(path, **wide).table) == 4  # type: ignore[arg-type]


def test_one_column_a_run_becomes_one_row_a_run(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("method,seed_0,seed_1,seed_2\nold,1.0,1.5,2\nnew,2.5,3,\n")
    source = open_source(path, factors=["method"], outcomes=["score"], wide="seed_*")
    assert source.table.to_frame()[["method", "replicate", "score"]].to_numpy().tolist() == [
        ["old", "0", 1.0], ["old", "1", 1.5], ["old", "2", 2.0], ["new", "0", 2.5], ["new", "1", 3],
    ]  # fmt: skip
    assert source.table.seeds == ("0", "1", "2", "0", "1")
    path.write_text("method,seed_0,seed_1,seed_2\nold,1.0,oops,2\nnew,2.5,3,\n")
    with pytest.raises(AnalysisError, match=r"line 2, column 'seed_1' \('oops'\)"):
        open_source(path, factors=["method"], outcomes=["score"], wide="seed_*")
    with pytest.raises(TableOptionError, match="fits none of method, seed_0"):
        open_source(path, factors=["method"], outcomes=["score"], wide="run*")


def test_several_files_are_one_table_and_their_lines_are_named(tmp_path: Path) -> None:
    for name, base in (("old", 1.0), ("new", 2.0)):
        rows = "".join(f"{seed},{base + seed}\n" for seed in range(3))
        (tmp_path / f"{name}.csv").write_text(f"seed,score\n{rows}")
    first, second = tmp_path / "old.csv", tmp_path / "new.csv"
    found = analyze(first, also=[second], factors=["file"], outcomes=["score"])
    assert found.claims["score.diff.file"].estimate == pytest.approx(1)  # new minus old
    second.write_text("seed,score\n0,1\n1,x\n")
    with pytest.raises(AnalysisError, match=r"new\.csv, line 3 \('x'\)"):
        open_source(first, also=[second], factors=["file"], outcomes=["score"])
    second.write_text("seed,points\n0,1\n")
    with pytest.raises(AnalysisError, match=r"new\.csv: has no column 'score', unlike"):
        open_source(first, also=[second], factors=["file"], outcomes=["score"])


def test_files_of_one_name_are_told_apart_and_one_of_another_kind_is_refused(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "runs.lr1.csv", tmp_path / "runs.lr2.csv"
    for path, base in ((first, 1.0), (second, 2.0)):
        path.write_text("seed,score\n" + "".join(f"{i},{base + i}\n" for i in range(3)))
    asked = {"factors": ["file"], "outcomes": ["score"]}
    found = open_source(first, also=second, **asked)  # type: ignore[arg-type]
    assert found.table.levels["file"] == (str(first), str(second))
    with pytest.raises(AnalysisError, match="is named twice"):
        open_source(first, also=[second, second], **asked)  # type: ignore[arg-type]
    second.write_text("seed,score\n0,1%\n1,2%\n")
    for one, other in ((first, second), (second, first)):
        with pytest.raises(
            AnalysisError, match=r"lr2\.csv: 'score' has per cent signs, .*lr1\.csv"
        ):
            open_source(one, also=[other], **asked)  # type: ignore[arg-type]
    second.write_text("seed,score\n0,\n1,\n")
    first.write_text("seed,score\n0,1%\n1,2%\n")
    kept = open_source(first, also=[second], where="score < inf", **asked)  # type: ignore[arg-type]
    assert kept.table.value.tolist() == [0.01, 0.02]


def test_a_message_lists_some_columns_of_many() -> None:
    frame = pd.DataFrame({f"column {i}": [1] for i in range(99)} | {"x" * 10**6: [1]})
    with pytest.raises(AnalysisError, match="column 19 and 80 more") as error:
        open_source(frame, factors=["y"], where="zzz = 1")
    assert len(str(error.value)) < 1000
    with pytest.raises(AnalysisError) as error:
        open_source(
            frame.iloc[:, -1:].assign(seed="x" * 10**6, a=1), factors=["a"], outcomes="seed"
        )
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", ["eval/return", "final.loss", "mean reward", "α"])
def test_any_name_of_a_column_can_be_the_outcome(name: str) -> None:
    frame = pd.DataFrame({"a": [1, 1, 1, 2, 2, 2], "seed": range(6), name: [1, 2, 3, 5, 6, 7]})
    result = analyze(frame, factors=["a"], outcomes=[name])
    (claim,) = [one for one in result.headline() if one.quantity == "diff"]
    assert claim.estimate == pytest.approx(4)
    assert result.estimand(claim.id).id == claim.id


def test_unknown_arguments_of_a_table_are_refused() -> None:
    with pytest.raises(TypeError, match="'outcome'"):
        open_source(pd.DataFrame(), outcome="loss")  # type: ignore[call-arg]


def test_levels_in_words_are_compared_as_they_come_or_as_somebody_orders_them() -> None:
    frame = pd.DataFrame(
        {"method": ["old"] * 3 + ["new"] * 3, "seed": range(6), "score": [1, 2, 3, 5, 6, 7]}
    )
    asked = {"factors": ["method"], "outcomes": ["score"]}
    claims = analyze(frame, **asked).claims  # type: ignore[arg-type]
    assert claims["score.diff.method"].estimate == pytest.approx(4)  # new minus old
    turned = analyze(frame, **asked, levels={"method": ["new", "old"]}).claims  # type: ignore[arg-type]
    assert turned["score.diff.method"].estimate == pytest.approx(-4)
    for levels, said in (({"methd": ["a"]}, "'method'"), ({"method": ["odl"]}, "'old'")):
        with pytest.raises(TableOptionError, match=f"did you mean {said}"):
            open_source(frame, **asked, levels=levels)  # type: ignore[arg-type]


def auto(frame: pd.DataFrame, **asked: object) -> tuple[str, ...]:
    """The factors that are taken unasked."""
    found = open_source(frame, factors="auto", outcomes=["score"], **asked)  # type: ignore[arg-type]
    assert found.table.notes[0].name == "factors_by_role"
    return found.table.factors


def grid(**columns: list[str]) -> pd.DataFrame:
    """Two methods at three learning rates, four seeds each, and what a tracker adds."""
    rows = [
        (method, lr, seed, 0.1 * i + lr + 0.013 * ((7 * seed + i) % 5))
        for i, method in enumerate(("old", "new"))
        for lr in (0.1, 0.2, 0.4)
        for seed in range(4)
    ]
    frame = pd.DataFrame(rows, columns=["method", "lr", "seed", "score"])
    return frame.assign(
        id=[f"run{i}" for i in range(24)],
        epochs=90,
        seconds=[100.1 + 0.37 * i for i in range(24)],
        **columns,
    )


def test_factors_are_told_by_what_columns_hold_and_that_is_said() -> None:
    frame = grid()
    frame["nickname"] = frame.method.str.upper()
    assert auto(frame) == ("method", "lr")
    notes = [
        note.text for note in open_source(frame, factors="auto", outcomes=["score"]).table.notes
    ]
    assert notes == [
        "taken for factors: method, lr",
        "no factor, since values seldom recur: id, seconds",
        "no factor, since all rows have one value: epochs",
        "no factor, since a column before it says the same: nickname",
    ]


def test_a_column_that_may_be_a_factor_or_not_is_asked_about_or_refused() -> None:
    frame = grid(host=["a", "b", "b", "a", "a", "b"] * 4)
    with pytest.raises(TableOptionError, match=r"'host' may be .* --factors method,lr,host or"):
        auto(frame)
    assert auto(frame, decide=lambda name: name != "host") == ("method", "lr")
    assert auto(frame.assign(family=frame.method + "x"), decide=lambda _: False) == ("method", "lr")
    coarse = frame.assign(family=["f" if x > 0.1 else "g" for x in frame.lr]).drop(columns="host")
    with pytest.raises(TableOptionError, match="'family' may be"):
        auto(coarse)


def test_the_columns_of_a_time_are_no_factors() -> None:
    frame = grid().drop(columns=["seconds", "id", "score"]).assign(steps=range(24), hit=[1, 0] * 12)
    found = open_source(frame, factors="auto", time="steps", reached="hit")
    assert found.table.factors == ("method", "lr")


def test_runs_that_are_numbered_through_need_every_combination_of_levels() -> None:
    frame = grid().assign(seed=range(24))
    assert auto(frame) == ("method", "lr")
    with pytest.raises(TableOptionError, match="'method', 'lr' may be factors or not"):
        auto(frame[(frame.lr < 0.4) | (frame.method == "old")])
    with pytest.raises(TableOptionError, match="no column looks like a factor"):
        auto(frame[["seed", "score"]])
