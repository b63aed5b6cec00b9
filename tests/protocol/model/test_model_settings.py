"""Crossed seeding and fitted models in a protocol."""

from __future__ import annotations

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.plan import make_plan
from vggstudy.protocol import Protocol, parse_protocol
from vggstudy.study.runs import columns

TEXT = """
schema = 1
name = "small"
[design]
replicates = 9
seed = 1
[design.factors]
depth = [11, 19]
batch_size = [8, 16, 32]
[data]
name = "cifar10"
"""


def _read(text: str) -> Protocol:
    return parse_protocol(text, filename="small.toml")


def _message(text: str) -> str:
    with pytest.raises(ProtocolError) as caught:
        _read(text)
    return str(caught.value)


def test_crossed_seeding_needs_a_square_number_of_replicates() -> None:
    crossed = TEXT.replace("seed = 1", 'seed = 1\nseeding = "crossed"')
    assert _read(crossed).design.seeding == "crossed"
    for count in (1, 3, 8):
        text = crossed.replace("replicates = 9", f"replicates = {count}")
        assert f"needs 4, 9, 16, 25 ... replicates, got {count}" in _message(text)


def test_crossed_runs_name_both_kinds_of_seeds_and_have_ids_of_their_own() -> None:
    crossed = make_plan(_read(TEXT.replace("seed = 1", 'seed = 1\nseeding = "crossed"')))
    plain = make_plan(_read(TEXT))
    assert not set(crossed.by_id) & set(plain.by_id)
    assert [c for c in columns(crossed) if c not in columns(plain)] == ["init_seed", "data_seed"]
    first = [run.seeds for run in crossed.runs if run.cell_id == crossed.runs[0].cell_id]
    assert len({seeds.init for seeds in first}) == len({seeds.order for seeds in first}) == 3
    assert len({(seeds.init, seeds.order) for seeds in first}) == 9


def test_models_of_the_protocol_are_read() -> None:
    asked = """
[analysis.failure_model]
interactions = ["depth*batch_size"]
[analysis.accuracy_model]
along = "batch_size"
scale = "linear"
"""
    stated = _read(TEXT + asked).analysis
    failure, accuracy = stated.failure_model, stated.accuracy_model
    assert failure.pairs == (("depth", "batch_size"),)
    assert (accuracy.along, accuracy.scale) == ("batch_size", "linear")
    assert accuracy.pairs is None
    assert _read(TEXT).analysis.failure_model.pairs is None


def test_the_default_models_leave_the_protocol_s_digest_as_it_was() -> None:
    stated = TEXT + "[analysis.failure_model]\n[analysis.accuracy_model]\n"
    assert _read(stated).digest() == _read(TEXT).digest()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ('[analysis.failure_model]\nalong = "depht"', "'depht' is no factor"),
        ('[analysis.accuracy_model]\ninteractions = ["depth*kernel"]', "'kernel' is no factor"),
        ('[analysis.accuracy_model]\ninteractions = ["depth"]', "names two factors as in"),
        ('[analysis.learning]\ndepht = "falls"', "'depht' is no factor"),
        ('[analysis.learning]\ndepth = "up"', "rises"),
    ],
)
def test_models_that_name_what_the_design_lacks_are_refused(asked: str, message: str) -> None:
    assert message in _message(TEXT + asked)
