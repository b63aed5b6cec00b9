"""power: replicates before there are runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import html5lib
import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

OPTIONS = ("--factors", "model", "--chance", "0.1", "--studies", "20", "--most", "40")
DIFF = ("--half-width", "accuracy.diff.model", "0.012")

PROTOCOL = """\
schema = 1
name = "tiny"

[design]
replicates = 4
seed = 1

[design.factors]
depth = [11, 19]

[data]
name = "cifar10"
"""

HYPOTHESIS = """
[[hypotheses]]
id = "H1"
text = "Deeper is better."
kind = "claim"
claim = "accuracy.diff.depth"
direction = "above"
threshold = 0.0
"""

EXPECTED = """\
mean = 0.80
sd = 0.01
converges = 1.0
seconds = 1800

[[cells]]
at = { depth = 19 }
mean = 0.815
"""


@pytest.fixture
def pilot(tmp_path: Path) -> Path:
    """Two models, four runs each, an hour a run."""
    rng = np.random.default_rng(3)
    rows = [
        f"{model},{run},{mean + rng.normal(0, 0.01):.5f},3600"
        for model, mean in (("a", 0.8), ("b", 0.82))
        for run in range(4)
    ]
    path = tmp_path / "pilot.csv"
    path.write_text("\n".join(["model,replicate,test_accuracy,seconds", *rows]) + "\n")
    return path


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(PROTOCOL + HYPOTHESIS)
    (tmp_path / "expected.toml").write_text(EXPECTED)
    return path


def test_a_table_says_how_many_and_what_they_cost(cli: Cli, pilot: Path) -> None:
    costs = ("--outcome", "test_accuracy", "--outcome", "seconds")
    done = cli("power", pilot, *OPTIONS, *DIFF, *costs, "--budget", "24", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (one,) = found["reached"]
    assert one["n"] >= 4
    assert one["assured"] >= one["n"]
    assert found["hours_per_replicate"] == pytest.approx(2)
    assert (found["design"], found["bought"]) == (4, 12)
    widths = [point["claims"][0]["half_width"] for point in found["points"]]
    known = [width for width in widths if width is not None]  # two runs have no mean
    assert known[0] > known[-1]
    words = cli("power", pilot, *OPTIONS, *DIFF, *costs).out
    row = next(x for x in words.splitlines() if x.startswith("accuracy.diff.model"))
    assert re.split(r"  +", row)[1:] == [
        str(one["n"]),
        str(one["assured"]),
        str(2 * one["n"]),
        f"{2 * one['n']:.3g}",
    ]


def test_stated_numbers_say_how_many(cli: Cli, protocol: Path) -> None:
    done = cli("power", protocol, "--expected", "expected.toml", "--studies", "40", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (one,) = found["reached"]
    # 1.5 standard deviations apart: t tests need 9 a group for 80% (R's power.t.test: 8.06).
    assert one["n"] == pytest.approx(8.5, abs=2.5)
    assert one["assured"] == one["n"]  # nothing is left open
    assert found["hours_per_replicate"] == pytest.approx(1)
    (point,) = [point for point in found["points"] if point["n"] == 4]
    (part,) = point["hypotheses"][0]["parts"]
    # R's power.t.test(n = 4, power = .8, sd = .01): a delta of .024; 40 studies know it to 12%.
    assert part["smallest"] == pytest.approx(0.024, rel=0.35)


def test_the_same_seed_gives_the_same_numbers(cli: Cli, pilot: Path) -> None:
    first, again, other = (
        cli("power", pilot, *OPTIONS, *DIFF, "--json", "--seed", seed).out for seed in "112"
    )
    assert first == again != other


@pytest.mark.parametrize(("language", "words"), [("en", "How many replicates"), ("ko", "반복")])
def test_a_page_holds_what_is_printed(
    language: str, words: str, cli: Cli, protocol: Path, tmp_path: Path
) -> None:
    asked = ("power", protocol, "--expected", "expected.toml", "--studies", "20")
    done = cli(*asked, "-o", "p.html", "--lang", language)
    assert done.code == 0, done.err
    text = (tmp_path / "p.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert words in text
    row = next(x for x in done.out.splitlines() if x.startswith("H1"))
    assert f">{re.split(r'  +', row)[1]}" in text
    assert cli(*asked, "-o", "again.html", "--lang", language).code == 0
    assert (tmp_path / "again.html").read_text("utf-8") == text


def test_a_figure_stands_alone(cli: Cli, protocol: Path, tmp_path: Path) -> None:
    import xml.etree.ElementTree as ET

    asked = ("power", protocol, "--expected", "expected.toml", "--studies", "20")
    assert cli(*asked, "-o", "p.svg").code == 0
    text = (tmp_path / "p.svg").read_text("utf-8")
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    used, told = set(re.findall(r"var\((--\w+)\)", text)), set(re.findall(r"(--\w+):#", text))
    assert used <= told
    assert "prefers-color-scheme:dark" in text


BAD = [
    (("pilot.csv",), 2, "states no hypotheses: name claims by --half-width"),
    (("pilot.csv", "--half-width", "accuracy.diff.depth", "0.1"), 3, "depth"),
    (("pilot.csv", "--half-width", "nonsense", "0.1"), 3, "nonsense"),
    (("pilot.csv", "--half-width", "accuracy.diff.model", "0.0001"), 2, "no number of replicates"),
    (("pilot.csv", "--half-width", "accuracy.diff.model", "0"), 2, "0"),
    (("pilot.csv", *DIFF, "--replicates", "1"), 2, "1 is not in the range x>=2"),
    (("pilot.csv", *DIFF, "--budget", "3"), 2, "--budget needs the time of a run"),
    (("pilot.csv", *DIFF, "--hypothesis", "H1"), 2, "has no hypothesis 'H1'"),
    (("pilot.csv", *DIFF, "-o", "p.png"), 2, "ends in .html or .svg"),
    (("nowhere.csv", *DIFF), 3, "nowhere.csv"),
    (("none.csv", *DIFF), 3, "no run of the pilot converged"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD, ids=lambda x: str(x)[:40])
def test_what_cannot_be_planned_is_said(
    arguments: tuple[str, ...], code: int, words: str, cli: Cli, pilot: Path, tmp_path: Path
) -> None:
    (tmp_path / "none.csv").write_text(re.sub(r"0\.[78]\d+", "0.1", pilot.read_text()))
    before = {path.name for path in tmp_path.iterdir()}
    output = () if "-o" in arguments else ("-o", "p.html")
    done = cli("power", *arguments, *OPTIONS, *output)
    assert done.code == code
    assert words in done.err
    assert done.out == ""
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("mean = 0.8", "mean and sd must be stated"),
        ("mean = 0.8\nsd = -1", "sd"),
        ("mean = 80\nsd = 1", "lies between 0 and 1"),
        ("mean = 0.8\nsd = 0.01\nspread = 2", "spread"),
        ("mean = 0.8\nsd = 0.01\n[[cells]]\nat = { depth = 12 }\nmean = 0.9", "12"),
        ("mean = ", "no TOML"),
    ],
)
def test_what_is_stated_wrongly_is_said(
    content: str, words: str, cli: Cli, protocol: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text(content)
    done = cli("power", protocol, "--expected", "wrong.toml", "--studies", "20")
    assert done.code == 3
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_protocol_alone_is_not_enough(cli: Cli, protocol: Path) -> None:
    done = cli("power", protocol)
    assert done.code == 2
    assert "--expected FILE states how they come out" in done.err
    protocol.write_text(PROTOCOL)
    done = cli("power", protocol, "--expected", "expected.toml")
    assert done.code == 2
    assert "states no hypotheses" in done.err


def test_a_hypothesis_that_no_n_supports_is_refused(
    cli: Cli, protocol: Path, tmp_path: Path
) -> None:
    (tmp_path / "low.toml").write_text(EXPECTED.replace("0.815", "0.77"))
    done = cli("power", protocol, "--expected", "low.toml", "--studies", "20", "-o", "p.html")
    assert done.code == 2
    assert re.search(r"gives H1 a power of 80%: at \d+, 0% of studies support it", done.err)
    assert not (tmp_path / "p.html").exists()


LOOKS = """
[design.stopping]
looks = [2, 3]
decided = ["H1"]
"""


def test_looks_of_the_protocol_are_planned(cli: Cli, tmp_path: Path) -> None:
    """In table, JSON and page: when studies end, and with how many runs."""
    (tmp_path / "looks.toml").write_text(
        PROTOCOL.replace("replicates = 4", "replicates = 8") + LOOKS + HYPOTHESIS
    )
    (tmp_path / "expected.toml").write_text(EXPECTED)
    asked = (
        "power",
        "looks.toml",
        "--expected",
        "expected.toml",
        "--studies",
        "20",
        "--most",
        "20",
    )
    done = cli(*asked, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["declared"]["replicates"] == [2, 3, 8]
    (point,) = [point for point in found["points"] if point["n"] == 8]
    assert [look["replicates"] for look in point["looks"]] == [2, 3, 8]
    assert sum(look["stops"] for look in point["looks"]) == pytest.approx(1)
    mean = sum(look["stops"] * look["replicates"] for look in point["looks"])
    told = cli(*asked, "-o", "looks.html")
    assert f"With its looks it ends after {mean:.3g} replicates on average" in told.out
    row = next(x for x in told.out.splitlines() if re.match(r" *2 +3 ", x))
    assert f"{100 * point['looks'][1]['stops']:.0f}% ±" in row
    text = (tmp_path / "looks.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(text)
    assert "Studies that have ended, look by look" in text
    other = json.loads(cli(*asked, "--replicates", "16", "--json").out)
    (point,) = [point for point in other["points"] if point["n"] == 16]
    assert [look["replicates"] for look in point["looks"]] == [4, 6, 16]


def test_a_half_width_that_stops_the_study_is_a_target(cli: Cli, tmp_path: Path) -> None:
    stop = 'claim = "accuracy.diff.depth"\nhalf_width = 0.014'
    (tmp_path / "width.toml").write_text(
        PROTOCOL + LOOKS.replace("[2, 3]", "[3]").replace('decided = ["H1"]', stop)
    )
    (tmp_path / "expected.toml").write_text(EXPECTED)
    asked = ("power", "width.toml", "--expected", "expected.toml", "--studies", "20", "--json")
    found = json.loads(cli(*asked).out)
    (one,) = found["reached"]
    assert (one["target"]["id"], one["target"]["value"]) == ("accuracy.diff.depth", 0.014)
    assert one["n"] == pytest.approx(7, abs=2)  # t quantile at 96%, .01 * sqrt(2 / n)


def test_what_has_no_smallest_effect_is_said() -> None:
    from vggstudy.analysis.planning.ahead import HypothesisAhead, PartAhead, Prediction
    from vggstudy.analysis.planning.planning import Plan
    from vggstudy.report.words.power import notes

    def said(kind: str) -> str:
        part = PartAhead("x", kind, 0.5, None)
        one = HypothesisAhead("H1", 0.5, 0.0, 0.0, 0.5, (part,))
        return " ".join(notes(Plan((), (Prediction(4, 20, (), (one,)),), 4, None, 9, 20, 0, 0.8)))

    assert "A peak has no smallest effect" in said("peak")
    assert "on the scale of their factor" in said("threshold_order")
    assert "peak" not in said("claim")
