"""Sweeps of W&B and Hydra as protocols of a trainer."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from vggstudy.errors import AnalysisError
from vggstudy.imports.sweep import Made, protocol_of_sweep
from vggstudy.protocol import Protocol, grid, parse_protocol

pytest.importorskip("yaml", reason="PyYAML is not installed")

WANDB = """\
program: train.py
description: Which rate suits which batch?
project: nets
method: grid
metric:
  goal: minimize
  name: val_loss
  target: 0.1
early_terminate:
  type: hyperband
  min_iter: 3
parameters:
  learning_rate:
    values: [1e-4, 0.001]
  optimizer.name:
    values: ["1e-4", adam]
  epochs:
    value: 5
  bias:
    distribution: categorical
    values: [true, false]
  dropout:
    min: 0.1
    max: 0.5
  decay:
    distribution: log_uniform_values
    min: 1e-5
    max: 0.1
  head:
    parameters:
      width: {values: [1, 2]}
  nothing:
    values: [null, 1]
  device:
    value: cuda
  seed:
    values: [1, 2, 3]
command:
  - ${env}
  - ${interpreter}
  - ${program}
  - "--tag={x}"
  - ${args}
  - ${envvar:HOME}
"""

HYDRA = """\
defaults:
  - _self_
db: mysql
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      db: choice(mysql,postgresql)
      model.alpha: 0.1,1e-2
      +steps: range(1,10,4)
      epochs: 7
      seed: range(5)
      spread: interval(0,1)
      files: glob(*)
      name: "'a,b','c d'"
      shape: "[1,2],[3,4]"
      ~old: "1"
"""

MULTIRUN = """\
hydra:
  sweeper:
    _target_: hydra._internal.core_plugins.basic_sweeper.BasicSweeper
    max_batch_size: null
    params: null
  overrides:
    hydra:
    - hydra.mode=MULTIRUN
    task:
    - lr=0.1,0.01
    - optimizer=adam
    - seed=range(0,3)
    - ~db
"""


def made(tmp_path: Path, text: str, name: str = "sweep.yaml") -> tuple[Made, Protocol]:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    found = protocol_of_sweep(path, "sweep")
    return found, parse_protocol(found.text)


def lines_of(found: Made) -> dict[int, str]:
    """What is left out, by its line."""
    parts = (re.fullmatch(r".*?:(\d+): (.*)", one) for one in found.left)
    return {int(one[1]): one[2] for one in parts if one}


def command_of(protocol: Protocol) -> list[str]:
    assert protocol.trainer is not None
    return list(protocol.trainer.command or ())


def test_a_grid_of_wandb_becomes_a_trainer(tmp_path: Path) -> None:
    _, protocol = made(tmp_path, WANDB)
    names = ("learning_rate", "optimizer.name", "bias", "epochs", "seed")
    assert command_of(protocol) == [
        "{python}",
        "train.py",
        "--tag={{x}}",
        *(f"--{name}={{{name}}}" for name in names),
        "${{envvar:HOME}}",
    ]
    assert protocol.design.factors == {
        "learning_rate": [0.0001, 0.001],
        "optimizer.name": ["1e-4", "adam"],
        "bias": [True, False],
    }
    assert protocol.parameters == {"epochs": 5}
    assert protocol.design.replicates == 3
    assert (protocol.analysis.outcome, protocol.analysis.lower_is_better) == ("val_loss", True)
    assert protocol.question == "Which rate suits which batch?"
    cells, problems = grid(protocol)
    assert not problems
    expected = itertools.product([0.0001, 0.001], ["1e-4", "adam"], [True, False])
    assert [tuple(cell.levels.values()) for cell in cells] == list(expected)


def test_what_wandb_cannot_carry_over_is_named_with_its_line(tmp_path: Path) -> None:
    found, _ = made(tmp_path, WANDB)
    lines, told = WANDB.splitlines(), lines_of(found)
    expected = {
        "project": "project: has no counterpart",
        "target": "metric.target: has no counterpart",
        "min: 0.1": "dropout: no values (min, max)",
        "log_uniform": "decay: distribution log_uniform_values",
        "null": "nothing: has a value that no level can be",
        "cuda": "device: cannot be the name of a factor",
        "values: [1, 2, 3]": "seed: 3 values become replicates",
        "envvar": "command: ${envvar:HOME} is passed on as it stands",
    }
    for part, sentence in expected.items():
        line = next(at for at, text in enumerate(lines, start=1) if part in text)
        assert told[line].startswith(sentence)
        assert f"# line {line}: {sentence}" in found.text
    assert any(one.startswith("early_terminate: ") for one in told.values())
    assert any(one.startswith("head: nested parameters") for one in told.values())
    assert len(told) == 10


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_methods_that_choose_are_named(tmp_path: Path, method: str) -> None:
    text = f"program: train.py\nmethod: {method}\nparameters:\n  lr:\n    values: [1, 2]\n"
    found, protocol = made(tmp_path, text)
    assert lines_of(found)[2].startswith(f"method: {method} chooses")
    assert command_of(protocol) == ["{python}", "train.py", "--lr={lr}"]


@pytest.mark.parametrize(
    ("macro", "argument"),
    [
        ("${args_no_hyphens}", "lr={lr}"),
        ("${args_json}", "{parameters}"),
        ("${args_no_boolean_flags}", "--lr={lr}"),
    ],
)
def test_macros_of_wandb_become_placeholders(tmp_path: Path, macro: str, argument: str) -> None:
    text = "program: a.py\nmethod: grid\nparameters: {lr: {values: [1, 2]}}\n"
    text += f"command: [sh, '{macro}']\n"
    _, protocol = made(tmp_path, text)
    assert command_of(protocol) == ["sh", argument]


def test_what_hydra_sweeps_becomes_a_trainer(tmp_path: Path) -> None:
    found, protocol = made(tmp_path, HYDRA)
    assert protocol.design.factors == {
        "db": ["mysql", "postgresql"],
        "model.alpha": [0.1, 0.01],
        "steps": [1, 5, 9],
        "name": ["a,b", "c d"],
    }
    assert (protocol.parameters, protocol.design.replicates) == ({"epochs": 7}, 5)
    assert command_of(protocol) == [
        "{python}",
        "train.py",
        "db={db}",
        "model.alpha={model.alpha}",
        "+steps={steps}",
        "epochs={epochs}",
        "seed={seed}",
        "name='{name}'",
        'hydra.run.dir="{run_dir}"',
    ]
    told = " ".join(lines_of(found).values())
    for part in ("spread: interval", "files: glob", "shape: [1,2] is no level", "~old: has no"):
        assert part in told


def test_overrides_of_a_multirun_are_read_and_other_sweepers_named(tmp_path: Path) -> None:
    found, protocol = made(tmp_path, MULTIRUN, "multirun.yaml")
    assert protocol.design.factors == {"lr": [0.1, 0.01]}
    assert (protocol.parameters, protocol.design.replicates) == ({"optimizer": "adam"}, 3)
    assert lines_of(found)[13] == "~db: has no counterpart"
    other = MULTIRUN.replace("hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "optuna")
    assert lines_of(made(tmp_path, other)[0])[3].startswith("hydra.sweeper: optuna chooses")


@pytest.mark.parametrize(
    "override",
    [
        "x=1,2.5,true,text",
        "x=choice(a,'b c',d)",
        "x=range(4)",
        "x=range(1,9,3)",
        "x=range(start=1,stop=2,step=0.25)",
        "x=range(5,0,-2)",
        "x=range(0,1,0.1)",
        "x=1e-3,-2",
        "x='a,b',\"c\"",
        "x=alone",
    ],
)
def test_values_are_those_that_hydra_reads(tmp_path: Path, override: str) -> None:
    parser = pytest.importorskip("hydra.core.override_parser.overrides_parser")
    read = parser.OverridesParser.create().parse_override(override)
    whole: list[Any] = (
        [parser_text(one) for one in read.sweep_iterator()]
        if read.is_sweep_override()
        else [read.get_value_element_as_str()]
    )
    quoted = override.replace("'", "''")
    text = f"hydra:\n  overrides:\n    task:\n    - '{quoted}'\n"
    _, protocol = made(tmp_path, text)
    ours = protocol.design.factors.get("x") or [protocol.parameters["x"]]
    assert [as_text(one) for one in ours] == [as_text(one) for one in whole]


def parser_text(value: Any) -> Any:
    return getattr(value, "text", value)


def as_text(value: Any) -> str:
    """A value in one spelling: Hydra gives texts, in quotes where they were."""
    text = str(value).strip("'\"").lower()
    try:
        return repr(round(float(text), 12))
    except ValueError:
        return text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in itertools.pairwise("abcdefgh")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("", "neither a sweep of W&B"),
        ("- 1\n- 2\n", "neither a sweep of W&B"),
        ("method: grid\n", "neither a sweep of W&B"),
        (BOMB, "more values, or deeper ones"),
        ("a: &a [*a]\n", "more values, or deeper ones"),
    ],
)
def test_what_is_no_sweep_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnalysisError, match=said) as caught:
        made(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_nothing_of_a_file_is_executed_or_written_into_the_protocol(tmp_path: Path) -> None:
    spot = tmp_path / "spot"
    text = (
        "method: grid\n"
        f'"x\\n[design]\\nseed = 1": !!python/object/apply:os.system ["touch {spot}"]\n'
        "parameters:\n"
        f'  lr: {{value: !!python/object/apply:os.system ["touch {spot}"]}}\n'
        '  "a\\nb": {values: [1, 2]}\n'
        "  n: {values: [1, .nan, 99999999999999999999]}\n"
        '  t: {value: "\\u0007bell"}\n'
    )
    found, protocol = made(tmp_path, text)
    assert protocol.design.factors == {}
    assert (protocol.design.replicates, protocol.design.seed) == (5, 2026)
    assert found.text.count("[design]\n") == 1
    assert not spot.exists()
