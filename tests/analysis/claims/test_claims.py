from __future__ import annotations

import dataclasses
import json
import lzma
import math
from pathlib import Path

import pytest

from vggstudy.analysis.claims.claim import Alternative, Claim
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.notes import say
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.verify import verify_claims


def _claim(name: str = "accuracy.mean", **changes: object) -> Claim:
    values: dict[str, object] = {
        "id": name,
        "estimand": "mean",
        "outcome": "test_accuracy",
        "quantity": "mean",
        "unit": "fraction",
        "level": 0.95,
        "n": 5,
        "k": 4,
        "conditions": {"depth": "11"},
        "estimate": 1 / 3,
        "low": 0.1,
        "high": 0.5,
        "method": "student_t",
        "warnings": (say("only_seeds", "few_runs", n=4),),
        "alternatives": (Alternative("welch", 0.1, 0.6),),
        "factors": ("depth",),
    }
    return Claim(**{**values, **changes}).sealed()  # type: ignore[arg-type]


def test_a_claims_file_reads_back_to_the_same_claims() -> None:
    claims = ClaimSet([_claim(), _claim("converged.p", estimate=None, low=None, high=None)])
    assert list(ClaimSet.from_json(claims.to_json()).values()) == list(claims.values())


def test_the_file_says_its_format_and_version() -> None:
    content = json.loads(ClaimSet([_claim()]).to_json())
    assert (content["format"], content["version"]) == ("vggstudy-claims", 3)


def test_numbers_keep_their_full_precision() -> None:
    text = ClaimSet([_claim(estimate=0.1 + 0.2)]).to_json()
    assert ClaimSet.from_json(text)["accuracy.mean"].estimate == 0.1 + 0.2


def test_a_number_that_is_not_finite_is_never_written() -> None:
    with pytest.raises(ValueError, match="finite"):
        _claim(estimate=math.nan)


def test_a_changed_number_is_noticed() -> None:
    text = ClaimSet([_claim()]).to_json().replace('"low": 0.1,', '"low": 0.2,', 1)
    with pytest.raises(AnalysisError, match="does not match its digest"):
        ClaimSet.from_json(text)


def test_the_display_does_not_enter_the_digest_and_everything_else_does() -> None:
    claim = _claim()
    shown = dataclasses.replace(claim, display={"text": "33%"})
    assert shown.content_digest() == claim.claim_digest
    for change in ({"low": 0.11}, {"inputs_digest": "x"}, {"code_version": "2"}, {"n": 6}):
        assert dataclasses.replace(claim, **change).content_digest() != claim.claim_digest


def test_two_claims_never_share_an_id() -> None:
    with pytest.raises(ValueError, match="two claims have the id"):
        ClaimSet([_claim(), _claim()])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a claims file"),
        ("[]", "its format is not"),
        ('{"format": "other"}', "its format is not"),
        ('{"format": "vggstudy-claims", "version": 9}', "version 9"),
        ('{"format": "vggstudy-claims", "version": 1, "claims": [{"id": "a"}]}', "missing"),
        ('{"format": "vggstudy-claims", "version": 1, "claims": [{"id": "a", "x": 1}]}', "unknown"),
    ],
)
def test_other_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        ClaimSet.from_json(text)


def test_the_frame_has_one_row_a_claim_and_the_csv_no_nan() -> None:
    claims = ClaimSet([_claim(), _claim("converged.p", estimate=None, low=None, high=None)])
    frame = claims.to_frame()
    assert list(frame.index) == ["accuracy.mean", "converged.p"]
    assert frame.loc["accuracy.mean", "conditions"] == "depth=11"
    assert frame.loc["accuracy.mean", "warnings"] == "few_runs: only 4 seeds"
    lines = claims.to_csv().splitlines()
    assert len(lines) == 3
    assert "nan" not in claims.to_csv().lower()


@pytest.fixture(scope="module")
def old_file() -> str:
    """The claims published with version 1 of the format."""
    return lzma.decompress(
        (Path(__file__).parent / "claims_version_1.json.xz").read_bytes()
    ).decode()


@pytest.fixture(scope="module")
def published(repository: Path) -> Path:
    return repository / "report" / "reference" / "depth-batch-norm-cpu" / "claims.json"


def test_a_file_of_version_1_is_read_and_keeps_its_claims_and_digests(old_file: str) -> None:
    old = json.loads(old_file)
    claims = ClaimSet.from_json(old_file)
    assert old["version"] == 1
    assert json.loads(claims.to_json())["claims"] == old["claims"]
    assert ClaimSet.from_json(claims.to_json()).to_json() == claims.to_json()


def test_a_file_of_version_1_that_was_edited_is_refused(old_file: str) -> None:
    edited = old_file.replace("have fewer than 2 converged runs", "have enough runs", 1)
    with pytest.raises(AnalysisError, match="does not match its digest"):
        ClaimSet.from_json(edited)


def test_versions_differ_in_nothing_but_how_notes_are_written(
    old_file: str, published: Path, tmp_path: Path
) -> None:
    """Claims that are made as they were then are the study's; selection is judged otherwise now."""
    claims = ClaimSet.from_json(published.read_text("utf-8"))

    def made(claim: Claim) -> object:
        codes = [note.code for note in claim.warnings]
        return claim.estimand, claim.low, claim.high, claim.method, codes

    both = [x for x in ClaimSet.from_json(old_file).values() if x.id in claims]
    alike = [x for x in both if made(x) == made(claims[x.id])]
    old = [x for x in alike if all(note.code != "selection" for note in x.warnings)]
    assert len(old) > 500
    assert verify_claims(tmp_path / "old.json", ClaimSet(old), claims).mismatches == ()


def test_the_digest_holds_what_a_note_says_but_not_its_wording() -> None:
    claim = _claim()
    other = dataclasses.replace(claim, warnings=(say("only_seeds", "few_runs", n=5),))
    assert other.content_digest() != claim.claim_digest
    data = claim.to_dict()
    data["warnings"][0]["text"] = "of another version"
    assert Claim.from_dict(data).warnings[0].text == "only 4 seeds"
    data["warnings"][0]["values"]["n"] = 3
    with pytest.raises(AnalysisError, match="does not match its digest"):
        Claim.from_dict(data)


@pytest.mark.parametrize(
    "note",
    [{"code": "x", "name": "no_such", "values": {}}, {"code": "x", "name": "only_seeds"}, {}],
)
def test_a_note_that_is_none_is_refused(note: dict[str, object]) -> None:
    data = _claim().to_dict() | {"warnings": [note]}
    with pytest.raises(AnalysisError, match=r"claim 'accuracy\.mean'"):
        Claim.from_dict(data)
