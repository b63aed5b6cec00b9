"""Tables of anybody, from the command line."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path

from tests.cli.conftest import Cli

ALGOS = "seed,algo,ret value,label\n" + "".join(
    f"{seed},{algo},{100 * i + 7 * seed},converged\n"
    for i, algo in enumerate(("PPO", "DDPG", "SAC"))
    for seed in range(5)
)


def reproduced(page: str) -> list[str]:
    """The command that a report prints, as a shell takes it apart."""
    (command,) = re.findall(r"vggstudy report [^<]*", page)
    return shlex.split(html.unescape(command))


def test_the_command_that_a_report_prints_is_the_one_given_and_works_when_pasted(
    cli: Cli, tmp_path: Path
) -> None:
    """Trial 10."""
    options: tuple[str, ...] = (
        "--factors",
        "algo",
        "--outcome",
        "ret value",
        "--where",
        "algo != 'SAC' and seed<4",
    )
    options += ("--lower-is-better", "--seeding", "shared", "--levels", "algo=PPO,DDPG")
    (tmp_path / "my runs").mkdir()
    (tmp_path / "my runs" / "in.csv").write_text(ALGOS)
    done = cli("report", "my runs/in.csv", *options, "-o", "r.html")
    assert done.code == 0, done.err
    first = (tmp_path / "r.html").read_text("utf-8")
    said = reproduced(first)
    assert said[:3] == ["vggstudy", "report", "my runs/in.csv"]
    assert sorted(said[3:]) == sorted(options)
    again = cli(*said[1:])
    assert again.code == 0, again.err
    assert (tmp_path / "in-report.html").read_text("utf-8") == first


def test_a_table_has_a_title_and_a_question_of_its_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ALGOS)
    table = ("in.csv", "--factors", "algo", "--outcome", "ret value")
    said = ("--title", "Is <PPO> 'best'?", "--question", "Does\n it  win?")
    assert cli("report", *table, *said).code == 0
    first = (tmp_path / "in-report.html").read_text("utf-8")
    assert "<title>Is &lt;PPO&gt; &#39;best&#39;?</title>" in first
    assert "is not recorded: <q>Does it win?</q>" in first
    assert reproduced(first)[-4:] == ["--title", "Is <PPO> 'best'?", "--question", "Does it win?"]
    assert cli(*reproduced(first)[1:]).code == 0
    assert (tmp_path / "in-report.html").read_text("utf-8") == first
    assert cli("report", *table, "--title", " ").code == 0
    blank = (tmp_path / "in-report.html").read_text("utf-8")
    assert "<title>in.csv</title>" in blank
    assert "--title" not in blank


def test_orders_of_levels_are_options(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(ALGOS)
    table = ("in.csv", "--factors", "algo", "--outcome", "ret value")
    assert "algo=PPO..DDPG" in cli("cite", *table).out
    assert "algo=SAC..PPO" in cli("cite", *table, "--levels", "algo=SAC,PPO").out
    assert cli("cite", *table, "--levels", "algo").code == 2
    assert cli("cite", *table, "--levels", "algo=SAC,APO").code == 2


def test_an_outcome_of_yes_and_no_is_told_what_makes_it_a_probability(
    cli: Cli, tmp_path: Path
) -> None:
    rows = "".join(f"{m},{s},{int(s < 3 + 2 * (m == 'b'))}\n" for m in "ab" for s in range(6))
    (tmp_path / "yes.csv").write_text(f"m,seed,solved\n{rows}")
    asked = ("analyze", "yes.csv", "--factors", "m")
    assert '--succeeds "solved = 1"' in cli(*asked, "--outcome", "solved").out
    judged = cli(*asked, "--outcome", "solved", "--succeeds", "solved = 1")
    assert (judged.code, "makes it a probability" in judged.out) == (0, False)
    assert "12 finished, 8 converged" in judged.out
    (tmp_path / "yes.csv").write_text(f"m,seed,solved\n{rows}".replace("a,0,1", "a,0,2"))
    assert "makes it a probability" not in cli(*asked, "--outcome", "solved").out


WANDB = """Name,State,Notes,User,Tags,Created,Runtime,Sweep,lr,seed,val_accuracy
a,finished,-,me,,2026-01-01,9,,0.1,0,0.9
b,finished,-,me,,2026-01-01,9,,0.1,1,0.8
c,crashed,-,me,,2026-01-01,9,,0.2,0,
"""


def test_an_export_of_another_tool_that_is_no_table_of_runs_is_named(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "my runs.csv").write_text(WANDB)
    refused = cli("analyze", "my runs.csv", "--factors", "lr", "--outcome", "val_accuracy")
    assert refused.code == 3
    assert refused.err.count("\n") == 1
    hint = "vggstudy import 'my runs.csv' -o runs.csv makes a table of its runs)"
    assert f"(it looks like Weights & Biases, table of runs: {hint}" in refused.err
    assert cli("import", "my runs.csv", "-o", "runs.csv").code == 0
    (tmp_path / "plain.csv").write_text(WANDB.replace("State,Notes", "how,what"))
    refused = cli("analyze", "plain.csv", "--factors", "lr", "--outcome", "val_accuracy")
    assert refused.code == 3
    assert "import" not in refused.err
