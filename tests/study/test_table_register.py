"""Receipts of a table's protocol: what they make of hypotheses, and what they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger.receipt import read_receipt, receipt_files
from vggstudy.study.analyze import analyze
from vggstudy.study.sources import open_source
from vggstudy.study.table_register import register_table, table_basis

RUNS = "method,seed,val_loss\n" + "".join(
    f"{method},{seed},{1 + 0.1 * seed + (method == 'new')}\n"
    for method in ("old", "new")
    for seed in range(4)
)

PLAN = """
schema = 1
name = "reading"
[table]
file = "data/runs.csv"
factors = ["method"]
outcomes = ["val_loss"]
[[hypotheses]]
id = "H1"
text = "The new method loses more."
kind = "claim"
claim = "val_loss.diff.method"
direction = "above"
threshold = 0.0
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A protocol whose table is not there yet."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "reading.toml"
    path.write_text(PLAN)
    return path


def come(plan: Path, runs: str = RUNS) -> None:
    """The runs are made."""
    (plan.parent / "data").mkdir(exist_ok=True)
    (plan.parent / "data" / "runs.csv").write_text(runs)


def claim(plan: Path) -> Any:
    return analyze(plan).claims["val_loss.diff.method"]


def said(cli: Any, *more: Any) -> tuple[int, str]:
    code, text = cli("verify", "reading.toml", *more)
    return code, text


def test_a_hypothesis_registered_before_the_table_is_there_is_registered(
    plan: Path, cli: Any
) -> None:
    code, text = cli("register", "reading.toml")
    assert (code, "0001.json: SHA-256" in text) == (0, True)
    (file,) = receipt_files(Path("reading.registered"))
    assert read_receipt(file).recorded == 0
    come(plan)
    assert (claim(plan).registered, claim(plan).registration) == (True, None)
    code, text = said(cli, "--strict")
    assert code == 0
    assert "when 0 runs were recorded" in text
    assert "before there was any run" in text


def test_one_that_came_with_the_table_is_not(plan: Path, cli: Any) -> None:
    come(plan)
    assert "does not say when" in claim(plan).registration.text
    register_table(plan)
    assert not claim(plan).registered
    assert "not known to have been stated before 8 of 8 runs" in claim(plan).registration.text
    assert said(cli, "--strict")[0] == 1


def test_a_hypothesis_that_changed_after_its_receipt_says_so(plan: Path, cli: Any) -> None:
    register_table(plan)
    come(plan)
    plan.write_text(PLAN.replace("threshold = 0.0", "threshold = 0.5"))
    assert "changed after 8 of 8 runs" in claim(plan).registration.text
    text = said(cli)[1]
    assert "has changed since its last receipt, 0001" in text
    register_table(plan)
    assert len(receipt_files(Path("reading.registered"))) == 2
    assert "changed after 8 of 8 runs" in claim(plan).registration.text
    assert "since its last receipt" not in said(cli)[1]


def test_a_changed_reading_keeps_the_hypothesis_and_is_told(plan: Path, cli: Any) -> None:
    register_table(plan)
    come(plan)
    plan.write_text(PLAN.replace("[[hyp", "[analysis]\nconfidence = 0.9\n[[hyp"))
    assert claim(plan).registered
    code, text = said(cli, "--strict")
    assert (code, "has changed since its last receipt" in text) == (1, True)


def test_the_same_is_registered_once_and_other_runs_are_told(plan: Path, cli: Any) -> None:
    come(plan)
    assert register_table(plan) == register_table(plan)
    come(plan, RUNS.replace("1.1", "1.2"))
    assert "not the one of 8 runs that receipt 0001 is of" in said(cli)[1]


def test_a_damaged_receipt_counts_for_nothing(plan: Path, cli: Any) -> None:
    file = register_table(plan)
    come(plan)
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "recorded": 1}))
    assert not claim(plan).registered
    assert said(cli)[0] == 3
    assert cli("cite", "verify", "x.md", "--against", "reading.toml")[0] == 3


def test_claims_are_verified_with_what_they_rest_on(plan: Path, cli: Any) -> None:
    register_table(plan)
    come(plan)
    assert cli("analyze", "reading.toml", "-o", "claims.json", "-q")[0] == 0
    code, text = cli("cite", "verify", "claims.json", "--against", "reading.toml", "--strict")
    assert (code, "before there was any run" in text) == (0, True)
    assert cli("report", "reading.toml", "-o", "r.html", "-q")[0] == 0
    assert "when 0 runs were recorded" in Path("r.html").read_text("utf-8")


def test_a_plan_without_a_receipt_or_a_table_is_told(plan: Path, cli: Any) -> None:
    come(plan)
    assert table_basis(open_source(plan)) is None
    assert said(cli)[0] == 3
    assert cli("register", "reading.toml", "--witness", "git:" + "0" * 40)[0] == 5
    plan.write_text(PLAN.replace('file = "data/runs.csv"\n', ""))
    code, text = cli("register", "reading.toml")
    assert (code, "add table.file" in text) == (2, True)
    assert cli("register", "reading.toml", "--study", "x")[0] == 2
    assert not Path("reading.registered").exists()


def test_a_witness_is_noted_and_the_digest_does_not_depend_on_the_folder(
    plan: Path, cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan.write_text(PLAN.replace("factors =", 'also = ["data/more.csv"]\nfactors ='))
    register_table(plan)
    assert cli("register", "reading.toml", "--witness", "git:" + "0" * 40)[0] == 0
    come(plan)
    Path("data/more.csv").write_text("method,seed,val_loss\nold,4,1.5\nnew,4,2.5\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    basis = table_basis(open_source(Path("..") / "reading.toml"))
    assert basis is not None
    assert not basis.odd
    assert "git:000" in " ".join(one.note.text for one in basis.remarks)
