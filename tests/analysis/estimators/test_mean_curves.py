"""Mean curves of runs, differences of such, and the tables that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.data.run_curves import RunCurves, curves_of_frame
from vggstudy.analysis.estimators.mean_curves import CurveSet
from vggstudy.analysis.numbers import curve_bands
from vggstudy.errors import AnalysisError


def curve(*values: float | None, replicate: int = 0, **levels: object) -> RunCurves:
    return RunCurves(
        levels=levels, outcome="converged", curves={"loss": values}, replicate=str(replicate)
    )


def grid(*, shared: float = 0.0, seed: int = 1) -> list[RunCurves]:
    """Two optimizers, two depths, six runs each; a seed moves all of its runs."""
    rng = np.random.default_rng(seed)
    moved = shared * rng.standard_normal(6)
    return [
        curve(
            *(depth - (2.0 if optimizer == "b" else 1.0) * np.arange(4) + moved[run]
              + 0.1 * rng.standard_normal(4)),
            replicate=run,
            optimizer=optimizer,
            depth=depth,
        )
        for optimizer in "ab"
        for depth in (10, 20)
        for run in range(6)
    ]  # fmt: skip


def study(runs: list[RunCurves], **more: bool) -> CurveSet:
    return CurveSet(tuple(runs), ("optimizer", "depth"), **more)


def test_a_mean_curve_weights_cells_and_not_runs_alike() -> None:
    runs = grid()
    kept = [r for r in runs if not (r.levels["optimizer"] == "a" and int(r.replicate) > 2)]
    found = study(kept).mean("loss", {"depth": 10})
    means = [
        np.mean(
            [
                np.array(r.curves["loss"], dtype=float)
                for r in kept
                if r.levels == {"optimizer": o, "depth": 10}
            ],
            axis=0,
        )
        for o in "ab"
    ]
    np.testing.assert_allclose(found.estimate, np.mean(means, axis=0))
    assert found.time == (1.0, 2.0, 3.0, 4.0)
    assert (found.n, found.cells, found.runs) == (9, 2, (9, 9, 9, 9))


def test_a_difference_is_of_pairs_of_cells_that_have_runs_enough() -> None:
    runs = [
        r
        for r in grid()
        if not (r.levels == {"optimizer": "a", "depth": 20} and int(r.replicate) > 1)
    ]
    found = study(runs).difference("loss", "optimizer")
    assert (found.cells, found.n) == (1, 12)  # at depth 20 one optimizer has two runs
    assert found.at == {"optimizer": "a..b"}
    np.testing.assert_allclose(found.estimate, [0, -1, -2, -3], atol=0.15)
    backwards = study(runs).difference("loss", "optimizer", ("b", "a"))
    np.testing.assert_allclose(backwards.estimate, -np.array(found.estimate))
    assert found.high[3] is not None
    assert found.high[3] < 0 < (found.high[0] or 0)


def test_shared_seeds_give_one_curve_each() -> None:
    runs = grid(shared=5.0)
    apart = study(runs).difference("loss", "optimizer")
    blocks = study(runs, shared_seeds=True).difference("loss", "optimizer")
    np.testing.assert_allclose(blocks.estimate, apart.estimate)
    assert (blocks.high[0] or 0) - blocks.estimate[0] < 0.2
    assert (apart.high[0] or 0) - apart.estimate[0] > 2
    few = [r for r in runs if int(r.replicate) < 2 or r.levels["optimizer"] == "a"]
    few += [curve(1.0, 2.0, 3.0, 4.0, replicate=9, optimizer="b", depth=d) for d in (10, 20)]
    with pytest.raises(AnalysisError, match="2 seeds have a curve in every cell; 3 are needed"):
        study(few, shared_seeds=True).difference("loss", "optimizer")


def test_a_run_that_ended_keeps_its_last_value_or_ends_the_curve() -> None:
    runs = [curve(1.0, 2.0), curve(1.1, 2.2, 3.3), curve(1.2, 2.5, 3.6)]
    curves = CurveSet(tuple(runs), ())
    kept = curves.mean("loss")
    np.testing.assert_allclose(kept.estimate, [1.1, 6.7 / 3, (2.0 + 3.3 + 3.6) / 3])
    assert kept.runs == (3, 3, 2)
    assert curves.mean("loss", ended="common").time == (1.0, 2.0)


def test_runs_recorded_at_other_times_are_read_between_them() -> None:
    frame = pd.DataFrame(
        {
            "replicate": [0, 0, 0, 1, 1, 2, 2],
            "step": [0, 100, 200, 0, 200, 50, 200],
            "loss": [4.0, 2.0, 1.0, 5.0, 1.0, 3.0, 1.5],
        }
    )
    runs = curves_of_frame(frame, factors=[], time="step", measures=["loss"])
    found = CurveSet(tuple(runs), ()).mean("loss")
    assert found.time == (50.0, 100.0, 200.0)  # all of them had begun at 50
    np.testing.assert_allclose(found.estimate, [(3 + 4 + 3) / 3, (2 + 3 + 2.5) / 3, 3.5 / 3])


def test_at_one_time_of_one_cell_the_band_is_students() -> None:
    values = [0.2, 0.5, 0.9, 0.4, 0.6]
    found = CurveSet(tuple(curve(v) for v in values), ()).mean("loss")
    half = student.ppf(0.975, 4) * np.std(values, ddof=1) / np.sqrt(5)
    assert found.high[0] is not None
    assert found.high[0] - found.estimate[0] == pytest.approx(half, rel=0.06)  # 4,000 draws


def test_accuracies_stay_within_their_range_and_values_that_are_not_finite_are_counted() -> None:
    runs = [
        RunCurves(levels={}, outcome="converged", curves={"val_accuracy": values})
        for values in ([0.1, 0.99], [0.5, 0.9], [0.3, 1.0], [0.2, None])
    ]
    found = CurveSet(tuple(runs), ()).mean("val_accuracy")
    assert (found.n, found.left_out) == (3, 1)
    assert found.low[0] == 0
    assert found.high[1] == 1


def test_every_curve_of_every_cell_is_a_row_of_the_table() -> None:
    frame = study(grid()).to_frame()
    assert list(frame) == [
        "measure", "optimizer", "depth", "time", "runs", "estimate", "low", "high"
    ]  # fmt: skip
    assert len(frame) == 16
    few = study(grid()[:2])
    assert [c.low for c in few.every("loss", least=1).values()] == [(None,) * 4]
    with pytest.raises(AnalysisError, match="no cell has curves of 3 runs"):
        few.to_frame()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda s: s.mean("accuracy"), "no curve of 'accuracy'; there are loss"),
        (lambda s: s.mean("loss", {"width": 1}), "no factor 'width'"),
        (lambda s: s.mean("loss", {"depth": 11}), "depth has no level '11'"),
        (lambda s: s.difference("loss", "depth", (10, 30)), "depth has the levels 10, 20"),
        (lambda s: s.difference("loss", "depth", at={"depth": 10}), "cannot hold depth"),
    ],
)
def test_what_there_is_not_is_named(asked: object, said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        asked(study(grid()))  # type: ignore[operator]


def test_a_cell_with_few_runs_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"2 runs have a curve of 'loss' \(optimizer=a"):
        study(grid()[:2]).mean("loss")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": [0, 0, 1]}, "the same 'step' twice"),
        ({"step": ["x", 1, 2]}, r"'step' is not a number: row 1 \('x'\)"),
        ({"step": [0, None, 2]}, "'step' must be a number"),
        ({"loss": [1.0, "oops", 1.0]}, r"'loss' is not a number: row 2 \('oops'\)"),
        ({"seed": [1, None, 1]}, "run 'seed' is missing"),
        ({"a": ["u", None, "u"]}, "factor 'a' is missing"),
    ],
)
def test_rows_that_are_no_curves_are_refused(change: dict[str, list[object]], said: str) -> None:
    columns = {"a": ["u"] * 3, "seed": [1] * 3, "step": [0, 1, 2], "loss": [1.0] * 3, **change}
    with pytest.raises(AnalysisError, match=said):
        curves_of_frame(pd.DataFrame(columns), factors=["a"], time="step", measures=["loss"])


def test_a_blank_row_is_none() -> None:
    frame = pd.DataFrame(
        {"a": ["u", None, "u"], "seed": 1, "step": [0, None, 1], "loss": [1, None, 2]}
    )
    frame.loc[1, "seed"] = None
    (run,) = curves_of_frame(frame, factors=["a"], time="step", measures=["loss"])
    assert (run.times, run.curves["loss"], run.replicate) == ([0, 1], [1, 2], "1")


@pytest.mark.parametrize("shared", [False, True])
def test_differences_in_one_go_are_those_of_one_at_a_time(shared: bool) -> None:
    curves = study(grid(shared=1.0), shared_seeds=shared)
    pairs: dict[str, tuple[Level, Level]] = {"optimizer": ("a", "b"), "depth": (10, 20)}
    found = curves.differences("loss", pairs)
    assert [*found] == [*pairs]
    for factor, levels in pairs.items():
        alone = curves.difference("loss", factor, levels)
        for name in ("estimate", "low", "high"):
            # sums of cells in another order: rounding alone
            np.testing.assert_allclose(getattr(found[factor], name), getattr(alone, name), 1e-12)
        assert (found[factor].at, found[factor].n) == (alone.at, alone.n)


def test_a_factor_without_runs_enough_is_left_out_of_all_differences() -> None:
    runs = [r for r in grid() if r.levels["depth"] == 10 or int(r.replicate) < 2]
    found = study(runs).differences("loss", {"optimizer": ("a", "b"), "depth": (10, 20)})
    assert [*found] == ["optimizer"]
    assert found["optimizer"].cells == 1
    few = [r for r in runs if int(r.replicate) < 2]
    assert study(few).differences("loss", {"optimizer": ("a", "b")}) == {}


@pytest.mark.parametrize("shared_seeds", [False, True])
def test_curves_and_differences_that_are_drawn_at_once_are_those_drawn_alone(
    monkeypatch: pytest.MonkeyPatch, shared_seeds: bool
) -> None:
    drawn = []
    moments = curve_bands._moments

    def counted(*given: Any) -> Any:
        drawn.append(given[0])
        return moments(*given)

    monkeypatch.setattr(curve_bands, "_moments", counted)
    runs = study(grid(), shared_seeds=shared_seeds)
    pairs: dict[str, tuple[Level, Level]] = {"optimizer": ("a", "b"), "depth": (10, 20)}
    cells = [("a", 10), ("b", 20)]
    curves, differences = runs.drawn_once("loss", pairs, cells=cells)
    steps = curve_bands.DRAWS // curve_bands.STEP
    assert len(drawn) == steps * (2 + 2 if shared_seeds else 4)
    assert differences == runs.differences("loss", pairs)
    assert curves == {cell: one for cell, one in runs.every("loss").items() if cell in cells}
