"""Checks that the numbers in a paper, or in a claims file, are those of a study.

A paper's macros must name claims, and every interval that it prints must be a claim's: with the
estimate before it and the n behind it where they stand there. Files that a LaTeX paper inputs are
checked with it. A claims file must hold the study's own claims, digit for digit.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.report.citing.latex import DEFINITION, FORMS, PREAMBLE, definitions, tex_key
from vggstudy.report.citing.paper import (
    Text,
    is_latex,
    joined,
    plain,
    read_lines,
    uncommented,
    with_inputs,
)
from vggstudy.report.words.display import display, size_of

if TYPE_CHECKING:
    from vggstudy.analysis import Claim, ClaimSet

POINT_TOLERANCE = 1e-9
"""Relative difference of two point estimates that is rounding of the arithmetic."""

END_ERRORS = 4 * math.sqrt(2)
"""Monte Carlo errors by which the ends of two draws may differ: each end has its own error."""

UNCOMPARED = {"display", "claim_digest", "inputs_digest", "code_version"}
"""Fields of a claim that are no finding."""

MACRO = re.compile(r"\\vgg(?![A-Za-z@])\s*(?:\[(?P<form>[^\]]*)\])?\s*\{(?P<id>[^{}]*)\}")
REDEFINED = re.compile(
    r"\\\w*[cC]ommand\*?\s*\{?\s*\\vgg\b|"
    r"\\[gex]?def\s*\\vgg\b|\\let\s*(?:\\vgg\b|\\[A-Za-z@]+\s*=?\s*\\vgg\b)|vgg@"
)
"""What would make the macro print something else, or go by another name."""

NUMBER = r"[<>]?-?\d+(?:\.\d+)?"
LITERAL = re.compile(
    rf"(?:(?P<estimate>(?<![\w.]){NUMBER}(?:%p?| points?)?)"
    r"(?: (?:more|fewer|higher|lower|더 (?:높다|낮다|크다|작다)))?(?:[,;]? \(?|\())?"
    r"(?P<level>\d+(?:\.\d+)?%) (?:CI|confidence interval|신뢰구간)[:=,]? ?(?:= )?"
    rf"(?P<ends>\[[^\]\n]*\]%?|(?:up to|from|상한|하한) {NUMBER}%?|without bounds|한계 없음)\)?"
    r"(?:[,;]? \(?n ?= ?(?P<n>\d{1,3}(?:[, ]\d{3})+|\d+))?"
)


"""As the report prints it in one of its languages, or as papers write it."""

ENDS = {"상한": "up to", "하한": "from", "한계 없음": "without bounds"}
"""Words for open ends in the report's other languages, with the English ones."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something in a file that is not the study's.

    Attributes
    ----------
    file : str
    line : int
        One-based; 0 where the whole file is meant.
    text : str
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """``paper.tex:12: ...``."""
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what is wrong.

    Attributes
    ----------
    checked : int
        Macros, intervals, definitions and claims that were looked at.
    mismatches : tuple of Mismatch
    """

    checked: int
    mismatches: tuple[Mismatch, ...]


def verify_paper(path: Path, claims: ClaimSet) -> Verification:
    """Check a paper in LaTeX or Markdown, and the files that it inputs.

    Raises
    ------
    AnalysisError
        If it cannot be read, or holds nothing that could be checked.
    """
    checker = _Checker(claims)
    for file in with_inputs(path):
        checker.check(file)
    if not checker.checked:
        msg = f"{path} holds no \\vgg macro and no interval: there is nothing to verify"
        raise AnalysisError(msg)
    return Verification(checker.checked, tuple(checker.mismatches))


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


class _Checker:
    """Checks files against one set of claims."""

    def __init__(self, claims: ClaimSet) -> None:
        self.checked = 0
        self.mismatches: list[Mismatch] = []
        self._keys = {tex_key(claim.id): claim for claim in claims.values()}
        self._defined = {line for claim in claims.values() for line in definitions(claim)}
        self._defined |= {uncommented(line).strip() for line in PREAMBLE.splitlines()}
        self._printed: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for claim in claims.values():
            shown = display(claim)
            if shown is not None and claim.available:
                self._printed[shown.interval].append((shown.estimate, size_of(claim)))

    def check(self, path: Path) -> None:
        """Check one file; what it found is in the order of its lines."""
        lines = read_lines(path)
        before = len(self.mismatches)
        if is_latex(path):
            self._check_digest(path)
            for number, line in enumerate(lines, start=1):
                if REDEFINED.search(line):
                    self._check_definition(path, number, line)
                    lines[number - 1] = ""
        text = joined(lines)
        for match in MACRO.finditer(text.content):
            self._check_macro(path, text.line(match.start()), match)
        self._check_literals(path, plain(lines))
        self.mismatches[before:] = sorted(self.mismatches[before:], key=lambda found: found.line)

    def _report(self, path: Path, line: int, text: str) -> None:
        self.mismatches.append(Mismatch(str(path), line, text))

    def _check_digest(self, path: Path) -> None:
        """Macros must come from the study's inputs."""
        with path.open(encoding="utf-8-sig") as file:
            head = [line.strip() for line, _ in zip(file, range(3), strict=False)]
        for number, line in enumerate(head, start=1):
            if line.startswith("% inputs SHA-256 "):
                self.checked += 1
                ours = {claim.inputs_digest for claim in self._keys.values()}
                if line.rpartition(" ")[2] not in ours:
                    text = "these macros were made from other inputs than the study's"
                    self._report(path, number, text)

    def _check_definition(self, path: Path, number: int, line: str) -> None:
        """What touches the macro must be what the study's own file of macros says."""
        if line.strip() in self._defined:
            self.checked += r"\vgg@def{" in line
            return
        self.checked += 1
        found = DEFINITION.match(line.strip())
        if found is None:
            self._report(
                path, number, r"this changes what \vgg prints, so its numbers are not known"
            )
        else:
            self._report(path, number, f"{found['key']} ({found['form']}) is not the study's")

    def _check_macro(self, path: Path, number: int, match: re.Match[str]) -> None:
        """A macro must name a claim that has an interval, in a form that there is."""
        self.checked += 1
        form, name = match["form"], match["id"]
        claim = self._keys.get(name)
        if claim is None:
            self._report(path, number, f"the study makes no claim {name}")
        elif not claim.available:
            self._report(path, number, f"{name} is not available: {claim.reason_text}")
        if form not in FORMS:
            said = f"has no form {form!r}" if form else "needs a form in brackets"
            self._report(path, number, f"\\vgg {said}: choose one of {', '.join(FORMS)}")

    def _check_literals(self, path: Path, text: Text) -> None:
        """Every interval must be one that a claim prints."""
        for match in LITERAL.finditer(text.content):
            self.checked += 1
            printed = self._printed.get(f"{match['level']} CI {_ends(match['ends'])}", [])
            if not any(_fits(match, estimate, n) for estimate, n in printed):
                said = match[0].strip()
                number = text.line(match.start("level"))
                self._report(path, number, f"no claim of the study prints {said!r}")


def _ends(said: str) -> str:
    """The ends of an interval as the program prints them in English."""
    for word, english in ENDS.items():
        said = said.replace(word, english)
    return said


def _in_points(estimate: str) -> str:
    """The estimate with its unit in the plural, also behind 1."""
    return re.sub(r" point$", " points", estimate)


def _fits(match: re.Match[str], estimate: str, n: int) -> bool:
    """Whether the estimate before an interval and the n behind it are the claim's."""
    said = match["estimate"] and _in_points(match["estimate"].replace("%p", " points"))
    estimate = _in_points(estimate)
    bare = estimate.removesuffix(" points").removesuffix("%")
    # A sentence's verb carries the sign: "23 points fewer, 95% CI [-34, -12]".
    known = {estimate, bare, estimate.lstrip("-"), bare.lstrip("-")}
    size = match["n"] and int(re.sub("[, ]", "", match["n"]))
    return (said is None or said in known) and (size is None or size == n)
