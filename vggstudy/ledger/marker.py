"""The marker of a study, ``study.json``: its name, its protocol and how that was amended.

Format history (``"format": "vggstudy-study"``):

schema 1
    ``name``, ``protocol`` (its text), ``protocol_digest``, ``created_at`` and ``amendments``
    (``date``, ``old_digest``, ``new_digest``, ``diff``), sealed as `vggstudy.ledger.sealed` says.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from vggstudy.ledger.sealed import DamagedFileError, seal, unseal

FORMAT = "vggstudy-study"
SCHEMA = 1

_TEXTS = ("name", "protocol", "protocol_digest", "created_at")
_AMENDMENT = ("date", "old_digest", "new_digest", "diff")


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
    """

    name: str
    protocol: str
    protocol_digest: str
    created_at: str
    amendments: tuple[Amendment, ...] = ()

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
        return seal({"format": FORMAT, "schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, data: bytes) -> Marker:
        """Read the text of ``study.json``.

        Raises
        ------
        DamagedFileError
            If it is torn, edited, foreign or of a newer schema.
        """
        payload = unseal(data, form=FORMAT, newest=SCHEMA)
        amendments = payload.get("amendments")
        if not isinstance(amendments, list) or not _all_texts(payload, _TEXTS):
            raise DamagedFileError("foreign", f"not a study's marker: needs {', '.join(_TEXTS)}")
        if not all(isinstance(item, dict) and _all_texts(item, _AMENDMENT) for item in amendments):
            reason = f"not a study's marker: an amendment needs {', '.join(_AMENDMENT)}"
            raise DamagedFileError("foreign", reason)
        return cls(
            **{name: payload[name] for name in _TEXTS},
            amendments=tuple(
                Amendment(**{name: item[name] for name in _AMENDMENT}) for item in amendments
            ),
        )


def _all_texts(value: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether all of these fields are there and texts."""
    return all(isinstance(value.get(name), str) for name in names)
