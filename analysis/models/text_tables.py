"""Numbers and tables as plain text, for terminals."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns padded to one width, the head first."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return [
        "  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in table
    ]


def ends(low: float, high: float) -> str:
    """``[0.1, 0.2]`` to four digits."""
    return f"[{low:.4g}, {high:.4g}]"


def p_value(p: float, *, equals: bool = False) -> str:
    """Four decimals, never a bare 0; with ``= `` before the number where asked."""
    if p < 1e-4:
        return "< 0.0001"
    return f"= {p:.4f}" if equals else f"{p:.4f}"
