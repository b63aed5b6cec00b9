"""Makes text from protocols and data safe to show: no control characters."""

from __future__ import annotations

import re

# C0 and C1 controls are not allowed in XML or HTML; bidirectional overrides reorder what
# surrounds them; lone surrogates cannot be encoded; noncharacters are a parse error.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def clean(text: str) -> str:
    """The text with every character that cannot be shown replaced by U+FFFD."""
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)
