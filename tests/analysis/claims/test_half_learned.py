"""Cells of which no interval of a mean holds: what is said there, and what comes first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis import RunTable, analyze
from vggstudy.report.citing.cite import cite

TableMaker = Callable[..., RunTable]


@pytest.fixture
def cells() -> dict[tuple[int, int], list[float]]:
    """Four cells of ten runs; in one a fifth of the runs learned half, one has a run far below."""
    rng = np.random.default_rng(12)
    made = {(a, b): 0.8 + 0.01 * rng.normal(size=10) for a in (0, 1) for b in (0, 1)}
    made[1, 1][:2] -= 0.3
    made[0, 1][0] -= 0.4
    return {key: values.round(4).tolist() for key, values in made.items()}


def test_the_interquartile_mean_comes_first_where_no_mean_holds(
    cells: dict[tuple[int, int], list[float]], make_table: TableMaker
) -> None:
    claims = analyze(make_table(cells), resamples=99).claims
    assert list(claims)[:2] == ["accuracy.iqm@a=0,b=1", "accuracy.iqm@a=1,b=1"]
    assert "accuracy.iqm@a=0,b=0" not in list(claims)
    assert not [
        x for x in analyze(make_table(cells), resamples=99, headline_only=True).claims if "iqm" in x
    ]


@pytest.mark.parametrize("seeding", ["independent", "shared"])
@pytest.mark.parametrize("outcome", ["accuracy", "expected"])
def test_every_claim_that_suffers_says_so(
    outcome: str,
    seeding: str,
    cells: dict[tuple[int, int], list[float]],
    make_table: TableMaker,
) -> None:
    found = analyze(make_table(cells), resamples=99, seeding=seeding).claims  # type: ignore[arg-type]
    for name in (f"{outcome}.mean@a=1,b=1", f"{outcome}.diff.a@b=1"):
        assert "half_learned" in [note.code for note in found[name].warnings], name
    assert "half_learned" not in [n.code for n in found[f"{outcome}.mean@a=0,b=0"].warnings]


def test_a_citation_says_so(
    cells: dict[tuple[int, int], list[float]], make_table: TableMaker
) -> None:
    found = analyze(make_table(cells), resamples=99).claims
    assert "(caution: some converged runs learned half" in cite(found["accuracy.mean@a=1,b=1"])
    assert "caution" not in cite(found["accuracy.mean@a=0,b=0"])
