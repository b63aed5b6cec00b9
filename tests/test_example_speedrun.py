"""The numbers of docs/examples/speedrun.md, from the losses of other people's runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import vggstudy as vs

ROOT = Path(__file__).resolve().parents[1]
TABLE = "shared/realdata/modded_nanogpt_track3/curves.csv.xz"
AURORA, PRUNED, CONTRA = (
    "20260505_aurora",
    "20260514_aurora_proj_pruned_extended_contra",
    "20260515_contranormuown",
)


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    """A row for each evaluation of each run of the three submissions."""
    path = next((up / TABLE for up in ROOT.parents if (up / TABLE).exists()), None)
    if path is None:
        pytest.skip("the table of losses is not here")
    frame = pd.read_csv(path)
    frame = frame[frame.setup.isin([AURORA, PRUNED, CONTRA])].copy()
    frame["run"] = frame.file + ":" + frame.run_in_file.astype(str)
    return frame


@pytest.fixture(scope="module")
def page() -> str:
    """The page with one blank wherever lines or blanks are."""
    return " ".join((ROOT / "docs/examples/speedrun.md").read_text("utf-8").split())


def test_mean_losses_are_those_that_the_submissions_print(curves: pd.DataFrame, page: str) -> None:
    found = vs.curves(
        curves, factors=["setup"], time="step", outcomes=["val_loss"], replicate="run"
    )
    published = {
        AURORA: {3150: 3.28039, 3175: 3.27885, 3200: 3.27811},
        PRUNED: {2930: 3.27844},
        CONTRA: {2990: 3.27916, 2995: 3.27889, 3000: 3.27858},
    }
    for setup, losses in published.items():
        mean = found.mean("val_loss", {"setup": setup})
        for step, loss in losses.items():
            # Rounded to five decimals there, from losses rounded to five decimals.
            assert mean.estimate[mean.time.index(step)] == pytest.approx(loss, abs=6e-6)
    aurora = found.mean("val_loss", {"setup": AURORA})
    assert aurora.low[-1] is not None
    assert aurora.high[-1] is not None
    assert f"[{aurora.low[-1]:.5f}, {aurora.high[-1]:.5f}]" in page


def test_steps_to_the_target_are_those_of_the_page(curves: pd.DataFrame, page: str) -> None:
    by_run = curves.groupby(["setup", "run"]).step.max().rename("last").to_frame()
    below = curves[curves.val_loss < 3.28]
    by_run["first"] = below.groupby(["setup", "run"]).step.min()
    by_run["reached"] = by_run["first"].notna()
    by_run["steps"] = by_run["first"].fillna(by_run["last"])
    result = vs.analyze(
        by_run.reset_index(), factors=["setup"], replicate="run", time="steps", reached="reached"
    )
    for name in (AURORA, PRUNED, CONTRA):
        claim = result.claims[f"steps.mean@setup={name}"]
        assert f"{claim.estimate:,.0f} [{claim.low:,.0f}, {claim.high:,.0f}]" in page
    claim = result.claims[f"steps.diff.setup@setup={AURORA}..{CONTRA}"]
    shown = f"{claim.estimate:.0f} steps, 95% CI [{claim.low:.0f}, {claim.high:.0f}]"
    assert shown.replace("-", "−") in page
    assert claim.low is not None
    assert claim.high is not None
    assert claim.low < 2995 - 3175 < claim.high  # what the submissions' own numbers give
    aurora = result.survival()[0]
    at = aurora.share[aurora.time.index(3175)]
    assert 1 - at.estimate == pytest.approx(17 / 20)
    assert f"[{100 * (1 - at.high):.0f}, {100 * (1 - at.low):.0f}]%" in page
