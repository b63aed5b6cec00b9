"""The speed of a run's steps."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from vggstudy.plan import make_plan
from vggstudy.protocol import network, parse_protocol
from vggstudy.training.measure import WINDOW_S, steps_per_second
from vggstudy.training.session import Assignment, Site

PROTOCOL = """\
schema = 1
name = "tiny"
[design]
replicates = 1
seed = 5
[design.factors]
batch_size = [32]
[data]
name = "synthetic"
train = 96
test = 32
validation = 32
[model]
depth = 11
width = 0.05
[training]
optimizer = "adam"
epochs = 1
"""


@pytest.mark.parametrize(("tick", "rate"), [(1.0, 1.0), (WINDOW_S / 4, 4 / WINDOW_S)])
def test_steps_are_counted_until_the_window_is_over(
    tick: float, rate: float, tmp_path: Path
) -> None:
    run = make_plan(parse_protocol(PROTOCOL, filename="tiny.toml")).runs[0]
    site = Site(device=torch.device("cpu"), cache_dir=tmp_path)
    moments = itertools.count(0.0, tick)  # one step between two looks at the clock
    found = steps_per_second(
        Assignment(recipe=network(run.recipe), seeds=run.seeds), site, clock=lambda: next(moments)
    )
    assert found == pytest.approx(rate)
