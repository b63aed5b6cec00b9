"""Overrides from the command line: what they change, and what they cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.protocol import LoadedProtocol, Protocol, parse_protocol

Load = Callable[..., LoadedProtocol]

TEXT = """\
# a study
schema = 1
name = "x"
[design]
replicates = 3   # few
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
[training]
lr = 0.1  # rate
"""


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("training.lr=0.01", lambda p: p.training.lr, 0.01),
        ("lr = 1e-2", lambda p: p.training.lr, 0.01),
        ("epochs=8", lambda p: p.training.epochs, 8),
        ("training.optimizer='sgd'", lambda p: p.training.optimizer, "sgd"),
        ("optimizer=sgd", lambda p: p.training.optimizer, "sgd"),
        ("batch_norm=true", lambda p: p.model.batch_norm, True),
        ("scheduler.patience=3", lambda p: p.training.scheduler.patience, 3),
        ("training.early_stopping.patience=7", lambda p: p.training.early_stopping.patience, 7),
        ("design.replicates=9", lambda p: p.design.replicates, 9),
        ("design.factors.depth=[13]", lambda p: p.design.factors, {"depth": [13]}),
        (
            'design.factors."scheduler.patience"=[1, 2]',
            lambda p: p.design.factors,
            {"depth": [11, 19], "scheduler.patience": [1, 2]},
        ),
        ("title=Two words", lambda p: p.title, "Two words"),
        (
            "data={name='cifar10', train=100}",
            lambda p: (p.data.name, p.data.train),
            ("cifar10", 100),
        ),
    ],
)
def test_override_sets_one_key(
    load: Load, override: str, read: Callable[[Protocol], Any], value: Any
) -> None:
    assert read(load(TEXT, override).protocol) == value


def test_text_with_overrides_keeps_its_layout_and_says_the_same(load: Load) -> None:
    loaded = load(TEXT, "lr=0.01", "training.early_stopping.patience=7", "epochs=5")
    assert loaded.text.startswith(TEXT.replace("lr = 0.1  #", "lr = 0.01  #"))
    assert parse_protocol(loaded.text) == loaded.protocol


@pytest.mark.parametrize(
    "layout",
    [
        TEXT.replace("[training]\nlr = 0.1  # rate", "training.lr = 0.1")
        .replace("[design]", "training.lr = 0.1\n[design]", 1)
        .replace('"digits"\ntraining.lr = 0.1\n', '"digits"\n'),
        TEXT.replace("[training]\nlr = 0.1  # rate\n", "").replace(
            "[design]", "training = { lr = 0.1 }\n[design]", 1
        ),
        TEXT.replace("[training]", "[training.scheduler]\nname = 'cosine'\n[training]"),
        TEXT.replace("[training]\nlr = 0.1  # rate\n", ""),
    ],
    ids=["dotted key", "inline table", "inner table first", "no table"],
)
def test_text_with_overrides_says_the_same_in_every_layout(load: Load, layout: str) -> None:
    loaded = load(layout, "epochs=5", "early_stopping.monitor=val_accuracy", "scheduler.patience=2")
    assert loaded.protocol.training.epochs == 5
    assert parse_protocol(loaded.text) == loaded.protocol


def test_later_overrides_win(load: Load) -> None:
    assert load(TEXT, "lr=0.2", "training.lr=0.3").protocol.training.lr == 0.3


def test_without_overrides_the_text_is_the_file(load: Load) -> None:
    assert load(TEXT).text == TEXT


USAGE = "write it as section.key=value"
FACTOR = (
    "depth is a factor of this protocol; its levels decide "
    "(select a level with --only, or set design.factors)"
)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lr", USAGE),
        ("lr=", USAGE),
        ("=3", USAGE),
        ("a..b=3", USAGE),
        ("a b=3", USAGE),
        ("#=3", USAGE),
        ("nonsense=3", "there is no such setting"),
        ("trainig.lr=3", "there is no such setting (did you mean 'training.lr'?)"),
        ("seed=5", "there is no such setting (did you mean 'design.seed'?)"),
        ("replicates=5", "there is no such setting (did you mean 'design.replicates'?)"),
        (
            "patience=3",
            "patience could mean training.early_stopping.patience or training.scheduler.patience",
        ),
        ("depth=19", FACTOR),
        ("model.depth=19", FACTOR),
        ("lr=[0.1", "not TOML: Unclosed array"),
        ("lr='0.1", 'not TOML: Expected "\'"'),
        ("training.lr.x=1", "training.lr is not a table"),
        ("lr=1\nx=2", "control characters cannot be part of a protocol"),
        ("title=\x1b[31m", "control characters cannot be part of a protocol"),
        ("title=\udcff", "control characters cannot be part of a protocol"),
        ("lr=nan", "lr must be a finite number, got nan"),
    ],
)
def test_override_that_makes_no_sense_is_refused(load: Load, override: str, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(TEXT, override)
    shown = override.replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\udcff", "\\udcff")
    assert str(caught.value) == f"command line: --set {shown}: {message}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lr=abc", "lr must be a number, got 'abc'"),
        ("training.lr=-1", "lr must be more than 0, got -1"),
        ("training.epoch=3", "unknown key 'epoch' (did you mean 'epochs'?)"),
        (
            "optimizer=sdg",
            "optimizer must be 'sgd', 'adam' or 'adamw', got 'sdg' (did you mean 'sgd'?)",
        ),
        ("training=3", "training must be a table, got 3"),
        ("design.factors.depth=[12]", "depth must be 11, 13, 16 or 19, got 12"),
        ("design.exclude.depth=1", "exclude must be a list in [ ], got a table"),
    ],
)
def test_wrong_value_is_blamed_on_the_override_and_not_on_the_file(
    load: Load, override: str, message: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(TEXT, override)
    assert str(caught.value) == f"p.toml: --set {override}: {message}"
    assert caught.value.problems[0].line is None


def test_mistakes_of_several_overrides_are_listed_at_once(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(TEXT, "lr", "nonsense=1", "epochs=2")
    assert len(caught.value.problems) == 2


def test_mistakes_of_file_and_override_are_listed_together(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(TEXT.replace("seed = 1", "seed = -1"), "lr=x")
    assert str(caught.value).splitlines() == [
        "p.toml: --set lr=x: lr must be a number, got 'x'",
        "p.toml:6:8: seed must be at least 0, got -1",
    ]


def test_long_override_is_shown_short(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(TEXT, "lr=" + "[" * 50_000)
    assert len(str(caught.value)) < 250


def test_overrides_change_ids_as_an_edited_file_does(load: Load) -> None:
    edited = load(TEXT.replace("lr = 0.1 ", "lr = 0.5 "))
    overridden = load(TEXT, "lr=0.5")
    assert [cell.cell_id for cell in edited.cells] == [cell.cell_id for cell in overridden.cells]
