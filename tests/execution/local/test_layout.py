"""The cores are divided once for a study, by measurement where that is worth while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vggstudy.errors import LedgerError
from vggstudy.execution import ExecutionOptions, resolve_options
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.execution.local import layout
from vggstudy.execution.local.layout import divisions, fastest, geometric_mean, settle
from vggstudy.ledger import StudyStore
from vggstudy.ledger.conduct import CONDUCT_NAME, Conduct, Division, read_conduct, write_conduct
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.processor import bfloat16_instructions
from vggstudy.protocol import parse_protocol

PROTOCOL = """\
schema = 1
name = "small"
[design]
replicates = {replicates}
seed = 1
[design.factors]
batch_size = [16, 32]
[data]
name = "digits"
[model]
depth = 11
[training]
optimizer = "sgd"
epochs = 10
"""


@dataclass
class Machine:
    """A machine whose speeds are known, and what a study on it was told."""

    speeds: dict[tuple[int, int], float]
    measured: int = 0
    notes: list[str] = field(default_factory=list)

    def measure(self, candidates: Sequence[tuple[int, int]]) -> tuple[Division, ...]:
        self.measured += 1
        return tuple(Division(w, t, self.speeds[w, t]) for w, t in candidates if self.speeds)

    def settle(
        self, store: StudyStore, runs: Sequence[PlannedRun], options: ExecutionOptions
    ) -> ExecutionOptions:
        return settle(options, store, runs, measure=self.measure, note=self.notes.append)


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "available_cores", lambda: 2)
    monkeypatch.setattr("vggstudy.execution.options.available_cores", lambda: 2)


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    return StudyStore.create(tmp_path / "study", "text", "0" * 64, "small")


def planned(replicates: int = 5) -> tuple[PlannedRun, ...]:
    """Two cells of some replicates, ten epochs a run."""
    text = PROTOCOL.format(replicates=replicates)
    return make_plan(parse_protocol(text, filename="small.toml")).runs


NARROW = {(2, 1): 90.0, (1, 2): 70.0}
WIDE = {(2, 1): 2.0, (1, 2): 2.3}
ALIKE = {(2, 1): 2.0, (1, 2): 2.1}


def test_all_divisors_of_the_cores_are_tried() -> None:
    assert divisions(2) == [(2, 1), (1, 2)]
    assert divisions(12) == [(12, 1), (6, 2), (4, 3), (3, 4), (2, 6), (1, 12)]
    assert divisions(1) == [(1, 1)]


@pytest.mark.parametrize(
    ("flags", "precision", "told"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16", "bfloat16", False),
        ("flags\t\t: fpu avx2", "bfloat16", True),
        ("flags\t\t: fpu avx2", "float32", False),
        ("Features\t: fp asimd bf16", "bfloat16", False),
        ("model name\t: of a system that tells no instructions", "bfloat16", False),
    ],
)
def test_a_processor_that_emulates_bfloat16_is_told_of(
    flags: str,
    precision: str,
    told: bool,
    store: StudyStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    found = bfloat16_instructions(tmp_path / "cpuinfo")
    monkeypatch.setattr(layout, "bfloat16_instructions", lambda: found)
    text = PROTOCOL.format(replicates=1) + f'precision = "{precision}"\n'
    machine = Machine(NARROW)
    machine.settle(store, make_plan(parse_protocol(text)).runs, resolve_options())
    assert any("emulates" in note for note in machine.notes) == told


def test_a_system_without_a_list_of_instructions_tells_nothing(tmp_path: Path) -> None:
    assert bfloat16_instructions(tmp_path / "nowhere") is None


def test_more_threads_must_be_clearly_faster() -> None:
    trials = [Division(4, 1, 100.0), Division(2, 2, 109.0), Division(1, 4, 121.0)]
    assert fastest(trials[:2]).threads == 1
    assert fastest(trials).threads == 4


def test_slow_and_fast_cells_count_alike() -> None:
    assert geometric_mean([1.0, 100.0]) == pytest.approx(10.0)  # rounding of exp and log


@pytest.mark.parametrize(("speeds", "chosen"), [(NARROW, (2, 1)), (WIDE, (1, 2)), (ALIKE, (2, 1))])
def test_the_faster_division_is_chosen_and_kept(
    store: StudyStore, speeds: dict[tuple[int, int], float], chosen: tuple[int, int]
) -> None:
    machine = Machine(speeds)
    options = machine.settle(store, planned(), resolve_options())
    assert (options.jobs, options.threads) == chosen
    kept = read_conduct(store.path)
    assert kept is not None
    assert (kept.workers, kept.threads, kept.chosen_by) == (*chosen, "measurement")
    assert {(t.workers, t.threads): t.steps_per_s for t in kept.trials} == speeds
    assert "2 workers x 1 thread" in machine.notes[0]


def test_a_resumed_study_keeps_its_threads_whatever_the_machine_is_like_now(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(WIDE).settle(store, planned(), resolve_options())
    now = Machine(NARROW)
    assert now.settle(store, planned(), resolve_options()).threads == 2
    assert now.settle(store, planned(), resolve_options(jobs=3)).jobs == 3
    monkeypatch.setattr(layout, "available_cores", lambda: 8)
    assert now.settle(store, planned(), resolve_options()).jobs == 4
    assert now.measured == 0


def test_a_study_begun_before_choices_were_kept_goes_on_with_the_threads_of_its_records(
    store: StudyStore,
) -> None:
    first = planned()[0]
    environment = {"numerics": {"threads": 2, "cuda": None}}
    attempts = [attempt_entry("2026-01-01T00:00:00+00:00", 1.0, None)]
    store.write_record(
        make_record(
            first,
            status="finished",
            attempts=attempts,
            result={},
            timings={},
            environment=environment,
        )
    )
    machine = Machine(NARROW)
    assert machine.settle(store, planned(), resolve_options()).threads == 2
    assert machine.measured == 0


def test_only_the_user_changes_the_threads_and_is_told_what_that_means(store: StudyStore) -> None:
    machine = Machine(NARROW)
    machine.settle(store, planned(), resolve_options())
    options = machine.settle(store, planned(), resolve_options(threads=2))
    assert (options.jobs, options.threads) == (1, 2)
    assert machine.notes[-1] == (
        "this study's runs had 1 thread so far and have 2 from here on: rounding differs between "
        "the two"
    )
    assert machine.settle(store, planned(), resolve_options()).threads == 2
    assert machine.measured == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_number_of_workers_never_decides_about_threads(store: StudyStore, jobs: int) -> None:
    machine = Machine(WIDE)
    options = machine.settle(store, planned(), resolve_options(jobs=jobs))
    assert (options.jobs, options.threads, machine.measured) == (jobs, 1, 0)


def test_a_short_study_is_not_measured(store: StudyStore) -> None:
    machine = Machine(WIDE)
    assert machine.settle(store, planned(replicates=4), resolve_options()).threads == 1
    assert machine.measured == 0
    kept = read_conduct(store.path)
    assert kept is not None
    assert kept.chosen_by == "default"


def test_nothing_is_chosen_on_a_gpu_or_without_runs(store: StudyStore) -> None:
    machine = Machine(WIDE)
    gpu = resolve_options(devices=["cuda"])
    assert machine.settle(store, planned(), gpu) == gpu
    assert machine.settle(store, (), resolve_options()) == resolve_options()
    assert read_conduct(store.path) is None


def test_a_measurement_that_fails_leaves_one_thread(store: StudyStore) -> None:
    machine = Machine({})
    assert machine.settle(store, planned(), resolve_options()).threads == 1


def test_the_choice_survives_a_round_trip(tmp_path: Path) -> None:
    conduct = Conduct(threads=2, workers=1, chosen_by="measurement", trials=(Division(1, 2, 3.5),))
    write_conduct(tmp_path, conduct)
    assert read_conduct(tmp_path) == conduct


def test_an_edited_choice_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_conduct(tmp_path, Conduct(threads=1, workers=2, chosen_by="default"))
    path = tmp_path / CONDUCT_NAME
    path.write_text(path.read_text().replace('"threads":1', '"threads":2'))
    with pytest.raises(LedgerError, match=r"does not match.*delete it and name the study's --thr"):
        read_conduct(tmp_path)
