"""One level is one level however it is written, and what only looks like one is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.analysis import analyze
from vggstudy.analysis.data.level_texts import LEVEL_TEXTS, NUMBERLESS
from vggstudy.analysis.data.levels import (
    Level,
    canonical_level,
    distinct_of,
    remembered,
    write_level,
)
from vggstudy.analysis.data.spellings import meant, one_spelling
from vggstudy.analysis.data.table import RunTable
from vggstudy.errors import AnalysisError


def table_of(column: Sequence[object] | pd.Series[Any], declared: Sequence[Level] = ()) -> RunTable:
    frame = pd.DataFrame({"x": column})
    frame = frame.assign(seed=range(len(frame)), label="converged", test_accuracy=0.5)
    return RunTable.from_frame(frame, factors=["x"], levels={"x": declared})


@pytest.mark.parametrize(
    ("levels", "kept"),
    [
        ([0.1 + 0.2, 0.3], [0.3]),
        (["1e-3", 0.001, "none"], [0.001, "none"]),
        (["1e-3", "1.0E-3", "0.001", "auto"], ["1e-3", "auto"]),
        ([0.10000000149011612, 0.1], [0.1]),
        ([0.10000000149, 0.1], [0.1]),
        ([float(np.float32(3e-4)), 3e-4, 0.1], [3e-4, 0.1]),
        ([1 - 0.9, 0.1, 0.1 * 3, 0.3], [0.1, 0.3]),
        (["8", 8, 8.0], [8]),
        ([1e-12, 1.1e-12], [1e-12, 1.1e-12]),
        ([0.123456789, 0.12345679], [0.123456789, 0.12345679]),
        ([2**60, 2**60 + 1024], [2**60, 2**60 + 1024]),
    ],
)
def test_spellings_of_one_number_are_one_level(levels: list[object], kept: list[object]) -> None:
    assert list(table_of(levels).levels["x"]) == kept


def test_a_single_spelling_stays_so_that_ids_stay() -> None:
    assert table_of([0.1 + 0.2, 0.5]).levels["x"] == (0.1 + 0.2, 0.5)
    assert table_of(["1e-3", "auto"]).levels["x"] == ("1e-3", "auto")


def test_the_spelling_of_the_protocol_stands_for_the_others() -> None:
    table = table_of([0.1 + 0.2, 0.5], [0.5, 0.3])
    assert table.levels["x"] == (0.5, 0.3)
    both = table_of([0.1 + 0.2, 0.3], [0.3, 0.1 + 0.2])
    assert both.levels["x"] == (0.3, 0.1 + 0.2)


def test_what_was_taken_as_one_is_said() -> None:
    (note,) = analyze(table_of([0.1 + 0.2, 0.3, 0.3]), resamples=99).warnings[:1]
    assert note.text == "x: 0.3, 0.30000000000000004 are taken as one level, 0.3"


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32"])
def test_narrow_floats_are_the_decimal_they_stand_for(dtype: str) -> None:
    assert table_of(pd.Series([0.1, 0.003, 19.0], dtype=dtype)).levels["x"] == (0.003, 0.1, 19)
    assert canonical_level(np.float32(0.1)) == 0.1


@pytest.mark.parametrize(
    "alike",
    [
        ["TRUE", "True", "true", "yes"],
        ["VGG-16", "VGG16", "vgg16"],
        ["FALSE", "no", "off"],
        ["\N{FULLWIDTH LATIN SMALL LETTER V}gg", "vgg"],
    ],
)
def test_texts_that_look_alike_are_named_and_stay_apart(alike: list[str]) -> None:
    table = table_of([*alike, "other", f"{alike[0]} "])
    assert {*map(str, table.levels["x"])} == {*alike, "other"}
    (note,) = table.notes
    assert note.values["levels"] == tuple(sorted(alike))
    assert "look like one level" in note.text


def test_levels_that_differ_in_more_are_not_named() -> None:
    assert table_of(["adam", "adamw", "sgd", "none", "no", True, "1", 10, "-1"]).notes == ()


@given(st.floats(min_value=1e-20, max_value=1e20), st.integers(1, 8))
def test_a_decimal_of_few_digits_is_what_is_meant(number: float, digits: int) -> None:
    written = float(f"{number:.{digits}g}")
    assert meant(written) == written


@given(st.floats(min_value=1e-20, max_value=1.0), st.integers(1, 6))
def test_narrow_floats_mean_the_decimal_that_was_rounded(number: float, digits: int) -> None:
    written = float(f"{number:.{digits}g}")
    assert meant(float(np.float32(written))) == written


@given(st.floats(min_value=1e-20, max_value=1e20))
def test_what_is_meant_is_as_near_as_32_bits_are(number: float) -> None:
    assert meant(number) == pytest.approx(number, rel=2**-24)
    assert meant(meant(number)) == meant(number)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4), max_size=6))
def test_no_level_is_lost(levels: list[float | str]) -> None:
    usable = [level for level in levels if not isinstance(level, str) or level.strip()]
    canonical = [canonical_level(level) for level in usable]
    taken, _ = one_spelling("x", canonical, ())
    kept = {write_level(taken.get(write_level(level), level)) for level in canonical}
    assert kept <= {*map(write_level, canonical)}
    assert not {*taken} & kept


# -- Files -------------------------------------------------------------------------------------


def read(folder: Path, column: list[str]) -> RunTable:
    rows = [f"{text},{seed},0.7,converged" for seed, text in enumerate(column)]
    path = folder / "runs.csv"
    path.write_text("\n".join(["x,seed,test_accuracy,label", *rows]) + "\n")
    return RunTable.read_csv(path, ["x"])


@pytest.mark.parametrize("word", sorted(LEVEL_TEXTS))
def test_the_level_none_is_a_level(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, [word, "cosine", word]).levels["x"] == (word, "cosine")
    assert read(tmp_path, [word, "0.01", "1e-3"]).levels["x"] == (0.001, 0.01, word)
    assert read(tmp_path, [word, "True", "False"]).levels["x"] == (False, True, word)


def test_an_empty_level_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"factor 'x' is empty: write its level, .*: line 3$"):
        read(tmp_path, ["a", "", "b"])
    with pytest.raises(AnalysisError, match="factor 'x' is inf: line 3"):
        read(tmp_path, ["1", "inf", "2"])


def test_other_columns_have_the_empty_fields_of_pandas(tmp_path: Path) -> None:
    from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]

    assert STR_NA_VALUES == NUMBERLESS | LEVEL_TEXTS


def test_episodes_of_one_run_are_no_factor() -> None:
    rows = [(a, s, e, 0.6, "converged") for a in "AB" for s in range(3) for e in range(20)]
    frame = pd.DataFrame(rows, columns=["algo", "seed", "episode", "test_accuracy", "label"])
    with pytest.raises(AnalysisError, match=r"the same 20 values of 'episode': .*--average-over"):
        RunTable.from_frame(frame, factors=["algo"])
    sizes = frame.assign(episode=2 ** (3 + frame.episode)).rename(columns={"episode": "batch_size"})
    with pytest.raises(AnalysisError, match=r"column 'batch_size' differs .*: is it a factor, too"):
        RunTable.from_frame(sizes, factors=["algo"])


# -- Sizes of outcomes -------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e200, -1e100, 1e308])
def test_a_value_that_cannot_be_squared_is_refused_in_a_sentence(value: float) -> None:
    frame = pd.DataFrame({"x": [1, 1, 2, 2], "seed": [0, 1, 0, 1], "label": "converged"})
    frame["test_loss"] = [0.5, value, 0.7, 0.8]
    with pytest.raises(AnalysisError, match=r"'test_loss' is beyond 1e\+70; .*: row 2"):
        RunTable.from_frame(frame, factors=["x"], outcome="test_loss")
    with pytest.raises(AnalysisError, match="'test_loss' is nowhere beyond 1e-70"):
        RunTable.from_frame(frame.assign(test_loss=1e-90), factors=["x"], outcome="test_loss")


@pytest.mark.parametrize("scale", [1e-69, 1e-30, 1.0, 1e60])
def test_what_is_analysed_has_the_interval_of_its_unit(scale: float) -> None:
    frame = pd.DataFrame({"x": [1] * 4 + [2] * 4, "seed": [0, 1, 2, 3] * 2, "label": "converged"})
    highest = []
    for unit in (1.0, scale):
        frame["loss"] = unit * np.array([1, 2, 3, 5, 2, 3, 4, 9.0])
        table = RunTable.from_frame(frame, factors=["x"], outcome="loss")
        high = analyze(table, resamples=99).claims["loss.mean"].high
        assert high is not None
        highest.append(high / unit)
    assert highest[1] == pytest.approx(highest[0], rel=1e-9)


def test_values_that_are_equal_and_of_other_types_are_remembered_apart() -> None:
    asked: list[object] = []

    def told(value: object) -> str:
        asked.append(value)
        return repr(value)

    answer = remembered(told)
    assert [answer(x) for x in (1, True, 1.0, 1, True, [1])] == [
        "1", "True", "1.0", "1", "True", "[1]"
    ]  # fmt: skip
    assert asked == [1, True, 1.0, [1]]
    assert distinct_of(["b", 1, True, "b", 1.0, 1]) == ["b", 1, True, 1.0]
    assert [type(x) for x in distinct_of([1, True, 1.0])] == [int, bool, float]
