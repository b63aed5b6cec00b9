"""What was tried against verification: every kind is rejected, or said not to be understood."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet, RunTable, analyze
from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.latex import macros
from vggstudy.report.citing.verify import verify_paper

ATTACKS = Path(__file__).parents[1] / "attacks"
TRUE = "50 points, 95% CI [24, 70], n = 40\n"


def frame() -> pd.DataFrame:
    """Runs like those of the quickstart: VGG19 learns with batch normalisation alone."""
    rows = [
        {
            "depth": depth,
            "batch_size": size,
            "batch_norm": norm,
            "replicate": replicate,
            "label": "converged" if depth == 11 or norm else "failed_to_learn",
            "test_accuracy": 0.95 + 0.001 * replicate if depth == 11 or norm else 0.1,
        }
        for depth in (11, 19)
        for size in (32, 64)
        for norm in (False, True)
        for replicate in range(5)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    table = RunTable.from_frame(frame(), factors=["depth", "batch_size", "batch_norm"])
    return analyze(table, resamples=199)


@pytest.fixture(scope="module")
def claims(result: AnalysisResult) -> ClaimSet:
    return result.claims


def code(path: Path, claims: ClaimSet) -> int:
    try:
        return verify_paper(path, claims).exit_code
    except AnalysisError:
        return 2


def papers() -> Iterator[Path]:
    for folder in sorted(ATTACKS.glob("0[2-6]-*")):
        if folder.name.startswith("03"):
            yield from sorted(folder.glob("*/paper.tex"))
        else:
            yield from sorted(folder.iterdir())


@pytest.mark.parametrize("paper", [*papers()], ids=lambda path: str(path.relative_to(ATTACKS)))
def test_every_attack_by_a_paper_is_refused(paper: Path, claims: ClaimSet, tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    shutil.copytree(paper.parent, folder)
    text = macros(claims.values(), inputs_digest=next(iter(claims.values())).inputs_digest)
    if paper.parent.name == "i-swap-ids":
        text = text.replace("\\makeatother\n", "\\let\\a\\relax\\makeatother\n")
    (folder / "claims.tex").write_text(text, "utf-8")
    done = verify_paper(folder / paper.name, claims)
    assert done.exit_code in (1, 2)
    if "02-macro" in str(paper):
        assert any("this changes what \\vgg prints" in one.text for one in done.mismatches)


def test_the_same_papers_without_their_attack_are_accepted(
    claims: ClaimSet, tmp_path: Path
) -> None:
    (tmp_path / "p.md").write_text(TRUE, "utf-8")
    assert code(tmp_path / "p.md", claims) == 0
    text = macros(claims.values(), inputs_digest=next(iter(claims.values())).inputs_digest)
    (tmp_path / "claims.tex").write_text(text, "utf-8")
    paper = tmp_path / "paper.tex"
    paper.write_text("\\input{claims} Good: \\vgg[apa]{converged.diff.batch_norm}.\n", "utf-8")
    assert code(paper, claims) == 0


@pytest.mark.parametrize(
    "content",
    [
        ("p.md", "<!--" * 100_000),
        ("p.tex", "\\vgg[" * 100_000),
        ("p.md", "1" * 200_000),
        ("p.tex", "\\input{" + " " * 20_000 + "x"),
        ("p.md", "[" * 100_000),
        ("p.tex", "{" * 100_000),
        ("p.tex", "95\\% CI " * 50_000),
    ],
    ids=["comments", "macros", "digits", "blanks", "brackets", "braces", "mentions"],
)
def test_no_paper_takes_long(content: tuple[str, str], claims: ClaimSet, tmp_path: Path) -> None:
    path = tmp_path / content[0]
    path.write_text(TRUE + content[1], "utf-8")
    start = time.process_time()
    assert code(path, claims) in (0, 1, 2)
    assert time.process_time() - start < 10


def test_pipes_devices_and_files_outside_are_not_read(claims: ClaimSet, tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    folder.mkdir()
    os.mkfifo(folder / "f.tex")
    (folder / "z.tex").symlink_to("/dev/zero")
    assert code(folder / "f.tex", claims) == 2
    assert code(folder / "z.tex", claims) == 2
    (tmp_path / "out.tex").write_text(TRUE.replace("%", "\\%"), "utf-8")
    paper = folder / "p.tex"
    paper.write_text("\\input{../out}", "utf-8")
    (wrong,) = verify_paper(paper, claims).mismatches
    assert "outside the paper's folder" in wrong.text
    assert verify_paper(paper, claims, allowed=[tmp_path]).exit_code == 0


@pytest.mark.parametrize("name", [*(f"k{i}.json" for i in (1, 2, 3, 5, 8, 9)), "deep", "link"])
def test_hostile_claims_files_are_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "claims.json"
    if name == "deep":
        path.write_text("[" * 100_000)
    elif name == "link":
        path.symlink_to("/dev/zero")
    else:
        shutil.copy(ATTACKS / "07-claims-json-hostile" / name, path)
    asked = ["cite", "verify", str(path), "--against", str(path), "--trust", str(path)]
    assert _invoke(asked) in (2, 3, 5)
    said = capsys.readouterr().err
    assert "internal error" not in said


def test_a_claim_without_its_digest_is_damage(
    result: AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(result.claims.to_json())
    content["claims"][0]["claim_digest"] = ""
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(content))
    frame().to_csv(tmp_path / "runs.csv", index=False)
    asked = ["--against", str(tmp_path / "runs.csv"), "--factors", "depth,batch_size,batch_norm"]
    assert _invoke(["cite", "verify", str(path), *asked]) == 3
    assert "its digest is missing" in capsys.readouterr().err


def test_a_file_named_verify_changes_nothing(
    result: AnalysisResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("verify").touch()
    Path("p.md").write_text(TRUE, "utf-8")
    Path("claims.json").write_text(result.claims.to_json(), "utf-8")
    against = ["--against", "claims.json", "--trust", "claims.json"]
    assert _invoke(["cite", "verify", "p.md", *against]) == 0
    assert _invoke(["cite", *against, "verify", "p.md"]) == 0


def test_a_claims_file_is_no_evidence_unless_somebody_vouches_for_it(
    result: AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims, paper = tmp_path / "claims.json", tmp_path / "p.md"
    claims.write_text(result.claims.to_json(), "utf-8")
    paper.write_text(TRUE, "utf-8")
    asked = ["cite", "verify", str(paper), "--against", str(claims)]
    assert _invoke(asked) == 2
    assert "anybody can write" in capsys.readouterr().err
    assert _invoke([*asked, "--trust", str(paper)]) == 2
    assert _invoke([*asked, "--trust", str(claims)]) == 0
    assert "no record is looked at" in capsys.readouterr().err


def test_a_closed_output_is_an_error(result: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(result.claims.to_json(), "utf-8")
    command = f'exec "{sys.executable}" -m vggstudy cite "{path}" >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command], stderr=subprocess.PIPE, check=False, text=True
    )
    assert done.returncode == 1
    assert "nothing could be written" in done.stderr
