"""Citations: the numbers that the report prints, in the words of each style."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vggstudy.analysis import AnalysisResult, Claim
from vggstudy.analysis.notes import Note
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cite import bibtex, cite, find_claim, list_claims, study_apa


def claim(**changes: object) -> Claim:
    """A difference in the probability of convergence with hand-made numbers."""
    made = Claim(
        id="converged.diff.batch_norm",
        estimand="difference in probability of converging, batch_norm true minus false",
        outcome="converged",
        quantity="diff",
        unit="probability",
        level=0.95,
        n=240,
        k=174,
        factors=("batch_norm",),
        estimate=-0.231,
        low=-0.342,
        high=-0.118,
        method="newcombe",
        reference=0.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("apa", "−23 points, 95% CI [−34, −12], n = 240"),
        ("latex", r"$-23$ points, 95\% CI~[$-34$, $-12$], $n = 240$"),
        (
            "siunitx",
            r"\num{-23} points, \qty{95}{\percent} CI [\num{-34}, \num{-12}], \(n = \num{240}\)",
        ),
        (
            "text",
            "Difference in probability of converging, batch normalisation true minus false: "
            "−23 points, 95% CI [−34, −12], n = 240 [converged.diff.batch_norm]",
        ),
        (
            "md",
            "Difference in probability of converging, batch normalisation true minus false: "
            "**−23 points**, 95% CI \\[−34, −12\\], n = 240 (`converged.diff.batch_norm`)",
        ),
    ],
)
def test_each_style_prints_the_rounded_numbers(style: str, expected: str) -> None:
    assert cite(claim(), style) == expected  # type: ignore[arg-type]


def test_a_share_is_cited_in_percent() -> None:
    share = claim(
        id="converged.p",
        quantity="p",
        factors=(),
        estimate=0.0,
        low=0.0,
        high=0.1684,
        reference=None,
    )
    assert cite(share, "apa") == "0%, 95% CI [0, 17]%, n = 240"
    assert cite(share, "latex") == r"$0$\%, 95\% CI~[$0$, $17$]\%, $n = 240$"


def test_accuracy_among_converged_runs_counts_those_runs() -> None:
    accuracy = claim(
        id="accuracy.diff.batch_norm",
        outcome="test_accuracy",
        unit="fraction",
        estimate=0.0259,
        low=0.0239,
        high=0.0279,
    )
    assert cite(accuracy, "apa") == "2.59 points, 95% CI [2.39, 2.79], n = 174"


def test_json_has_full_precision_and_the_display_strings(tiny: AnalysisResult) -> None:
    original = tiny.claims["accuracy.diff.batch_norm"]
    data = json.loads(cite(original, "json"))
    assert data["estimate"] == original.estimate
    assert data["claim_digest"] == original.claim_digest
    assert data["display"]["interval"].startswith("95% CI [")
    assert Claim.from_dict({**data, "display": {}}) == original


def test_every_claim_is_listed(tiny: AnalysisResult) -> None:
    rows = list_claims(tiny.claims.values())
    assert [row[0] for row in rows] == list(tiny.claims)


def test_the_list_says_briefly_why_a_claim_is_missing_and_a_citation_in_full() -> None:
    missing = claim(
        estimate=None, low=None, high=None, refusal=Note.written("missing_cells", "x" * 99)
    )
    assert list_claims([missing])[0][1:3] == ("not available", "missing cells")
    with pytest.raises(AnalysisError, match=r"cannot be cited: x{99}$"):
        cite(missing)


def test_an_unknown_id_names_the_closest(tiny: AnalysisResult) -> None:
    with pytest.raises(
        AnalysisError,
        match=r"no claim 'acuracy.diff.batchnorm'; did you mean .*"
        r"accuracy\.diff\.batch_norm",
    ):
        find_claim(tiny.claims, "acuracy.diff.batchnorm")


def test_an_unknown_style_is_refused_with_a_suggestion() -> None:
    with pytest.raises(AnalysisError, match=r"no citation style 'latx': did you mean 'latex'\?"):
        cite(claim(), "latx")  # type: ignore[arg-type]


def test_a_claim_that_is_not_available_cannot_be_cited(all_failed: AnalysisResult) -> None:
    refused = all_failed.claims["accuracy.diff.batch_norm"]
    with pytest.raises(AnalysisError, match=r"accuracy\.diff\.batch_norm is not available"):
        cite(refused, "apa")
    assert json.loads(cite(refused, "json"))["display"] == {}


def test_the_study_is_cited_by_the_digest_of_its_inputs() -> None:
    entry = bibtex(name="50% of {VGG} & co", inputs_digest="ab" * 32)
    assert entry.startswith("@misc{vggstudy-abababababab,")
    assert r"50\% of \{VGG\} \& co" in entry
    assert entry.count("{") == entry.count("}")
    assert "ab" * 32 in entry
    assert "ab" * 32 in study_apa(name=None, inputs_digest="ab" * 32)
