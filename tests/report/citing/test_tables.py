"""Tables that were exported: verified line by line, and every way to bend one is found."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.citing.test_attacks import analysed
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.floats import figure_snippet
from vggstudy.report.citing.latex import macros
from vggstudy.report.citing.tables import TableSpec, table
from vggstudy.report.citing.verify import Verification, verify_paper
from vggstudy.report.page.paper import paper_figures

SPEC = TableSpec("converged.p", "batch_norm", "depth", "highest", "tab:models")
BEGIN = r"\begin{document}"
PAPER = r"""\documentclass{article}
\usepackage{booktabs}
\usepackage{graphicx}
\input{claims}
\begin{document}
Batch normalisation changes how often runs converge: \vgg[apa]{converged.diff.batch_norm}.
With it the test accuracy is \vgg[apa]{accuracy.mean@batch_norm=true}; without conditions
\vgg[apa]{converged.p}. Table~\ref{tab:models} and Figure~\ref{fig:converged} show more.
\input{models}
\input{figures/converged}
\end{document}
"""


def exported(spec: TableSpec = SPEC) -> str:
    result = analysed()
    return table(result.claims, spec, inputs_digest=result.inputs_digest)


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A paper of a page: three claims, a table and a figure."""
    result = analysed()
    digest = result.inputs_digest
    (tmp_path / "claims.tex").write_text(macros(result.claims.values(), inputs_digest=digest))
    (tmp_path / "models.tex").write_text(exported())
    figure = paper_figures(result)["converged"]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/converged.pdf").write_bytes(figure.printed("pdf"))
    snippet = figure_snippet(
        "figures/converged",
        name="converged",
        caption=figure.caption,
        width="3.25in",
        claims=figure.claims,
    )
    (tmp_path / "figures/converged.tex").write_text(snippet)
    path = tmp_path / "paper.tex"
    path.write_text(PAPER)
    return path


def verified(paper: Path) -> Verification:
    return verify_paper(paper, analysed().claims)


def test_a_paper_with_a_table_a_figure_and_three_claims_is_verified(paper: Path) -> None:
    done = verified(paper)
    assert (done.exit_code, done.mismatches) == (0, ())
    assert done.checked >= 3 + 4


def test_every_cell_names_its_claim_and_the_best_is_one_that_its_difference_supports() -> None:
    lines = exported().splitlines()
    (cell,) = [x for x in lines if x.endswith("% converged.p@batch_norm=true,depth=19")]
    assert cell.startswith(r"& \textbf{100\%} [")
    # At depth 11 all runs converge, with and without: no difference supports a mark.
    assert sum(r"\textbf" in line for line in lines) == 1
    assert r"\textbf" not in exported(TableSpec("converged.p", "batch_norm", "depth", "none", "t"))


def swap(text: str, one: str, other: str) -> str:
    lines = text.split("\n")
    a, b = (next(i for i, line in enumerate(lines) if part in line) for part in (one, other))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


ATTACKS: dict[str, Callable[[str], str]] = {
    "a digit": lambda text: text.replace(r"\textbf{100\%} [", r"\textbf{100\%} [1", 1),
    "cells swapped": lambda text: swap(text, "true,depth=19", "false,depth=19"),
    "cells swapped, not their ids": lambda text: re.sub(
        r"(& .*)( % converged\.p@batch_norm=true,depth=19)",
        lambda m: "& 0\\% [0, 26]\\%" + m[2],
        text,
    ),
    "row labels swapped": lambda text: swap(text, "\ntrue"[1:], "\nfalse"[1:]),
    "columns' heads swapped": lambda text: swap(text, "& depth 11", "& depth 19"),
    "the best mark moved": lambda text: text.replace(r"\textbf{100\%}", r"100\%").replace(
        "& 0\\% [", "& \\textbf{0\\%} ["
    ),
    "the mark dropped": lambda text: text.replace(r"\textbf{100\%}", r"100\%"),
    "another mark": lambda text: text.replace("best=highest", "best=lowest"),
    "another value": lambda text: text.replace("value=converged.p", "value=accuracy.mean"),
    "a row dropped": lambda text: "\n".join(text.split("\n")[:10] + text.split("\n")[14:]),
    "a row added": lambda text: text.replace(r"\bottomrule", "no\n& 1\n& 2\n\\\\\n\\bottomrule"),
    "something behind": lambda text: text + "100\\% of all\n",
    "a comment opened": lambda text: text.replace("& \\textbf", "% & \\textbf"),
    "the caption": lambda text: text.replace("95\\%", "99\\%"),
    "other inputs": lambda text: re.sub("SHA-256 .", "SHA-256 x", text),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_bent_table_is_found_with_its_line(name: str, paper: Path) -> None:
    file = paper.parent / "models.tex"
    text = file.read_text()
    bent = ATTACKS[name](text)
    assert bent != text
    file.write_text(bent)
    done = verified(paper)
    assert done.exit_code == 1
    found = [one for one in done.mismatches if one.file == str(file)]
    lines = zip(text.split("\n"), bent.split("\n"), strict=False)
    first = next(i for i, (a, b) in enumerate(lines, start=1) if a != b)
    if name not in ("another value", "another mark"):
        assert found[0].line == first


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text.replace(r"\input{models}", exported()),
        lambda text: text.replace(
            r"\begin{document}", r"\renewcommand{\textbf}[1]{7}\begin{document}"
        ),
        lambda text: text.replace(r"\begin{document}", "\\def\n\\caption#1{}\\begin{document}"),
        lambda text: text.replace(r"\begin{document}", r"\let\toprule=7\begin{document}"),
    ],
    ids=["pasted", "renewcommand", "def", "let"],
)
def test_what_could_change_a_table_is_not_passed(bend: Callable[[str], str], paper: Path) -> None:
    paper.write_text(bend(paper.read_text()))
    assert verified(paper).exit_code == 2


def test_a_head_that_no_export_writes_is_not_passed(paper: Path) -> None:
    file = paper.parent / "models.tex"
    file.write_text(file.read_text().replace("label=tab:models", "label=}99"))
    assert verified(paper).exit_code == 2


def test_what_holds_nothing_is_refused() -> None:
    with pytest.raises(AnalysisError, match=r"there is no claim x\.mean@batch_norm"):
        exported(TableSpec("x.mean", "batch_norm", None, "none", "t"))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_the_paper_is_built(paper: Path) -> None:
    known = subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False)
    if known.returncode:  # its rules alone
        rules = "".join(rf"\newcommand{{\{x}rule}}{{\hline}}" for x in ("top", "mid", "bottom"))
        (paper.parent / "booktabs.sty").write_text(rules + "\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", paper.name]
    for _ in range(2):
        done = subprocess.run(
            command, cwd=paper.parent, capture_output=True, check=False, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined references" not in done.stdout
    assert (paper.parent / "paper.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.tex", "\\begin{tabular}{ll}a & 12.5 \\\\\nb & 3\\% \\\\\n\\end{tabular}\n"),
        ("p.md", "| a | b |\n| --- | --- |\n| x | 12.5 |\n| y | 3% |\n"),
    ],
)
def test_numbers_of_a_table_that_name_no_claim_are_listed(
    name: str, text: str, tmp_path: Path
) -> None:
    said = "100%, 95% CI [83, 100]%, n = 20 (`converged.p@batch_norm=true`)\n\n"
    path = tmp_path / name
    path.write_text(said.replace("%", "\\%").replace("_", "\\_").replace("`", "") + text)
    if name == "p.md":
        path.write_text(said + text)
    done = verify_paper(path, analysed().claims, list_unbound=True)
    told = [one.text for one in done.warnings if "bound to no claim" in one.text]
    assert [text.split("'")[1] for text in told] == ["12.5", "3%"]
    assert all(one.line > 2 for one in done.warnings if "bound" in one.text)
    assert not [x for x in verify_paper(path, analysed().claims).warnings if "bound" in x.text]
