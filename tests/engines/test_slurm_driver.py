"""The driver of SLURM jobs against a queue that does what a test says."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vggstudy.errors import DataError, ExecutionError
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.execution.engine import MAX_LOSSES
from vggstudy.execution.events import Silent
from vggstudy.execution.local.pool import Tally
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.packing import Pack, Packing
from vggstudy.execution.slurm import engine as slurm
from vggstudy.execution.slurm import queue as slurm_queue
from vggstudy.execution.slurm.job import PackJob
from vggstudy.execution.slurm.options import SlurmSettings
from vggstudy.execution.slurm.state import Submission, read_submission
from vggstudy.execution.slurm.submit import QueueFull
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "queue"
[design]
replicates = 4
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
"""


class Notes(Silent):
    """Keeps what the driver says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


class Queue:
    """A queue whose jobs end when and as a test says, one step at every look."""

    def __init__(self, store: StudyStore) -> None:
        self.store = store
        self.jobs: list[PackJob] = []
        self.submitted: list[tuple[Submission, Sequence[Pack]]] = []
        self.states: dict[str, dict[int, str]] = {}
        self.steps: list[Callable[[], None]] = []
        self.most_jobs = 1000
        self.looks = 0

    def submit(self, job: PackJob, packs: Sequence[Pack], settings: SlurmSettings) -> str:
        active = [s for own in self.states.values() for s in own.values() if s == "PENDING"]
        if len(active) + len(packs) > self.most_jobs:
            message = "SLURM refuses the jobs: job submit limit"
            raise QueueFull(message)
        self.jobs.append(job)
        self.submitted.append((job.submission, packs))
        self.states[job.submission.name] = dict.fromkeys(range(len(packs)), "PENDING")
        return "1"

    def look(self) -> dict[str, dict[int, str]]:
        self.looks += 1
        assert self.looks < 100, "the driver waits for ever"
        if self.steps and self.submitted:
            self.steps.pop(0)()
        return {name: dict(own) for name, own in self.states.items()}

    def end(self, state: str, *, status: str | None = "finished", jobs: int = 1000) -> None:
        """End pending jobs in a state, their runs recorded with a status, or not at all."""
        for submission, packs in self.submitted:
            for index, pack in enumerate(packs):
                if self.states[submission.name][index] != "PENDING" or jobs == 0:
                    continue
                jobs -= 1
                self.states[submission.name][index] = state
                for run in pack if status else ():
                    record(self.store, run, status or "")


def record(store: StudyStore, run: PlannedRun, status: str) -> None:
    """Write a record without a training behind it."""
    crashed = status == "crashed"
    failure = {"kind": "exception", "message": "no luck"} if crashed else None
    store.write_record(
        make_record(
            run,
            status=status,  # type: ignore[arg-type]
            attempts=[attempt_entry("2026-01-01T00:00:00+00:00", 1.0, failure)],  # type: ignore[arg-type]
            result={},
            timings={},
            environment={},
        )
    )


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(parse_protocol(PROTOCOL), tmp_path / "queue")


@pytest.fixture
def queue(study: Study, monkeypatch: pytest.MonkeyPatch) -> Queue:
    store = StudyStore.create(study.path, study.text, study.protocol.digest(), "queue")
    fake = Queue(store)
    monkeypatch.setattr(slurm, "submit", fake.submit)
    monkeypatch.setattr(slurm, "job_states", fake.look)
    monkeypatch.setattr(slurm, "max_array_size", lambda: 1000)
    monkeypatch.setattr(slurm, "POLL_S", (0.0, 0.0))
    return fake


def drive(
    study: Study, queue: Queue, *, size: int = 2, detach: bool = False, notes: Notes | None = None
) -> Tally:
    """Call the engine with what the study lacks."""
    engine = slurm.SlurmEngine(SlurmSettings(packing=Packing(size=size), detach=detach))
    lacking = study.progress().lacking
    return engine(lacking, queue.store, ExecutionOptions(jobs=1), notes or Notes())


def test_a_driver_that_starts_again_submits_nothing_that_is_queued(
    study: Study, queue: Queue
) -> None:
    assert drive(study, queue, detach=True) == Tally(0, 0, 8, interrupted=False)
    assert slurm.held_runs(study.path) == dict.fromkeys(study.plan.by_id, "queued")
    drive(study, queue, detach=True)
    queue.steps = [lambda: None, lambda: queue.end("COMPLETED")]
    assert drive(study, queue) == Tally(8, 0, 0, interrupted=False)
    assert [len(packs) for _, packs in queue.submitted] == [4]
    assert slurm.held_runs(study.path) == {}


def test_only_runs_that_no_job_holds_are_submitted(study: Study, queue: Queue) -> None:
    drive(study, queue, detach=True)
    queue.end("NODE_FAIL", status=None, jobs=1)
    drive(study, queue, detach=True)
    first, second = (packs for _, packs in queue.submitted)
    assert {run.run_id for pack in second for run in pack} == {run.run_id for run in first[0]}


def test_runs_of_a_lost_job_are_submitted_again_so_often_and_no_more(
    study: Study, queue: Queue
) -> None:
    queue.steps = [lambda: queue.end("NODE_FAIL", status=None)] * 50
    notes = Notes()
    assert drive(study, queue, size=8, notes=notes) == Tally(0, 0, 8, interrupted=False)
    assert len(queue.submitted) == 1 + MAX_LOSSES
    assert "ended (node fail) with 8 runs unfinished; submitted again" in notes.texts[1]
    assert notes.texts[-1].endswith("left pending")


def test_jobs_that_somebody_cancelled_are_not_submitted_again(study: Study, queue: Queue) -> None:
    queue.steps = [lambda: queue.end("CANCELLED", status=None)]
    assert drive(study, queue) == Tally(0, 0, 8, interrupted=False)
    assert len(queue.submitted) == 1


def test_a_run_whose_every_attempt_failed_counts_as_crashed(study: Study, queue: Queue) -> None:
    queue.steps = [lambda: queue.end("COMPLETED", status="crashed", jobs=1)]
    queue.steps += [lambda: queue.end("COMPLETED")]
    assert drive(study, queue) == Tally(6, 2, 0, interrupted=False)
    assert len(queue.submitted) == 1


def test_a_record_that_becomes_visible_after_its_job_ended_is_not_lost(
    study: Study, queue: Queue
) -> None:
    def appear() -> None:
        for run in study.plan.runs:
            record(queue.store, run, "finished")

    queue.steps = [lambda: queue.end("COMPLETED", status=None), appear]
    assert drive(study, queue) == Tally(8, 0, 0, interrupted=False)
    assert len(queue.submitted) == 1


def test_an_array_is_as_large_as_slurm_allows(
    study: Study, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "max_array_size", lambda: 3)
    drive(study, queue, size=1, detach=True)
    assert [len(packs) for _, packs in queue.submitted] == [3, 3, 2]


def test_what_a_limit_on_jobs_keeps_out_is_submitted_when_there_is_room(
    study: Study, queue: Queue
) -> None:
    queue.most_jobs = 3
    queue.steps = [lambda: queue.end("COMPLETED")] * 20
    assert drive(study, queue, size=1) == Tally(8, 0, 0, interrupted=False)
    assert max(len(packs) for _, packs in queue.submitted) <= 3
    runs = [run.run_id for _, packs in queue.submitted for pack in packs for run in pack]
    assert sorted(runs) == sorted(study.plan.by_id)
    kept = {path.name for path in (study.path / "slurm").iterdir()}
    assert kept == {submission.name for submission, _ in queue.submitted}


def test_a_job_carries_no_runs_but_its_own(study: Study, queue: Queue) -> None:
    drive(study, queue, size=1, detach=True)
    (job,) = queue.jobs
    text = pickle.dumps(job)
    assert not any(run_id.encode() in text for run_id in study.plan.by_id)


def test_a_limit_of_no_job_at_all_is_an_error(study: Study, queue: Queue) -> None:
    queue.most_jobs = 0
    with pytest.raises(ExecutionError, match="job submit limit"):
        drive(study, queue)


def test_what_a_job_refused_is_raised_as_the_local_engine_does(study: Study, queue: Queue) -> None:
    def refuse() -> None:
        (submission, _), *_ = queue.submitted
        submission.refusal_path(0).write_text("DataError\nthe images are missing")
        queue.end("FAILED", status=None)

    queue.steps = [refuse]
    with pytest.raises(DataError, match="the images are missing"):
        drive(study, queue)


def test_a_scheduler_that_does_not_answer_is_asked_again(
    study: Study, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent() -> None:
        message = "SLURM's squeue failed: unable to contact slurm controller"
        raise ExecutionError(message)

    queue.steps = [silent, lambda: queue.end("COMPLETED")]
    notes = Notes()
    assert drive(study, queue, notes=notes) == Tally(8, 0, 0, interrupted=False)
    assert any("unable to contact" in text for text in notes.texts)


def test_a_driver_that_is_asked_to_stop_leaves_its_jobs(
    study: Study, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    stop.set()
    settings = SlurmSettings(packing=Packing(size=2))
    driver = slurm._Driver(settings, queue.store, ExecutionOptions(jobs=1), Notes())
    driver.adopt(study.progress().lacking)
    driver.submit_waiting()
    assert driver.wait(stop) == Tally(0, 0, 8, interrupted=True)
    assert set(slurm.held_runs(study.path)) == set(study.plan.by_id)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"packs": 3}',
        '{"format": "vggstudy-slurm", "version": 2, "packs": []}',
        '{"format": "vggstudy-slurm", "version": 1, "packs": [["../../etc"]]}',
    ],
)
def test_a_damaged_submission_is_passed_over(study: Study, queue: Queue, content: str) -> None:
    drive(study, queue, detach=True)
    ((submission, _),) = queue.submitted
    (submission.folder / "submission.json").write_text(content)
    assert read_submission(study.path, submission.name) is None
    assert slurm.held_runs(study.path) == {}


def test_the_submission_is_on_disk_before_sbatch_is_called(
    study: Study, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(job: PackJob, packs: Sequence[Pack], settings: SlurmSettings) -> str:
        content = json.loads((job.submission.folder / "submission.json").read_text())
        assert content["packs"] == [[run.run_id for run in pack] for pack in packs]
        raise KeyboardInterrupt

    monkeypatch.setattr(slurm, "submit", killed)
    with pytest.raises(KeyboardInterrupt):
        drive(study, queue)
    (folder,) = (study.path / "slurm").iterdir()
    queue.states[folder.name] = dict.fromkeys(range(4), "RUNNING")
    assert slurm.held_runs(study.path) == dict.fromkeys(study.plan.by_id, "running")


def test_a_study_that_was_never_submitted_asks_no_scheduler(study: Study, queue: Queue) -> None:
    assert slurm.held_runs(study.path) == {}
    assert queue.looks == 0


def test_the_queue_is_read_by_job_name_index_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "a-1|0|RUNNING\na-1|1|PENDING\nodd|name|N/A|COMPLETED\na-1|0|COMPLETED\n"
    monkeypatch.setattr(slurm_queue, "_output", lambda *command: lines)
    states = slurm_queue.job_states()
    assert states == {"a-1": {0: "RUNNING", 1: "PENDING"}, "odd|name": {0: "COMPLETED"}}
    phases = [slurm_queue.phase(s) for s in ("RUNNING", "PENDING", "COMPLETING", "TIMEOUT")]
    assert phases == ["running", "queued", "running", "ended"]
    assert slurm_queue.state_of(states, "b", 0) == slurm_queue.GONE


def test_a_machine_without_slurm_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutionError, match="there is no squeue here"):
        slurm_queue.job_states()
