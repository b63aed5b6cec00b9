"""Exports: each file is what other programs read, and carries the digest of the study."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import cite
from vggstudy.report.citing.export import export
from vggstudy.report.citing.latex import tex_key

TITLE = 'Does "it" help: 100% & more {really}?'


def test_bibtex_entries_balance_their_braces_and_carry_digests(tiny: AnalysisResult) -> None:
    text = export(tiny.claims, "claims.bib", title=TITLE)
    entries = re.split(r"\n\n", text.strip())
    available = [claim for claim in tiny.claims.values() if claim.available]
    assert len(entries) == 1 + len(available)
    assert len(set(re.findall(r"@misc\{([^,]+),", text))) == len(entries)
    for entry in entries:
        bare = entry.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}")
    assert tiny.inputs_digest in entries[0]
    assert all(c.claim_digest in e for c, e in zip(available, entries[1:], strict=True))


def cff_schema() -> Any:
    """The schema of the Citation File Format."""
    folder = resources.files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((folder / "citation-file-format.json").read_text("utf-8"))


@pytest.mark.parametrize("title", [TITLE, "a: b # c", "- 1", "\N{SNOWMAN} \\ \t \x85", None])
def test_citation_cff_is_valid_and_carries_the_digest(
    title: str | None, tiny: AnalysisResult
) -> None:
    content = YAML(typ="safe").load(export(tiny.claims, "CITATION.cff", title=title))
    Draft7Validator(cff_schema()).validate(content)
    assert content["cff-version"] == "1.2.0"
    assert content["title"] == (title or "Replicated training study")
    assert content["identifiers"][0]["value"] == f"sha256:{tiny.inputs_digest}"
    assert all(author["name"] for author in content["authors"])


def test_the_program_s_own_citation_cff_is_valid(repository: Path) -> None:
    content = YAML(typ="safe").load((repository / "CITATION.cff").read_text("utf-8"))
    content["date-released"] = str(content.get("date-released", "2026-01-01"))
    Draft7Validator(cff_schema()).validate(content)


def test_json_ld_holds_every_claim_with_its_numbers(tiny: AnalysisResult) -> None:
    content = json.loads(export(tiny.claims, "claims.jsonld", title=None))
    assert content["@context"] == "https://schema.org"
    values = {item["propertyID"]: item for item in content["variableMeasured"]}
    assert set(values) == set(tiny.claims)
    claim = tiny.claims["converged.p"]
    found = values["converged.p"]
    assert (found["value"], found["minValue"], found["maxValue"]) == (
        claim.estimate,
        claim.low,
        claim.high,
    )


def test_json_reads_back_and_csv_has_a_row_a_claim(tiny: AnalysisResult) -> None:
    again = ClaimSet.from_json(export(tiny.claims, "x.json", title=None))
    assert list(again.values()) == list(tiny.claims.values())
    assert export(tiny.claims, "x.csv", title=None).count("\n") == 1 + len(tiny.claims)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("claims.bbi", "claims.bbi: nothing is exported as .bbi (did you mean .bib?)"),
        ("claims", "claims: nothing is exported as a file without suffix (known: .tex"),
    ],
)
def test_a_name_that_says_nothing_is_refused(name: str, message: str, tiny: AnalysisResult) -> None:
    with pytest.raises(AnalysisError, match=re.escape(message)):
        export(tiny.claims, name, title=None)


def write_paper(folder: Path, claims: ClaimSet, *, title: str = "converged.p") -> Path:
    """A paper with ten macros in its text, one in a heading, one in a caption, and a literal."""
    study = folder / "claims.json"
    study.write_text(claims.to_json(), "utf-8")
    files = [part for name in ("claims.tex", "claims.bib") for part in ("--export", folder / name)]
    assert _invoke(["cite", str(study), *map(str, files)]) == 0
    available = [claim for claim in claims.values() if claim.available]
    uses = "\n".join(f"\\vgg[apa]{{{tex_key(claim.id)}}}" for claim in available[:10])
    paper = folder / "paper.tex"
    paper.write_text(
        "\\documentclass{article}\n\\usepackage{hyperref}\n\\input{claims}\n\\begin{document}\n"
        f"\\tableofcontents\n\\section{{At \\vgg[estimate]{{{title}}}}}\n{uses}\n"
        "\\begin{figure}\\caption{\\vgg[interval]{converged.p}}\\end{figure}\n"
        f"In words: {cite(claims['expected.mean'], 'latex')}.\n"
        f"\\nocite{{*}}\\bibliographystyle{{plain}}\\bibliography{{claims}}\n\\end{{document}}\n",
        "utf-8",
    )
    return paper


def tex(program: str, paper: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of TeX on a paper, in its folder."""
    options = [] if program == "bibtex" else ["-interaction=nonstopmode"]
    command = [program, *options, paper.stem if program == "bibtex" else paper.name]
    return subprocess.run(
        command, cwd=paper.parent, capture_output=True, check=False, text=True, errors="replace"
    )


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_paper_with_ten_macros_compiles_and_is_verified_until_a_digit_changes(
    tiny: AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = write_paper(tmp_path, tiny.claims)
    for program in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        done = tex(program, paper)
        assert done.returncode == 0, done.stdout
    assert "Warning--" not in (tmp_path / "paper.blg").read_text()
    assert "undefined" not in (tmp_path / "paper.log").read_text(errors="replace")
    listed = (tmp_path / "paper.bbl").read_text().replace("\n", " ")
    assert re.sub(" +", " ", listed).count("SHA-256") == listed.count("\\bibitem")
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000

    claims = str(tmp_path / "claims.json")
    verify = ["cite", "verify", str(paper), "--against", claims, "--trust", claims]
    assert _invoke(verify) == 0
    capsys.readouterr()
    lines = paper.read_text("utf-8").splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if line.startswith("In words"))
    place = lines[number].index("[$") + 2
    digit = str((int(lines[number][place]) + 1) % 10)
    lines[number] = lines[number][:place] + digit + lines[number][place + 1 :]
    paper.write_text("".join(lines), "utf-8")
    assert _invoke(verify) == 1
    assert f"{paper}:{number + 1}: no claim of the study prints" in capsys.readouterr().out


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_stops_at_an_unknown_id(tiny: AnalysisResult, tmp_path: Path) -> None:
    paper = write_paper(tmp_path, tiny.claims, title="converged.q")
    done = tex("pdflatex", paper)
    assert done.returncode == 1
    assert "there is no claim `converged.q'" in done.stdout
    assert not (tmp_path / "paper.pdf").exists()


def test_cite_verify_tells_right_wrong_and_unknown_by_its_exit_code(
    tiny: AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, paper = tmp_path / "claims.json", tmp_path / "paper.md"
    study.write_text(tiny.claims.to_json(), "utf-8")

    def verify() -> int:
        against = ["--against", str(study), "--trust", str(study)]
        return _invoke(["cite", "verify", str(paper), *against])

    assert _invoke(["cite", str(study), "converged.p", "--as", "apa"]) == 0
    paper.write_text(capsys.readouterr().out, "utf-8")
    assert verify() == 0
    paper.write_text(paper.read_text("utf-8").replace("n = 12", "n = 13"), "utf-8")
    assert verify() == 1
    assert f"{paper}:1: no claim of the study prints" in capsys.readouterr().out
    paper.unlink()
    assert verify() == 2
    assert "cannot be read" in capsys.readouterr().err


def test_cite_exports_every_file_that_is_named(tiny: AnalysisResult, tmp_path: Path) -> None:
    study = tmp_path / "claims.json"
    study.write_text(tiny.claims.to_json(), "utf-8")
    files = [tmp_path / name for name in ("c.tex", "c.bib", "CITATION.cff")]
    asked = [part for file in files for part in ("--export", str(file))]
    assert _invoke(["cite", str(study), *asked]) == 0
    assert all(tiny.inputs_digest in file.read_text("utf-8") for file in files)
