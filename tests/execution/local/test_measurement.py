"""Real workers are measured on a study's own steps."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vggstudy.execution
from vggstudy.errors import DataError
from vggstudy.execution import (
    Crew,
    Silent,
    Tally,
    execute,
    measure_divisions,
    resolve_options,
)
from vggstudy.execution.local import layout, pool, process
from vggstudy.execution.local.process import WorkerProcess
from vggstudy.ledger import StudyStore
from vggstudy.ledger.conduct import Division
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "tiny"
[design]
replicates = 1
seed = 5
[design.factors]
batch_size = [16, 32]
[data]
name = "{data}"
train = 96
test = 32
validation = 32
[model]
depth = 11
width = 0.05
[training]
optimizer = "adam"
epochs = 1
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyStore:
    monkeypatch.setenv("VGGSTUDY_CACHE", str(tmp_path / "cache"))
    return StudyStore.create(tmp_path / "study", "text", "0" * 64, "tiny")


def planned(data: str) -> tuple[PlannedRun, ...]:
    return make_plan(parse_protocol(PROTOCOL.format(data=data), filename="tiny.toml")).runs


def test_every_division_gets_its_speed_and_no_record_is_left(store: StudyStore) -> None:
    candidates = [(2, 1), (1, 2)]
    notes: list[str] = []
    trials = measure_divisions(
        candidates,
        runs=planned("synthetic"),
        store=store,
        options=resolve_options(),
        note=notes.append,
    )
    assert [(trial.workers, trial.threads) for trial in trials] == candidates
    assert all(trial.steps_per_s > 0 for trial in trials)
    assert list(store.records()) == []


def test_workers_that_were_measured_execute_the_runs(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, options = planned("synthetic"), resolve_options(jobs=1, threads=1)
    with contextlib.closing(Crew()) as crew:
        measure_divisions(
            [(1, 1)], runs=runs, store=store, options=options, note=lambda _: None, crew=crew
        )

        def start(*_: object) -> WorkerProcess:
            raise AssertionError("a worker was started anew")

        monkeypatch.setattr(pool, "WorkerProcess", start)
        tally = execute(runs, store, options, Silent(), crew=crew)
    assert (tally.finished, tally.crashed) == (2, 0)


def test_a_study_hands_the_workers_on_that_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crews: list[Crew] = []

    def measure(candidates: Any, *, crew: Crew, **_: Any) -> tuple[Division, ...]:
        crews.append(crew)
        return tuple(Division(workers, threads, 1.0) for workers, threads in candidates)

    def train(runs: Any, *_: Any, crew: Crew) -> Tally:
        crews.append(crew)
        return Tally(0, 0, len(runs), interrupted=False)

    monkeypatch.setattr(layout, "available_cores", lambda: 2)
    monkeypatch.setattr(vggstudy.execution, "measure_divisions", measure)
    monkeypatch.setattr(vggstudy.execution, "execute", train)
    text = PROTOCOL.format(data="synthetic").replace("epochs = 1", "epochs = 100")
    Study(parse_protocol(text), tmp_path / "tiny", text=text).run()
    measured, executed = crews
    assert measured is executed


class Ended:
    """A worker that has been started, as far as a crew can see."""

    def __init__(self, *_: object) -> None:
        self.ready, self.closed, self.process = False, False, self

    def poll(self) -> int | None:
        return 0 if self.closed else None

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("change", [{"threads": 2}, {"jobs": 1}, {"lanes": 2}, {}])
def test_workers_are_taken_over_only_where_the_options_would_start_the_same(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "WorkerProcess", Ended)
    measured, crew = resolve_options(jobs=2, threads=1, lanes=change.get("lanes")), Crew()
    started = [*crew.start(2, tmp_path, measured)]
    taken = crew.take(replace(measured, **change))
    crew.close()
    assert len(taken) == (0 if change else 2)
    assert {each.ready for each in started} == {not change}
    assert {bool(each.process.poll() is None) for each in started} == {not change}
    assert crew.take(measured) == []


def test_a_worker_that_died_since_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "WorkerProcess", Ended)
    options, crew = resolve_options(jobs=2, threads=1), Crew()
    first, second = crew.start(2, tmp_path, options)
    first.close()
    assert crew.take(options) == []
    assert second.process.poll() is not None


def test_missing_data_stop_the_study_as_they_would_later(store: StudyStore) -> None:
    with pytest.raises(DataError, match="nowhere"):
        measure_divisions(
            [(1, 1)],
            runs=planned('imagefolder"\nroot = "nowhere'),
            store=store,
            options=resolve_options(),
            note=lambda _: None,
        )
