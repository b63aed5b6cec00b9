"""Papers and claims files made of anything: a verdict or one sentence, soon, and never a crash."""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis import AnalysisResult, Claim, ClaimSet
from vggstudy.analysis.claims.claim_set import read_claims_file
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import cite, list_claims
from vggstudy.report.citing.export import export
from vggstudy.report.citing.latex import macros
from vggstudy.report.citing.verify import verify_claims, verify_paper, verify_recomputed

LONGEST_S = 10.0
SHARED = (
    "95% CI [24, 70]", "95\\% CI~[$24$, $70$]", "50 points", "n = 12", "[", "]", "(", ")", "{",
    "}", "-", "--", "\N{MINUS SIGN}", "1", "0.5", "1e400", "9" * 40, ",", ";", "%", "\\%", "$",
    "&", "|", "\n", "\n\n", " ", "\t", "\x0c", "\u200b", "\u202e", "\u0421I", "\uff11", "\u00a0",
    "\U0001f600", "\x1b[31m", "\x07", "\u2028", "converged.p", "(`converged.p`)", "higher",
    "fewer", "to", "of", "confidence interval", "interval", "from", "between", "and", "~", "#",
    "_", "^", "*", "**", "`", "```", "\ufeff", "\r", "\r\n", "\u0660", "e\u0301", "\ud7ff",
)  # fmt: skip
MARKDOWN = (
    "<!--", "-->", "<b>", "</b>", "<td>", "<br>", "&#91;", "&nbsp;", "&#0;", "![", "](x)",
    "[a]: b", "> ", "- ", "1. ", "    ", "| a | n |\n|---|---|\n", "{{< include x >}}", "~~",
    "<script>", "\\[", "$$", "---", "===", "<![CDATA[", "<?", "http://a.b", "[^1]", "\\",
    "<a href='",
)  # fmt: skip
LATEX = (
    "\\vgg[apa]{converged.p}", "\\vgg[", "\\vgg", "\\input{claims}", "\\input{", "\\input x ",
    "\\def\\vgg", "\\let\\vgg\\x", "\\csname vgg\\endcsname", "\\begin{tabular}{lll}", "\\\\",
    "\\end{tabular}", "\\begin{verbatim}", "\\end{verbatim}", "\\verb|x|", "\\num{12}",
    "\\qty{1}{\\percent}", "\\newcommand{\\a}[1]{#1}", "\\a", "\\iffalse", "\\fi",
    "\\catcode`\\%=12", "^^5c", "^^", "\\makeatletter", "\\@input{x}", "\\usepackage{x}",
    "\\includegraphics{x}", "\\cite{x}", "\\textbf{", "\\frac12", "\\left[", "\\right]",
    "\\expandafter", "\\hspace{1em}", "\\begin{filecontents}{x}", "\\char`A", "\\", "%",
    "\\url{%}", "\\multicolumn{2}{c}{x}", "\\import{./}{x}", "\\ifnum1=1 ", "\\string",
    "\\noexpand", "\\endinput",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, -0.0, 5e-324, 2**70, 10**300, "", "x", "\x1b[2J", "\u202e",
    "nan", [], [1], {}, {"a": 1}, "9" * 5000, "\\vgg", "=cmd()", [[[[]]]], ["x"] * 50,
    {"code": "x", "name": "y"},
)  # fmt: skip


def paper(rng: random.Random) -> tuple[str, str]:
    """Ending and text of a paper of some pieces, now and then the same one many times."""
    latex = rng.random() < 0.5
    pieces = SHARED + (LATEX if latex else MARKDOWN)
    chosen = rng.choices(pieces, k=rng.choice((3, 10, 40)))
    text = rng.choice(("", " ")).join(chosen)
    if rng.random() < 0.03:
        text += rng.choice(pieces) * rng.choice((1_000, 20_000))
    return (".tex" if latex else ".md"), text


def fuzz_papers(
    folder: Path, claims: ClaimSet, *, papers: int, seed: int
) -> tuple[Counter[str], float]:
    """Verdicts of so many papers, and the longest time of one in seconds of the processor."""
    rng = random.Random(seed)
    digest = next(iter(claims.values())).inputs_digest
    (folder / "claims.tex").write_text(macros(claims.values(), inputs_digest=digest), "utf-8")
    verdicts: Counter[str] = Counter()
    longest = 0.0
    for _ in range(papers):
        ending, text = paper(rng)
        path = folder / f"paper{ending}"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        began = time.process_time()
        try:
            done = verify_paper(path, claims)
            verdict = str(done.exit_code)
            said = " ".join(map(str, (*done.mismatches, *done.warnings)))
        except AnalysisError as error:
            verdict, said = "refused", str(error)
        longest = max(longest, time.process_time() - began)
        assert len(said) < 5_000_000
        verdicts[verdict] += 1
    return verdicts, longest


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Path of every value in a document."""
    found = [path] if path else []
    items: Any = node.items() if isinstance(node, dict) else ()
    if isinstance(node, list):
        items = enumerate(node)
    for key, value in items:
        found += places(value, (*path, key))
    return found


def resealed(claim: dict[str, Any]) -> Any:
    """The digest that fits a claim's content, where it has one."""
    try:
        return Claim.from_dict({**claim, "claim_digest": ""}).content_digest()
    except Exception:  # noqa: BLE001 - whatever is wrong, the reader is to find it
        return claim.get("claim_digest")


def spoilt(text: str, document: Any, spots: list[tuple[Any, ...]], rng: random.Random) -> bytes:
    """A claims file with some values replaced, or some bytes changed."""
    if rng.random() < 0.3:
        data = bytearray(text.encode())
        for _ in range(rng.choice((1, 3, 30))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = rng.random() < 0.3
        return bytes(data[: rng.randrange(len(data))] if cut else data)
    made = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 2, 5))):
        *parents, leaf = rng.choice(spots)
        node = made
        try:
            for key in parents:
                node = node[key]
            if rng.random() < 0.8:
                node[leaf] = copy.deepcopy(rng.choice(JUNK))  # what is put in may change again
            else:
                del node[leaf]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    for claim in made["claims"] if isinstance(made.get("claims"), list) else ():
        if isinstance(claim, dict) and rng.random() < 0.9:
            claim["claim_digest"] = resealed(claim)
        elif isinstance(claim, dict):
            claim["claim_digest"] = rng.choice(("0" * 64, "", None))
    return json.dumps(made).encode()


def fuzz_claims(folder: Path, claims: ClaimSet, *, files: int, seed: int) -> Counter[str]:
    """What became of so many claims files; those that can be read are cited and compared."""
    rng = random.Random(seed)
    few = ClaimSet([*claims.values()][:6])
    text = few.to_json()
    document = json.loads(text)
    spots = places(document)
    path = folder / "claims.json"
    found: Counter[str] = Counter()
    for _ in range(files):
        path.write_bytes(spoilt(text, document, spots, rng))
        try:
            read = read_claims_file(path)
        except AnalysisError:
            found["refused"] += 1
            continue
        found["read"] += 1
        list_claims(read.values())
        read.to_frame()
        verify_claims(path, read, claims)
        verify_recomputed(path, read, claims)
        for claim in read.values():
            if claim.available:
                cite(claim, "latex")
        for name in ("c.tex", "c.bib", "c.jsonld"):
            export(read, name, title=None)
    return found


def test_any_paper_gets_a_verdict_or_a_sentence(tiny: AnalysisResult, tmp_path: Path) -> None:
    verdicts, longest = fuzz_papers(tmp_path, tiny.claims, papers=300, seed=1)
    assert set(verdicts) <= {"0", "1", "2", "refused"}
    assert longest < LONGEST_S


def test_any_claims_file_is_read_or_refused(tiny: AnalysisResult, tmp_path: Path) -> None:
    found = fuzz_claims(tmp_path, tiny.claims, files=150, seed=1)
    assert min(found["refused"], found["read"]) > 10


@pytest.mark.campaign
def test_a_hundred_thousand_papers_get_a_verdict(tiny: AnalysisResult, tmp_path: Path) -> None:
    verdicts, longest = fuzz_papers(tmp_path, tiny.claims, papers=100_000, seed=2)
    print(dict(verdicts), f"longest {longest:.2f} s")  # noqa: T201 - the campaign's report
    assert longest < LONGEST_S


@pytest.mark.campaign
def test_twenty_thousand_claims_files_are_read_or_refused(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    print(dict(fuzz_claims(tmp_path, tiny.claims, files=20_000, seed=2)))  # noqa: T201 - likewise


def test_a_note_whose_code_is_no_text_is_damage(tiny: AnalysisResult, tmp_path: Path) -> None:
    document = json.loads(tiny.claims.to_json())
    claim = next(one for one in document["claims"] if one["warnings"])
    claim["warnings"][0]["code"] = {"a": 1}
    claim["claim_digest"] = resealed(claim)
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(document))
    with pytest.raises(AnalysisError):
        read_claims_file(path)


def test_of_very_many_findings_the_first_are_told(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    path.write_text("12.3, 95% CI [11.2, 13.4]\n\n" * 1_500)
    found = verify_paper(path, tiny.claims)
    assert len(found.mismatches) == 1_001
    assert str(found.mismatches[-1]).endswith("and 500 more of the kind")
    assert found.exit_code == 1
    path.write_text("12.3, 95% CI [11.2, 13.4]; " * 1_500)
    assert len(verify_paper(path, tiny.claims).mismatches) == 2  # after a semicolon, or not
