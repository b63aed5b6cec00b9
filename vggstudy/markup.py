"""Tables for notebooks: what ``_repr_html_`` of results, claims, studies and protocols gives."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts; nothing in them is taken for HTML."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """A text of its own."""
    return f"<p>{html.escape(text)}</p>"
