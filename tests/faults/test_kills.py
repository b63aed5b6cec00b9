"""Whatever kills a study's processes, resuming it gives every run once, to the bit."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import StudyStore
from vggstudy.ledger.journal import read_journal

QUICK_KILLS = 24
CAMPAIGN_KILLS = 1000
MOST_LIVES = 12
"""A study that has been resumed so often is let finish."""


def disturbance(rng: random.Random, calm: Any) -> dict[str, Any]:
    """One way to end a process: a signal at some time, or a touch of the disk that never comes."""
    if rng.random() < 0.4:
        role = rng.choice(("driver", "worker"))
        strike = {
            "role": role,
            "event": rng.randint(1, calm.events[role]),
            "keep": rng.choice((None, 0.0, rng.random())),
        }
        return {"strike": strike}
    kill = {
        "after_s": rng.uniform(0, calm.seconds),
        "target": rng.choice(("driver", "worker")),
        "signal": rng.choice((signal.SIGKILL, signal.SIGTERM)),
    }
    return {"kills": [kill]}


def torment(forks: Any, protocol: Path, calm: Any, rng: random.Random, name: str) -> Counter[str]:
    """Kill a study and resume it until it is complete; what was done to it."""
    folder = protocol.parent / name
    command = ("run", protocol, "--study", name, "-q", "-j", rng.choice(("1", "2")))
    done: Counter[str] = Counter()
    before: dict[str, bytes] = {}
    for life in range(MOST_LIVES):
        how = disturbance(rng, calm) if life < MOST_LIVES - 1 else {}
        answer = forks(*command, cwd=protocol.parent, **how)
        done["kills"] += answer["hits"] + answer["struck"]
        done["resumes"] += life > 0
        before = check_what_stands(folder, before)
        if answer["code"] == 0:
            break
        # 4: a run failed as often as it may be retried; 130: SIGTERM, a stop in order.
        assert answer["code"] in (None, 4, 130), (how, answer)
    done["studies"] += 1
    check_the_end(folder, calm)
    return done


def check_what_stands(folder: Path, before: dict[str, bytes]) -> dict[str, bytes]:
    """Only whole records are visible, and a result that was there is there, byte for byte."""
    if not (folder / "study.json").exists():
        assert not before
        return {}
    store = StudyStore.open(folder, readonly=True)
    assert store.damaged() == []
    now = {
        record.run_id: store.record_path(record.run_id).read_bytes()
        for record in store.records()
        if record.status != "crashed"
    }
    assert {name: now.get(name) for name in before} == before
    journal = read_journal(folder)
    assert journal is None or journal.faults == ()
    return now


def check_the_end(folder: Path, calm: Any) -> None:
    """Every planned run has one result, that of the undisturbed study; nothing is left over."""
    store = StudyStore.open(folder, readonly=True)
    found = {record.run_id: record.deterministic_json() for record in store.records()}
    assert found == calm.bits
    for record in store.records():
        assert [a["failure"] is None for a in record.attempts].count(True) == 1
        assert record.attempts[-1]["failure"] is None
        assert [a["number"] for a in record.attempts] == list(range(1, len(record.attempts) + 1))
    with store.index() as index:
        assert sorted(row.run_id for row in index.rows()) == sorted(calm.bits)
        assert index.damaged() == []
    assert list(folder.rglob("checkpoint.pt")) == []
    journal = read_journal(folder)
    assert journal is not None
    assert {run: told[-1] for run, told in journal.results().items()} == store.checksums()


def hunt(
    forks: Any, protocol: Path, calm: Any, tried: Counter[str], *, kills: int, seed: int
) -> None:
    """Torment studies until so many processes have been killed."""
    rng = random.Random(seed)
    number = 0
    while tried["kills"] < kills:
        number += 1
        tried.update(torment(forks, protocol, calm, rng, f"study-{number}"))


def test_killed_studies_resume_to_every_run_once_bit_for_bit(
    forks: Any, tiny: Path, calm: Any, tried: Counter[str]
) -> None:
    hunt(forks, tiny, calm, tried, kills=QUICK_KILLS, seed=7)


@pytest.mark.campaign
def test_a_thousand_kills_lose_nothing(
    forks: Any, tiny: Path, calm: Any, tried: Counter[str]
) -> None:
    hunt(forks, tiny, calm, tried, kills=CAMPAIGN_KILLS, seed=2026)
