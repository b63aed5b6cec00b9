"""Data frames of polars and pyarrow."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import vggstudy
from vggstudy.errors import TableOptionError
from vggstudy.study.frames import pandas_frame

READING: dict[str, Any] = {
    "factors": ["method", "warm", "lr"],
    "outcomes": ["val_loss"],
    "label": "ok",
    "where": "phase = test",
}


def runs() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (method, warm, lr, seed, phase, 1 + (method == "new") + lr + rng.normal(0, 0.1), seed != 3)
        for method in ("old", "new")
        for warm in (True, False)
        for lr in (0.1, 0.01)
        for seed in range(4)
        for phase in ("test", "train")
    ]
    names = ["method", "warm", "lr", "seed", "phase", "val_loss", "ok"]
    return pd.DataFrame(rows, columns=names)


def columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): frame[name].tolist() for name in frame}


def made_by(library: str, frame: pd.DataFrame) -> Any:
    """The frame in another library, made of lists."""
    if library == "pyarrow":
        return pytest.importorskip("pyarrow").table(columns(frame))
    polars = pytest.importorskip("polars", reason="polars is not installed")
    made = polars.DataFrame(columns(frame))
    return made.lazy() if library == "polars, lazy" else made


@pytest.mark.parametrize("library", ["pyarrow", "polars", "polars, lazy"])
def test_a_frame_of_another_library_makes_the_claims_of_one_of_pandas(library: str) -> None:
    pytest.importorskip("narwhals")
    expected = vggstudy.analyze(runs(), **READING).claims
    found = vggstudy.analyze(made_by(library, runs()), **READING).claims
    assert len(expected) > 20
    assert found.to_json() == expected.to_json()


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_gaps_texts_and_truth_come_over_as_pandas_has_them(library: str) -> None:
    pytest.importorskip("narwhals")
    frame = pd.DataFrame(
        {
            "count": [1, 2, 2**53 + 1],
            "gap": pd.Series([1.5, None, 2.5], dtype=object),
            "text": pd.Series(["a", None, "None"], dtype=object),
            "truth": [True, False, True],
        }
    )
    found = pandas_frame(made_by(library, frame))
    assert found["count"].tolist() == [1, 2, 2**53 + 1]
    assert found["gap"].isna().tolist() == [False, True, False]
    assert found["text"].isna().tolist() == [False, True, False]
    assert found["text"].tolist()[2] == "None"
    assert [type(value) for value in found["truth"].tolist()] == [bool] * 3


def test_a_frame_of_pandas_stays_itself() -> None:
    frame = runs()
    assert pandas_frame(frame) is frame


@pytest.mark.parametrize("odd", [[1, 2], {"a": [1]}, 3, None])
def test_what_is_no_table_is_refused(odd: object) -> None:
    pytest.importorskip("narwhals")
    with pytest.raises(TableOptionError, match="is no table: give a path"):
        vggstudy.analyze(odd, factors=["a"])  # type: ignore[arg-type]


def test_without_narwhals_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pytest.importorskip("pyarrow").table({"a": [1]})
    monkeypatch.setitem(sys.modules, "narwhals", None)
    with pytest.raises(TableOptionError, match=r"pip install 'vggstudy\[frames\]'"):
        vggstudy.analyze(table, factors=["a"])
