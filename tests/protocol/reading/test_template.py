"""The starter protocol: it runs as it is, and with all that it shows in comments."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.protocol import LoadedProtocol, load_protocol, shipped_protocols
from vggstudy.protocol.reading.template import render_copy, render_template

Load = Callable[..., LoadedProtocol]


def test_template_is_a_valid_protocol_without_warnings(load: Load) -> None:
    loaded = load(render_template("my-study.2"))
    assert loaded.protocol.name == "my-study.2"
    assert loaded.protocol.data is not None
    assert loaded.protocol.data.name == "digits"  # comes with a dependency: needs no network
    assert len(loaded.cells) == 4
    assert loaded.warnings == []


def test_template_with_its_comments_taken_away_is_valid(load: Load) -> None:
    text = re.sub(r"^# (?=\[|[\w\".]+ = )", "", render_template("x"), flags=re.MULTILINE)
    loaded = load(text)
    protocol = loaded.protocol
    assert set(protocol.design.factors) == {
        "depth", "batch_norm", "batch_size", "scheduler.patience",
    }  # fmt: skip
    assert protocol.design.seeding == "shared"
    assert len(protocol.design.exclude) == 1
    assert protocol.training.early_stopping is not None
    assert protocol.training.scheduler.name == "plateau"


def test_every_section_of_the_template_begins_with_a_comment() -> None:
    lines = render_template("x").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"(# )?\[", line):
            assert before.startswith("# "), line
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "A", ".x", "x" * 65, "a\n", '"', "{x}", "\x1b"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match=r"^init: a study's name must be at most 64 ") as caught:
        render_template(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("shipped", shipped_protocols().values(), ids=lambda path: path.stem)
def test_a_copy_of_a_shipped_protocol_differs_in_its_name_alone(shipped: Path, load: Load) -> None:
    original = load_protocol(shipped)
    copy = load(render_copy(original.text, "mine"))
    assert copy.protocol.name == "mine"
    assert copy.protocol.model_copy(update={"name": original.protocol.name}) == original.protocol
    assert [cell.cell_id for cell in copy.cells] == [cell.cell_id for cell in original.cells]


def test_a_copy_needs_a_name_that_a_study_can_have() -> None:
    with pytest.raises(ProtocolError, match="a study's name must"):
        render_copy('name = "x"\n', "../x")
