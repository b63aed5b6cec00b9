"""The JSON Schema of the protocol file, for editors and for the reference page."""

from __future__ import annotations

import json
from typing import Any

from vggstudy.protocol.reading.loading import Protocol

SCHEMA_FILE = "protocol.schema.json"
"""Lies beside the shipped protocols, whose ``#:schema`` line names it; `schema_text` is in it."""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a protocol."""
    schema = Protocol.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
