"""What is published with the project is what its ledgers give: runs, claims, reports, README."""

from __future__ import annotations

import filecmp
import json
import math
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.report import write_report
from vggstudy.report.citing.verify import verify_paper
from vggstudy.study.analyze import analyze_source, published_claims
from vggstudy.study.context import report_context
from vggstudy.study.sources import Source, open_source
from vggstudy.study.study import Study

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted(path.parent for path in (ROOT / "report" / "reference").glob("*/study.json"))
MEGABYTE = 2**20

each_study = pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)


@cache
def analysed(folder: Path) -> tuple[Source, AnalysisResult]:
    source = open_source(folder)
    return source, analyze_source(source, sensitivity=True)


def same(one: Any, other: Any) -> bool:
    """Equal, numbers to 1e-9: another processor may sum in another order."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            same(one[key], other[key]) for key in one if key != "claim_digest"
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def claims_of(text: str) -> dict[str, dict[str, Any]]:
    return {claim["id"]: claim for claim in json.loads(text)["claims"]}


def test_there_is_a_published_study() -> None:
    assert PUBLISHED


@each_study
def test_every_planned_run_is_published(folder: Path) -> None:
    study = Study.open(folder)
    progress = study.progress()
    assert len(progress.done) == len(study.plan.runs)
    assert not progress.unplanned
    assert not study.store().damaged()


@each_study
def test_the_published_protocol_is_the_shipped_one(folder: Path) -> None:
    shipped = ROOT / "protocols" / f"{folder.name}.toml"
    assert filecmp.cmp(folder / "protocol.toml", shipped, shallow=False)


@each_study
def test_a_published_study_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20 * MEGABYTE


@each_study
def test_the_published_ledger_gives_the_published_claims(folder: Path) -> None:
    _, result = analysed(folder)
    anew = claims_of(published_claims(result).to_json())
    published = claims_of((folder / "claims.json").read_text(encoding="utf-8"))
    assert anew.keys() == published.keys()
    assert [name for name in anew if not same(anew[name], published[name])] == []


@each_study
def test_the_published_report_is_rebuilt_to_the_byte(folder: Path, tmp_path: Path) -> None:
    source, result = analysed(folder)
    published = (folder / "claims.json").read_text(encoding="utf-8")
    if published_claims(result).to_json() != published:
        pytest.skip("this machine's arithmetic differs in the last digits of the claims")
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    path = write_report(result, copy / "report.html", context=report_context(source))
    assert path.read_bytes() == (folder / "report.html").read_bytes()


def test_the_readme_cites_what_is_published() -> None:
    claims = ClaimSet.from_json(
        (ROOT / "report" / "reference" / "depth-batch-norm-cpu" / "claims.json").read_text(
            encoding="utf-8"
        )
    )
    verification = verify_paper(ROOT / "README.md", claims)
    assert verification.mismatches == ()
    assert verification.checked >= 3
