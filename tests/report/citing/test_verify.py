"""Verification: a paper's numbers are a study's, down to the digit, or the line is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vggstudy.analysis import AnalysisResult, Claim, ClaimSet
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import Style, cite
from vggstudy.report.citing.findings import Mismatch
from vggstudy.report.citing.latex import FORMS, macros, tex_key
from vggstudy.report.citing.verify import (
    Verification,
    verify_claims,
    verify_paper,
    verify_recomputed,
)
from vggstudy.report.words.display import display

EFFECT = "accuracy.mean@batch_norm=true,lr=0.001"


def paper(folder: Path, claims: ClaimSet, *, text: str = "", form: str = "apa") -> Path:
    """A paper with ten macros in headings, captions and text, and its file of macros."""
    available = [claim for claim in claims.values() if claim.available]
    used = "\n".join(f"\\vgg[{form}]{{{tex_key(claim.id)}}}" for claim in available[:8])
    digest = available[0].inputs_digest
    (folder / "claims.tex").write_text(macros(available, inputs_digest=digest), "utf-8")
    path = folder / "paper.tex"
    path.write_text(
        "\\documentclass{article}\n\\input{claims}\n\\begin{document}\n"
        f"\\section{{\\vgg[estimate]{{{tex_key(available[8].id)}}}}}\n{used}\n"
        f"\\begin{{figure}}\\caption{{\\vgg[interval]{{{tex_key(available[9].id)}}}}}"
        f"\\end{{figure}}\n{text}\n\\end{{document}}\n",
        "utf-8",
    )
    return path


def test_a_paper_with_ten_macros_is_accepted(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = paper(tmp_path, tiny.claims)
    found = verify_paper(path, tiny.claims)
    assert found.mismatches == ()
    assert found.checked > 10


@pytest.mark.parametrize("style", ["apa", "latex", "siunitx", "text", "md"])
@pytest.mark.parametrize("name", [EFFECT, "converged.p@batch_norm=true", "expected.mean"])
def test_every_style_is_read_back_and_one_digit_is_found(
    style: Style, name: str, tiny: AnalysisResult, tmp_path: Path
) -> None:
    text = cite(tiny.claims[name], style)
    path = tmp_path / ("paper.tex" if style in ("latex", "siunitx") else "paper.md")
    path.write_text(f"A title\n\n{text}\n", "utf-8")
    assert verify_paper(path, tiny.claims) == Verification(1, ())
    start = text.index("CI") if style != "siunitx" else text.index("CI [")
    place = next(i for i in range(start, len(text)) if text[i].isdigit())
    changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    path.write_text(f"A title\n\n{changed}\n", "utf-8")
    (wrong,) = verify_paper(path, tiny.claims).mismatches
    assert str(wrong).startswith(f"{path}:3: no claim of the study prints ")


def test_a_changed_estimate_beside_a_true_interval_is_found(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    text = cite(tiny.claims[EFFECT], "latex")
    number = text.partition(",")[0]
    path = paper(tmp_path, tiny.claims, text=text.replace(number, r"$77$\%"))
    assert len(verify_paper(path, tiny.claims).mismatches) == 1


def test_a_digit_changed_in_the_macros_file_is_found_there(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    path = paper(tmp_path, tiny.claims)
    file = tmp_path / "claims.tex"
    lines = file.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith(r"\vgg@def{interval}"))
    lines[place] = lines[place].replace("95", "99")
    file.write_text("\n".join(lines))
    (wrong,) = verify_paper(path, tiny.claims).mismatches
    assert str(wrong).startswith(f"{file}:{place + 1}: ")


def test_a_macro_needs_a_claim_and_a_form(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = paper(tmp_path, tiny.claims, text=r"\vgg[apa]{converged.q} \vgg[apb]{converged.p}")
    texts = [wrong.text for wrong in verify_paper(path, tiny.claims).mismatches]
    assert texts[0] == "the study makes no claim converged.q"
    assert texts[1].startswith(r"\vgg has no form 'apb': choose one of apa")


def test_comments_are_not_part_of_a_paper(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = paper(tmp_path, tiny.claims, text=r"% 95\% CI [1, 2] and \vgg[apa]{nothing}")
    assert verify_paper(path, tiny.claims).mismatches == ()


def test_a_markdown_paper_is_checked_too(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    path.write_text(cite(tiny.claims[EFFECT], "md"), "utf-8")
    assert verify_paper(path, tiny.claims) == verify_paper(path, tiny.claims)
    assert verify_paper(path, tiny.claims).mismatches == ()
    path.write_text("It rose, 95% CI [1.1, 2.2].", "utf-8")
    assert "1.1, 2.2" in str(verify_paper(path, tiny.claims).mismatches[0])


def test_an_interval_broken_over_two_lines_is_checked_once(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    path = tmp_path / "paper.md"
    text = cite(tiny.claims[EFFECT], "apa")
    path.write_text(text.replace("CI [", "CI\n["), "utf-8")
    found = verify_paper(path, tiny.claims)
    assert (found.checked, found.mismatches) == (1, ())
    path.write_text("up, 95% CI\n[1.1, 2.2]\n", "utf-8")
    assert [wrong.line for wrong in verify_paper(path, tiny.claims).mismatches] == [1]


def test_what_holds_no_number_cannot_be_verified(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    path.write_text("Nothing here.", "utf-8")
    with pytest.raises(AnalysisError, match="there is nothing to verify"):
        verify_paper(path, tiny.claims)
    with pytest.raises(AnalysisError, match="cannot be read"):
        verify_paper(tmp_path / "none.md", tiny.claims)


def moved(claims: ClaimSet, name: str, **changes: object) -> ClaimSet:
    """The claims with one changed and sealed again, as a forger would."""
    made = dict(claims)
    made[name] = replace(made[name], **changes).sealed()  # type: ignore[arg-type]
    return ClaimSet(made.values())


def test_a_claims_file_must_hold_the_study_s_claims(tiny: AnalysisResult) -> None:
    path = Path("claims.json")
    assert verify_claims(path, tiny.claims, tiny.claims).mismatches == ()
    forged = moved(tiny.claims, EFFECT, estimate=0.5)
    (wrong,) = verify_claims(path, forged, tiny.claims).mismatches
    assert wrong.text.startswith(f"{EFFECT}: estimate is 0.5, the study's ")
    other = moved(tiny.claims, EFFECT, inputs_digest="0" * 64)
    assert "made from other inputs" in verify_claims(path, other, tiny.claims).mismatches[0].text


def test_recomputed_ends_may_differ_by_their_monte_carlo_error_only(tiny: AnalysisResult) -> None:
    name = "accuracy.mean"  # of four cells: an end of fewer can lie on a value that all draws share
    path, claim = Path("claims.json"), tiny.claims[name]
    assert claim.low is not None
    assert claim.mc_error_low
    # 4 sqrt(2) = 5.66 errors of one draw lie between the two.
    near = moved(tiny.claims, name, low=claim.low + 5 * claim.mc_error_low)
    far = moved(tiny.claims, name, low=claim.low + 6 * claim.mc_error_low)
    assert verify_recomputed(path, near, tiny.claims).mismatches == ()
    assert len(verify_recomputed(path, far, tiny.claims).mismatches) == 1
    exact = moved(tiny.claims, "converged.p", low=0.5)
    assert len(verify_recomputed(path, exact, tiny.claims).mismatches) == 1


def test_ids_are_written_with_characters_that_tex_takes_as_letters() -> None:
    assert tex_key("converged.p@batch_norm=true,depth=19") == "converged.p@batch_norm=true,depth=19"
    assert tex_key("accuracy.mean@kind=a%20b#~") == "accuracy.mean@kind=a!2520b!23!7E"


def test_every_available_claim_has_every_form(tiny: AnalysisResult) -> None:
    text = macros(tiny.claims.values(), inputs_digest=tiny.inputs_digest)
    available = [claim for claim in tiny.claims.values() if claim.available]
    assert text.count("\n\\vgg@def{") == len(FORMS) * len(available)
    assert f"inputs SHA-256 {tiny.inputs_digest}" in text


OPEN = "needed.batch_size"
"""A claim whose interval is open below."""


@pytest.fixture
def claims(tiny: AnalysisResult) -> ClaimSet:
    """Claims with a share of many runs, and a level that is only bounded above."""
    many = replace(tiny.claims["converged.p"], n=12_400, k=6_200)
    needed = replace(
        tiny.claims["converged.p"],
        id=OPEN,
        outcome="needed",
        quantity="batch_size",
        unit="batch_size",
        estimate=None,
        low=None,
        high=21.4,
        k=3,
        n=40,
    )
    made = dict(tiny.claims)
    made |= {"converged.p": many.sealed(), OPEN: needed.sealed()}
    return ClaimSet(made.values())


def verified(folder: Path, name: str, content: str | bytes, claims: ClaimSet) -> list[str]:
    """What is wrong with a file of that content, without the folder's name."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [str(m).removeprefix(f"{folder}/") for m in verify_paper(path, claims).mismatches]


@pytest.mark.parametrize(
    "typed",
    [
        "{estimate}, 95% CI {low}, {high}{end}, n = 12",
        "{estimate}\n95% CI {low},\n{high}{end}, n\n= 12",
        "{estimate},\r\n95% CI\r\n{low}, {high}{end},\r\nn = 12",
        "{estimate} (95% CI: {low}; {high}{end}; n = 12)",
        "{estimate} (95 % confidence interval {low}, {high}{end})",
        "**{estimate}**, 95% CI = {low}, {high}{end}, *n* = 12",
        "{estimate}, 95\N{NO-BREAK SPACE}% CI {low}, {high}{end}",
    ],
)
def test_an_interval_is_found_however_it_is_typed(
    typed: str, tiny: AnalysisResult, tmp_path: Path
) -> None:
    claim = tiny.claims[EFFECT]
    estimate, _, rest = cite(replace(claim, k=12, n=12), "apa").partition(", 95% CI ")
    low, high = rest.partition("]")[0].split(", ")
    parts = {"estimate": estimate, "low": low, "high": high, "end": "]%"}
    claims = ClaimSet([replace(claim, k=12, n=12).sealed()])
    right = f"A title\n\n{typed.format(**parts)}\n"
    assert verified(tmp_path, "paper.md", right, claims) == []
    parts["high"] = high[:-1] + str((int(high[-1]) + 1) % 10)
    wrong = verified(tmp_path, "paper.md", f"A title\n\n{typed.format(**parts)}\n", claims)
    assert [text.partition(": no claim")[0] for text in wrong] in (["paper.md:3"], ["paper.md:4"])


@pytest.mark.parametrize("size", ["12400", "12,400", "12{,}400", r"\num{12400}", r"12\,400"])
def test_a_size_may_have_separators(size: str, claims: ClaimSet, tmp_path: Path) -> None:
    text = cite(claims["converged.p"], "latex")
    assert text.endswith("$n = 12400$")
    typed = text.replace("$n = 12400$", f"$n = {size}$")
    assert verified(tmp_path, "paper.tex", typed, claims) == []
    (wrong,) = verified(tmp_path, "paper.tex", typed.replace("12", "13", 1), claims)
    assert wrong.startswith("paper.tex:1: no claim of the study prints ")


@pytest.mark.parametrize("style", ["apa", "latex", "siunitx", "text", "md"])
def test_an_interval_that_is_open_to_one_side_is_words(
    style: Style, claims: ClaimSet, tmp_path: Path
) -> None:
    text = cite(claims[OPEN], style)
    assert "CI" in text
    assert "up to" in text
    assert "infty" not in text
    name = "paper.tex" if style in ("latex", "siunitx") else "paper.md"
    assert verified(tmp_path, name, text, claims) == []
    assert len(verified(tmp_path, name, text.replace("21", "22"), claims)) == 1


def test_another_rounding_is_not_what_the_study_prints(claims: ClaimSet, tmp_path: Path) -> None:
    text = cite(claims[EFFECT], "apa")
    low = text.partition("[")[2].partition(",")[0]
    assert len(verified(tmp_path, "paper.md", text.replace(low, f"{low}0"), claims)) == 1


@pytest.mark.parametrize(
    "line",
    [
        r"\renewcommand{\vgg}[2][]{84\%}",
        r"\def\vgg[#1]#2{84\%}",
        r"\let\number\vgg",
        r"\let\vgg\relax",
        r"\NewDocumentCommand\vgg{om}{84}",
        r"\DeclareRobustCommand{\vgg}{84}",
        r"\expandafter\def\csname vgg@apa@converged.p\endcsname{84\%}",
        r"\makeatletter\vgg@def{apa}{converged.p}{84\%}\makeatother",
        r"\vgg@def{apa}{converged.p}{84\%}\relax",
    ],
)
def test_a_macro_that_is_made_to_print_something_else_is_found(
    line: str, tiny: AnalysisResult, tmp_path: Path
) -> None:
    path = paper(tmp_path, tiny.claims, text=f"one\n{line}")
    number = path.read_text().splitlines().index(line) + 1
    (wrong,) = verify_paper(path, tiny.claims).mismatches
    assert str(wrong).startswith(f"{path}:{number}: this changes what \\vgg prints")


def test_files_that_are_input_are_found_as_tex_finds_them(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one.tex").write_text("\\input parts/two\n", "utf-8")
    (tmp_path / "parts" / "two.tex").write_text("95\\% CI [1, 2]\n\\input{parts/one}\n", "utf-8")
    text = "\\include{parts/one}\\input{glyphtounicode}\\input{missing}"
    unread, wrong = verified(tmp_path, "paper.tex", text, tiny.claims)
    assert unread.startswith("paper.tex:1: \\input reads missing, which is not there")
    assert wrong.startswith("parts/two.tex:1: ")


def test_a_byte_order_mark_is_no_text(claims: ClaimSet, tmp_path: Path) -> None:
    text = "\ufeff" + cite(claims[EFFECT], "apa")
    assert verified(tmp_path, "paper.md", text, claims) == []


def test_what_is_hidden_in_markdown_is_no_part_of_it(claims: ClaimSet, tmp_path: Path) -> None:
    text = f"<!-- 95% CI [1, 2]\n -->\n{cite(claims[EFFECT], 'md')}"
    assert verified(tmp_path, "paper.md", text, claims) == []


def test_what_is_no_text_is_refused_with_what_to_do(claims: ClaimSet, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="line 2 is not UTF-8; save it as text in UTF-8"):
        verified(tmp_path, "paper.tex", b"one\n\xe9t\xe9 95\\% CI [1, 2]", claims)
    with pytest.raises(AnalysisError, match="is a folder: name the paper's file"):
        verify_paper(tmp_path, claims)


HEADS = ("n", "N", "*n*", "runs", "No. of runs", "n (runs)", "Number of runs")


def table(kind: str, head: str, n: str, claim: Claim) -> str:
    shown = display(claim)
    assert shown is not None
    rows = [["Effect", "Estimate", "95% CI", head], ["x", shown.estimate, shown.ends, n]]
    if kind == "md":
        cells = [rows[0], ["---"] * 4, rows[1]]
        return "".join(f"| {' | '.join(row)} |\n" for row in cells)
    lines = " \\\\\n".join(" & ".join(row).replace("%", "\\%") for row in rows)
    return f"\\begin{{tabular}}{{llll}}\n{lines} \\\\\n\\end{{tabular}}\n"


@pytest.mark.parametrize("kind", ["md", "tex"])
@pytest.mark.parametrize("head", HEADS)
def test_an_n_in_its_own_column_must_be_the_claim_s(
    tiny: AnalysisResult, tmp_path: Path, kind: str, head: str
) -> None:
    claim = tiny.claims["converged.p"]
    head = head.replace("*", "$") if kind == "tex" else head
    path = tmp_path / f"paper.{kind}"
    for n, code in (("12", 0), ("120", 1), ("13", 1), ("9 of 12", 0), ("-", 0), ("1,200", 1)):
        path.write_text(table(kind, head, n, claim), "utf-8")
        assert verify_paper(path, tiny.claims).exit_code == code, n


def test_a_column_that_is_not_n_is_not_taken_for_it(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    for head in ("epochs", "p", "N parameters", "norm"):
        path.write_text(table("md", head, "99", tiny.claims["converged.p"]), "utf-8")
        assert verify_paper(path, tiny.claims).exit_code == 0, head


def test_an_id_with_its_sign_mistyped_is_still_one(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = tmp_path / "paper.md"
    true = cite(tiny.claims["converged.p"], "text")
    for name, code in (("converged.p", 0), ("convergedqp", 1), ("converged_p", 1), ("adjusted", 0)):
        path.write_text(true.replace("converged.p", name), "utf-8")
        assert verify_paper(path, tiny.claims).exit_code == code, name


def test_a_finding_is_an_annotation_of_github() -> None:
    wrong = Mismatch("a,b:c.tex", 12, "no claim prints '5%\n'")
    assert wrong.annotation == (
        "::error file=a%2Cb%3Ac.tex,line=12,title=vggstudy::no claim prints '5%25%0A'"
    )
    assert Mismatch("p.md", 0, "x", 0).annotation == "::warning file=p.md,title=vggstudy::x"
    assert Mismatch("p.md", 1, "x", 2).annotation.startswith("::error ")
