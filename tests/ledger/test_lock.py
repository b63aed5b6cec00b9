from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import pytest

from vggstudy.errors import LedgerError
from vggstudy.ledger import StudyStore
from vggstudy.ledger import lock as lock_module
from vggstudy.ledger.lock import LOCK_NAME, Holder, hold_lock

# Takes the lock on each line read and says how that went; keeps it until the next line.
CONTENDER = """
import sys
from contextlib import ExitStack
from pathlib import Path
from vggstudy.errors import LedgerError
from vggstudy.ledger.lock import hold_lock
print("ready", flush=True)
for _ in sys.stdin:
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(Path(sys.argv[1])))
            print("won", flush=True)
        except LedgerError as error:
            print(f"lost: {error}", flush=True)
        sys.stdin.readline()
    print("released", flush=True)
"""


class Contender:
    """A process that takes a study's lock when it is told to."""

    def __init__(self, folder: Path, repository: Path) -> None:
        command = [sys.executable, "-c", CONTENDER, str(folder)]
        self.process = subprocess.Popen(
            command, cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.read() == "ready"

    def tell(self) -> None:
        stream: IO[str] | None = self.process.stdin
        assert stream is not None
        stream.write("\n")
        stream.flush()

    def read(self) -> str:
        stream: IO[str] | None = self.process.stdout
        assert stream is not None
        return stream.readline().rstrip("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def contenders(tmp_path: Path, repository: Path) -> Iterator[list[Contender]]:
    found = [Contender(tmp_path, repository) for _ in range(3)]
    yield found
    for contender in found:
        contender.kill()


def ended_process() -> int:
    """The pid of a process that has ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def plant(folder: Path, **changes: Any) -> Holder:
    """Leave a lock that another process might have left."""
    holder = replace(Holder.this_process(), **changes)
    (folder / LOCK_NAME).write_text(json.dumps(asdict(holder)))
    return holder


def test_the_lock_is_released_on_leaving_and_on_errors(tmp_path: Path) -> None:
    with hold_lock(tmp_path):
        assert (tmp_path / LOCK_NAME).exists()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), hold_lock(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_second_driver_learns_who_holds_the_study(store: StudyStore) -> None:
    with store.lock():
        with pytest.raises(LedgerError) as caught, StudyStore.open(store.path).lock():
            pass
        assert caught.value.exit_code == 5
        holder = lock_module.read_holder(store.path / LOCK_NAME)
        assert holder is not None
        assert f"locked by process {os.getpid()} on {holder.host} since 20" in str(caught.value)
    with store.lock():
        pass


def test_another_process_is_refused_while_the_lock_is_held(
    tmp_path: Path, contenders: list[Contender]
) -> None:
    contenders[0].tell()
    assert contenders[0].read() == "won"
    with (
        pytest.raises(LedgerError, match=rf"process {contenders[0].process.pid} on"),
        hold_lock(tmp_path),
    ):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(
    tmp_path: Path, contenders: list[Contender], caplog: pytest.LogCaptureFixture
) -> None:
    contenders[0].tell()
    assert contenders[0].read() == "won"
    contenders[0].process.kill()
    # Not waited for yet: a zombie has ended too. Its pipe closes when it has.
    assert contenders[0].read() == ""
    with hold_lock(tmp_path):
        holder = lock_module.read_holder(tmp_path / LOCK_NAME)
        assert holder is not None
        assert holder.pid == os.getpid()
    assert f"process {contenders[0].process.pid} on" in caplog.text
    assert not (tmp_path / LOCK_NAME).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"started": 1},  # the pid lives, as another process than the one that took the lock
        {"boot": "of another start of the machine"},
    ],
)
def test_a_recycled_pid_is_not_taken_for_the_holder(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    plant(tmp_path, **changes)
    with hold_lock(tmp_path):
        pass


def test_without_proc_the_pid_alone_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "_PROC", tmp_path / "none")
    with hold_lock(tmp_path):
        assert '"started": null' in (tmp_path / LOCK_NAME).read_text()
        with pytest.raises(LedgerError, match="is locked by"), hold_lock(tmp_path):
            pass
    plant(tmp_path, pid=ended_process())
    with hold_lock(tmp_path):
        pass


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "elsewhere"}, "another machine than this one"),
        ({"machine": "another of the same name"}, "another machine than this one"),
        ({"namespace": "pid:[1]"}, "in another container of this machine"),
    ],
)
def test_the_lock_of_another_machine_is_left_alone(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    holder = plant(tmp_path, pid=ended_process(), **changes)
    with pytest.raises(LedgerError) as caught, hold_lock(tmp_path):
        pass
    message = str(caught.value)
    assert words in message
    assert f"process {holder.pid} on {holder.host} since {holder.since}" in message
    assert f"delete {tmp_path / LOCK_NAME}" in message
    assert lock_module.read_holder(tmp_path / LOCK_NAME) == holder


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", "\0\0", '{"host": "a"}', "[" * 60_000],
)
def test_a_damaged_lock_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    with pytest.raises(LedgerError, match="delete that file if no other"), hold_lock(tmp_path):
        pass
    assert (tmp_path / LOCK_NAME).read_text() == text


def test_a_lock_that_was_taken_away_is_not_released_for_its_new_holder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hold_lock(tmp_path):
        other = plant(tmp_path, host="elsewhere")
    assert lock_module.read_holder(tmp_path / LOCK_NAME) == other
    assert "removed or taken by another process" in caplog.text


def test_of_processes_that_take_over_a_stale_lock_at_once_exactly_one_wins(
    tmp_path: Path, contenders: list[Contender]
) -> None:
    pid = ended_process()
    for _ in range(40):
        plant(tmp_path, pid=pid)
        for contender in contenders:
            contender.tell()
        answers = [contender.read() for contender in contenders]
        winners = [
            contender.process.pid
            for contender, answer in zip(contenders, answers, strict=True)
            if answer == "won"
        ]
        assert len(winners) == 1, answers
        losers = [answer for answer in answers if answer != "won"]
        assert all(f"locked by process {winners[0]} on" in answer for answer in losers), answers
        for contender in contenders:
            contender.tell()
        assert [contender.read() for contender in contenders] == ["released"] * len(contenders)
        assert list(tmp_path.iterdir()) == []


def test_of_processes_that_take_a_free_lock_at_once_exactly_one_wins(
    tmp_path: Path, contenders: list[Contender]
) -> None:
    for _ in range(40):
        for contender in contenders:
            contender.tell()
        answers = [contender.read() for contender in contenders]
        assert answers.count("won") == 1, answers
        for contender in contenders:
            contender.tell()
        assert [contender.read() for contender in contenders] == ["released"] * len(contenders)


def test_a_slow_taker_does_not_remove_a_lock_taken_over_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race by hand: between judging a lock stale and replacing it, another process does."""
    stale = plant(tmp_path, pid=ended_process())
    fresh = plant(tmp_path)
    mine = replace(fresh, token="mine")
    assert lock_module._take_over(tmp_path / LOCK_NAME, stale, b"mine") is False
    assert lock_module.read_holder(tmp_path / LOCK_NAME) == fresh != mine


def test_a_file_system_without_hard_links_is_locked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with hold_lock(tmp_path):
        with pytest.raises(LedgerError, match="is locked by"), hold_lock(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]
