"""No text whatever makes the loader do anything but load it or raise a ProtocolError."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vggstudy.errors import ProtocolError
from vggstudy.plan import make_plan, select_runs
from vggstudy.protocol import load_protocol, parse_protocol
from vggstudy.protocol.reading.document import parse_document
from vggstudy.protocol.reading.positions import locate
from vggstudy.protocol.reading.template import render_template

VALID = re.sub(r"^# (?=\[|[\w\".]+ = )", "", render_template("x"), flags=re.MULTILINE)
LINES = VALID.splitlines()

VALUES = [
    "0", "-1", "1.5", "-0.0", "11.0", "nan", "-inf", "1e400", "9" * 30, "0x" + "f" * 40, "true",
    "'x'", '""', "'''a\nb'''", '"\\u0000"', '"\\U0001F600"', "[]", "[1]", "[[1], [2]]", "[{}]",
    "[1, 'a', true]", "{}", "{ a = 1 }", "{ a.b.c = 1 }", "2020-01-01", "07:32:00",
    "1979-05-27T07:32:00Z", "", "=", "[", '"',
]  # fmt: skip

KEYS = [
    "lr", "depth", "a.b", "'scheduler.patience'", '"\\u001b"', "''", "design.factors.lr",
    "design.exclude", "data", "training.scheduler", "\u00fc",
]  # fmt: skip

HEADERS = [
    "[design.factors]", "[[design.exclude]]", "[[design]]", "[training]", "[[training]]", "[a.b.c]",
    "[training.early_stopping.x]", "[data]", "[model.depth]", "[design.factors.lr]",
]  # fmt: skip


def check_message(error: ProtocolError) -> None:
    """A message can be printed as it is."""
    assert all(line.isprintable() for line in str(error).split("\n"))
    assert 0 < len(str(error)) < 100_000


def check_places(error: ProtocolError, lines: Sequence[str]) -> None:
    """The places that an error names are in the text."""
    for problem in error.problems:
        line, column = problem.line or 1, problem.column or 1
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1


def load_or_refuse(text: str) -> None:
    """Load a text; a refusal must be printable, and placed wherever there is a document."""
    try:
        protocol = parse_protocol(text)
    except ProtocolError as error:
        check_message(error)
        check_places(error, text.split("\n"))
    else:
        make_plan(protocol)


def bounded(examples: int) -> settings:
    return settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])


@bounded(250)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(VALID)),
            st.integers(0, 3),
            st.text(st.sampled_from("[]{}=.,'\"\\#\n\r\t\0\x1b_-+0aeT:\u00fc\u202e"), max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_changed_characters(edits: list[tuple[int, int, str]]) -> None:
    text = VALID
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    load_or_refuse(text)


LINE = st.integers(0, len(LINES) - 1)
EDIT = (
    st.tuples(st.just("value"), LINE, st.sampled_from(VALUES))
    | st.tuples(st.just("key"), LINE, st.sampled_from(KEYS))
    | st.tuples(st.just("line"), LINE, st.sampled_from([*HEADERS, *LINES, ""]))
)


@bounded(400)
@given(st.lists(EDIT, min_size=1, max_size=5))
def test_changed_keys_values_and_lines(edits: list[tuple[str, int, str]]) -> None:
    lines = list(LINES)
    for kind, at, new in edits:
        key, equals, value = lines[at].partition("=")
        if kind == "line" or not equals:
            lines[at] = new
        else:
            lines[at] = f"{key}= {new}" if kind == "value" else f"{new} = {value}"
    load_or_refuse("\n".join(lines))


SCALAR = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from([1, 11, 19, 0.1, "digits", "vgg", "sgd", "plateau"])
)
NAME = st.sampled_from(
    [
        "schema", "name", "design", "replicates", "seed", "factors", "exclude", "depth", "lr",
        "data", "model", "training", "early_stopping", "scheduler", "patience", "label", "epochs",
    ]
) | st.text(max_size=4)  # fmt: skip
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=4),
    max_leaves=12,
)


@bounded(250)
@given(st.dictionaries(NAME, VALUE, max_size=6))
def test_arbitrary_documents(document: dict[str, Any]) -> None:
    load_or_refuse(tomlkit.dumps(document))


SECTION = st.dictionaries(NAME, VALUE, max_size=3)


@bounded(250)
@given(design=SECTION, factors=SECTION, data=SECTION, training=SECTION)
def test_arbitrary_sections(
    design: dict[str, Any], factors: dict[str, Any], data: dict[str, Any], training: dict[str, Any]
) -> None:
    document = {
        "schema": 1,
        "name": "x",
        "design": {"replicates": 1, "seed": 1, "factors": factors, **design},
        "data": {"name": "digits", **data},
        "model": {"depth": 11},
        "training": training,
    }
    load_or_refuse(tomlkit.dumps(document))


@bounded(150)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_arbitrary_text(text: str) -> None:
    load_or_refuse(text)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "p.toml"
    path.write_text(VALID, "utf-8")
    return path


OVERRIDE = st.tuples(
    st.sampled_from([*KEYS, "training.lr", "design.seed", "training", "name", "design.factors"])
    | st.text(max_size=5),
    st.sampled_from(VALUES) | st.text(max_size=5),
).map("=".join)


@bounded(250)
@given(overrides=st.lists(OVERRIDE, min_size=1, max_size=2))
def test_arbitrary_overrides(file: Path, overrides: Sequence[str]) -> None:
    try:
        loaded = load_protocol(file, overrides=overrides)
    except ProtocolError as error:
        check_message(error)
    else:
        assert parse_protocol(loaded.text) == loaded.protocol


@bounded(150)
@given(only=st.lists(st.text(max_size=8) | st.just("depth=19"), min_size=1, max_size=3))
def test_arbitrary_selections(only: list[str]) -> None:
    plan = make_plan(parse_protocol(VALID))
    try:
        assert all(run.levels["depth"] == 19 for run in select_runs(plan, only))
    except ProtocolError as error:
        check_message(error)


# -- Places ----------------------------------------------------------------------------------


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        inner = [(key, item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return [path]
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


@bounded(150)
@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=4))
def test_every_value_of_a_document_has_its_own_place(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    try:
        read = parse_document(text)
    except ProtocolError:
        return
    positions = locate(text)
    scalars = [path for path in paths(read) if path in positions.values]
    for path in paths(read):
        *_, last = path or ("",)
        if path and not isinstance(last, int):
            assert path in positions or any(key[: len(path)] == path for key in positions.keys)
    assert len({positions.of(path) for path in scalars}) == len(scalars)


STATEMENT = st.dictionaries(
    st.sampled_from(["id", "text", "claim", "direction", "along", "at", "order", "factors", "x"]),
    VALUE | st.sampled_from(["accuracy.mean", "above", "depth"]),
    max_size=5,
)
KINDS = st.sampled_from(["claim", "equivalence", "slope", "threshold_order", "peak", "ranking"])


@bounded(80)
@given(st.lists(STATEMENT, max_size=3), st.lists(KINDS | VALUE, min_size=3, max_size=3), VALUE)
def test_arbitrary_hypotheses(stated: list[dict[str, Any]], kinds: list[Any], parts: Any) -> None:
    said = [{"kind": kind, **one} for kind, one in zip(kinds, stated, strict=False)]
    whole = {"id": "H", "text": "x", "kind": "all", "parts": said or parts}
    document = tomllib.loads(VALID)
    document.pop("hypotheses", None)
    load_or_refuse(tomlkit.dumps({**document, "hypotheses": [*said, whole]}))
