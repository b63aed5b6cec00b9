"""export --figures: the report's figures for a paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_compare import OPTIONS, table

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return table(tmp_path / "runs.csv", 1)


def test_figures_are_written_with_what_latex_takes_in(cli: Cli, runs: Path, tmp_path: Path) -> None:
    asked = ("export", runs, *OPTIONS, "--figures", "figures", "--match", "accuracy*")
    done = cli(*asked, "--format", "pdf,svg", "--width", "82.55mm", "--font", "serif", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)["figures"]
    assert {one["name"] for one in told} == {"accuracy", "accuracy.diff"}
    folder = tmp_path / "figures"
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(written) == {file for one in told for file in one["files"]}
    snippet = written["accuracy-diff.tex"].decode()
    assert r"\includegraphics[width=3.25in]{figures/accuracy-diff}" in snippet
    assert "% claim accuracy.diff.model\n" in snippet
    assert r"95\% confidence intervals" in snippet
    assert r"\label{fig:accuracy-diff}" in snippet
    cli(*asked, "--format", "pdf,svg", "--width", "82.55mm", "--font", "serif")
    assert written == {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\begin{document}\\input{figures/accuracy-diff}\\end{document}\n"
    )
    checked = cli("cite", "verify", "paper.tex", "--against", runs, *OPTIONS)
    assert "is not" not in checked.out
    assert checked.code in (0, 2)  # a caption alone holds no number of the study


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--figures", "f", "--format", "csv"), "figures are written as pdf, svg, png"),
        (("--figures", "f", "--width", "3.25"), "is no width: write it as 3.25in"),
        (("--figures", "f", "--width", "3mm"), "is not between 1 and 20 inches"),
        (("--format", "pdf"), "tables are written as csv, json or parquet"),
        (("--figures", "f", "--match", "x"), "no figure is named 'x'"),
        (("--value", "accuracy.mean"), "--value is for --table"),
        (("--table", "t.tex", "--font", "serif"), "--font is for --figures"),
        (("--table", "t.tex", "-o", "runs.csv"), "--output does not go with --table"),
        (("--table", "t.tex", "--format", "csv"), "--format does not go with --table"),
        (("--figures", "f", "--what", "runs"), "--what does not go with --figures"),
        (("--figures", "f", "--table", "t.tex"), "--figures and --table: give one of them"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    cli: Cli, runs: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = cli("export", runs, *OPTIONS, *arguments)
    assert done.code in (2, 3)
    assert words in done.err


def test_a_table_is_written_and_one_digit_changed_is_found(
    cli: Cli, runs: Path, tmp_path: Path
) -> None:
    runs.write_text(runs.read_text().replace("model", "my model"))
    options = ("--factors", "my model", "--chance", "0.1")
    done = cli("export", runs, *options, "--table", "models.tex")
    assert done.code == 0, done.err
    file = tmp_path / "models.tex"
    text = file.read_text()
    assert r"& \textbf{" in text
    (tmp_path / "paper.tex").write_text("\\input{models}\n")
    check = ("cite", "verify", "paper.tex", "--against", runs, *options)
    assert cli(*check).code == 0
    (line,) = [n for n, x in enumerate(text.split("\n"), 1) if r"\textbf{9" in x]
    file.write_text(text.replace(r"\textbf{9", r"\textbf{8"))
    found = cli(*check, "--format", "github")
    assert found.code == 1
    assert f"models.tex,line={line},title=vggstudy::" in found.out


def test_a_table_of_what_there_is_not_is_refused(cli: Cli, runs: Path, tmp_path: Path) -> None:
    for given, words in (
        (("--rows", "x"), "--rows x: the factors are model"),
        (("--value", "y.mean"), "there is no claim y.mean@model=..."),
    ):
        done = cli("export", runs, *OPTIONS, "--table", "t.tex", *given)
        assert done.code in (2, 3)
        assert words in done.err
    assert not (tmp_path / "t.tex").exists()
