"""Mistakes in words: one sentence for each error that pydantic finds, with a suggestion."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from vggstudy.errors import Problem
from vggstudy.protocol.model.conflicts import ConflictError
from vggstudy.protocol.model.settings import DATA_NAME, MODEL_NAME, TORCHVISION_PREFIX
from vggstudy.protocol.model.statement import COLUMN_NAME, PLAIN_NAME, SUCCESS, Statement
from vggstudy.protocol.model.trainer import FUNCTION_NAME
from vggstudy.stated.base import ONE_LINE, PROSE
from vggstudy.stated.hypotheses import HYPOTHESIS_ID, Registered
from vggstudy.suggest import closest, suggest

Path = tuple[str | int, ...]

MAX_PROBLEMS = 100
"""So many mistakes are listed; a file with more is no protocol that somebody wrote."""

_RULE = re.compile(r"(.*?) must be (.*), got (.*)", re.DOTALL)

KIND_NEEDS = "a hypothesis of kind"
"""How the message begins of a key that is missing for its kind; it stands where the kind does."""

LONGEST_SHOWN = 60
"""Characters of a value that a message shows."""

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

_LIMITS = {
    "greater_than": ("gt", "be more than {}"),
    "greater_than_equal": ("ge", "be at least {}"),
    "less_than": ("lt", "be less than {}"),
    "less_than_equal": ("le", "be at most {}"),
    "too_short": ("min_length", "have at least {} item"),
    "too_long": ("max_length", "have at most {} items"),
    "string_too_short": ("min_length", "have at least {} character"),
    "string_too_long": ("max_length", "have at most {} characters"),
}

_PATTERNS = {
    PLAIN_NAME: "be at most 64 lower-case letters, digits, '.', '_' and '-', "
    "a letter or digit first and last",
    COLUMN_NAME: "be at most 64 lower-case letters, digits and '_', a letter first",
    ONE_LINE: "be one line without control characters",
    PROSE: "be text without control characters",
    DATA_NAME: "be cifar10, digits, imagefolder, synthetic or torchvision:NAME",
    MODEL_NAME: "be vgg or torchvision:NAME",
    FUNCTION_NAME: "be a function's name as in 'module:name'",
    SUCCESS: "compare a quantity with a number as in 'val_loss < 3.28'",
    HYPOTHESIS_ID: "be at most 32 letters, digits, '.', '_' and '-', a letter first",
}

_NAMES = {
    DATA_NAME: ("cifar10", "digits", "imagefolder", "synthetic"),
    MODEL_NAME: ("vgg",),
}


def problems_of(error: ValidationError, root: type[BaseModel], document: Any) -> list[Problem]:
    """The first mistakes that pydantic found, in the words of a protocol's reader.

    Parameters
    ----------
    error : ValidationError
        What validating `document` raised.
    root : type of BaseModel
        The model that was validated: it has the names to suggest.
    document : dict
        What was validated: it tells a path in it from pydantic's own additions.

    Returns
    -------
    list of Problem
        At most ``MAX_PROBLEMS + 1``, so that the caller sees whether there are too many.
    """
    items = islice(error.errors(include_url=False), MAX_PROBLEMS + 1)
    return _merge_union_branches(
        [problem for item in items for problem in _problems(item, root, document)]
    )


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One of pydantic's errors, with its path in the document and the model it is about."""

    kind: str
    value: Any
    context: Mapping[str, Any]
    text: str
    path: Path
    root: type[BaseModel]
    stated_kind: str | None = None
    """Of the hypothesis that it is in, where pydantic chose a model by it."""


def _problems(item: Mapping[str, Any], root: type[BaseModel], document: Any) -> list[Problem]:
    """What one of pydantic's errors states."""
    path, kind = _document_path(item, document)
    context = item.get("ctx", {})
    raised = context.get("error")
    if isinstance(raised, ConflictError):
        return [Problem(c.message, path=(*path, *c.settings[0])) for c in raised.conflicts]
    mistake = _Mistake(item["type"], item["input"], context, item["msg"], path, root, kind)
    special = _SPECIAL.get(mistake.kind)
    return [special(mistake) if special else Problem(_sentence(mistake), path=path)]


def _unknown_key(mistake: _Mistake) -> Problem:
    """A key that no model has here: perhaps one that another section or kind has."""
    path = mistake.path
    name = str(path[-1])
    here = _names(mistake.root, path[:-1])
    if name in here and mistake.stated_kind:
        kind = shown(mistake.stated_kind)
        return Problem(f"'{name}' has no meaning for a hypothesis of kind {kind}", path=path)
    elsewhere = [place for place in protocol_keys() if place[-1] == name and len(place) > 1]
    meant: Path | None = None
    if len(elsewhere) == 1:
        hint, meant = f"it belongs in [{_dotted(elsewhere[0][:-1])}]", elsewhere[0]
    elif match := closest(name, here):
        hint, meant = f"did you mean '{match}'?", (*path[:-1], match)
    else:
        hint = f"known here: {', '.join(here)}"
    return Problem(f"unknown key '{_cut(name)}'", path=path, suggestion=hint, meant=meant)


def _missing(mistake: _Mistake) -> Problem:
    """A key that there must be, or that a kind of hypothesis needs."""
    key, kind = str(mistake.path[-1]), mistake.stated_kind
    if kind and key not in Registered.model_fields:
        return Problem(f"{KIND_NEEDS} {shown(kind)} needs '{key}'", path=mistake.path)
    return Problem(f"'{_dotted(mistake.path)}' is missing", path=mistake.path)


def _empty(mistake: _Mistake) -> Problem:
    """A list without an item; one that a kind of hypothesis needs is as good as missing."""
    needed = mistake.stated_kind and mistake.value == []
    return _missing(mistake) if needed else Problem(_sentence(mistake), path=mistake.path)


def _no_kind(mistake: _Mistake) -> Problem:
    """A hypothesis that does not say of which kind it is."""
    path = (*mistake.path, "kind")
    return _missing(replace(mistake, path=path))


def _other_kind(mistake: _Mistake) -> Problem:
    """A kind of hypothesis that there is not."""
    path, value = (*mistake.path, "kind"), mistake.value["kind"]
    expected = {"expected": " or ".join(mistake.context["expected_tags"].rsplit(", ", 1))}
    return _choice(replace(mistake, path=path, value=value, context=expected))


def _choice(mistake: _Mistake) -> Problem:
    """A value that is none of a few."""
    expected = mistake.context["expected"]
    options = [option.strip("' ") for option in expected.replace(" or ", ", ").split(",")]
    mistyped = isinstance(mistake.value, str) and mistake.value not in options
    hint = suggest(mistake.value, options) if mistyped else None
    return Problem(_rule(mistake, f"be {expected}"), path=mistake.path, suggestion=hint)


def _pattern(mistake: _Mistake) -> Problem:
    """A text that has characters it may not, or is none of the names there are."""
    pattern = mistake.context["pattern"]
    hint = suggest(mistake.value, _NAMES.get(pattern, ()))
    whole = f"{TORCHVISION_PREFIX}{mistake.value}"
    if not hint and pattern == MODEL_NAME and re.fullmatch(MODEL_NAME, whole):
        hint = f"did you mean '{whole}'?"
    return Problem(_rule(mistake, rule_for(pattern)), path=mistake.path, suggestion=hint)


def _no_list(mistake: _Mistake) -> Problem:
    """Something else than a list; in the design, perhaps a dotted name without its quotes."""
    hint = None
    if mistake.path[:2] == ("design", "factors") and isinstance(mistake.value, dict):
        hint = "a factor's name with dots in it stands in quotes"
    return Problem(_sentence(mistake), path=mistake.path, suggestion=hint)


_SPECIAL: dict[str, Callable[[_Mistake], Problem]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _choice,
    "list_type": _no_list,
    "too_short": _empty,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _other_kind,
    "string_pattern_mismatch": _pattern,
}


def _sentence(mistake: _Mistake) -> str:
    """Rule and value of the remaining kinds of error."""
    if mistake.kind in _TYPES:
        return _rule(mistake, f"be {_TYPES[mistake.kind]}")
    if mistake.kind in _LIMITS:
        key, words = _LIMITS[mistake.kind]
        return _rule(mistake, words.format(f"{mistake.context[key]:,g}"))
    if mistake.kind == "value_error":
        return str(mistake.context["error"])
    text = mistake.text[0].lower() + mistake.text[1:]
    return f"{_named(mistake.path)}: {text}, got {shown(mistake.value)}"


def _rule(mistake: _Mistake, words: str) -> str:
    """``lr must be more than 0, got -1``."""
    return f"{_named(mistake.path)} must {words}, got {shown(mistake.value)}"


def _merge_union_branches(problems: list[Problem]) -> list[Problem]:
    """One problem for a value that fits no branch of a union, where pydantic gives one a branch."""
    groups: dict[Path, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.path, []).append(problem)
    return [
        _joined(group)
        for path, group in groups.items()
        if not any(path[:length] in groups for length in range(len(path)))
    ]


def _joined(branches: list[Problem]) -> Problem:
    """``x must be a number or a text in quotes, got ...`` for a problem with each of both."""
    first = branches[0]
    rules = [_RULE.fullmatch(problem.message) for problem in branches]
    if len(branches) == 1 or not all(rules):
        return first
    words = list(dict.fromkeys(found[2] for found in rules if found))
    if "a number" in words and "a whole number" in words:
        words.remove("a whole number")
    listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    name, _, value = rules[0].groups() if rules[0] else ("", "", "")
    return replace(first, message=f"{name} must be {listed}, got {value}")


def _document_path(item: Mapping[str, Any], document: Any) -> tuple[Path, str | None]:
    """Pydantic's location without the names of union branches, and the kind that chose a branch."""
    path: list[str | int] = []
    node, kind, before = document, None, None
    for part in item["loc"]:
        if isinstance(before, int) and isinstance(node, dict) and node.get("kind") == part:
            kind = part  # a branch, not a key of that name
        elif _holds(node, part):
            node = node[part]
            path.append(part)
        elif item["type"] == "missing":
            path.append(part)
        before = part
    return tuple(path), kind


def _holds(node: Any, part: str | int) -> bool:
    """Whether a table has such a key, or a list such an item."""
    if isinstance(node, dict):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)


def _names(root: type[BaseModel], path: Path) -> list[str]:
    """Names of the keys at a path, as a file gives them; of every kind where there are several."""
    models = [root]
    for part in path:
        if isinstance(part, str):
            models = _inner_models([_annotations(model).get(part) for model in models])
    return list(dict.fromkeys(name for model in models for name in _annotations(model)))


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    """Annotation of each field by the name a file gives it."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _inner_models(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    """The models within annotations: in a list, in a union, or by themselves."""
    found: list[type[BaseModel]] = []
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found.append(annotation)
        else:
            found += _inner_models(get_args(annotation))
    return found


@cache
def protocol_keys() -> tuple[tuple[str, ...], ...]:
    """Path of every key that a protocol may have, sections included."""
    return tuple(_walk(Statement, ()))


def _walk(model: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths of a model's keys and of those of its tables."""
    for name, annotation in _annotations(model).items():
        yield (*prefix, name)
        listed = get_origin(annotation) is list  # its items have no one path
        for inner in [] if listed else _inner_models([annotation]):
            yield from _walk(inner, (*prefix, name))


def _dotted(path: Path) -> str:
    """``training.lr`` for a path."""
    return ".".join(str(part) for part in path)


def _named(path: Path) -> str:
    """The key's name, or words for the document; an item of a list by the list's name."""
    names = [part for part in path if isinstance(part, str)]
    return _cut(names[-1]) if names else "the protocol"


def _cut(text: str) -> str:
    """A text short enough for one line."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def rule_for(pattern: str) -> str:
    """What a text must be to match a pattern of the protocol."""
    return _PATTERNS[pattern]


def shown(value: Any) -> str:
    """A value as a file writes it, short enough for one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, str):
        return repr(_cut(value))
    return _cut(repr(value))
