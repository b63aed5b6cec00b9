"""Mistakes in words: one sentence for each error that pydantic finds, with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from vggstudy.errors import Problem

_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text in quotes",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}

_BOUNDS = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
}


def suggestion_among(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the known name most like another, if one is like it."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean '{matches[0]}'?" if matches else None


def problem_of(item: Mapping[str, Any], root: type[BaseModel]) -> Problem:
    """The problem that one of pydantic's errors states, in the words of a protocol's reader.

    Parameters
    ----------
    item : mapping
        One of ``ValidationError.errors()``.
    root : type of BaseModel
        The model that was validated: its fields tell a path from pydantic's own additions, and
        give the names to suggest.
    """
    path = _document_path(item["loc"], root)
    name = str(path[-1]) if path else ""
    kind = item["type"]
    if kind == "extra_forbidden":
        known = _names(root, path[:-1])
        hint = suggestion_among(name, known)
        if hint is None and known:
            hint = f"known here: {', '.join(known)}"
        return Problem(f"unknown key '{name}'", path=path, suggestion=hint)
    if kind == "missing":
        return Problem(f"'{_dotted(path)}' is missing", path=path)
    if kind == "literal_error":
        expected = item["ctx"]["expected"]
        options = [option.strip("' ") for option in expected.replace(" or ", ", ").split(",")]
        hint = suggestion_among(str(item["input"]), options)
        message = f"{_named(name)} must be {expected}, got {_shown(item['input'])}"
        return Problem(message, path=path, suggestion=hint)
    if kind == "string_pattern_mismatch":
        return _pattern_problem(name, path, item)
    return Problem(_sentence(kind, name, item), path=path)


def _pattern_problem(name: str, path: tuple[str | int, ...], item: Mapping[str, Any]) -> Problem:
    """A text that is none of the alternatives of its pattern, or has characters it may not."""
    pattern: str = item["ctx"]["pattern"]
    shown = _shown(item["input"])
    if not pattern.startswith("^("):
        rule = "lower-case letters, digits, '.', '_' and '-', at most 64, beginning with no sign"
        return Problem(f"{_named(name)} must be made of {rule}, got {shown}", path=path)
    options = [option.split("[")[0] for option in pattern.removeprefix("^(")[:-2].split("|")]
    words = [f"{option}NAME" if option.endswith(":") else option for option in options]
    message = f"{_named(name)} must be {', '.join(words[:-1])} or {words[-1]}, got {shown}"
    return Problem(message, path=path, suggestion=suggestion_among(str(item["input"]), options))


def _sentence(kind: str, name: str, item: Mapping[str, Any]) -> str:
    """Rule and value of the remaining kinds of error."""
    shown = _shown(item["input"])
    context = item.get("ctx", {})
    if kind in _TYPES:
        return f"{_named(name)} must be {_TYPES[kind]}, got {shown}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{_named(name)} must be {words.format(context[key])}, got {shown}"
    if kind == "value_error":
        return str(context["error"])
    text = item["msg"][0].lower() + item["msg"][1:]
    return f"{_named(name)}: {text}, got {shown}"


def merge_union_branches(problems: list[Problem]) -> list[Problem]:
    """One problem for a value that fits no branch of a union, where pydantic gives one a branch."""
    merged: dict[tuple[str | int, ...], Problem] = {}
    for problem in problems:
        earlier = merged.get(problem.path)
        if earlier is None or not problem.path:
            key = problem.path if earlier is None else (*problem.path, problem.message)
            merged[key] = problem
        elif problem.message != earlier.message and ", got " in problem.message:
            rule = earlier.message.rsplit(", got ", 1)
            other = problem.message.rsplit(", got ", 1)[0].split(" must be ", 1)[-1]
            joined = f"{rule[0]}, or {other}" + (f", got {rule[1]}" if len(rule) > 1 else "")
            merged[problem.path] = Problem(joined, problem.path, suggestion=earlier.suggestion)
    return list(merged.values())


def _document_path(loc: tuple[str | int, ...], root: type[BaseModel]) -> tuple[str | int, ...]:
    """Pydantic's location without the names of union branches and validators."""
    path: list[str | int] = []
    model: type[BaseModel] | None = root
    for part in loc:
        if isinstance(part, int):
            path.append(part)
            continue
        fields = _aliases(model) if model is not None else {}
        if part in fields:
            path.append(part)
            model = _inner_model(fields[part])
        elif part.startswith(("function-", "constrained-", "literal[", "list[", "union[")) or (
            part in {"int", "float", "str", "bool", "EarlyStopping", "Scheduler"}
        ):
            continue
        else:
            path.append(part)
            if model is not None and fields:
                model = None
    return tuple(path)


def _aliases(model: type[BaseModel]) -> dict[str, Any]:
    """Annotation of each field by the name a file gives it."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation, if there is one."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
        for deeper in get_args(candidate):
            if isinstance(deeper, type) and issubclass(deeper, BaseModel):
                return deeper
    return None


def _names(root: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Names of the fields at a path."""
    model: type[BaseModel] | None = root
    for part in path:
        if isinstance(part, str) and model is not None:
            model = _inner_model(_aliases(model).get(part))
    return list(_aliases(model)) if model is not None else []


def _dotted(path: tuple[str | int, ...]) -> str:
    """``training.lr`` for a path."""
    return ".".join(str(part) for part in path)


def _named(name: str) -> str:
    """The key's name, or words for the document."""
    return name or "the protocol"


def _shown(value: Any) -> str:
    """A value short enough for one line."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        return "a table"
    else:
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
