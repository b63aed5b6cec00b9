"""At the edges of what is meant: one sentence on stderr, the right exit code, no silence."""

from __future__ import annotations

import errno
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from vggstudy.cli.console import Console, inert_json
from vggstudy.execution import Tally
from vggstudy.ledger import database

LONG = "x" * 300
ONE_CELL = """\
schema = 1
name = "one"
[design]
replicates = 6
seed = 1
[data]
name = "digits"
[model]
depth = 11
[training]
epochs = 20
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "small.toml", "--study", LONG), 5),
        (("plan", "small.toml", "--study", LONG), 5),
        (("status", LONG), 5),
        (("doctor", LONG), 5),
        (("analyze", LONG), 5),
        (("report", LONG), 5),
        (("cite", LONG), 5),
        (("export", LONG), 5),
        (("cite", f"{LONG}.json"), 5),
        (("analyze", f"{LONG}.csv", "--factors", "a"), 3),
        (("analyze", "small", "-o", LONG), 2),
        (("check", LONG), 3),
    ],
)
def test_a_path_too_long_is_one_sentence(
    cli: Any, small: Any, arguments: tuple[str, ...], code: int
) -> None:
    Path("small.toml").write_text(small.text)
    done = cli(*arguments)
    assert done.code == code, done.err
    assert len(done.err.splitlines()) == 1
    assert LONG in done.err


def test_quiet_is_not_silent_about_runs_that_crashed(
    cli: Any, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("small.toml").write_text(small.text.replace("replicates = 3", "replicates = 4"))
    crashed = Tally(finished=0, crashed=4, left=0, interrupted=False)
    monkeypatch.setattr("vggstudy.study.study.Study.run", lambda *_, **__: crashed)
    done = cli("run", "small.toml", "--study", "small", "-q")
    assert done.code == 4
    assert done.err == "vggstudy: warning: small: 12 of 16 runs done, 4 pending\n"


def test_a_warning_is_said_once(cli: Any, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path | None) -> sqlite3.Connection:
        if folder is not None:
            raise OSError(errno.EROFS, "read-only")
        return connect(folder)

    def connect_error(folder: Path | None) -> sqlite3.Connection:
        try:
            return refuse(folder)
        except OSError as error:
            raised = sqlite3.OperationalError(str(error))
            raised.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise raised from error

    connect = database.connect
    monkeypatch.setattr(database, "connect", connect_error)
    done = cli("status", "small")
    assert done.code == 0
    assert done.err.count("the index of small is kept in memory") == 1
    logging.getLogger("vggstudy").handlers.clear()


def test_a_column_that_was_not_named_as_a_factor_is_pointed_out(cli: Any, small: Any) -> None:
    cli("export", "small", "-o", "runs.csv")
    done = cli("analyze", "runs.csv", "--factors", "depth")
    assert done.code == 3
    assert "column 'batch_norm' differs between these rows: is it a factor, too?" in done.err
    assert "'test_accuracy'" not in done.err
    assert cli("analyze", "runs.csv", "--factors", "depth,batch_norm").code == 0


def test_a_study_of_one_cell_is_analysed_reported_and_cited(
    cli: Any, small: Any, make: Any, tmp_path: Path
) -> None:
    make(tmp_path / "one", ONE_CELL)
    found = cli("cite", "one").out
    assert "accuracy.mean  " in found
    assert "converged.p  " in found
    assert "95% CI [54, 100]%" in found  # Clopper-Pearson of 6 of 6: 0.025 ** (1 / 6) = 0.541
    for command in ("status", "analyze", "report", "export"):
        assert cli(command, "one").code == 0
    exported = cli("export", "one", "-o", "one.csv")
    assert exported.code == 0
    done = cli("cite", "one.csv", "--protocol", "one/protocol.toml", "accuracy.mean")
    assert done.code == 0, done.err


def test_what_a_program_reads_is_exact_unless_a_terminal_shows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Console().text("a\x1b[31m\u009b,b\n")
    assert capsys.readouterr().out == "a\x1b[31m\u009b,b\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Console().text("a\x1b[31m\u009b,b\n")
    assert capsys.readouterr().out == "a\\x1b[31m\\x9b,b\n"


def test_json_holds_no_character_that_steers_a_terminal() -> None:
    assert inert_json('{"a": "\u009b\u202e\u2028\U000e0001",\n"b": "\u00fc"}') == (
        '{"a": "\\u009b\\u202e\\u2028\\udb40\\udc01",\n"b": "\u00fc"}'
    )
