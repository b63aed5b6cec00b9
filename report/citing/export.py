"""Claims as files for other programs: LaTeX, BibTeX, CITATION.cff, JSON-LD, CSV and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from pathlib import PurePath
from typing import TYPE_CHECKING

from vggstudy._version import __version__
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cautions import refused_checks
from vggstudy.report.citing.cite import (
    AUTHORS,
    SHORT_DIGEST,
    bibtex,
    cite,
    display_strings,
    escape_bibtex,
)
from vggstudy.report.citing.latex import macros
from vggstudy.report.words.display import display
from vggstudy.report.words.names import capitalise, in_words
from vggstudy.suggest import closest

if TYPE_CHECKING:
    from vggstudy.analysis import Claim, ClaimSet

UNTITLED = "Replicated training study"


def export(
    claims: ClaimSet, filename: str, *, title: str | None, despite: Collection[str] = ()
) -> str:
    """The content of a file, whose name says what it holds.

    Parameters
    ----------
    claims : ClaimSet
    filename : str
        ``*.tex``, ``*.bib``, ``*.cff``, ``*.jsonld``, ``*.csv`` or ``*.json``.
    title : str or None
        Of the study.
    despite : collection of str
        Codes of checks that claims may fail; claims that fail others are no numbers in LaTeX,
        BibTeX and JSON-LD. CSV and JSON hold all claims with their warnings.

    Raises
    ------
    AnalysisError
        If the name says nothing known, or there are no claims.
    """
    suffix = PurePath(filename).suffix.lower()
    if suffix not in EXPORTS:
        match = closest(suffix, EXPORTS)
        hint = f"did you mean {match}?" if match else f"known: {', '.join(EXPORTS)}"
        msg = f"{filename}: nothing is exported as {suffix or 'a file without suffix'} ({hint})"
        raise AnalysisError(msg)
    if not len(claims):
        msg = "there are no claims to export"
        raise AnalysisError(msg)
    return EXPORTS[suffix](claims, title, despite)


def _digest(claims: ClaimSet) -> str:
    """Of the inputs: one for all claims of a set."""
    return next(iter(claims.values())).inputs_digest


def _latex(claims: ClaimSet, _title: str | None, despite: Collection[str]) -> str:
    return macros(claims.values(), inputs_digest=_digest(claims), despite=despite)


def _bibtex(claims: ClaimSet, title: str | None, despite: Collection[str]) -> str:
    """The study, then every claim that can be cited."""
    entries = [bibtex(name=title, inputs_digest=_digest(claims))]
    entries += [
        _entry(claim)
        for claim in claims.values()
        if claim.available and not refused_checks(claim, despite)
    ]
    return "\n\n".join(entries) + "\n"


def _entry(claim: Claim) -> str:
    """A claim; its key and note carry its digest."""
    words = escape_bibtex(capitalise(in_words(claim.estimand)))
    shown = display_strings(claim)["text"]
    note = f"Claim {claim.id}: {shown}; SHA-256 {claim.claim_digest}"
    return "\n".join(
        (
            f"@misc{{vggstudy-claim-{claim.claim_digest[:SHORT_DIGEST]},",
            f"  author = {{{{{AUTHORS}}}}},",
            f"  title = {{{{{words}}}}},",
            f"  note = {{{escape_bibtex(note)}}},",
            "}",
        )
    )


def _cff(claims: ClaimSet, title: str | None, _despite: Collection[str]) -> str:
    """Citation File Format 1.2.0; strings are written as JSON, which YAML contains."""
    digest = _digest(claims)
    return "\n".join(
        (
            "cff-version: 1.2.0",
            "message: If you cite numbers of this study, name their claims and this digest.",
            "type: dataset",
            f"title: {_yaml(title or UNTITLED)}",
            "authors:",
            f"  - name: {_yaml(AUTHORS)}",
            "identifiers:",
            "  - type: other",
            f"    value: {json.dumps(f'sha256:{digest}')}",
            "    description: SHA-256 of the study's inputs, the protocol and its runs",
            "references:",
            "  - type: software",
            "    title: vggstudy",
            f"    version: {json.dumps(__version__)}",
            "    authors:",
            '      - name: "The vggstudy developers"',
            "",
        )
    )


def _yaml(text: str) -> str:
    """A string in double quotes; what YAML would read as a line's end is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda m: f"\\u{ord(m[0]):04x}", quoted)


def _jsonld(claims: ClaimSet, title: str | None, despite: Collection[str]) -> str:
    """A schema.org dataset whose measured variables are the claims."""
    content = {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": title or UNTITLED,
        "identifier": f"sha256:{_digest(claims)}",
        "creator": {"@type": "SoftwareApplication", "name": "vggstudy", "version": __version__},
        "variableMeasured": [_property(claim, despite) for claim in claims.values()],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _property(claim: Claim, despite: Collection[str]) -> dict[str, object]:
    """A claim as a property value; what it lacks, or must not be cited for, is left out."""
    shown = display(claim)
    if failed := refused_checks(claim, despite):
        return {
            "@type": "PropertyValue",
            "propertyID": claim.id,
            "name": claim.estimand,
            "unitText": claim.unit,
            "description": f"not to be cited: {'; '.join(note.text for note in failed)}",
        }
    values = {
        "@type": "PropertyValue",
        "propertyID": claim.id,
        "name": claim.estimand,
        "unitText": claim.unit,
        "value": claim.estimate,
        "minValue": claim.low,
        "maxValue": claim.high,
        "measurementTechnique": claim.method,
        "description": cite(claim, "apa", despite=despite)
        if shown and claim.available
        else claim.reason_text,
        "identifier": f"sha256:{claim.claim_digest}" if claim.claim_digest else None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _csv(claims: ClaimSet, _title: str | None, _despite: Collection[str]) -> str:
    return claims.to_csv()


def _json(claims: ClaimSet, _title: str | None, _despite: Collection[str]) -> str:
    return claims.to_json()


EXPORTS: dict[str, Callable[[ClaimSet, str | None, Collection[str]], str]] = {
    ".tex": _latex,
    ".bib": _bibtex,
    ".cff": _cff,
    ".jsonld": _jsonld,
    ".csv": _csv,
    ".json": _json,
}
