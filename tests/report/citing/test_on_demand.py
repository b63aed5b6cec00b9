"""Claims that no analysis makes unasked are verified like those that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.report.citing.cite import cite, find_claim
from vggstudy.report.citing.latex import claim_id_of, macros, tex_key
from vggstudy.report.citing.verify import verify_claims, verify_paper

ASKED = "accuracy.hedges_g.batch_norm@lr=0.001"


@pytest.fixture
def former(tiny: AnalysisResult) -> ClaimSet:
    """The claims of an earlier version, which made one more unasked."""
    assert ASKED not in list(tiny.claims)
    return ClaimSet([tiny.claims[ASKED], *tiny.claims.values()])


def changed(text: str) -> str:
    """The text with another last digit."""
    place = max(i for i, sign in enumerate(text) if sign.isdigit())
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


def test_a_claim_that_is_not_listed_is_found_by_its_id(tiny: AnalysisResult) -> None:
    assert find_claim(tiny.claims, ASKED).available
    assert ASKED not in list(tiny.claims)


def test_a_file_of_claims_that_made_more_of_them_verifies(
    tiny: AnalysisResult, former: ClaimSet
) -> None:
    assert verify_claims(Path("claims.json"), former, tiny.claims).mismatches == ()


@pytest.mark.parametrize("named", [True, False])
def test_a_typed_interval_of_such_a_claim_is_checked_with_and_without_its_id(
    named: bool, tiny: AnalysisResult, tmp_path: Path
) -> None:
    text = cite(tiny.claims[ASKED], "md" if named else "apa")
    numbers, _, rest = text.partition("]")
    path = tmp_path / "paper.md"
    path.write_text(f"Title\n\nThe effect is {text}.\n", "utf-8")
    assert verify_paper(path, tiny.claims).mismatches == ()
    path.write_text(f"Title\n\nThe effect is {changed(numbers)}]{rest}.\n", "utf-8")
    (wrong,) = verify_paper(path, tiny.claims).mismatches
    assert "no claim of the study prints" in str(wrong)


def test_an_exported_file_of_macros_may_hold_more_than_is_made_unasked(
    tiny: AnalysisResult, former: ClaimSet, tmp_path: Path
) -> None:
    digest = former[ASKED].inputs_digest
    file, path = tmp_path / "claims.tex", tmp_path / "paper.tex"
    path.write_text(f"\\input{{claims}}\n\\vgg[apa]{{{tex_key(ASKED)}}}\n", "utf-8")
    content = macros(former.values(), inputs_digest=digest)
    file.write_text(content, "utf-8")
    assert verify_paper(path, tiny.claims).mismatches == ()
    lines = content.split("\n")
    at = next(i for i, line in enumerate(lines) if tex_key(ASKED) in line)
    file.write_text("\n".join([*lines[:at], changed(lines[at]), *lines[at + 1 :]]), "utf-8")
    assert f"{tex_key(ASKED)} (apa) is not the study's" in str(
        verify_paper(path, tiny.claims).mismatches[0]
    )


def test_a_key_of_a_macro_leads_back_to_its_id() -> None:
    for claim_id in (ASKED, "a.mean@b=50%25,c=é", "x.did.a*b@c=1+2"):
        assert claim_id_of(tex_key(claim_id)) == claim_id
