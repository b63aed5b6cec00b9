"""Nothing of somebody's trainer is executed, or imported, without consent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vggstudy.errors import ExecutionError
from vggstudy.execution import Silent, execute, resolve_options
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study
from vggstudy.study.trainers import ConsentError, has_consent, record_consent

STRANGE = """
schema = 1
name = "strange"
[design]
replicates = 2
seed = 1
[design.factors]
lr = [0.1, 0.2]
[trainer]
command = ["touch", "marker-of-a-stranger", "{lr}", "{seed}"]
code = ["strange*.toml"]
[analysis]
outcome = "val_loss"
resamples = 99
"""

FUNCTION = STRANGE.replace(
    'command = ["touch", "marker-of-a-stranger", "{lr}", "{seed}"]',
    'function = "marker_of_a_stranger:train"',
).replace('"strange"', '"strange-function"')

AUDITED = """
import sys
seen = []
OURS = ("git", "nvidia-smi", "fc-list")
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.system")

def hook(event, arguments):
    if event in STARTS and not str(arguments[0]).endswith(OURS):
        seen.append((event, repr(arguments)[:200]))
    elif event.split(".")[0] == "os" or event == "import":
        if "marker" in repr(arguments) and "stranger" in repr(arguments):
            seen.append((event, repr(arguments)[:200]))

sys.addaudithook(hook)
sys.path.insert(0, "")
from vggstudy.cli import _invoke

codes = [_invoke(command.split()) for command in sys.argv[1:]]
assert not seen, seen
print(codes)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a stranger's protocols, and a study of theirs that lacks two runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strange.toml").write_text(STRANGE)
    (tmp_path / "function.toml").write_text(FUNCTION)
    (tmp_path / "marker_of_a_stranger.py").write_text("open('marker-of-a-stranger', 'w')\n")
    for text in (STRANGE, FUNCTION):
        made = Study(parse_protocol(text), text=text)
        store = StudyStore.create(made.path, text, made.protocol.digest(), made.protocol.name)
        for run in made.plan.runs[:2]:
            record = make_record(
                run,
                status="finished",
                attempts=[attempt_entry("2100-01-01T00:00:00+00:00", 1.0, None)],
                result={
                    "status": "finished",
                    "epochs": 1,
                    "curves": {"val_loss": [run.levels["lr"]]},
                    "metrics": {"val_loss": run.levels["lr"]},
                },
                timings={"total_s": 1.0},
                environment={"trainer": {"code": {"sha256": "0" * 64, "files": 1}}, "git": None},
            )
            store.write_record(record)
    return tmp_path


@pytest.mark.slow
def test_no_command_executes_or_imports_a_stranger_s_trainer(folder: Path) -> None:
    commands = []
    for name, study in (("strange.toml", "strange"), ("function.toml", "strange-function")):
        commands += [
            f"check {name}", f"plan {name}", f"run {name} --dry-run", f"run {name}",
            f"run {name} --allow-command {'0123456789abcdef' * 2}", f"plan {name} --pilot",
            f"status {study}", f"analyze {study}", f"report {study}", f"verify {study}",
            f"cite {study}", f"doctor {study}", f"export {study} -o {study}.csv",
            f"cite verify studies/{study}/claims.json --against {study} --rerun 1",
        ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, *commands], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    codes = done.stdout.rstrip().splitlines()[-1]
    one = [0, 0, 0, 2, 2, 4, 0, 0, 0, 0, 0, 0, 0, 2]
    assert codes == repr([*one, *one]), done.stderr
    assert not (folder / "marker-of-a-stranger").exists()
    assert "allow it with --allow-command" in done.stderr
    assert "--trainer marker_of_a_stranger:train" in done.stderr
    told = "the trainer's code here is not that of all runs: this study has 2 runs of code 00000000"
    assert done.stderr.count(told) == 2 * len(
        ("plan", "plan --pilot", "status", "report", "doctor")
    )


def test_consent_is_this_user_s_for_this_study_and_this_command(folder: Path) -> None:
    study = Study(parse_protocol(STRANGE))
    assert not has_consent(study.protocol, study.path)
    record_consent(study.protocol, study.path)
    assert has_consent(study.protocol, study.path)
    assert not has_consent(study.protocol, folder / "elsewhere")
    for change in (("touch", "rm"), ("[0.1, 0.2]", "[0.1, 0.3]")):
        assert not has_consent(parse_protocol(STRANGE.replace(*change)), study.path)
    assert not list(study.path.rglob("*allowed*"))


def test_a_digest_allows_its_own_command_only(folder: Path) -> None:
    study = Study(parse_protocol(STRANGE))
    digest = str(study.protocol.command_digest())
    for wrong, said in (("f" * 32, "another one"), (digest[:16], "32 to 64 hexadecimal digits")):
        with pytest.raises(ConsentError, match=said):
            study.run(allow_command=wrong)
    assert study.run(jobs=1, allow_command=digest[:32]).crashed == 2  # touch reports nothing
    assert (folder / "marker-of-a-stranger").exists()


def test_the_engine_itself_executes_nothing_without_consent(folder: Path) -> None:
    study = Study(parse_protocol(STRANGE))
    with pytest.raises(ExecutionError, match="only with consent"):
        execute(study.plan.runs, study.store(), resolve_options(jobs=1), Silent())


def test_a_network_takes_no_consent(folder: Path) -> None:
    text = 'schema = 1\nname = "n"\n[design]\nreplicates = 1\nseed = 1\n[data]\nname = "digits"\n'
    study = Study(parse_protocol(text + "[model]\ndepth = 11\n"))
    with pytest.raises(ConsentError, match="no \\[trainer\\]"):
        study.run(trainer="a:b")
