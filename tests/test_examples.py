"""The numbers of the example pages, from the published tables where copies of these are at hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.report.citing.cite import display_strings
from vggstudy.report.words.display import read
from vggstudy.study.sources import Source, open_source

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "examples"
TABLES = next(
    (found for up in ROOT.parents if (found := up / "shared" / "realdata").is_dir()), Path("absent")
)
ROW = re.compile(r"^\| `([^`]+)` \|(?: ([\w -]+) \|)? ([^|]+) \|$", re.MULTILINE)


def table(name: str) -> Path:
    """The copy of a published table; skips where there is none."""
    path = TABLES / name / "runs.csv.xz"
    if not path.is_file():
        pytest.skip(f"no copy of the published table {name}")
    return path


def prepared(page: str, path: Path, made: str, folder: Path) -> Path:
    """What the page's own lines of Python make of a table."""
    (code,) = re.findall(r"```python\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    code = code.replace('"runs.csv.xz"', repr(str(path)))
    exec(code.replace(f'"{made}"', repr(str(folder / made))), {})
    return folder / made


def maker(source: Path, **asked: Any) -> ClaimMaker:
    """Claims of a table on demand, as `analyze` makes them."""
    opened: Source = open_source(source, **asked)
    cells = Cells.from_table(opened.seeds.applied(opened.table).independent())
    how = How(0.95, Resampling("calibrated", 9_999, 0, 131_072), opened.seeds.shared)
    return ClaimMaker(cells, how, "")


def check(page: str, made: ClaimMaker, where: str = "") -> None:
    """Every row of the page's table says what the claim of its id says."""
    rows = ROW.findall((PAGES / page).read_text("utf-8"))
    chosen = [(claim, text) for claim, place, text in rows if place == where]
    assert len(chosen) > (0 if where else 3)
    for claim, text in chosen:
        shown = display_strings(made.claim(made.parse(claim)))
        assert text == read(f"{shown['estimate']}, {shown['interval']}"), claim


def within(made: ClaimMaker, claim: str) -> tuple[float, float]:
    """The interval for the blocks at hand."""
    found = made.claim(made.parse(claim)).alternatives
    return next((x.low, x.high) for x in found if x.method == "within_blocks")


def test_the_page_on_atari_prints_what_the_runs_say() -> None:
    made = maker(
        table("dopamine_atari"), factors=["agent"], block="game", outcomes=["final_return"]
    )
    check("atari.md", made)
    scaled = made.claim(made.parse("final_return.block_scaled.agent@agent=DQN..IQN"))
    assert (scaled.low, scaled.high) == pytest.approx((0.59, 0.75), abs=0.005)
    assert within(made, scaled.id) == pytest.approx((0.62, 0.72), abs=0.005)
    assert scaled.alternatives[-1].low == pytest.approx(0.06, abs=0.005)
    for pair, won in (("Rainbow..IQN", 29), ("DQN..C51", 50)):
        share = made.claim(made.parse(f"final_return.block_wins.agent@agent={pair}")).estimate
        assert share == pytest.approx(won / 60)


def test_the_page_on_tabular_models_prints_what_the_runs_say(tmp_path: Path) -> None:
    path = prepared("tabular.md", table("tabm_seeds"), "tabm.csv", tmp_path)
    runs = pd.read_csv(path)
    assert runs.dataset.nunique() == 46
    adult = runs[(runs.dataset == "adult") & (runs.model == "mlp")].test_score
    assert (round(adult.mean(), 4), round(adult.std(), 4)) == (0.8540, 0.0018)
    asked = {"block": "dataset", "outcomes": ["test_score"], "average_over": ["split"]}
    made = maker(path, factors=["model"], **asked)
    check("tabular.md", made)
    wins = made.claim(made.parse("test_score.block_wins.model@model=mlp..tabm"))
    assert wins.estimate == pytest.approx(42 / 46)
    share = "test_score.block_scaled.model@model=mlp..tabm"
    assert within(made, share) == pytest.approx((0.64, 0.67), abs=0.005)


@pytest.mark.parametrize(
    ("tuning", "where"), [("external", "external tuning"), ("self", "self-tuning")]
)
def test_the_page_on_algoperf_prints_what_the_runs_say(
    tuning: str, where: str, tmp_path: Path
) -> None:
    path = prepared("algoperf.md", table("algoperf_v05"), "best.csv", tmp_path)
    asked = {"replicate": "study", "where": f"tuning = {tuning}_tuning", "lower_is_better": True}
    made = maker(
        path, factors=["submission"], block="workload", outcomes=["seconds_to_target"], **asked
    )
    check("algoperf.md", made, where)
    later, faster = (
        ("shampoo_submission", (26, 31))
        if tuning == "external"
        else ("schedule_free_adamw", (3, 13))
    )
    claim = f"seconds_to_target.block_ratio.submission@submission=baseline..{later}"
    low, high = within(made, claim)
    assert (round(100 * (1 - high)), round(100 * (1 - low))) == faster
