"""What is suggested for a name that is not known."""

from __future__ import annotations

from vggstudy.suggest import closest, near, suggest

NAMES = ("batch_size", "Batch", "depth", "data_norm", "batch_norm")


def test_the_most_similar_name_is_suggested_and_none_if_none_is_similar() -> None:
    assert suggest("batchsize", NAMES) == "did you mean 'batch_size'?"
    assert suggest("zzz", NAMES) is None
    assert suggest("depth", ()) is None


def test_case_does_not_matter_and_the_spelling_is_the_known_one() -> None:
    assert closest("BATCH", NAMES) == "Batch"
    assert closest("DEPHT", NAMES) == "depth"


def test_no_more_are_named_than_asked_for() -> None:
    assert near("batch_nrm", NAMES, n=2) == ["batch_norm", "Batch"]


def test_a_name_without_end_costs_no_time() -> None:
    assert suggest("a" * 10_000_000, NAMES) is None
