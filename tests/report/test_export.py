"""Exports: each file is what other programs read, and carries the digest of the study."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.report.export import export
from vggstudy.report.latex import macros, tex_key

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


def test_citation_cff_says_what_its_format_requires(tiny: AnalysisResult) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    content = yaml.safe_load(export(tiny.claims, "CITATION.cff", title=TITLE))
    assert {"cff-version", "message", "title", "authors"} <= set(content)
    assert content["cff-version"] == "1.2.0"
    assert content["title"] == TITLE
    assert content["identifiers"][0]["value"] == f"sha256:{tiny.inputs_digest}"
    assert all(author["name"] for author in content["authors"])


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


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize(("name", "code"), [("converged.p", 0), ("converged.q", 1)])
def test_pdflatex_takes_ten_macros_and_stops_at_an_unknown_id(
    name: str, code: int, tiny: AnalysisResult, tmp_path: Path
) -> None:
    available = [claim for claim in tiny.claims.values() if claim.available]
    text = macros(available, inputs_digest=tiny.inputs_digest)
    (tmp_path / "claims.tex").write_text(text)
    uses = " ".join(f"\\vgg[apa]{{{tex_key(claim.id)}}}" for claim in available[:10])
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{hyperref}\\input{claims}\\begin{document}"
        f"\\tableofcontents\\section{{At \\vgg[estimate]{{{name}}}}}{uses}"
        "\\begin{figure}\\caption{\\vgg[interval]{converged.p}}\\end{figure}\\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == code
    assert (tmp_path / "paper.pdf").exists() is (code == 0)


def test_cite_verify_tells_right_wrong_and_unknown_by_its_exit_code(
    tiny: AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, paper = tmp_path / "claims.json", tmp_path / "paper.md"
    study.write_text(tiny.claims.to_json(), "utf-8")

    def verify() -> int:
        return _invoke(["cite", "verify", str(paper), "--against", str(study)])

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
