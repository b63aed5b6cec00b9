"""A pilot tells a study's time from one epoch of its corners."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vggstudy.execution import resolve_options
from vggstudy.plan import make_plan
from vggstudy.protocol import parse_protocol
from vggstudy.study.cost import estimate_cost
from vggstudy.study.pilot import Corner, foretell, run_pilot
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "pilot"
[design]
replicates = 2
seed = 1
[design.factors]
batch_size = [16, 32, 64]
batch_norm = [false, true]
[data]
name = "synthetic"
train = 64
test = 32
classes = 2
[model]
depth = 11
width = 0.05
[training]
epochs = 40
[training.early_stopping]
patience = 3
min_epochs = 10
"""


def corner(batch_size: int, *, batch_norm: bool, epoch_s: float) -> Corner:
    return Corner({"batch_size": batch_size, "batch_norm": batch_norm}, epoch_s, 1.0)


CORNERS = [
    corner(16, batch_norm=False, epoch_s=4.0),
    corner(16, batch_norm=True, epoch_s=5.0),
    corner(64, batch_norm=False, epoch_s=1.0),
    corner(64, batch_norm=True, epoch_s=2.0),
]


def test_run_in_a_corner_takes_between_its_fewest_and_its_most_epochs() -> None:
    run = make_plan(parse_protocol(PROTOCOL)).runs[0]
    assert dict(run.levels) == {"batch_size": 16, "batch_norm": False}
    assert foretell(run, CORNERS) == (1 + 10 * 4.0, 1 + 40 * 4.0)


def test_run_between_corners_takes_the_range_of_those_like_it() -> None:
    runs = make_plan(parse_protocol(PROTOCOL)).runs
    (run,) = [
        r for r in runs if r.replicate == 0 and r.levels == {"batch_size": 32, "batch_norm": True}
    ]
    assert foretell(run, CORNERS) == (1 + 10 * 2.0, 1 + 40 * 5.0)


def test_without_early_stopping_every_epoch_is_trained() -> None:
    text = PROTOCOL[: PROTOCOL.index("[training.early_stopping]")]
    run = make_plan(parse_protocol(text)).runs[0]
    low, high = foretell(run, CORNERS)
    assert low == high == 1 + 40 * 4.0


def test_patience_of_a_run_is_trained_at_least() -> None:
    run = make_plan(parse_protocol(PROTOCOL.replace("patience = 3", "patience = 20"))).runs[0]
    assert foretell(run, CORNERS)[0] == 1 + 21 * 4.0


def test_pilot_trains_the_corners_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGGSTUDY_CACHE", str(tmp_path / "cache"))
    study = Study(parse_protocol(PROTOCOL), tmp_path / "study")
    corners = run_pilot(study, replace(resolve_options(), jobs=2))
    assert [dict(c.levels) for c in corners] == [dict(c.levels) for c in CORNERS]
    assert all(c.epoch_s > 0 for c in corners)
    assert not study.path.exists()
    cost = estimate_cost(study, study.progress(), corners)
    assert cost.basis == "a pilot of one epoch in 4 cells"
    assert cost.seconds is not None
    assert 0 < cost.seconds[0] < cost.seconds[1] < cost.seconds[2]
