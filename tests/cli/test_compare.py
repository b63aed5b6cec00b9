"""compare: studies side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

OPTIONS = ("--factors", "model", "--chance", "0.1")


def table(path: Path, seed: int, *, shift: float = 0.0, runs: int = 6) -> Path:
    rng = np.random.default_rng(seed)
    rows = [
        f"{model},{run},{mean + shift * (model == 'b') + rng.normal(0, 0.01):.5f}"
        for model, mean in (("a", 0.8), ("b", 0.9))
        for run in range(runs)
    ]
    path.write_text("\n".join(["model,replicate,test_accuracy", *rows]) + "\n")
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return table(tmp_path / "first.csv", 1)


def test_a_second_study_replicates_a_first(cli: Cli, first: Path, tmp_path: Path) -> None:
    done = cli("compare", first, table(tmp_path / "second.csv", 2), *OPTIONS)
    assert done.code == 0
    row = next(line for line in done.out.splitlines() if line.startswith("accuracy.diff.model"))
    assert row.endswith("replicated")
    assert "first: first.csv; second: second.csv" in done.out


def test_what_does_not_fit_stands_first(cli: Cli, first: Path, tmp_path: Path) -> None:
    done = cli("compare", first, table(tmp_path / "second.csv", 2, shift=-0.2), *OPTIONS, "--all")
    lines = done.out.splitlines()
    rows = [line.split() for line in lines[lines.index("") + 3 :]]
    assert (rows[0][0], rows[0][-1]) == ("accuracy.diff.model", "reversed")
    order = [row[-1] for row in rows]
    assert order == sorted(order, key=["reversed", "differs", "open", "agrees"].index)
    (iqm,) = [line for line in lines if line.startswith("accuracy.iqm ")]
    assert "−10.6 points [" in iqm  # a difference of percentages


def test_json_holds_every_claim(cli: Cli, first: Path, tmp_path: Path) -> None:
    second = table(tmp_path / "second.csv", 2)
    content = json.loads(cli("compare", first, second, *OPTIONS, "--json", "--margin", "0.05").out)
    assert content["compared"] == len(content["claims"])
    (one,) = [one for one in content["claims"] if one["id"] == "accuracy.diff.model"]
    assert one["equivalent"] is True
    change = one["second"]["estimate"] - one["first"]["estimate"]
    assert one["difference"]["estimate"] == pytest.approx(change)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "replicate the first?"), ("ko", "재현하는가?")]
)
def test_the_page_holds_what_is_printed(
    language: str, words: str, cli: Cli, first: Path, tmp_path: Path
) -> None:
    import html5lib

    second = table(tmp_path / "second.csv", 2)
    done = cli("compare", first, second, *OPTIONS, "-o", "page.html", "--lang", language)
    text = (tmp_path / "page.html").read_text("utf-8")
    assert words in text
    assert "accuracy.diff.model" in text
    row = next(line for line in done.out.splitlines() if line.startswith("accuracy.diff.model"))
    numbers = row.split("  ")[2].strip()
    assert numbers.split(" ")[0] in text
    html5lib.HTMLParser(strict=True).parse(text)


def test_three_studies_have_a_mean_and_a_spread(cli: Cli, first: Path, tmp_path: Path) -> None:
    more = [table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate("bcd", 2)]
    done = cli("compare", first, *more, *OPTIONS, "--json")
    content = json.loads(done.out)
    (one,) = [one for one in content["claims"] if one["id"] == "accuracy.diff.model"]
    values = [study["estimate"] for study in one["studies"].values()]
    assert len(values) == 4
    assert min(values) < one["mean"]["estimate"] < max(values)
    assert one["mean"]["low"] < one["mean"]["estimate"] < one["mean"]["high"]
    assert one["next_study"][0] < one["mean"]["estimate"] < one["next_study"][1]
    assert "first.csv" in cli("compare", first, *more, *OPTIONS).out


@pytest.mark.parametrize(
    ("language", "words"), [("en", "one more such study"), ("ko", "이러한 연구 하나 더")]
)
def test_the_page_of_several_studies_holds_each_and_their_spread(
    language: str, words: str, cli: Cli, first: Path, tmp_path: Path
) -> None:
    import html5lib

    more = [
        table(tmp_path / f"{name}.csv", seed, shift=-0.05 * seed)
        for seed, name in enumerate("bc", 2)
    ]
    given = ("compare", first, *more, *OPTIONS, "-o", "page.html", "--lang", language)
    done = cli(*given)
    assert done.code == 0, done.err
    text = (tmp_path / "page.html").read_text("utf-8")
    assert words in text
    row = next(line for line in done.out.splitlines() if line.startswith("accuracy.diff.model"))
    cells = [cell for cell in row.split("  ") if cell]
    for cell in cells[1:4]:  # each study's numbers
        assert cell.strip().split(" ")[0] in text
    html5lib.HTMLParser(strict=True).parse(text)
    cli(*given)
    assert (tmp_path / "page.html").read_text("utf-8") == text


def test_the_same_seeds_pair_two_tables(cli: Cli, tmp_path: Path) -> None:
    one, other = (table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate("ab"))
    for path in (one, other):
        path.write_text(path.read_text().replace("replicate", "seed"))
    done = cli("compare", one, other, *OPTIONS, "--seeding", "independent", "--json")
    content = json.loads(done.out)
    assert any("12 of 12 runs" in note["text"] for note in content["notes"])
    (found,) = [x for x in content["claims"] if x["id"] == "accuracy.diff.model"]
    assert found["paired_runs"] == 12
    assert -1 < found["correlation"] < 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Missing argument"),
        (("first.csv",), 2, "one study is nothing to compare"),
        (("first.csv", "nowhere.csv"), 3, "nowhere.csv"),
        (("first.csv", "first.csv", "first.csv", "--margin", "1"), 2, "--margin is for two"),
    ],
)
def test_what_cannot_be_compared_is_said(
    arguments: tuple[str, ...], code: int, words: str, cli: Cli, first: Path
) -> None:
    assert first.exists()
    done = cli("compare", *arguments, *(OPTIONS if arguments else ()))
    assert done.code == code
    assert words in done.err


def test_the_same_runs_twice_are_named(cli: Cli, first: Path) -> None:
    done = cli("compare", first, first, *OPTIONS)
    assert "both rest on the same runs" in done.err


def test_nothing_in_common(cli: Cli, first: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(first.read_text().replace("a,", "c,").replace("b,", "d,"))
    done = cli("compare", first, other, *OPTIONS, "--match", "*@model=*")
    assert done.code == 3
    assert "no claim in common" in done.err
