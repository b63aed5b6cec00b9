"""What is published with the project is what its ledgers give: runs, claims, reports, README."""

from __future__ import annotations

import filecmp
import json
import math
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.report import write_report
from vggstudy.report.citing.verify import verify_paper
from vggstudy.report.page.paper import paper_figures
from vggstudy.report.words.comparing import sentences, shown
from vggstudy.study.analyze import analyze_source, published_claims
from vggstudy.study.comparing import Compared, compare_two
from vggstudy.study.context import report_context
from vggstudy.study.sources import Source, open_source
from vggstudy.study.study import Study

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted(path.parent for path in (ROOT / "report" / "reference").glob("*/study.json"))
FIRST = ROOT / "report" / "reference" / "depth-batch-norm-cpu"
SECOND = FIRST.with_name("depth-batch-norm-cpu-2027")
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


def test_the_published_protocol_is_the_shipped_one() -> None:
    shipped = ROOT / "protocols" / f"{FIRST.name}.toml"
    assert filecmp.cmp(FIRST / "protocol.toml", shipped, shallow=False)


def test_the_replication_differs_from_the_first_study_in_name_and_seed_alone() -> None:
    texts = [(folder / "protocol.toml").read_text("utf-8") for folder in (FIRST, SECOND)]
    differ = [
        pair
        for pair in zip(*(text.splitlines() for text in texts), strict=True)
        if len({*pair}) > 1
    ]
    assert differ == [
        (f'name = "{FIRST.name}"', f'name = "{SECOND.name}"'),
        ("seed = 2026", "seed = 2027"),
    ]


def test_no_run_of_the_replication_is_one_of_the_first_study() -> None:
    first, second = (
        {record.result["parameters_sha256"] for record in Study.open(folder).store().records()}
        for folder in (FIRST, SECOND)
    )
    assert len(first) == len(second) == 200
    assert not first & second


def test_the_page_on_the_replication_says_what_compare_says() -> None:
    first, second = (
        Compared.of_source(folder.name, analysed(folder)[0]) for folder in (FIRST, SECOND)
    )
    compared = compare_two(first, second)
    page = " ".join((ROOT / "docs/studies/replication.md").read_text("utf-8").split())
    for sentence in sentences(compared):
        assert sentence.rstrip(".") in page
    said = {one.id: (shown(one.first), shown(one.second), one.finding) for one in compared.likes}
    rows = re.findall(r"\| `(\S+)` \| (.+?) \| (.+?) \| (\w+) \|", page)
    assert len(rows) >= 8
    assert [row for row in rows if row[1:] != said[row[0]]] == []


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
    claims = ClaimSet.from_json((FIRST / "claims.json").read_text(encoding="utf-8"))
    verification = verify_paper(ROOT / "README.md", claims)
    assert verification.mismatches == ()
    assert verification.checked >= 3


def test_every_figure_of_the_gallery_is_one_of_the_published_study() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    plotted = re.findall(r'^result\.plot\("([^"]+)"\)$', page, re.MULTILINE)
    exported = re.findall(
        r"^    vggstudy export STUDY --figures DIR --match (.+)$", page, re.MULTILINE
    )
    pictures = re.findall(r"\(images/gallery/([^)]+)\.png\)", page)
    assert plotted == exported
    assert pictures == [name.replace(".", "-") for name in plotted]
    kept = {path.stem for path in (ROOT / "docs" / "images" / "gallery").iterdir()}
    assert kept == {*pictures}
    source, result = analysed(FIRST)
    assert {*plotted} <= {*paper_figures(result, context=report_context(source))}
