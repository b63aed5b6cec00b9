"""A validation split on which no run could be labelled converged is refused beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vggstudy.errors import ProtocolError
from vggstudy.plan import make_plan
from vggstudy.protocol import LabelRule, load_protocol
from vggstudy.study.validation import Held, check_validation
from vggstudy.training.data import outline as outlines

PROTOCOL = """\
schema = 1
name = "small"
[design]
replicates = 5
seed = 1
[design.factors]
lr = [0.01, 0.001]
[data]
name = "imagefolder"
root = "images"
[model]
depth = 11
[training]
epochs = 10
"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of 60 images, of which a fifth tests: 10 of the other 96 are held out."""
    for name in ("benign", "tumour"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(60):
            (tmp_path / "images" / name / f"{number:03d}.png").touch()
    return tmp_path


def check(folder: Path, *changes: str, registered: str = "run") -> list[str]:
    (folder / "small.toml").write_text(PROTOCOL)
    loaded = load_protocol(folder / "small.toml", overrides=changes)
    plan = make_plan(loaded.protocol, loaded.cells)
    return check_validation(plan, loaded, registered)  # type: ignore[arg-type]


def test_ten_images_of_two_classes_tell_a_perfect_run_of_ten_epochs(images: Path) -> None:
    """0.5 ** 10 < 0.01 / 10: all ten right are beyond guessing, and nothing less is."""
    (warning,) = check(images)
    assert "10 images out" in warning
    assert "gets all of them right" in warning


@pytest.mark.parametrize("replicates", [2, 5, 500])
def test_the_size_of_the_grid_decides_nothing(images: Path, replicates: int) -> None:
    assert len(check(images, f"design.replicates={replicates}")) == 1


def test_a_study_that_was_registered_before_keeps_its_rule(images: Path) -> None:
    """2 cells x 5 replicates x 10 epochs: 0.5 ** 13 > 0.01 / 100 >= 0.5 ** 14."""
    with pytest.raises(ProtocolError, match="hold out at least 14") as raised:
        check(images, registered="study")
    assert raised.value.problems[0].path == ("data", "validation")
    assert raised.value.exit_code == 3
    with pytest.raises(ProtocolError, match="at least 14"):
        check(images, 'label.comparisons="study"')
    assert len(check(images, 'label.comparisons="run"', registered="study")) == 1


def test_longer_runs_need_more_images(images: Path) -> None:
    with pytest.raises(ProtocolError, match="hold out at least 12"):
        check(images, "training.epochs=20")  # 0.5 ** 11 <= 0.01 / 20, of 11 images six are alike


def test_the_least_size_that_is_named_is_allowed_and_one_less_is_not(images: Path) -> None:
    assert check(images, "training.epochs=20", "data.validation=12")
    with pytest.raises(ProtocolError, match="at least 12"):
        check(images, "training.epochs=20", "data.validation=11")


def test_too_few_images_altogether_are_said_to_be(images: Path) -> None:
    with pytest.raises(ProtocolError, match="too few images to tell"):
        check(images, "data.train=10", "data.validation=2")


def test_a_margin_that_no_accuracy_can_exceed_is_the_reason(images: Path) -> None:
    with pytest.raises(ProtocolError, match=r"50% of them of one class: .*lower the margin"):
        check(images, "label.margin=0.5")


def test_a_large_split_is_allowed_without_a_word(images: Path) -> None:
    assert check(images, "data.validation=40") == []


def test_data_that_are_not_there_are_not_judged(tmp_path: Path) -> None:
    assert check(tmp_path) == []


def test_the_least_number_is_the_first_whose_perfect_result_passes() -> None:
    rule = LabelRule()
    held = Held(5, np.array([30, 50, 20]), 5, 40)
    least = held.least(rule)
    assert least is not None
    assert held.tells(rule, least, least)
    assert not any(held.tells(rule, n, n) for n in range(6, least))


def test_the_digits_are_counted_as_they_are() -> None:
    from sklearn.datasets import load_digits

    assert tuple(np.bincount(load_digits().target)) == outlines.DIGITS
