"""Writers of a journal that are killed at any moment leave one that goes on, and lose no entry."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from vggstudy.ledger.journal import JOURNAL_NAME, append, read_journal

QUICK_KILLS = 30
CAMPAIGN_KILLS = 2000
MOST_ENTRIES = 100_000


def keep_writing(folder: Path, who: int) -> None:
    """Append until killed."""
    for number in range(MOST_ENTRIES):
        append(folder, [{"event": "looked", "who": who, "count": number}])


def hunt(folder: Path, tried: Counter[str], *, kills: int, seed: int) -> None:
    """Two processes write at once; one after the other is killed once it has written a little."""
    rng = random.Random(seed)
    append(folder, [{"event": "created"}], create=True)
    path = folder / JOURNAL_NAME
    for number in range(kills):
        writers = [
            multiprocessing.get_context("fork").Process(target=keep_writing, args=(folder, who))
            for who in (2 * number, 2 * number + 1)
        ]
        for writer in writers:
            writer.start()
        enough = path.stat().st_size + rng.randint(1, 4000)
        while path.stat().st_size < enough:
            os.sched_yield()
        for writer in writers:
            os.kill(int(writer.pid or 0), signal.SIGKILL)
            writer.join()
            tried["kills"] += 1
        if rng.random() < 0.3:  # and then the power fails
            size = path.stat().st_size - rng.randint(1, 60)
            os.truncate(path, size)
            tried["truncations"] += 1
    append(folder, [{"event": "looked", "who": -1, "count": 0}])
    journal = read_journal(folder)
    assert journal is not None
    assert journal.faults == ()
    assert journal.torn == 0
    counts: dict[int, list[int]] = {}
    for entry in journal.entries[1:]:
        if entry.event == "looked":
            counts.setdefault(entry.values["who"], []).append(entry.values["count"])
    # Of each writer everything up to the last entry that the power left.
    assert all(seen == list(range(len(seen))) for seen in counts.values())


def test_killed_writers_leave_a_journal_that_goes_on(tmp_path: Path, tried: Counter[str]) -> None:
    hunt(tmp_path, tried, kills=QUICK_KILLS, seed=5)


@pytest.mark.campaign
def test_thousands_of_killed_writers_lose_nothing(tmp_path: Path, tried: Counter[str]) -> None:
    hunt(tmp_path, tried, kills=CAMPAIGN_KILLS, seed=6)
