"""Reads a Markdown file as CommonMark does, with tables: its plain text and what hides in it."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.report.citing.commands import NOTHING, PRINTS
from vggstudy.report.citing.text import CELL, OPAQUE, PARAGRAPH, ROW, Builder, Text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_COMMENT = re.compile(r"<!--(?!-?>)((?:[^-<]|-(?!-)|<(?!!--))*)-->")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|tr|table|li|h[1-6]|hr)\b", re.I)
_CELL_TAG = re.compile(r"</(?:td|th)\b", re.I)
_INCLUDES = re.compile(
    r"\{\{<[ \t]*include|\{%-?[ \t]*include|--8<--|!\[\[|\{!|<<\[|^[ \t]*@(?:import|include)|"
    r"<(?:iframe|object|embed|script|style|template)\b|^[ \t]*\.\. include",
    re.I | re.M,
)
MAX_BRACKETS = 10_000
"""Of one paragraph: a parser may look from each of them for its end."""

MAX_MARKS, MAX_CELLS, MAX_LINES = 200_000, 30_000, 60_000
"""Of a file: each costs a parser some microseconds and some hundred bytes, a table's cell more."""

_MARKS = "*_[]<>&`~#!\\"
_MATH = re.compile(r"\\(?:([A-Za-z]+) ?|([^A-Za-z]))")


@cache
def _parser() -> MarkdownIt:
    """CommonMark with tables."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read_markdown(content: str) -> tuple[Text, list[tuple[int, int, str]]]:
    """The text of a file, and what is unclear: exit code, line and sentence."""
    _refuse_crowds(content)
    findings = []
    for match in _INCLUDES.finditer(content):
        line = content.count("\n", 0, match.start() + len(match[0]) - len(match[0].lstrip())) + 1
        findings.append((2, line, f"{match[0].strip()} takes in what is not read"))
    out = Builder()
    for token in _parser().parse(content):
        _block(token, out)
    return out.build(), findings


def _refuse_crowds(content: str) -> None:
    """Refuse more brackets and marks than any text has: they take a parser minutes, or hours."""
    crowds = (
        (sum(map(content.count, _MARKS)), MAX_MARKS, "marks"),
        (content.count("|"), MAX_CELLS, "cells of tables"),
        (len(re.findall(r"\n(?=[^\n])", content)), MAX_LINES, "lines"),
    )
    for found, most, what in crowds:
        if found > most:
            msg = f"the file has {found:,} {what}, more than {most:,}: it cannot be read; split it"
            raise AnalysisError(msg)
    for part in re.split(r"\n[ \t]*\n", content):
        if part.count("[") > MAX_BRACKETS or part.count("*") + part.count("_") > 10 * MAX_BRACKETS:
            msg = f"a paragraph has more than {MAX_BRACKETS} brackets or marks: it cannot be read"
            raise AnalysisError(msg)


def _block(token: Token, out: Builder) -> None:
    """One token of a document."""
    line = (token.map[0] if token.map else 0) + 1
    if token.type == "inline":
        _inline(token, line, out)
    elif token.type in ("fence", "code_block"):
        out.add(f"{token.info}\n" if token.type == "fence" else "", line)
        out.add(token.content, line + (token.type == "fence"))
    elif token.type == "html_block":
        _html(token.content, line, out)
    if token.type in ("td_close", "th_close"):
        out.divide(CELL, _last(out, line, token))
    elif token.type in ("tr_close", "table_open"):
        out.divide(ROW, _last(out, line, token))
    elif token.type in ("paragraph_close", "heading_close", "fence", "html_block", "table_close"):
        out.divide(PARAGRAPH, _last(out, line, token))


def _last(out: Builder, line: int, token: Token) -> int:
    """The line at which a closing token stands: that of what came before it."""
    return line if token.map else out.last_line


def _inline(token: Token, line: int, out: Builder) -> None:
    """Text with its marks."""
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            line += 1
            out.add(" ", line)
        elif child.type == "html_inline":
            _html(child.content, line, out)
            line += child.content.count("\n")
        elif child.type == "image":
            _inline(child, line, out)
        else:
            out.add(_without_math(child.content), line)
            line += child.content.count("\n")


def _html(content: str, line: int, out: Builder) -> None:
    """HTML as text: its tags print nothing, its comments only where every reader hides them."""
    content = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), content)
    place = 0
    for match in _TAG.finditer(content):
        out.add(html.unescape(content[place : match.start()]), line)
        line += content.count("\n", place, match.start())
        if _BLOCK_TAG.match(match[0]):
            out.divide(ROW if match[0].lower().startswith("</tr") else " ", line)
        elif _CELL_TAG.match(match[0]):
            out.divide(CELL, line)
        line += match[0].count("\n")
        place = match.end()
    out.add(html.unescape(content[place:]), line)


def _without_math(text: str) -> str:
    """Text without the signs of TeX's formulas."""
    text = text.replace("$", "").replace("`", "")
    if "\\" in text:
        text = _MATH.sub(_symbol, text)
    return text.replace("{,}", ",").translate({ord("{"): None, ord("}"): None})


def _symbol(match: re.Match[str]) -> str:
    """A command of a formula."""
    name = match[1] or match[2]
    if name in "[]()*_`":
        return name
    return PRINTS.get(name, "" if name in NOTHING else OPAQUE)
