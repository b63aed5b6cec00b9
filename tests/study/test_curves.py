"""Curves of a study and of a table, in Python and as they are exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import vggstudy as vs
from vggstudy.errors import AnalysisError


def test_a_study_has_the_mean_curves_of_its_converged_runs(forty: Any, cli: Any) -> None:
    curves = vs.curves(forty)
    assert curves.factors == ("depth", "batch_size", "batch_norm")
    assert len(curves.runs) == 30  # depth 19 learns nothing without batch normalisation
    where = {"depth": 11, "batch_size": 32, "batch_norm": True}
    found = curves.mean("val_accuracy", where)
    assert found.estimate[0] == pytest.approx(0.92)  # replicates 0 to 4
    assert len(found.time) == 20
    difference = curves.difference("val_accuracy", "batch_norm", at={"depth": 11})
    assert difference.estimate[-1] == pytest.approx(0)
    assert difference.cells == 2
    code, said = cli("export", forty.path, "--what", "curves")
    lines = said.splitlines()
    assert (code, lines[0]) == (
        0,
        "measure,depth,batch_size,batch_norm,time,runs,estimate,low,high",
    )
    assert len(lines) == 1 + 3 * 6 * 20  # three curves of six cells


def test_a_table_of_curves_is_exported(tmp_path: Path, cli: Any) -> None:
    rng = np.random.default_rng(1)
    rows = [
        (agent, run, step, 10 * step + rng.normal())
        for agent in ("dqn", "iqn")
        for run in range(4)
        for step in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["agent", "run", "iteration", "value"])
    path = tmp_path / "curves.csv"
    frame.to_csv(path, index=False)
    asked = (path, "--what", "curves", "--factors", "agent", "--replicate", "run")
    code, said = cli("export", *asked, "--time", "iteration", "--outcome", "value")
    assert code == 0, said
    assert len(said.splitlines()) == 7
    same = vs.curves(
        frame, factors=["agent"], time="iteration", outcomes="value", replicate="run"
    ).to_frame()
    assert [float(x) for x in said.splitlines()[1].split(",")[-3:]] == pytest.approx(
        same.iloc[0, -3:].tolist()
    )
    more = ("--time", "iteration", "--outcome", "value", "--where", "agent = dqn", "--and", path)
    code, said = cli("export", *asked, *more)
    assert (code, "--what curves takes no --where, --and" in said) == (2, True)
    code, said = cli("export", *asked)
    assert (code, "need --factors, --time and --outcome" in said) == (3, True)
    code, said = cli("export", *asked, "--time", "iteratio", "--outcome", "value")
    assert (code, "did you mean" in said) == (3, True)
    with pytest.raises(AnalysisError, match="'replicate' is not in the table"):
        vs.curves(frame, factors=["agent"], time="iteration", outcomes=["value"])
