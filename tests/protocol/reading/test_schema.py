"""The JSON Schema: current, complete, and of one mind with the loader."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vggstudy.errors import ProtocolError
from vggstudy.protocol import (
    json_schema,
    load_protocol,
    parse_protocol,
    schema_text,
    shipped_protocols,
)
from vggstudy.protocol.reading.schema import SCHEMA_FILE
from vggstudy.protocol.reading.template import render_template

SCHEMA_LINE = f"#:schema ./{SCHEMA_FILE}"

FULL: dict[str, Any] = {
    "schema": 1,
    "name": "full",
    "title": "T",
    "question": "Q\n",
    "design": {
        "replicates": 3,
        "seed": 1,
        "seeding": "shared",
        "factors": {"depth": [11, 19], "batch_norm": [True, False], "scheduler.patience": [2]},
        "exclude": [{"depth": 11, "batch_norm": [True]}],
        "nested": [{"within": {"depth": 19}, "levels": {"batch_norm": [True, False]}}],
    },
    "data": {"name": "torchvision:MNIST", "validation": 500, "train": 1000, "resize": 32},
    "model": {"width": 0.5, "init": "he_normal"},
    "training": {
        "lr": 0.1,
        "early_stopping": {"monitor": "val_accuracy", "patience": 3},
        "scheduler": {"name": "plateau"},
        "selection": "final",
    },
    "label": {"margin": 0.1},
    "analysis": {"confidence": 0.9},
    "source": {
        "title": "S",
        "figures": [
            {"claim": "accuracy.mean", "value": 0.5, "where": "table 1"},
            {"claim": "converged.p", "value": "mostly fails", "where": "text"},
        ],
    },
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


def toml(document: dict[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps(document)


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_file_beside_the_protocols_is_current(repository: Path) -> None:
    committed = (repository / "protocols" / SCHEMA_FILE).read_text("utf-8")
    assert committed == schema_text(), f"write it anew: vggstudy schema > protocols/{SCHEMA_FILE}"


def test_shipped_protocols_are_valid_and_name_their_schema(
    validator: jsonschema.Draft202012Validator,
) -> None:
    for name, path in shipped_protocols().items():
        loaded = load_protocol(path)
        assert loaded.protocol.name == name
        assert loaded.text.splitlines()[0] == SCHEMA_LINE
        assert (path.parent / SCHEMA_FILE).is_file()
        validator.validate(tomllib.loads(loaded.text))


def objects(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from [("protocol", schema), *schema["$defs"].items()]


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    schema = json_schema()
    for name, part in objects(schema):
        assert part["additionalProperties"] is False, name
        for key, prop in part["properties"].items():
            target = schema["$defs"].get(prop.get("$ref", "").removeprefix("#/$defs/"), {})
            described = prop.get("description") or target.get("description")
            assert described, f"{name}.{key}"


def keywords(value: Any) -> Iterator[str]:
    """Keywords of a schema; not the names of its properties and definitions."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            named = key in {"properties", "$defs"}
            for part in inner.values() if named else [inner]:
                if key not in {"default", "enum", "const"}:
                    yield from keywords(part)
    elif isinstance(value, list):
        for item in value:
            yield from keywords(item)


def test_schema_has_only_keywords_that_validators_know() -> None:
    # A limit that pydantic cannot translate would appear as "ge" and be ignored by every editor.
    known = {
        "$schema", "$defs", "$ref", "title", "description", "default", "type", "properties",
        "required", "additionalProperties", "items", "anyOf", "oneOf", "const", "enum", "pattern",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
        "minItems", "maxItems", "minProperties", "maxProperties",
    }  # fmt: skip
    assert set(keywords(json_schema())) <= known


def test_valid_documents_satisfy_schema_and_loader(
    validator: jsonschema.Draft202012Validator,
) -> None:
    template = tomllib.loads(render_template("x"))
    for document in (FULL, template):
        validator.validate(document)
        parse_protocol(toml(document))


WRONG = {
    "unknown key": ("data", "trian", 1),
    "type": ("training", "lr", "fast"),
    "limit": ("training", "lr", 0),
    "integer limit": ("training", "batch_size", 0),
    "upper integer limit": ("data", "crop", 65),
    "choice": ("training", "optimizer", "sdg"),
    "pattern": ("data", "name", "cifar"),
    "control character": ("data", "root", "\x1b[31m"),
    "list of lists": ("design", "factors", {"depth": [[11]]}),
    "no level": ("design", "factors", {"depth": []}),
    "replicates": ("design", "replicates", 0),
    "fraction": ("design", "replicates", 1.5),
    "boolean": ("model", "batch_norm", 1),
    "table": ("training", "scheduler", True),
    "nested levels": ("design", "nested", [{"within": {"depth": 11}, "levels": {}}]),
    "figure": ("source", "figures", [{"claim": "accuracy.mean", "value": 0.5}]),
}


@pytest.mark.parametrize(("section", "key", "value"), WRONG.values(), ids=WRONG.keys())
def test_schema_refuses_what_the_loader_refuses(
    validator: jsonschema.Draft202012Validator, section: str, key: str, value: Any
) -> None:
    document = copy.deepcopy(FULL)
    document[section][key] = value
    assert not validator.is_valid(document)
    with pytest.raises(ProtocolError):
        parse_protocol(toml(document))


def test_schema_text_is_the_schema() -> None:
    assert json.loads(schema_text()) == json_schema()
