"""The JSON Schema of the protocol file, for editors and for the reference page."""

from __future__ import annotations

from typing import Any

from vggstudy.protocol.model import Protocol

SCHEMA_FILE = "protocol.schema.json"
"""Name under which the schema is shipped beside the protocols (their ``#:schema`` line)."""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a protocol."""
    schema = Protocol.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
