"""Protocols made of what others have written: `init --from`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

SWEEP = """\
program: train.py
method: bayes
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {values: [0.1, 0.01]}
  seed: {values: [1, 2, 3, 4]}
"""


@pytest.fixture(autouse=True)
def _yaml() -> None:
    pytest.importorskip("yaml", reason="PyYAML is not installed")


def test_init_makes_a_trainer_of_a_sweep_and_tells_what_is_lost(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    made = cli("init", "--from", "sweep.yaml")
    assert (made.code, made.out) == (0, "sweep.toml\n")
    first, second, following = made.err.splitlines()
    assert first.startswith("vggstudy: warning: sweep.yaml:2: method: bayes chooses runs")
    assert second.startswith("vggstudy: warning: sweep.yaml:6: seed: 4 values become replicates")
    assert following == "next: vggstudy check sweep.toml; vggstudy run sweep.toml"
    assert "2 cells x 4 replicates = 8 runs" in cli("check", "sweep.toml").out
    told = json.loads(cli("init", "other", "--from", "sweep.yaml", "--json").out)
    assert len(told["not_carried_over"]) == 2


def test_what_is_no_sweep_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("lr: 0.1\n")
    refused = cli("init", "--from", "other.yaml")
    assert (refused.code, "neither a sweep of W&B" in refused.err) == (3, True)
    assert not (tmp_path / "other.toml").exists()
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    assert cli("init", "--from", "sweep.yaml", "--outcome", "x").code == 2
