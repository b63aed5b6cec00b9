"""Fills docs/protocol.md with the settings that the code declares, and publishes reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

MARK = "<!-- settings -->"

SCALARS = {"boolean", "integer", "number", "string"}

Schema = dict[str, Any]


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the tables of settings where a page asks for them."""
    if MARK not in markdown:
        return markdown
    from vggstudy.protocol import json_schema  # only this page needs the package

    return markdown.replace(MARK, settings_tables(json_schema()))


def settings_tables(schema: Schema) -> str:
    """One section for each table of the protocol file, outermost first.

    Parameters
    ----------
    schema : dict
        JSON Schema of the protocol.

    Returns
    -------
    str
        Markdown.
    """
    definitions = schema.get("$defs", {})
    return "\n".join(_sections(schema, definitions, path=(), repeated=False))


def _sections(
    schema: Schema, definitions: Schema, *, path: tuple[str, ...], repeated: bool
) -> list[str]:
    """The table of one object, then those of the objects inside it."""
    required = set(schema.get("required", []))
    rows, inner = [], []
    for name, prop in schema["properties"].items():
        target, many = _target(prop, definitions)
        if target is not None and "properties" in target:
            inner.append((name, _with_note(target, prop), many))
        else:
            rows.append(_row(name, prop, definitions, required=name in required))
    lines = [
        f"## {_heading(path, repeated=repeated)}",
        "",
        _plain(schema.get("description", "")),
        "",
    ]
    if rows:
        lines += [
            "| setting | values | default | meaning |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    for name, target, many in inner:
        lines += _sections(target, definitions, path=(*path, name), repeated=many)
    return lines


def _with_note(target: Schema, prop: Schema) -> Schema:
    """The definition, its description continued where the table may be left out."""
    if "default" not in prop or prop["default"] is not None:
        return target
    return {**target, "description": f"{target.get('description', '')} {prop['description']}"}


def _heading(path: tuple[str, ...], *, repeated: bool) -> str:
    """How TOML writes the table's name."""
    if not path:
        return "Top of the file"
    name = ".".join(path)
    return f"`[[{name}]]`" if repeated else f"`[{name}]`"


def _target(prop: Schema, definitions: Schema) -> tuple[Schema | None, bool]:
    """The definition that a property refers to, if any, and whether it holds a list of them."""
    for candidate in (prop, *prop.get("anyOf", []), *prop.get("allOf", [])):
        items = candidate.get("items", {})
        for place, many in ((candidate, False), (items, True)):
            if "$ref" in place:
                return definitions[place["$ref"].rpartition("/")[2]], many
            if "oneOf" in place:
                kinds = [definitions[x["$ref"].rpartition("/")[2]] for x in place["oneOf"]]
                return _merged(kinds, prop), many
    return None, False


def _merged(kinds: list[Schema], prop: Schema) -> Schema:
    """One table of the settings of several kinds, each setting with the kinds that have it."""
    having: dict[str, dict[str, Schema]] = {"kind": {}}
    for kind in kinds:
        for name, inner in kind["properties"].items():
            having.setdefault(name, {})[kind["properties"]["kind"]["const"]] = inner
    everywhere = set.intersection(*(set(kind["required"]) for kind in kinds))
    return {
        "description": prop.get("items", prop).get("description", prop.get("description", "")),
        "properties": {name: _of_kinds(found, len(kinds)) for name, found in having.items()},
        "required": sorted(everywhere),
    }


def _of_kinds(having: dict[str, Schema], count: int) -> Schema:
    """A setting of some kinds: its meaning once where all mean the same, else by kind."""
    meanings: dict[str, list[str]] = {}
    for kind, prop in having.items():
        meanings.setdefault(prop["description"], []).append(kind)
    first = next(iter(having.values()))
    if len(meanings) == 1 and len(having) == count:
        return first
    text = " | ".join(f"{', '.join(kinds)}: {meaning}" for meaning, kinds in meanings.items())
    consts = [prop["const"] for prop in having.values() if "const" in prop]
    return {**({"enum": consts} if consts else first), "description": text}


def _row(name: str, prop: Schema, definitions: Schema, *, required: bool) -> str:
    """One line of a table."""
    if required:
        default = "required"
    elif prop.get("default") in (None, [], {}):
        default = ""
    else:
        default = f"`{_toml(prop['default'])}`"
    cells = [f"`{name}`", _values(prop, definitions), default, _plain(prop.get("description", ""))]
    return "| " + " | ".join(cells) + " |"


def _values(prop: Schema, definitions: Schema) -> str:
    """What a setting may be, in words."""
    if "$ref" in prop:
        return _values(definitions[prop["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in prop:
        options = [_values(one, definitions) for one in prop["anyOf"] if one.get("type") != "null"]
        if set(options) >= SCALARS:
            options = ["value", *(option for option in options if option not in SCALARS)]
        return " or ".join(dict.fromkeys(options))
    if "enum" in prop:
        return ", ".join(f"`{_toml(value)}`" for value in prop["enum"])
    if "const" in prop:
        return f"`{_toml(prop['const'])}`"
    kind = prop.get("type", "any value")
    if kind == "array":
        return f"list of {_values(prop.get('items', {}), definitions)}"
    if kind == "object":
        inside = prop.get("additionalProperties")
        return f"table of {_values(inside, definitions)}" if isinstance(inside, dict) else "table"
    return str(kind) + _bounds(prop)


def _bounds(prop: Schema) -> str:
    """The interval that a number must lie in."""
    keys = {
        "minimum": "≥",
        "ge": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "le": "≤",
        "exclusiveMaximum": "<",
    }
    parts = [f"{sign} {prop[key]}" for key, sign in keys.items() if key in prop]
    return f" {', '.join(parts)}" if parts else ""


def _toml(value: object) -> str:
    """A value as a protocol writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _plain(text: str) -> str:
    """Text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


REFERENCE = Path("report", "reference")
KOREAN = "depth-batch-norm-cpu"
"""The study whose report is published in Korean too."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Publish the reports of the published studies with the pages: in English as they are."""
    root = Path(config["config_file_path"]).parent / REFERENCE
    for report in sorted(root.glob("*/report.html")):
        name = f"reports/{report.parent.name}.html"
        files.append(File.generated(config, name, content=report.read_bytes()))
    korean = _korean(root / KOREAN).encode()
    files.append(File.generated(config, f"reports/{KOREAN}.ko.html", content=korean))
    return files


def _korean(study: Path) -> str:
    """A study's report in Korean."""
    from vggstudy.report import render
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.context import report_context
    from vggstudy.study.sources import open_source

    source = open_source(study)
    result = analyze_source(source, sensitivity=True)
    return render(result, context=report_context(source), language="ko")
