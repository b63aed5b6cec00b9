"""Every command says what it did, in words and as JSON; a mistake gets a sentence and a code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import PROTOCOL, Cli
from vggstudy.cli.results import DESPITE
from vggstudy.report.citing.cautions import CHECKS, OF_A_PEAK


def test_init_writes_a_protocol_that_checks(cli: Cli) -> None:
    assert cli("init", "mine").out == "mine.toml\n"
    checked = cli("check", "mine.toml", "--json")
    assert checked.code == 0
    assert json.loads(checked.out)["protocols"][0]["valid"] is True


def test_init_keeps_a_file_that_exists(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    refused = cli("init", "mine")
    assert refused.code == 2
    assert "--force replaces it" in refused.err
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert cli("init", "mine", "--force").code == 0


def test_check_lists_every_mistake_with_its_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        PROTOCOL.replace("[11, 19]", "[11, 12]").replace("epochs", "epoch")
    )
    done = cli("check", "bad.toml")
    assert done.code == 3
    lines = done.err.splitlines()
    assert [line.split(": ")[0] for line in lines[::3]] == ["bad.toml:7:14", "bad.toml:11:1"]
    assert lines[1:3] == ["7 | depth = [11, 12]", "  |              ^"]
    assert lines[4:] == ["11 | epoch = 20", "   | ^"]
    found = json.loads(cli("check", "bad.toml", "--json").out)["protocols"][0]["problems"]
    assert [(problem["line"], problem["column"]) for problem in found] == [(7, 14), (11, 1)]


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_validation_images_that_cannot_tell_are_refused(
    cli: Cli, tmp_path: Path, command: str
) -> None:
    text = PROTOCOL.replace('"digits"', '"synthetic"\nclasses = 2\ntrain = 60\nvalidation = 10')
    (tmp_path / "few.toml").write_text(text)
    done = cli(command, "few.toml")
    assert done.code == 3
    assert "few.toml:12:14: data.validation = 10 holds 10 images out" in done.err
    assert "hold out at least 12\n" in done.err
    assert not (tmp_path / "studies").exists()


def test_plan_counts_what_is_done(cli: Cli, study: Path) -> None:
    assert study.is_dir()
    content = json.loads(cli("plan", "small.toml", "--json").out)
    assert (content["runs"], content["done"], content["pending"]) == (6, 6, 0)
    more = cli("plan", "small.toml", "--set", "design.replicates=5")
    assert "6 of 10 runs done, 4 pending" in more.out
    assert "about 8.0 s (8.0 s to 8.0 s)" in more.out


def test_run_writes_the_report_that_the_report_command_writes(cli: Cli, study: Path) -> None:
    done = cli("run", "small.toml", "--report")
    assert done.code == 0
    assert done.out == cli("report", study).out.replace(str(study), "studies/small")
    assert "next:" not in done.err
    (study / "report.html").unlink()
    lacking = cli("run", "small.toml", "--report", "--json")
    assert (lacking.code, "--report and --json" in lacking.err) == (2, True)


def test_dry_run_lists_runs_and_runs_nothing(cli: Cli, study: Path) -> None:
    before = sorted(study.rglob("*.json"))
    done = cli(
        "run", "small.toml", "--set", "design.replicates=4", "--only", "depth=19", "--dry-run"
    )
    assert done.code == 0
    assert done.out.count("19") >= 1
    assert "1 run would be executed" in done.err
    assert sorted(study.rglob("*.json")) == before


def test_run_of_a_finished_study_says_so(cli: Cli, study: Path) -> None:
    assert study.is_dir()
    done = cli("run", "small.toml")
    assert done.code == 0
    assert "nothing to run; 6 of 6 runs done" in done.err


def test_status_counts_outcomes_by_cell(cli: Cli, study: Path) -> None:
    assert study.is_dir()
    cells = json.loads(cli("status", "small", "--json").out)["cells"]
    assert [(cell["depth"], cell["converged"], cell["failed"]) for cell in cells] == [
        (11, 3, 0),
        (19, 0, 3),
    ]
    assert cells[0]["mean_accuracy"] == pytest.approx(0.91)
    assert cells[1]["mean_accuracy"] is None


def test_show_finds_a_run_by_the_beginning_of_its_id(cli: Cli, study: Path) -> None:
    run_id = sorted((study / "runs").iterdir())[0].name
    done = cli("show", "small", run_id[:8])
    assert done.code == 0
    assert run_id in done.out
    assert json.loads(cli("show", "small", run_id, "--json").out)["run_id"] == run_id
    assert cli("show", "small", "zz").code == 2


def test_analyze_writes_the_claims_of_a_study(cli: Cli, study: Path) -> None:
    done = cli("analyze", "small", "--json")
    assert done.code == 0
    assert json.loads(done.out) == json.loads((study / "claims.json").read_text())
    claims = {claim["id"]: claim for claim in json.loads(done.out)["claims"]}
    assert (claims["converged.p@depth=19"]["k"], claims["converged.p@depth=19"]["n"]) == (0, 3)
    assert claims["converged.p@depth=19"]["display"]


def test_analyze_prints_what_it_cannot_write(
    cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("vggstudy.files.write_atomic", full)
    done = cli("analyze", "small")
    assert done.code == 2
    assert "converged.diff.depth" in done.out
    assert "claims.json could not be written: No space left on device" in done.err


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = [sys.executable, "-m", "vggstudy", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_report_ends_with_its_path_after_the_table_of_cells(cli: Cli, study: Path) -> None:
    done = cli("report", "small")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "studies/small/report.html"
    assert "converged" in done.out.splitlines()[0]
    assert (study / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("found", [True, False])
def test_a_report_is_opened_where_there_is_a_browser(
    cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return 0 if found else 1

    monkeypatch.setattr("click.launch", launch)
    done = cli("report", "small", "--open", "-q")
    assert done.code == 0
    assert opened == [(study / "report.html").resolve().as_uri()]
    assert ("no browser could be started" in done.err) is not found


def test_the_direction_of_an_outcome_is_an_option(cli: Cli, tmp_path: Path) -> None:
    rows = "\n".join(
        f"{a},{s},converged,{0.7 + 0.1 * a + s / 100}" for a in (1, 2) for s in range(3)
    )
    (tmp_path / "runs.csv").write_text(f"a,seed,label,test_accuracy\n{rows}\n")
    said = "lower values of test_accuracy are better"
    assert said in cli("analyze", "runs.csv", "--factors", "a", "--lower-is-better").out
    assert said not in cli("analyze", "runs.csv", "--factors", "a").out
    protocol = PROTOCOL.replace("depth = [11, 19]", "batch_size = [1, 2]")
    text = protocol.replace("[training]", "[model]\ndepth = 11\n[training]")
    (tmp_path / "p.toml").write_text(f"{text}[analysis]\nlower_is_better = true\n")
    asked = ("analyze", "runs.csv", "--factors", "a", "--protocol", "p.toml")
    assert said in cli(*asked).out
    assert said not in cli(*asked, "--higher-is-better").out


def test_the_outcomes_and_the_chance_level_of_a_table_are_options(
    cli: Cli, tmp_path: Path, study: Path
) -> None:
    rows = "\n".join(
        f"{a},{s},{0.1 if s == 4 else 0.6 + a / 10 + s / 100},{a - s / 10}"
        for a in (1, 2)
        for s in range(5)
    )
    (tmp_path / "runs.csv").write_text(f"a,seed,val_accuracy,val_loss\n{rows}\n")
    table = ("runs.csv", "--factors", "a", "--outcome", "val_accuracy")
    unjudged = cli("analyze", *table)
    assert (unjudged.code, "converged" in unjudged.out) == (0, False)
    done = cli("analyze", *table, "--chance", "0.1", "--outcome", "val_loss")
    assert done.code == 0, done.err
    assert "8/10" in done.out
    both = (*table, "--chance", "0.1", "--outcome", "val_loss")
    listed = cli("cite", *both).out.splitlines()
    assert {"val_accuracy.diff.a", "val_loss.mean"} <= {line.split()[0] for line in listed}
    # Runs that learned by their accuracy are those of which the loss is a mean.
    cited = cli("cite", both[0], "val_loss.mean@a=1", *both[1:], "--as", "apa").out
    assert "n = 4" in cited
    (tmp_path / "paper.md").write_text(cited, "utf-8")
    against = (*both[1:], "--against", both[0])
    assert cli("cite", "verify", "paper.md", *against).code == 0
    assert cli("cite", *against, "verify", "paper.md").code == 0  # wherever its name stands
    loss = cli("analyze", *table[:3], "--outcome", "val_loss", "--chance", "0.1")
    assert (loss.code, "less of 'val_loss' is better" in loss.err) == (3, True)
    assert cli("analyze", *table, "--chance", "0.1", "--outcome", "none").code == 3
    for option in (("--outcome", "val_accuracy"), ("--chance", "0.1")):
        assert cli("analyze", "small", *option).code == 2
    cli("analyze", "small")
    refused = cli("cite", study / "claims.json", "--chance", "0.1", "--seeding", "shared")
    assert (refused.code, "--chance, --seeding are for a CSV" in refused.err) == (2, True)


def test_blocks_are_an_option_of_a_table_and_those_of_a_study_its_protocols(
    cli: Cli, tmp_path: Path, study: Path
) -> None:
    assert study.is_dir()
    rows = "\n".join(
        f"{a},set {b},{s},converged,{0.4 + 0.05 * a + 0.02 * a * (b % 3) + b / 50 + s / 100}"
        for a in (1, 2, 4)
        for b in range(6)
        for s in range(3)
    )
    (tmp_path / "runs.csv").write_text(f"batch_size,task,seed,label,test_accuracy\n{rows}\n")
    table = ("runs.csv", "--factors", "batch_size")
    done = cli("analyze", *table, "--block", "task")
    assert done.code == 0, done.err
    assert "over task, 6 blocks: Friedman's chi-square(2) = 12," in done.out
    pair = "accuracy.block_diff.batch_size@batch_size=1..2"
    assert "in 6 of 6 blocks" in cli("cite", *table, pair, "--block", "task", "--as", "json").out
    without = cli("cite", "runs.csv", pair, "--factors", "batch_size,task")
    assert (without.code, "did you mean" in without.err or "no claim" in without.err) == (3, True)
    wrong = cli("analyze", *table, "--block", "game")
    assert (wrong.code, "'game' is not a column" in wrong.err) == (3, True)
    refused = cli("analyze", "small", "--block", "depth")
    assert (refused.code, "[analysis] block" in refused.err) == (2, True)


def test_claims_are_made_when_they_are_asked_for(cli: Cli, study: Path) -> None:
    median = "accuracy.median@depth=11"
    assert median not in cli("cite", "small").out
    assert median in cli("cite", "small", "--claims", "accuracy.median@*").out
    assert cli("cite", "small", "accuracy.prediction@depth=11", "--as", "json").code == 0
    assert cli("analyze", "small", "--claims", median, "-o", "more.json").code == 0
    assert median in Path("more.json").read_text()
    refused = cli("cite", "more.json", "--claims", median)
    assert (refused.code, "--claims is for runs" in refused.err) == (2, True)
    wrong = cli("analyze", "small", "--claims", "accuracy.mode*")
    assert (wrong.code, "no claim matches 'accuracy.mode*'" in wrong.err) == (3, True)
    before = (study / "claims.json").exists()
    least = cli("analyze", "small", "--headline-only", "-o", "least.json")
    assert (least.code, "converged.p@depth=19" in Path("least.json").read_text()) == (0, False)
    assert (study / "claims.json").exists() == before


def test_cite_lists_and_prints_claims_and_suggests_ids(cli: Cli, study: Path) -> None:
    assert study.is_dir()
    assert "converged.p@depth=11" in cli("cite", "small").out
    assert cli("cite", "small", "converged.p@depth=19", "--as", "apa").out.startswith("0%, 95% CI")
    wrong = cli("cite", "small", "converged.p@depth=18")
    assert wrong.code == 3
    assert "did you mean" in wrong.err


def test_a_family_of_a_table_holds_together(cli: Cli, tmp_path: Path) -> None:
    rows = [
        f"{a},{b},{i},converged,{0.7 + a / 50 + i / 300 + b * i / 900:.4f}"
        for a in (0, 1)
        for b in (0, 1)
        for i in range(5)
    ]
    (tmp_path / "runs.csv").write_text("\n".join(["a,b,replicate,label,test_accuracy", *rows, ""]))
    base, name = ["runs.csv", "--factors", "a,b"], "accuracy.diff.a@b=0"
    plain = cli("cite", *base, name, "--as", "apa").out
    family = [*base, "--simultaneous", "accuracy.diff.a@*"]
    cited = cli("cite", *family, name, "--as", "apa").out
    assert "(caution: simultaneous with the others of its family)" in cited
    assert cited.partition("]")[0] != plain.partition("]")[0]
    assert cli("analyze", *family, "-o", "claims.json").code == 0
    written = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert [x["id"] for x in written if x["method"] == "max_t"] == [name, "accuracy.diff.a@b=1"]
    none = cli("analyze", *base, "--simultaneous", "accuracy.diff.c*")
    assert (none.code, none.err.count("\n")) == (2, 1)
    assert "a family needs two claims: 'accuracy.diff.c*' matches no claim" in none.err
    on_file = cli("cite", "claims.json", "--simultaneous", "*")
    assert on_file.code == 2
    assert "--simultaneous needs runs" in on_file.err


def test_cite_refuses_a_claims_file_that_was_edited(cli: Cli, study: Path) -> None:
    cli("analyze", "small")
    path = study / "claims.json"
    path.write_text(path.read_text().replace('"estimate": 1.0', '"estimate": 0.5', 1))
    done = cli("cite", path)
    assert done.code == 3
    assert "does not match its digest" in done.err


def test_export_defuses_formulas(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(
        "model,replicate,outcome,test_accuracy\n"
        "=cmd,0,converged,0.5\n=cmd,1,converged,0.6\nplain,0,converged,0.7\n"
    )
    done = cli("export", "runs.csv", "--factors", "model")
    assert done.code == 0
    assert "'=cmd" in done.out
    assert "\n=cmd" not in done.out


def test_every_command_on_a_table_takes_a_reading_of_its_seeds(cli: Cli, tmp_path: Path) -> None:
    rows = [
        f"{m},{s},converged,{0.8 + 0.01 * s + 0.004 * m + 0.001 * ((3 * s + m) % 4):.4f}"
        for m in (0, 1)
        for s in range(5)
    ]
    (tmp_path / "runs.csv").write_text("m,seed,label,test_accuracy\n" + "\n".join(rows) + "\n")
    table = ("runs.csv", "--factors", "m")
    effect = "accuracy.diff.m"
    said = {x: cli("cite", *table, effect, "--seeding", x).out for x in ("auto", "independent")}
    assert cli("cite", *table, effect).out == said["auto"] != said["independent"]
    paper = tmp_path / "paper.md"
    for seeding, text in said.items():
        paper.write_text(f"A title\n\n{text}\n", "utf-8")
        against = ("--against", *table, "--seeding")
        codes = [cli("cite", "verify", "paper.md", *against, x).code for x in said]
        assert codes == [int(x != seeding) for x in said]
    shown = cli("analyze", *table, "--seeding", "independent").out
    assert "10 of 10 runs have a seed that another cell has too" in shown
    assert "if seeds were shared" in shown
    assert "if seeds were independent" in cli("analyze", *table).out
    for x, method in (("auto", "seeds_t"), ("independent", "calibrated_bootstrap")):
        claims = cli("export", *table, "--what", "claims", "--seeding", x).out.splitlines()
        assert method in next(line for line in claims if line.startswith(effect + ","))
    assert cli("report", *table, "--seeding", "independent", "-o", "r.html").code == 0
    assert "if those of one number shared a seed" in (tmp_path / "r.html").read_text("utf-8")


def test_a_vertex_that_is_the_worst_is_no_claim_to_cite(cli: Cli, tmp_path: Path) -> None:
    means = {8: 0.8, 16: 0.7, 32: 0.68, 64: 0.75}
    rows = [f"{b},{i},converged,{m + 0.003 * i:.4f}" for b, m in means.items() for i in range(4)]
    text = "batch_size,replicate,label,test_accuracy\n" + "\n".join(rows) + "\n"
    (tmp_path / "runs.csv").write_text(text)
    asked = ("cite", "runs.csv", "--factors", "batch_size")
    refused = cli(*asked, "peak.batch_size", "--despite", "minimum")
    assert refused.code == 3
    assert "not available and cannot be cited: the curve turns upwards" in refused.err
    assert cli(*asked, "best.batch_size", "--as", "apa").out.startswith("8, 95% CI [8, 8]")
    assert cli(*asked, "--export", "a.tex").code == 0
    assert "best.batch" in (tmp_path / "a.tex").read_text()
    assert set(DESPITE) == {*CHECKS, *OF_A_PEAK}


def test_a_study_and_a_file_of_claims_take_no_reading_of_seeds(cli: Cli, study: Path) -> None:
    refused = cli("analyze", "small", "--seeding", "shared")
    assert (refused.code, "small is a study" in refused.err) == (2, True)
    cli("analyze", "small")
    refused = cli("cite", study / "claims.json", "--seeding", "shared")
    assert (refused.code, "--seeding is for a CSV" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("analyze", "missing.csv", "--factors", "a"), 3, "there is no such file"),
        (("analyze", "nowhere"), 5, "there is no study at nowhere"),
        (("status", "elsewhere"), 5, "is not a study"),
        (("run", "small.toml", "--study", "elsewhere"), 5, "not a study"),
        (("run", "nowhere.toml"), 3, "no such protocol file"),
        (("run", "small.toml", "--only", "depht=11"), 3, "did you mean 'depth'?"),
        (("run", "small.toml", "--only", "depth=13"), 3, "11"),
        (("run", "small.toml", "--set", "training.lr=fast"), 3, "lr must be"),
        (("run", "small.toml", "--devices", "gpu", "--study", "new"), 4, "write cpu, cuda"),
        (("report", "small", "-o", "no/such/folder.html"), 2, "could not be written"),
        (("reprot",), 2, "Did you mean 'report'?"),
        (("cite", "small", "x", "--as", "bibtext"), 2, "bibtext"),
    ],
)
def test_mistake_gets_one_sentence_and_its_exit_code(
    cli: Cli, study: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert study.is_dir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    done = cli(*arguments)
    assert (done.code, words in done.err) == (code, True), done.err
    assert done.out == ""


def test_damaged_record_stops_the_report_and_is_named_by_doctor(cli: Cli, study: Path) -> None:
    record = next((study / "runs").rglob("run.json"))
    record.write_bytes(record.read_bytes()[:-10])
    assert cli("report", "small").code == 5
    found = cli("doctor", "small")
    assert found.code == 5
    assert str(record.relative_to(study)) in found.out
    assert cli("status", "small").code == 5


def test_control_characters_of_names_do_not_reach_the_terminal(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(PROTOCOL.replace('"small"', '"sm\\u001b[31mall"'))
    done = cli("check", "bad.toml")
    assert done.code == 3
    assert "\x1b" not in done.out + done.err


def test_internal_error_is_one_sentence_unless_a_traceback_is_asked_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vggstudy.cli import protocols

    def broken() -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(protocols, "json_schema", broken)
    done = cli("schema")
    assert (done.code, "internal error: RuntimeError: unforeseen" in done.err) == (1, True)
    monkeypatch.setenv("VGGSTUDY_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        cli("schema")
