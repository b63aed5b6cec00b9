"""The JSON Schema of the protocol file, for editors and for the reference page."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from vggstudy.protocol.reading.loading import Protocol

SCHEMA_FILE = "protocol.schema.json"
"""Lies beside the shipped protocols, whose ``#:schema`` line names it; `schema_text` is in it."""


class _Schema(GenerateJsonSchema):
    """Without ``discriminator``, which is a word of OpenAPI that validators do not know."""

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().tagged_union_schema(schema)
        del found["discriminator"]
        return found


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a protocol."""
    schema = Protocol.model_json_schema(by_alias=True, schema_generator=_Schema)
    schema["required"].remove("design")
    kinds = (["design", "data"], ["design", "trainer"], ["table"])
    either = {"anyOf": [{"required": needed} for needed in kinds]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, **either}


def schema_text() -> str:
    """The schema as it is written to a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
