"""Results change nothing, depend on nothing but the runs, and whoever edits those is found out."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis.claims.claim_set import read_claims_file
from vggstudy.ledger import RunRecord, StudyStore


def claims_of(folder: Path, **environment: str) -> str:
    """The claims of a study, estimated in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "vggstudy", "analyze", str(folder), "--json", "-q"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_results_leave_the_ledger_as_it_is(cli: Any, small: Any, tree_digest: Any) -> None:
    before = tree_digest(small.path)
    for command in ("analyze", "report", "cite", "export", "status", "doctor"):
        assert cli(command, "small").code == 0
    after = tree_digest(small.path)
    made = {"claims.json", "report.html"}
    index = {name for name in after if name.startswith("index.sqlite")}
    assert {name: after[name] for name in after.keys() - made - index} == before


def test_claims_do_not_depend_on_cores_threads_or_the_order_of_the_records(
    small: Any, make: Any, tmp_path: Path
) -> None:
    one = claims_of(small.path, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    two = claims_of(small.path, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    assert json.loads(one)["claims"]
    assert two == one
    other = make(tmp_path / "other", records=False)
    store = StudyStore.open(other.path)
    files = sorted(small.path.rglob("run.json"))
    random.Random(1).shuffle(files)
    for file in files:
        store.write_record(RunRecord.from_json(file.read_bytes()))
    assert claims_of(other.path, OMP_NUM_THREADS="1") == one


def test_claims_do_not_depend_on_the_order_of_the_rows_of_a_table(cli: Any, small: Any) -> None:
    cli("export", "small", "-o", "runs.csv")
    lines = Path("runs.csv").read_text().splitlines()
    told = ("--protocol", "small/protocol.toml", "--json")
    first = cli("analyze", "runs.csv", *told).out
    shuffled = random.Random(2).sample(lines[1:], len(lines) - 1)
    Path("runs.csv").write_text("\n".join([lines[0], *shuffled]) + "\n")
    assert cli("analyze", "runs.csv", *told).out == first


@pytest.fixture
def cited(cli: Any, small: Any) -> Path:
    """The claims that somebody published."""
    cli("analyze", "small")
    return Path(shutil.copy(small.path / "claims.json", "cited.json"))


def test_the_published_claims_of_an_untouched_study_are_verified(cli: Any, cited: Path) -> None:
    done = cli("cite", "verify", cited, "--against", "small", "--recompute")
    assert done.code == 0, done


def test_an_edited_record_is_named_when_claims_are_verified(
    cli: Any, small: Any, cited: Path
) -> None:
    record = next(small.path.rglob("run.json"))
    record.write_bytes(record.read_bytes().replace(b'"test_accuracy":0.9', b'"test_accuracy":0.8'))
    done = cli("cite", "verify", cited, "--against", "small")
    assert done.code == 3
    assert str(record) in done.err


def test_a_record_replaced_by_one_with_a_right_checksum_shows_up(
    cli: Any, small: Any, cited: Path
) -> None:
    record = next(small.path.rglob("run.json"))
    known = RunRecord.from_json(record.read_bytes())
    result = json.loads(json.dumps(dict(known.result)))
    result["metrics"]["test_accuracy"] += 0.01
    fields = {name: getattr(known, name) for name in RunRecord.__slots__}
    record.write_text(RunRecord(**{**fields, "result": result}).to_json())
    done = cli("cite", "verify", cited, "--against", "small")
    assert done.code == 1
    assert "wrong" in done.err


def test_an_edited_protocol_shows_up(cli: Any, small: Any, cited: Path) -> None:
    text = small.text.replace("resamples = 199", "resamples = 199\nconfidence = 0.9")
    protocol = type(small.protocol).model_validate(
        {
            **small.protocol.model_dump(by_alias=True),
            "analysis": {"resamples": 199, "confidence": 0.9},
        }
    )
    StudyStore.open(small.path).amend(text, protocol.digest(), "2026-02-03")
    done = cli("cite", "verify", cited, "--against", "small")
    assert done.code == 1, done


def raise_claim(path: Path, *, sealed: bool) -> None:
    """Put another number into a study's own claims, with or without a digest that fits."""
    claims = read_claims_file(path)
    name = "converged.diff.batch_norm"
    other = replace(claims[name], estimate=0.9, low=0.8, high=0.95)
    content = json.loads(path.read_text())
    (claim,) = (one for one in content["claims"] if one["id"] == name)
    claim |= {"estimate": 0.9, "low": 0.8, "high": 0.95}
    claim["claim_digest"] = other.content_digest() if sealed else ""
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("sealed", [False, True], ids=["without a digest", "with a new digest"])
def test_claims_that_were_edited_inside_a_study_are_believed_by_nothing(
    cli: Any, small: Any, sealed: bool
) -> None:
    true = ("cite", "small", "converged.diff.batch_norm", "--as", "apa")
    before = cli(*true).out
    assert cli("cite", "small", "--export", "before.tex").code == 0
    cli("analyze", "small")
    raise_claim(small.path / "claims.json", sealed=sealed)
    Path("p.md").write_text("90 points (95% CI [80, 95]; n = 12).\n")
    assert cli("cite", "verify", "p.md", "--against", "small").code == 1
    assert cli("cite", "verify", "p.md", "--against", "small", "--recompute").code == 1
    own = cli("cite", "verify", "small/claims.json", "--against", "small")
    assert own.code == (1 if sealed else 3), own
    done = cli(*true)
    assert (done.code, done.out) == (0, before)
    assert "warning: small/claims.json" in done.err
    assert "the numbers are those of the records" in done.err
    assert cli("cite", "small", "--export", "out.tex").code == 0
    assert Path("out.tex").read_text() == Path("before.tex").read_text()
