"""Checks that the numbers in a paper, or in a claims file, are those of a study.

A paper's macros must name claims and come from an unchanged export, and every interval that it
prints must be a claim's, with the estimate, the unit, the sign and the n beside it. What cannot be
read is said, and never passed. A claims file must hold the study's own claims, digit for digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.report.citing.checking import Checker
from vggstudy.report.citing.findings import WRONG, Mismatch

if TYPE_CHECKING:
    from vggstudy.analysis import Claim, ClaimSet

POINT_TOLERANCE = 1e-9
"""Relative difference of two point estimates that is rounding of the arithmetic."""

END_ERRORS = 4 * math.sqrt(2)
"""Monte Carlo errors by which the ends of two draws may differ: each end has its own error."""

MOST_TOLD = 1_000
"""So many findings on a paper are listed."""

UNCOMPARED = {"display", "levels_run", "survives", "claim_digest", "inputs_digest", "code_version"}
"""Fields of a claim that are no finding."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what is wrong.

    Attributes
    ----------
    checked : int
        Macros, intervals, definitions and claims that were looked at.
    mismatches : tuple of Mismatch
        What is wrong, or cannot be told.
    warnings : tuple of Mismatch
    """

    checked: int
    mismatches: tuple[Mismatch, ...]
    warnings: tuple[Mismatch, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where all is the study's, 1 where something is wrong, 2 where it cannot be told."""
        codes = {one.code for one in self.mismatches}
        return WRONG if WRONG in codes else max(codes, default=0)


def verify_paper(
    path: Path,
    claims: ClaimSet,
    *,
    allowed: Sequence[Path] = (),
    trusted: Sequence[Path] = (),
    list_unbound: bool = False,
) -> Verification:
    """Check a paper in LaTeX or Markdown, and the files that it inputs.

    Parameters
    ----------
    path : Path
    claims : ClaimSet
        The study's, estimated anew.
    allowed : sequence of Path
        Folders outside the paper's own from which it may input files.
    trusted : sequence of Path
        Packages and classes beside the paper that were looked at by a person.
    list_unbound : bool
        Whether to warn of numbers in tables that are bound to no claim.

    Raises
    ------
    AnalysisError
        If it cannot be read, or holds nothing that could be checked.
    """
    checker = Checker(claims, path, allowed=allowed, trusted=trusted, list_unbound=list_unbound)
    checker.run()
    found = checker.found
    if not checker.checked and not any(one.code for one in found):
        msg = f"{path} holds no \\vgg macro and no interval: there is nothing to verify"
        raise AnalysisError(msg)
    return Verification(
        checker.checked,
        _told(path, [one for one in found if one.code]),
        _told(path, [one for one in found if not one.code]),
    )


def _told(path: Path, found: Sequence[Mismatch]) -> tuple[Mismatch, ...]:
    """Each finding once, and of very many the first, with how many there are besides."""
    once = [*dict.fromkeys(found)]
    first, rest = once[:MOST_TOLD], once[MOST_TOLD:]
    if rest:
        codes = {one.code for one in rest}
        code = WRONG if WRONG in codes else max(codes)
        first.append(Mismatch(str(path), 0, f"and {len(rest):,} more of the kind", code))
    return tuple(first)


def verify_claims(path: Path, cited: ClaimSet, claims: ClaimSet) -> Verification:
    """Check a claims file against the study's claims; its own digests were checked when read."""
    name = str(path)
    found = [Mismatch(name, 0, text) for text in _inputs_differ(cited, claims)]
    for claim in cited.values():
        own = claims.get(claim.id)
        if own is None:
            found.append(Mismatch(name, 0, f"the study makes no claim {claim.id}"))
        elif changed := _changed(claim, own):
            found.append(Mismatch(name, 0, f"{claim.id}: {changed}"))
    return Verification(len(cited), tuple(found))


def verify_recomputed(path: Path, cited: ClaimSet, anew: ClaimSet) -> Verification:
    """Check claims against those of a new analysis: ends may differ by their Monte Carlo error."""
    found = []
    for claim in cited.values():
        own = anew.get(claim.id)
        text = "is not made any more" if own is None else _moved(claim, own)
        if text:
            found.append(Mismatch(str(path), 0, f"{claim.id}: {text}"))
    return Verification(len(cited), tuple(found))


def _inputs_differ(cited: ClaimSet, claims: ClaimSet) -> Iterator[str]:
    """That the file was made from another protocol or other runs."""
    ours = {claim.inputs_digest for claim in claims.values()}
    theirs = {claim.inputs_digest for claim in cited.values()}
    for digest in sorted(theirs - ours):
        yield f"made from other inputs (SHA-256 {digest[:12]}) than the study's"


def _changed(claim: Claim, own: Claim) -> str | None:
    """The fields in which two claims differ."""
    if claim.claim_digest == own.claim_digest:
        return None
    names = [
        field.name
        for field in fields(claim)
        if field.name not in UNCOMPARED
        and _comparable(getattr(claim, field.name)) != _comparable(getattr(own, field.name))
    ]
    said = (f"{n} is {getattr(claim, n)}, the study's {getattr(own, n)}" for n in names)
    return "; ".join(said) or None


def _comparable(value: object) -> object:
    """Mappings by content."""
    return dict(value) if isinstance(value, Mapping) else value


def _moved(claim: Claim, own: Claim) -> str | None:
    """What a new analysis gives that is not within its error of the claim."""
    if claim.status != own.status:
        return f"was {claim.status}, is {own.status} now"
    for name, error in (("estimate", None), ("low", "mc_error_low"), ("high", "mc_error_high")):
        before, after = getattr(claim, name), getattr(own, name)
        if before is None or after is None:
            if before is not after:
                return f"{name} was {before}, is {after} now"
            continue
        errors = [getattr(c, error) or 0.0 for c in (claim, own)] if error else [0.0]
        allowed = POINT_TOLERANCE * max(abs(before), abs(after)) + END_ERRORS * max(errors)
        if abs(before - after) > allowed:
            return f"{name} was {before}, is {after} now"
    return None
