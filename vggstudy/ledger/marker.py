"""The marker of a study, ``study.json``: its name, its protocol and how that was amended.

Format history (``"format": "vggstudy-study"``):

schema 1
    ``name``, ``protocol`` (its text), ``protocol_digest``, ``created_at`` and ``amendments``
    (``date``, ``old_digest``, ``new_digest``, ``diff``), sealed as `vggstudy.ledger.sealed` says.
    The study labels its runs with the epochs of all planned runs as comparisons.
schema 2
    ``comparisons``: "run" where a run's label counts the epochs of that run alone. A study that
    was registered as schema 1 stays it, so that its labels stay, too.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from vggstudy.ledger.sealed import DamagedFileError, seal, unseal

FORMAT = "vggstudy-study"
SCHEMA = 2

Comparisons = Literal["run", "study"]
"""Whose epochs a label's bound counts: the run's own, or those of all planned runs."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of a study's protocol after it was first run.

    Attributes
    ----------
    date : str
        ISO 8601.
    old_digest, new_digest : str
        Digests of the two protocols.
    diff : str
        Unified diff of the two texts.
    """

    date: str
    old_digest: str
    new_digest: str
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What makes a folder a study.

    Attributes
    ----------
    name : str
        Name of the study.
    protocol : str
        Text of the protocol in force; ``protocol.toml`` is its copy for reading.
    protocol_digest : str
        Its digest.
    created_at : str
        ISO 8601 in UTC.
    amendments : tuple of Amendment
        Oldest first.
    comparisons : str
        Whose epochs a label's bound counts where the protocol does not say so, as it was when the
        study was registered.
    """

    name: str
    protocol: str
    protocol_digest: str
    created_at: str
    amendments: tuple[Amendment, ...]
    comparisons: Comparisons = "study"

    def amended(self, *, protocol: str, protocol_digest: str, date: str) -> Marker:
        """The marker once another protocol is in force."""
        lines = difflib.unified_diff(
            self.protocol.splitlines(),
            protocol.splitlines(),
            f"protocol.toml {self.protocol_digest[:12]}",
            f"protocol.toml {protocol_digest[:12]}",
            lineterm="",
        )
        amendment = Amendment(date, self.protocol_digest, protocol_digest, "\n".join(lines))
        return replace(
            self,
            protocol=protocol,
            protocol_digest=protocol_digest,
            amendments=(*self.amendments, amendment),
        )

    def to_json(self) -> str:
        """The text of ``study.json``."""
        content = asdict(self)
        if self.comparisons == "study":
            content.pop("comparisons")
        return seal({"format": FORMAT, "schema": 2 if "comparisons" in content else 1, **content})

    @classmethod
    def from_json(cls, data: bytes) -> Marker:
        """Read the text of ``study.json``.

        Raises
        ------
        DamagedFileError
            If it is torn, edited, foreign or of a newer schema.
        """
        payload = unseal(data, form=FORMAT, newest=SCHEMA)
        try:
            return _READER.validate_python(payload)
        except ValidationError as error:
            if len(error.errors()[0]["loc"]) > 1:
                needs = f"an amendment needs {', '.join(x.name for x in fields(Amendment))}"
            else:
                needs = f"needs {', '.join(x.name for x in fields(cls)[:-2])}"
            raise DamagedFileError("foreign", f"not a study's marker: {needs}") from None


_READER = TypeAdapter(Marker)
