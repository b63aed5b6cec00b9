"""Studies and claims that are listed, on terminals of any width, and what every help ends with."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Cli
from vggstudy.cli import main, results
from vggstudy.cli.console import Console, middle_cut
from vggstudy.cli.examples import EXAMPLES
from vggstudy.cli.status import EVERY_S, _report_now, watch_study
from vggstudy.study.study import Study


def test_studies_are_listed_with_their_state(cli: Cli, study: Path) -> None:
    (study.parent / "torn").mkdir()
    (study.parent / "torn" / "study.json").write_text("{")
    (row, torn) = json.loads(cli("list", "--json").out)["studies"]
    assert (row["name"], row["done"], row["runs"], row["report"]) == ("small", 6, 6, None)
    assert (torn["name"], torn["done"]) == ("torn", None)
    assert "study.json" in torn["report"]
    (study / "report.html").write_text("<p>")
    assert "studies/small/report.html" in cli("list").out
    assert "no studies in" in cli("list", "elsewhere").err


def test_a_study_that_is_not_there_is_told_where_it_was_looked_for(cli: Cli, study: Path) -> None:
    done = cli("status", "smal")
    assert done.code == 5
    assert "there is no study at smal, nor at studies/smal; did you mean 'small'?" in done.err
    assert "studies here: small" in cli("analyze", "nothing").err
    assert "there is no study at a/b; studies here: small" in cli("status", "a/b").err


def test_a_report_is_opened_or_asked_for(
    cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return 0

    monkeypatch.setattr(click, "launch", launch)
    done = cli("open", "small")
    assert (done.code, opened) == (1, [])
    assert "studies/small has no report yet: vggstudy report small" in done.err
    (study / "report.html").write_text("<p>")
    assert cli("open", "small").code == 0
    assert opened == [(study / "report.html").as_uri()]
    monkeypatch.setattr(click, "launch", lambda _: 1)
    assert "no browser could be started; the report is studies/small/report.html" in (
        cli("open", "small").err
    )


def test_headlines_are_listed_first(cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "converged.p@depth=11" in cli("cite", study).out
    monkeypatch.setattr(results, "FEW", 3)
    listed = cli("cite", "small")
    ids = [line.split()[0] for line in listed.out.splitlines()[2:]]
    assert "converged.diff.depth" in ids
    assert not any("@" in one for one in ids if one.startswith("converged"))
    whole = cli("cite", "small", "--all").out.splitlines()
    assert f"{len(whole) - 2 - len(ids)} more claims: --all lists them" in listed.err
    some = cli("cite", "small", "--match", "converged.*", "--match", "accuracy.mean@depth=11")
    assert {line.split(".")[0] for line in some.out.splitlines()[2:]} == {"converged", "accuracy"}
    assert "no claim is like nothing*" in cli("cite", "small", "--match", "nothing*").err


HEADER = ("claim", "estimate", "n", "caution")
ROWS = [
    ("accuracy.diff.depth@batch_norm=true,batch_size=256,data_norm=false", "1 point", "20", "few"),
    ("converged.p", "74%", "200", ""),
]


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_terminal_a_claim_takes_one_line(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
    Console().claims(HEADER, ROWS)
    head, _, first, second, below = capsys.readouterr().out.splitlines()
    assert max(map(len, (head, first, second))) <= width
    assert first.startswith("accuracy.")
    assert "\N{HORIZONTAL ELLIPSIS}" in first
    assert first.endswith("!")
    assert not second.endswith("!")
    assert below == "! has a caution; ids are shortened to the terminal's width: a pipe gets all"


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Console().claims(HEADER, ROWS)
    assert ROWS[0][0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("room", "cut"), [(9, "abcdefghi"), (8, "abcd\u2026ghi"), (4, "ab\u2026i")]
)
def test_texts_lose_their_middle(room: int, cut: str) -> None:
    assert middle_cut("abcdefghi", room) == cut


CONTEXT = click.Context(main)


@pytest.mark.parametrize("name", main.list_commands(CONTEXT))
def test_every_help_ends_with_examples_that_are_understood(name: str) -> None:
    command = main.get_command(CONTEXT, name)
    assert command is not None
    help_text = command.get_help(click.Context(command, info_name=name))
    for line in EXAMPLES[name]:
        assert f"    {line}" in help_text
        program, called, *arguments = shlex.split(line.partition(" > ")[0])
        assert (program, called) == ("vggstudy", name)
        asked = command
        if isinstance(asked, click.Group):
            chosen = arguments.pop(0) if arguments[0] in asked.commands else "show"
            asked = asked.commands[chosen]
        asked.make_parser(click.Context(asked)).parse_args(arguments)  # raises on unknown options


def test_a_study_is_watched_until_nothing_is_lacking(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {path: path.read_bytes() for path in sorted((study / "runs").rglob("*.json"))}
    runs = sorted({path.parent for path in kept})
    for path in kept:
        if path.parent in runs[2:]:
            path.unlink()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        """What another process does meanwhile: it finishes two runs."""
        waits.append(seconds)
        for folder in runs[2 * len(waits) : 2 * len(waits) + 2]:
            for path, content in kept.items():
                if path.parent == folder:
                    path.write_bytes(content)

    times = iter(range(0, 1000, 10))
    watch_study(Console(), Study.open(study), wait=wait, clock=lambda: float(next(times)))
    shown = capsys.readouterr().err
    assert waits == [EVERY_S, EVERY_S]
    assert "next: vggstudy report" in shown
    assert "6 of 6 runs done, 0 pending" in shown


def test_who_watches_can_have_reports_on_the_way_each_marked_until_the_last(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = sorted((study / "runs").rglob("*.json"))[-1]
    content = last.read_bytes()
    last.unlink()
    pages: list[str] = []

    def wait(_: float) -> None:
        """The first wait changes nothing, and the page stays; then the last run ends."""
        pages.append((study / "report.html").read_text("utf-8"))
        if len(pages) == 2:
            last.write_bytes(content)

    watch_study(Console(), Study.open(study), reports=True, wait=wait)
    assert pages[0] == pages[1]
    mark = "5 of 6 runs, not final"
    assert f"<title>{mark}: small</title>" in pages[0]
    final = (study / "report.html").read_text("utf-8")
    assert "not final" not in final
    assert "next:" not in capsys.readouterr().err
    last.unlink()
    assert _report_now(Study.open(study)) == f"{study / 'report.html'} ({mark})"


def test_reports_on_the_way_are_for_who_watches(cli: Cli, study: Path) -> None:
    refused = cli("status", study, "--report")
    assert (refused.code, "--report is for --watch" in refused.err) == (2, True)


def test_a_report_claims_and_a_citation_of_an_unfinished_study_say_so(
    cli: Cli, study: Path
) -> None:
    sorted((study / "runs").rglob("*.json"))[-1].unlink()
    done = cli("report", study)
    assert "5 of 6 runs, not final" in done.err
    page = (study / "report.html").read_text("utf-8")
    assert '<span class="unfinished">5 of 6 runs, not final</span></h1>' in page
    assert '"5 of 6 runs, not final: small"' in page  # the printed page's foot
    assert page.count("small (5 of 6 runs, not final)") == 2  # APA, BibTeX
    claims = json.loads((study / "claims.json").read_text("utf-8"))["claims"]
    assert all("unfinished" in [note["code"] for note in one["warnings"]] for one in claims)
    cited = cli("cite", study, "converged.p@depth=11").out
    assert "(caution: not all planned runs are there yet)" in cited
    assert cli("analyze", study).out.count("planned runs was not run yet") == 1
    korean = cli("report", study, "--lang", "ko", "-o", "ko.html", "--json")
    assert json.loads(korean.out)["final"] is False
    assert "실행 6회 중 5회" in Path("ko.html").read_text("utf-8").split("</title>")[0]


def test_watching_needs_a_terminal(cli: Cli, study: Path) -> None:
    refused = cli("status", study, "--watch")
    assert (refused.code, "--watch needs a terminal" in refused.err) == (2, True)
