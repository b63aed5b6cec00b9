"""What every section hands to its template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """A section with everything its template prints.

    Attributes
    ----------
    key : str
        Anchor and name of the template: ``section_<key>.html.j2``.
    values : dict
        What the template reads; templates format and never compute.
    appendix : bool
        Whether it stands behind the article: what only some readers look up.
    """

    key: str
    title: str
    values: dict[str, Any]
    appendix: bool = False
