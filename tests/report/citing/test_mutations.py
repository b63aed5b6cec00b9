"""Generated papers: true ones are accepted, and one small change in each is never passed."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.analysis import AnalysisResult, Claim, ClaimSet
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import cite
from vggstudy.report.citing.latex import FORMS, macros, tex_key
from vggstudy.report.citing.verify import verify_paper
from vggstudy.report.words.display import display, size_of

KINDS = ("digit", "sign", "unit", "n", "label", "macro")
LEAST_REJECTED = {
    "digit": 0.99,
    "sign": 0.97,
    "unit": 0.97,
    "n": 0.99,
    "label": 0.99,
    "macro": 0.99,
}
"""A changed digit may give another true number: the share of changes that must not pass."""

MARKDOWN = (
    "{est}, 95% CI {ends}, n = {n}",
    "{est} (95% CI {ends}; n = {n})",
    "a value of {est} (95% CI: {ends}, n={n})",
    "**{est}**, 95% CI = {ends}, *n* = {n}",
    "{est} (95 % confidence interval {ends}; {n} runs)",
    "{est}\n(95% CI\n{ends}; n = {n})",
    "> {est}, 95% CI {ends}, n = {n}",
)
LATEX = (
    r"{est}, 95\% CI~{ends}, $n = {n}$",
    r"{est} (95\% CI: {ends}; $n={{{n}}}$)",
    r"\textbf{{{est}}} (95\,\% \textbf{{CI}} {ends}, $n = \num{{{n}}}$)",
    "{est} % a comment\n(95\\% confidence interval of {ends}; {n} runs)",
    r"\emph{{we found}} {est} with 95\% CI~\cite{{x}} {ends}, $n = {n}$",
)


def claim_text(claim: Claim, pattern: str, *, latex: bool) -> str:
    shown = display(claim)
    assert shown is not None
    est, ends = shown.estimate, shown.ends
    if latex:
        est, ends = (text.replace("%", r"\%") for text in (est, ends))
        est = re.sub(r"^-", "$-$", est)
    return pattern.format(est=est, ends=ends, n=size_of(claim))


def made(rng: random.Random, claims: list[Claim], everything: ClaimSet) -> tuple[str, str, Claim]:
    """Suffix and text of a true paper on one claim."""
    claim = rng.choice(claims)
    if rng.random() < 0.5:
        choices: list[Callable[[], str]] = [
            lambda: claim_text(claim, rng.choice(MARKDOWN), latex=False),
            lambda: cite(claim, rng.choice(["apa", "text", "md"])),
            lambda: cite(claim, "md"),
        ]
        return ".md", f"# A title\n\nWe report {rng.choice(choices)()}\n", claim
    choices = [
        lambda: claim_text(claim, rng.choice(LATEX), latex=True),
        lambda: cite(claim, rng.choice(["latex", "siunitx"])),
        lambda: f"\\vgg[apa]{{{tex_key(claim.id)}}}",
        lambda: f"\\vgg[estimate]{{{tex_key(claim.id)}}} (\\vgg[interval]{{{tex_key(claim.id)}}})",
    ]
    body = rng.choice(choices)()
    head = "\\documentclass{article}\n\\input{claims}\n\\begin{document}\n"
    return ".tex", f"{head}We report {body}.\n\\end{{document}}\n", claim


def _numbers(text: str) -> list[re.Match[str]]:
    """Numbers of the report, without levels, arguments and digits of ids."""
    start = text.index("We report")
    found = re.finditer(r"(?<![\w.@=])\d+(?:\.\d+)?(?![\w@])", text[start:])
    body = text[start:]
    kept = []
    for match in found:
        behind = body[match.end() : match.end() + 24]
        if re.match(r"(?:\\,| )?\\?%(?: |~|\})*(?:\\textbf\{)?(?:CI|confid)", behind) or re.match(
            r"\}\{\\percent\} CI", behind
        ):
            continue
        kept.append(match)
    return kept


def mutated(  # noqa: C901 - one kind of change a branch
    text: str, kind: str, rng: random.Random
) -> str | None:
    """The text with one thing of a kind changed; None where it has none."""
    start = text.index("We report")
    head, body = text[:start], text[start:]
    label_end = body.find(": ") if " of " in body[:60] or "Mean" in body[:40] else -1
    if kind == "macro":
        uses = list(re.finditer(r"\\vgg\[(\w+)\]\{([^}]*)\}", body))
        if not uses:
            return None
        use = rng.choice(uses)
        changed = rng.choice(
            [
                body[: use.start()] + "9" + body[use.start() :],
                body[: use.start()] + "$-$" + body[use.start() :],
                body[: use.end()] + "0" + body[use.end() :],
                body[: use.end(2)] + "x" + body[use.end(2) :],
                body[: use.start(1)] + "apb" + body[use.end(1) :],
                "\\def\\vgg[#1]#2{9}" + body,
            ]
        )
        return head + changed
    if kind == "label":
        ids = re.search(r"[(\[]`?([a-z]+\.[a-z]+[^`\])]*)[`\])]", body)
        if ids is None:
            return None
        place = rng.randrange(ids.start(1), ids.end(1))
        return head + body[:place] + "q" + body[place + 1 :] if body[place] != "q" else None
    spots = [m for m in _numbers(text) if m.start() > label_end]
    sizes = [m for m in spots if re.search(r"(?:n\*? ?= ?|n = \\num\{|n=\{)$", body[: m.start()])]
    sizes += [m for m in spots if body[m.end() :].startswith(" runs")]
    others = [m for m in spots if m not in sizes]
    if kind == "n" and sizes:
        match = rng.choice(sizes)
        value = int(match[0]) + rng.choice([-1, 1, 10])
        return head + body[: match.start()] + str(value) + body[match.end() :]
    if kind == "digit" and others:
        match = rng.choice(others)
        places = [i for i in range(match.start(), match.end()) if body[i].isdigit()]
        place = rng.choice(places)
        digit = rng.choice([d for d in "0123456789" if d != body[place]])
        return head + body[:place] + digit + body[place + 1 :]
    if kind == "sign" and others:
        match = rng.choice(others)
        before = body[: match.start()]
        signed = re.search(r"(?:\$-\$|[-\N{MINUS SIGN}])$", before)
        changed = before[: signed.start()] if signed else before + "-"
        if float(match[0]) == 0:
            return None
        return head + changed + body[match.start() :]
    if kind == "unit":
        units = [m for m in re.finditer(r" points?|\\?%", body) if m.start() > label_end]
        units = [
            m for m in units if not re.match(r"(?: |~)*(?:\\textbf\{)?(?:CI|conf)", body[m.end() :])
        ]
        units = [m for m in units if "comment" not in body[m.end() : m.end() + 12]]
        if not units:
            return None
        match = rng.choice(units)
        percent = "\\%" if text.startswith("\\doc") else "%"
        other = percent if "point" in match[0] else " points"
        return head + body[: match.start()] + other + body[match.end() :]
    return None


def code(path: Path, text: str, claims: ClaimSet) -> int:
    path.write_text(text, "utf-8")
    try:
        return verify_paper(path, claims).exit_code
    except AnalysisError:
        return 2


def campaign(
    folder: Path, claims: ClaimSet, *, papers: int, changes: int, seed: int = 11
) -> tuple[int, dict[str, float]]:
    """How many true papers were refused, and which share of changes was, by kind."""
    rng = random.Random(seed)
    available = [claim for claim in claims.values() if claim.available and claim.low is not None]
    digest = available[0].inputs_digest
    (folder / "claims.tex").write_text(macros(claims.values(), inputs_digest=digest), "utf-8")
    refused = 0
    for _ in range(papers):
        suffix, text, _ = made(rng, available, claims)
        path = folder / f"paper{suffix}"
        if code(path, text, claims):
            refused += 1
            print("refused:", text[-160:], verify_paper(path, claims).mismatches)  # noqa: T201 - the campaign's report
    tried: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    while sum(tried.values()) < changes:
        kind = rng.choice(KINDS)
        suffix, text, _ = made(rng, available, claims)
        changed = mutated(text, kind, rng)
        if changed is None or changed == text:
            continue
        tried[kind] += 1
        if code(folder / f"paper{suffix}", changed, claims):
            caught[kind] += 1
        else:
            print("passed:", kind, changed[-160:])  # noqa: T201 - likewise
    rates = {kind: caught[kind] / max(tried[kind], 1) for kind in KINDS}
    print(f"{papers} true papers, {refused} refused; {changes} changes:", dict(tried), rates)  # noqa: T201 - likewise
    return refused, rates


def judged(folder: Path, claims: ClaimSet, *, papers: int, changes: int) -> None:
    refused, rates = campaign(folder, claims, papers=papers, changes=changes)
    assert refused == 0
    assert {kind: rate for kind, rate in rates.items() if rate < LEAST_REJECTED[kind]} == {}


def test_some_true_papers_are_accepted_and_some_changed_ones_not(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    assert set(FORMS) >= {"apa", "estimate", "interval"}
    judged(tmp_path, tiny.claims, papers=60, changes=240)


@pytest.mark.campaign
def test_many_true_papers_are_accepted_and_thousands_of_changed_ones_not(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    judged(tmp_path, tiny.claims, papers=1000, changes=10_000)
