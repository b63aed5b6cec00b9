"""Claims by their ids, and the files that hold them."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.claims.claim import FORMAT, OF_REFUSAL, VERSION, Claim
from vggstudy.analysis.claims.reading import checked_claims
from vggstudy.errors import AnalysisError
from vggstudy.files import read_bounded
from vggstudy.markup import html_table, paragraph

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 40
"""Rows in a notebook."""

MAX_CLAIMS_BYTES = 64 * 2**20


class ClaimSet(Mapping[str, Claim]):
    """Claims by id, in the order in which they were made; those without a digest are sealed."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._claims: dict[str, Claim] = {}
        for claim in claims:
            if claim.id in self._claims:
                raise ValueError(f"two claims have the id {claim.id!r}")
            self._claims[claim.id] = claim if claim.claim_digest else claim.sealed()

    def __getitem__(self, claim_id: str) -> Claim:
        return self._claims[claim_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} claims>"

    def _repr_html_(self) -> str:
        """Those that hold over the whole grid, or the first ones, for notebooks."""
        listed = [one for one in self.values() if one.registered or not one.conditions]
        listed = (listed or [*self.values()])[:MOST_SHOWN]
        rows = [(one.id, one.estimate_text, one.interval_text, one.n) for one in listed]
        more = len(self) - len(rows)
        below = paragraph(f"{more} more claims: to_frame() has all") if more else ""
        return html_table(("claim", "estimate", "interval", "n"), rows) + below

    def searched(self) -> list[Claim]:
        """Further claims among which a number is searched for that names none: here none."""
        return []

    def to_json(self) -> str:
        """The claims file: format, version, and one object a claim."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "claims": [claim.to_dict() for claim in self.values()],
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ClaimSet:
        """Read a claims file; every claim's digest is checked.

        Raises
        ------
        AnalysisError
            If the text is not such a file, of another version, or was changed.
        """
        return cls(checked_claims(text))

    def to_frame(self) -> pd.DataFrame:
        """One row a claim; notes are joined, nested fields left out."""
        import pandas as pd

        rows = [_row(claim) for claim in self.values()]
        columns = [name for name in _columns() if name not in {"display", "alternatives"}]
        return pd.DataFrame(rows, columns=columns).set_index("id", drop=False)

    def to_csv(self) -> str:
        """The frame as CSV, empty where there is no number."""
        return self.to_frame().to_csv(index=False, lineterminator="\n")


def _columns() -> list[str]:
    """The fields, with a refusal's code and text in its place."""
    names = [item.name for item in fields(Claim)]
    at = names.index("refusal")
    return [*names[:at], *OF_REFUSAL, *names[at + 1 :]]


def _row(claim: Claim) -> dict[str, Any]:
    """A claim's plain fields."""
    row = {name: getattr(claim, name) for name in _columns()}
    held = claim.conditions
    row["conditions"] = ",".join(f"{name}={held[name]}" for name in sorted(held))
    row["factors"] = "*".join(claim.factors)
    row["registration"] = None if claim.registration is None else claim.registration.text
    row["warnings"] = "; ".join(f"{note.code}: {note.text}" for note in claim.warnings)
    return row


def read_claims_file(path: Path, *, follow: bool = True) -> ClaimSet:
    """The claims of a file; without ``follow``, not through a link.

    Raises
    ------
    AnalysisError
        If it cannot be read, is too large, or is not a sound claims file.
    """
    try:
        text = read_bounded(path, limit=MAX_CLAIMS_BYTES, follow=follow).decode("utf-8")
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise AnalysisError(f"{path} cannot be read: it is a link") from None
        raise AnalysisError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise AnalysisError(f"{path} cannot be read: it is not UTF-8") from None
    try:
        return ClaimSet.from_json(text)
    except AnalysisError as error:
        raise AnalysisError(f"{path}: {error}") from None
