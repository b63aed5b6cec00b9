"""Protocols that state a table: the same numbers as the options, and never anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from vggstudy.cli.given import TABLE_OPTIONS
from vggstudy.protocol.model.statement import AnalysisSettings
from vggstudy.protocol.model.table import TableSettings

RUNS = "task,method,lr,run,phase,val/loss,acc\n" + "".join(
    f"{task},{method},{lr},{run},{phase},{(i + 1) * (j + 2) + k + 0.1 * run * (k + 1)},{50 + run}\n"
    for i, task in enumerate(("hop", "skip", "jump"))
    for j, method in enumerate(("old", "new"))
    for k, lr in enumerate((0.1, 0.01))
    for run in range(3)
    for phase in ("test", "train")
)
"""Three tasks, two methods whose order is no alphabet's, two rates, three runs, two phases."""

READING = {
    "plain": ("--factors", "method,lr", "--where", "phase = test and task = hop"),
    "blocks": ("--factors", "method,lr", "--where", "phase = test", "--block", "task"),
    "labels": (
        "--factors",
        "method,lr,task",
        "--where",
        "phase = test",
        "--succeeds",
        "val/loss < 8",
        "--higher-is-better",
    ),
    "means": (
        "--factors",
        "method,lr,task",
        "--average-over",
        "phase",
        "--levels",
        "method=new,old",
        "--seeding",
        "shared",
    ),
    "percent": ("--factors", "method,lr,task", "--where", "phase = test", "--chance", "0"),
}

PLAN = """\
schema = 1
name = "reading"
[table]
file = "runs.csv"
factors = ["method", "lr"]
outcomes = ["val/loss"]
replicate = "run"
where = "phase = test and task = hop"
{more}
"""


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(RUNS)


def claims(file: Path) -> list[dict[str, object]]:
    """Claims of a file, without what tells protocols apart."""
    return [
        {key: value for key, value in claim.items() if not key.endswith("_digest")}
        for claim in json.loads(file.read_text("utf-8"))["claims"]
    ]


@pytest.mark.parametrize("kind", READING)
def test_a_protocol_repeats_the_command_that_it_was_made_of(
    cli: Cli, tmp_path: Path, kind: str
) -> None:
    options = (*READING[kind], "--outcome", "val/loss", "--replicate", "run")
    if kind == "percent":
        options = (*READING[kind], "--outcome", "acc", "--percent", "--replicate", "run")
    (tmp_path / "deep").mkdir()
    made = cli("init", "again", "--from", "runs.csv", *options, "-o", "deep/plan.toml")
    assert (made.code, made.out) == (0, "deep/plan.toml\n"), made.err
    assert cli("check", "deep/plan.toml").code == 0
    assert cli("analyze", "runs.csv", *options, "-o", "options.json").code == 0
    assert cli("analyze", "deep/plan.toml", "-o", "protocol.json").code == 0
    stated = ("runs.csv", "--protocol", "deep/plan.toml")
    assert cli("analyze", *stated, "-o", "both.json").code == 0
    expected = claims(tmp_path / "options.json")
    assert len(expected) > 5
    assert claims(tmp_path / "protocol.json") == expected
    assert claims(tmp_path / "both.json") == expected


def test_every_option_on_tables_can_be_stated() -> None:
    stated = {*TableSettings.model_fields, *AnalysisSettings.model_fields}
    assert {*TABLE_OPTIONS} - {"protocol_file", "simultaneous"} <= stated


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--factors", "lr"), '["method", "lr"]'),
        (("--factors", "auto"), '["method", "lr"]'),
        (("--outcome", "acc"), '["val/loss"]'),
        (("--where", "phase = train"), '"phase = test and task = hop"'),
        (("--replicate", "lr"), '"run"'),
        (("--lower-is-better",), "leaves that open"),
        (("--block", "method"), "leaves that open"),
        (("--seeding", "shared"), '"auto"'),
        (("--chance", "0"), "leaves that open"),
        (("--and", "runs.csv"), "leaves that open"),
    ],
)
def test_an_option_that_contradicts_a_protocol_is_refused(
    cli: Cli, tmp_path: Path, option: tuple[str, ...], says: str
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.format(more=""))
    refused = cli("analyze", "plan.toml", *option)
    assert refused.code == 2
    (line,) = refused.err.splitlines()
    assert line.startswith(f"vggstudy: error: {option[0]} ")
    assert f"contradicts the protocol, which {'' if 'open' in says else 'says '}{says}" in line


def test_an_option_that_says_the_same_is_none_too_many(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.format(more=""))
    same = ("--factors", "method,lr", "--outcome", "val/loss", "--seeding", "auto")
    assert cli("analyze", "plan.toml", *same).code == 0


def test_hypotheses_of_a_table_get_verdicts_and_reports_their_own_name(
    cli: Cli, tmp_path: Path
) -> None:
    stated = """
    [[hypotheses]]
    id = "H1"
    text = "The new method loses more."
    kind = "claim"
    claim = "val/loss.diff.method@lr=0.1"
    direction = "above"
    threshold = 0.0
    """
    (tmp_path / "plan.toml").write_text(PLAN.format(more=stated))
    assert "H1: supported" in cli("analyze", "plan.toml").out
    assert cli("report", "plan.toml").out == "reading-report.html\n"
    page = (tmp_path / "reading-report.html").read_text("utf-8")
    assert "vggstudy report plan.toml" in page
    assert cli("cite", "plan.toml", "val/loss.mean").code == 0
    assert cli("analyze", "plan.toml", "-o", "claims.json", "-q").code == 0
    assert cli("cite", "verify", "claims.json", "--against", "plan.toml").code == 0
    assert cli("export", "plan.toml").out.count("\n") == 13


def test_what_plans_runs_refuses_a_table_and_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.format(more=""))
    for command in ("run", "plan"):
        refused = cli(command, "plan.toml")
        assert refused.code == 3
        assert "analyze, report, cite and export read it" in refused.err
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[design]\nreplicates = 1\nseed = 0", "[design] has no meaning beside [table]"),
        ('[data]\nname = "digits"', "[data] has no meaning beside [table]"),
        ('[label]\nsucceeds = "a < 1"', "label.succeeds has no meaning beside [table]"),
        ('[analysis]\noutcome = "acc"', "analysis.outcome has no meaning beside [table]"),
        ('time = "lr"', "table.time and table.reached name two columns together"),
        ("horizon = 3.0", "table.horizon is a time of table.time"),
        ('[table.levels]\nmetod = ["a"]', "did you mean 'method'?"),
        ("lower_is_better = true", "it belongs in [analysis]"),
        (
            '[[hypotheses]]\nid = "H"\ntext = "x"\nkind = "peak"\nalong = "depth"',
            "12:9: 'depth' is no factor of table.factors",
        ),
    ],
)
def test_what_does_not_fit_a_table_is_told_with_its_place(
    cli: Cli, tmp_path: Path, text: str, said: str
) -> None:
    plain = PLAN.replace('where = "phase = test and task = hop"\n', "").format(more=text)
    (tmp_path / "plan.toml").write_text(plain)
    refused = cli("check", "plan.toml")
    assert refused.code == 3
    assert said in refused.err
    assert refused.err.count("plan.toml:") == 1


def test_a_protocol_without_a_table_and_one_too_many_are_told(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", "mine").code == 0
    refused = cli("analyze", "mine.toml")
    assert (refused.code, "states no table" in refused.err) == (2, True)
    text = PLAN.format(more="")
    (tmp_path / "plan.toml").write_text(text)
    (tmp_path / "open.toml").write_text(text.replace('file = "runs.csv"\n', ""))
    (tmp_path / "lost.toml").write_text(text.replace("runs.csv", "lost.csv"))
    (tmp_path / "more.toml").write_text(PLAN.format(more='also = ["runs.csv"]'))
    assert "leave --protocol out" in cli("analyze", "plan.toml", "--protocol", "plan.toml").err
    assert "table.file is missing" in cli("analyze", "open.toml").err
    assert cli("analyze", "runs.csv", "--protocol", "open.toml").code == 0
    assert "lost.csv: there is no such file" in cli("analyze", "lost.toml").err
    refused = cli("analyze", "runs.csv", "--protocol", "more.toml")
    assert (refused.code, "give the protocol in place" in refused.err) == (2, True)
    refused = cli("export", "plan.toml", "--what", "curves")
    assert (refused.code, "not of a protocol" in refused.err) == (2, True)


def test_init_proposes_columns_by_role_and_guesses_none(cli: Cli, tmp_path: Path) -> None:
    refused = cli("init", "--from", "runs.csv")
    assert (refused.code, "which column is the outcome?" in refused.err) == (2, True)
    refused = cli("init", "--from", "runs.csv", "--outcome", "val/loss")
    assert (refused.code, "may be factors or not" in refused.err) == (2, True)
    small = "seed,method,note,loss\n" + "".join(
        f"{seed},{method},same,{seed * 1.37 + len(method)}\n"
        for method in ("older", "new")
        for seed in range(4)
    )
    (tmp_path / "My Runs.csv").write_text(small)
    assert cli("init", "--from", "My Runs.csv").out == "my-runs.toml\n"
    text = (tmp_path / "my-runs.toml").read_text("utf-8")
    assert 'factors = ["method"]\noutcomes = ["loss"]\n' in text
    assert 'method = ["older", "new"]' in text
    assert "# no factor, since all rows have one value: note" in text
    assert cli("init", "--from", "My Runs.csv").code == 2, "it exists"
    assert cli("init", "--outcome", "loss", "mine").code == 2
    assert cli("init", "mine", "--from", "My Runs.csv", "--protocol", "x.toml").code == 2
    assert cli("init").code == 2


def test_names_of_columns_cannot_write_into_a_protocol(cli: Cli, tmp_path: Path) -> None:
    name = 'method"]\n[trainer]\ncommand = ["rm"'
    frame = [f'{seed},"{name}{i}".,{seed * 1.3 + i}' for i in range(2) for seed in range(4)]
    quoted = name.replace('"', '""')
    lines = [line.replace(f'"{name}', f'"{quoted}') for line in frame]
    (tmp_path / "evil.csv").write_text(
        f'seed,"{quoted}",loss\n' + "\n".join(line.replace('".', '"') for line in lines) + "\n"
    )
    refused = cli("init", "--from", "evil.csv", "--outcome", "loss")
    assert refused.code != 0
    assert not (tmp_path / "evil.toml").exists()


TITLED = 'title = "Old or new?"\nquestion = """\nWhich loses\nmore?\n"""\n'


def test_a_report_is_called_as_its_protocol_says_or_by_its_name(cli: Cli, tmp_path: Path) -> None:
    plan = PLAN.format(more="")
    for stated, title in (("", "reading"), (TITLED, "Old or new?")):
        (tmp_path / "plan.toml").write_text(plan.replace("[table]", f"{stated}[table]"))
        assert cli("report", "plan.toml").code == 0
        page = (tmp_path / "reading-report.html").read_text("utf-8")
        assert f"<title>{title}</title>" in page
        asked = "The question as the protocol states it: <q>Which loses\nmore?</q>" in page
        assert asked == bool(stated)


def test_a_title_and_a_question_that_a_protocol_states_are_not_overridden(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.format(more="").replace("[table]", TITLED + "[table]"))
    same = ("--title", "Old or new?", "--question", " Which loses more? ")
    assert cli("report", "plan.toml", *same).code == 0
    for option, says in (("--title", "Old or new?"), ("--question", "Which loses more?")):
        refused = cli("report", "plan.toml", option, "Mine")
        assert refused.code == 2
        assert f'{option} "Mine" contradicts the protocol, which says "{says}"' in refused.err
