"""Claims: estimates with an id that a paper can cite, and the file that holds them.

Format history of ``vggstudy-claims``
    1  First version.
    2  Notes as data: ``name`` and ``values`` beside ``code`` and ``text``, and `refusal` beside
       ``reason`` and ``reason_text``. Texts of such notes do not enter a claim's digest.
    3  `registration`, a note, where a hypothesis names the claim and was not stated before any run;
       such a claim is not `registered`. Claims without it have the same digest as in version 2.
       `survives`, which is not in the digest: whether an exploratory claim stands up to their
       number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from vggstudy.analysis.claims.printing import printed
from vggstudy.analysis.notes import Note
from vggstudy.errors import AnalysisError
from vggstudy.identity import digest
from vggstudy.markup import html_table

FORMAT = "vggstudy-claims"
VERSION = 3
READABLE = (1, 2, 3)
UNDIGESTED = ("display", "claim_digest", "levels_run", "survives")
"""Fields that do not enter a claim's digest: how it is shown, what other claims there are, and the
digest itself."""

LEFT_OUT = ("levels_run", "survives")
"""Fields that a file leaves out where they say nothing."""

OF_LOOKS = ("at_look", "at_fixed_width")
"""Notes of claims that were made at a declared look; they name the confidence of all looks."""

OF_REFUSAL = ("reason", "reason_text")
"""What a file says of a refusal in words."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another interval for the same quantity.

    Attributes
    ----------
    method : str
    low, high : float
    """

    method: str
    low: float
    high: float


def _share(text: object, otherwise: float) -> float:
    """A percentage as a share; what a note of somebody's file says may be none."""
    found = re.fullmatch(r"(\d{1,2}(?:\.\d{1,12})?)%", text) if isinstance(text, str) else None
    share = 0.0 if found is None else float(found[1]) / 100
    return share if 0 < share < 1 else otherwise


def side_of(low: float | None, high: float | None, reference: float) -> int:
    """On which side of a reference an interval lies, 1 or -1; 0 where it holds it."""
    above, below = low is not None and low > reference, high is not None and high < reference
    return int(above) - int(below)


@dataclass(frozen=True, slots=True)
class Claim:
    """One estimate with its interval, or with the reason why there is none.

    Attributes
    ----------
    id : str
        See `vggstudy.claim_ids`.
    estimand : str
        What is estimated, in words.
    outcome, quantity : str
        ``converged``, ``expected`` or a column, and a key of `QUANTITIES`; of a level of a factor
        the quantity, ``peak`` or ``needed``, and the factor.
    factors : tuple of str
        Factors whose levels are compared.
    conditions : mapping of str to str
        Factor to level, as written in the id.
    unit : str
        Of the estimate: ``probability``, ``fraction``, or that of the column.
    estimate, low, high : float or None
        Full precision; `estimate` may be known where the interval is refused.
    level : float
        Confidence level.
    method : str or None
        How the interval was made.
    n, k : int
        Labelled runs in the cells concerned, and the converged among them.
    B, seed : int or None
        Resamples and seed, where the interval was drawn.
    mc_error_low, mc_error_high : float or None
        Monte Carlo standard error of each end.
    reference : float or None
        Value that the interval is compared with: 0 for differences.
    verdict : str or None
        Of a hypothesis; None for plain estimates.
    registered : bool
        Whether the protocol declared it before there was any run.
    registration : Note or None
        When the protocol declared it, where that was later or is not known.
    status : str
        ``ok`` or ``not_available``.
    refusal : Note or None
        Why there is no interval, exactly where the status is ``not_available``.
    offered : str or None
        Id of the claim on the largest complete sub-grid, where this one was refused.
    warnings : tuple of Note
    alternatives : tuple of Alternative
    levels_run : (float, float) or None
        Of a claim that is itself a level of a numeric factor: the least and the largest that were
        run, beyond which it is printed as such.
    survives : bool or None
        Whether the interval excludes its reference beyond what the number of exploratory claims
        does by chance (`claims.many`); None where it is not one of them.
    display : mapping
        Rounded texts, filled by the report.
    inputs_digest, code_version, claim_digest : str
    """

    id: str
    estimand: str
    outcome: str
    quantity: str
    unit: str
    level: float
    n: int
    k: int
    factors: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    B: int | None = None
    seed: int | None = None
    mc_error_low: float | None = None
    mc_error_high: float | None = None
    reference: float | None = None
    verdict: str | None = None
    registered: bool = False
    registration: Note | None = None
    status: str = "ok"
    refusal: Note | None = None
    offered: str | None = None
    warnings: tuple[Note, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    levels_run: tuple[float, float] | None = None
    survives: bool | None = None
    display: Mapping[str, str] = field(default_factory=dict)
    inputs_digest: str = ""
    code_version: str = ""
    claim_digest: str = ""

    @property
    def available(self) -> bool:
        """Whether there is an interval."""
        return self.status == "ok"

    @property
    def side(self) -> int:
        """On which side of its reference the interval lies, 1 or -1; 0 where it holds that."""
        return 0 if self.reference is None else side_of(self.low, self.high, self.reference)

    @property
    def confidence(self) -> float:
        """With which the interval holds: its level, or that of all declared looks together."""
        said = next((note for note in self.warnings if note.name in OF_LOOKS), None)
        return self.level if said is None else _share(said.values.get("name"), self.level)

    @property
    def interval_text(self) -> str:
        """The interval with the digits that its width allows, or why there is none."""
        return printed(self)[1]

    @property
    def estimate_text(self) -> str:
        """The estimate with the digits of its interval, or a dash."""
        return printed(self)[0]

    def __repr__(self) -> str:
        interval = f"{self.level:.0%} {self.interval_text}"
        return f"<Claim {self.id}: {self.estimate_text}, {interval}, n = {self.n}>"

    def _repr_html_(self) -> str:
        """What it says, for notebooks."""
        rows = [
            ("claim", self.id),
            ("of", self.estimand),
            ("estimate", f"{self.estimate_text} ({self.unit})"),
            (f"{self.level:.0%} interval", self.interval_text),
            ("runs", f"{self.n}, of which {self.k} converged"),
            ("method", self.method or "-"),
            *(("caution", note.text) for note in self.warnings),
        ]
        if self.verdict is not None:
            rows.insert(1, ("verdict", self.verdict.replace("_", " ")))
        return html_table(("", ""), rows)

    @property
    def reason(self) -> str | None:
        """The code of why there is no interval."""
        return None if self.refusal is None else self.refusal.code

    @property
    def reason_text(self) -> str | None:
        """Why there is no interval, in English."""
        return None if self.refusal is None else self.refusal.text

    def to_dict(self, *, texts: bool = True) -> dict[str, Any]:
        """Plain JSON values; never NaN. Without texts, of notes only what they are made of."""
        found: dict[str, Any] = {}
        for item in fields(self):
            if item.name == "refusal":
                found |= _refusal(self.refusal, texts=texts)
            elif item.name == "registration":
                if self.registration is not None:  # else the digest is that of version 2
                    found["registration"] = self.registration.to_dict(text=texts)
            elif item.name == "warnings":
                found["warnings"] = [note.to_dict(text=texts) for note in self.warnings]
            elif item.name not in LEFT_OUT or getattr(self, item.name) is not None:
                found[item.name] = _plain(getattr(self, item.name))
        return found

    def sealed(self) -> Claim:
        """The claim with the digest of its content."""
        return replace(self, claim_digest=self.content_digest())

    def content_digest(self) -> str:
        """SHA-256 of the canonical JSON of everything but `UNDIGESTED` and the texts of notes."""
        content = self.to_dict(texts=False)
        return digest({key: value for key, value in content.items() if key not in UNDIGESTED})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Claim:
        """The inverse of `to_dict`.

        Raises
        ------
        AnalysisError
            If a field is unknown or missing, or the digest does not fit the content.
        """
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(data) - known - {*OF_REFUSAL})
        if unknown:
            raise AnalysisError(f"claim {data.get('id')!r}: unknown fields {', '.join(unknown)}")
        try:
            plain = {key: value for key, value in data.items() if key not in OF_REFUSAL}
            claim = cls(**{**plain, **_nested(data)})
        except (TypeError, ValueError, KeyError) as error:
            raise AnalysisError(f"claim {data.get('id')!r}: {error}") from None
        if claim.claim_digest and claim.claim_digest != claim.content_digest():
            raise AnalysisError(f"claim {claim.id!r}: its content does not match its digest")
        return claim


def _refusal(note: Note | None, *, texts: bool) -> dict[str, Any]:
    """Code and text, and what the text is made of, where that is known."""
    if note is None:
        return dict.fromkeys(OF_REFUSAL)
    plain = note.to_dict(text=texts)
    found = {"reason": note.code, "reason_text": plain.pop("text", None)}
    return {**found, "refusal": plain} if "name" in plain else found


def _plain(value: Any) -> Any:
    """Tuples as lists, mappings and records as dictionaries."""
    if value is None or isinstance(value, (str, int, float)):  # most values
        return value
    if isinstance(value, Alternative):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _nested(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are not plain values."""
    return {
        "factors": tuple(data.get("factors", ())),
        "levels_run": None if data.get("levels_run") is None else tuple(data["levels_run"]),
        "refusal": _refused(data),
        "registration": Note.from_dict(when) if (when := data.get("registration")) else None,
        "warnings": tuple(Note.from_dict(note) for note in data.get("warnings", ())),
        "alternatives": tuple(Alternative(**item) for item in data.get("alternatives", ())),
    }


def _refused(data: Mapping[str, Any]) -> Note | None:
    """Why there is no interval; version 1 knows the sentence only."""
    if data.get("refusal") is not None:
        return Note.from_dict(data["refusal"])
    if data.get("reason") is None:
        return None
    return Note.written(data["reason"], data.get("reason_text") or "")
