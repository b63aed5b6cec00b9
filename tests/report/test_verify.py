"""Verification: a paper's numbers are a study's, down to the digit, or the line is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.errors import AnalysisError
from vggstudy.report.cite import Style, cite
from vggstudy.report.latex import FORMS, macros, tex_key
from vggstudy.report.verify import (
    Verification,
    verify_claims,
    verify_paper,
    verify_recomputed,
)

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
    name = "accuracy.mean@batch_norm=true"
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
