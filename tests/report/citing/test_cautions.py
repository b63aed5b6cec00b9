"""What must be read with a number stands behind it in every form, and is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vggstudy.analysis import Claim, ClaimSet, RunTable, analyze
from vggstudy.analysis.claims.claim import Alternative
from vggstudy.analysis.claims.claim_set import read_claims_file
from vggstudy.analysis.notes import Note
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cautions import BY_CHANCE, CHECKS, MEANINGS, OF_A_PEAK, cautions
from vggstudy.report.citing.cite import Style, cite, list_claims
from vggstudy.report.citing.export import export
from vggstudy.report.citing.latex import FORMS, macros, tex_key
from vggstudy.report.citing.verify import verify_claims, verify_paper
from vggstudy.report.words.display import alternative_ends, display

STYLES: tuple[Style, ...] = ("text", "md", "apa", "latex", "siunitx")
PEAK = "peak.batch_size@depth=11"


def claim(*codes: str, **changes: object) -> Claim:
    """A difference in accuracy, or what the changes make of it."""
    made = Claim(
        id="accuracy.diff.depth",
        estimand="difference in mean test_accuracy among converged runs, depth 19 minus 11",
        outcome="test_accuracy",
        quantity="diff",
        unit="fraction",
        level=0.95,
        n=80,
        k=74,
        factors=("depth",),
        estimate=0.0259,
        low=0.0239,
        high=0.0279,
        method="calibrated_bootstrap",
        reference=0.0,
        inputs_digest="ab" * 32,
        warnings=tuple(Note.written(code, f"why {code}") for code in codes),
    )
    return replace(made, **changes).sealed()  # type: ignore[arg-type]


def peak(*codes: str, **changes: object) -> Claim:
    """A turning point along batch sizes of 8 to 1024, its upper end far beyond them."""
    own = {
        "id": PEAK,
        "estimand": "batch_size at which the mean test_accuracy among converged runs turns",
        "outcome": "peak",
        "quantity": "batch_size",
        "unit": "batch_size",
        "factors": (),
        "conditions": {"depth": "11"},
        "estimate": 111.0,
        "low": 23.2,
        "high": 8606634084.0,
        "reference": None,
        "levels_run": (8.0, 1024.0),
    }
    return claim(*codes, **{**own, **changes})


def read_back(text: str, style: Style, made: Claim, folder: Path) -> list[str]:
    """What a check of a paper with a citation finds."""
    path = folder / ("paper.tex" if style in ("latex", "siunitx") else "paper.md")
    path.write_text(f"A title\n\n{text}\n", "utf-8")
    return [str(one) for one in verify_paper(path, ClaimSet([made])).mismatches]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_a_caution_that_changes_the_meaning_is_said_and_read_back(
    style: Style, code: str, tmp_path: Path
) -> None:
    made = claim(code)
    text = cite(made, style)
    assert f"(caution: {MEANINGS[code]})" in text
    assert read_back(text, style, made, tmp_path) == []
    wrong = text.replace("79", "78")
    assert len(read_back(wrong, style, made, tmp_path)) == 1


def test_no_caution_holds_a_digit_or_a_sign_of_latex() -> None:
    for words in (BY_CHANCE, *MEANINGS.values(), *CHECKS.values(), *OF_A_PEAK.values()):
        assert words.replace(" ", "").replace(",", "").isalpha()


def test_an_exploratory_claim_that_does_not_survive_says_so() -> None:
    assert f"(caution: {BY_CHANCE})" in cite(claim(survives=False))
    assert "caution" not in cite(claim(survives=True))
    assert "caution" not in cite(claim(survives=None))
    # What includes its reference claims no difference.
    assert "caution" not in cite(claim(survives=False, low=-0.01))


@pytest.mark.parametrize("code", ["few_runs", "wide", "few_seeds", "unbalanced"])
def test_a_caution_about_precision_is_left_to_the_interval(code: str) -> None:
    assert cite(claim(code), "apa") == "2.59 points, 95% CI [2.39, 2.79], n = 74"


def test_several_cautions_stand_in_one_place_and_each_once() -> None:
    said = cite(claim("selection", "sub_grid", "selection"), "apa")
    assert said.count("caution") == said.count("survivors") == 1
    assert said.endswith("survivors are compared; over the largest complete part of the grid)")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "n"])
def test_every_macro_that_prints_a_number_prints_its_caution(form: str) -> None:
    made = claim("selection")
    text = macros([made], inputs_digest="0")
    (line,) = (x for x in text.splitlines() if x.startswith(f"\\vgg@def{{{form}}}"))
    assert line.endswith("(caution: survivors are compared)}")


def test_json_and_the_list_carry_cautions() -> None:
    made = claim("selection")
    shown = json.loads(cite(made, "json"))["display"]
    assert shown["caution"] == "survivors are compared"
    assert shown["text"].endswith("n = 74 (caution: survivors are compared)")
    assert list_claims([made])[0][-1] == "survivors are compared"
    assert "caution: survivors are compared" in export(ClaimSet([made]), "a.bib", title=None)
    (entry,) = json.loads(export(ClaimSet([made]), "a.jsonld", title=None))["variableMeasured"]
    assert entry["description"].endswith("(caution: survivors are compared)")


# -- claims that fail their own check ---------------------------------------------------------


@pytest.mark.parametrize("style", [*STYLES, "json"])
@pytest.mark.parametrize("code", sorted({**CHECKS, **OF_A_PEAK}))
def test_a_claim_that_fails_its_own_check_is_cited_despite_it_only(
    style: Style, code: str, tmp_path: Path
) -> None:
    made = peak(code, "few_runs")
    with pytest.raises(AnalysisError, match=f"fails its own check .*why {code} .*--despite {code}"):
        cite(made, style)
    with pytest.raises(AnalysisError, match=f"--despite {code}"):
        cite(made, style, despite=["another"])
    text = cite(made, style, despite=[code])
    assert {**CHECKS, **OF_A_PEAK}[code] in text
    if style != "json":
        assert read_back(text, style, made, tmp_path) == []


def test_every_failed_check_must_be_named() -> None:
    made = peak("lack_of_fit", "minimum")
    with pytest.raises(AnalysisError, match=r"--despite minimum\)$"):
        cite(made, despite=["lack_of_fit"])
    said = cite(made, "apa", despite=["lack_of_fit", "minimum"])
    assert said.endswith("(caution: the curve does not fit; the curve has a minimum there)")


def test_a_level_needed_beyond_those_run_is_a_bound_and_no_failure() -> None:
    made = peak("outside_range", outcome="needed", estimate=None, low=None, high=8.0)
    said = cite(made, "apa")
    assert said == (
        "<8.0, 95% CI up to 8.0, n = 80 (caution: it reaches beyond the levels that were run)"
    )


def paper_of(claims: ClaimSet, content: str, folder: Path) -> Path:
    """A paper that uses the peak, and its file of macros."""
    (folder / "claims.tex").write_text(content, "utf-8")
    path = folder / "paper.tex"
    path.write_text(
        "\\documentclass{article}\n\\input{claims}\n\\begin{document}\n"
        f"\\vgg[apa]{{{tex_key(PEAK)}}}\n\\end{{document}}\n",
        "utf-8",
    )
    return path


def test_exports_leave_out_what_fails_unless_told_and_are_verified_as_they_say(
    tmp_path: Path,
) -> None:
    claims = ClaimSet([claim(), peak("lack_of_fit")])
    plain, told = (
        export(claims, "claims.tex", title=None, despite=x) for x in ((), ("lack_of_fit",))
    )
    assert tex_key(PEAK) not in plain
    assert "% despite lack_of_fit\n" in told
    assert "the curve does not fit" in told
    assert verify_paper(paper_of(claims, told, tmp_path), claims).mismatches == ()
    hidden = told.replace("% despite lack_of_fit\n", "")
    assert verify_paper(paper_of(claims, hidden, tmp_path), claims).mismatches
    silent = told.replace(" (caution: the curve does not fit)", "")
    assert verify_paper(paper_of(claims, silent, tmp_path), claims).mismatches
    entries = [
        export(claims, "claims.bib", title=None, despite=x).count("@misc{vggstudy-claim-")
        for x in ((), ("lack_of_fit",))
    ]
    assert entries == [1, 2]
    _, entry = json.loads(export(claims, "a.jsonld", title=None))["variableMeasured"]
    assert entry["description"] == "not to be cited: why lack_of_fit"
    assert {"value", "minValue", "maxValue"}.isdisjoint(entry)


# -- ends beyond the levels that were run -----------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({}, "111, 95% CI [23, beyond 1024]"),
        ({"low": 0.002}, "111, 95% CI [beyond 8, beyond 1024]"),
        ({"low": 0.002, "high": 512.0}, "111, 95% CI [beyond 8, 512]"),
        ({"estimate": 4096.0}, "beyond 1024, 95% CI [23, beyond 1024]"),
        ({"estimate": 4096.0, "low": 2048.0}, "beyond 1024, 95% CI [beyond 1024, beyond 1024]"),
        ({"low": None}, "111, 95% CI up to beyond 1024"),
        ({"estimate": None, "high": None, "low": 2000.0}, "beyond 1024, 95% CI from beyond 1024"),
        ({"levels_run": None}, "111, 95% CI [23, 8606634084]"),
        (
            {"levels_run": (1e-05, 0.1), "estimate": 0.003, "low": 1e-7, "high": 0.02},
            "0.00300, 95% CI [beyond 0.00001, 0.02000]",
        ),
    ],
)
def test_an_end_beyond_the_levels_run_is_printed_as_such_and_read_back(
    changes: dict[str, object], numbers: str, style: Style, tmp_path: Path
) -> None:
    made = peak(**changes)
    assert cite(made, "apa").startswith(numbers + ", n = ")
    text = cite(made, style)
    assert "8606634084" not in text or "levels_run" in changes
    assert read_back(text, style, made, tmp_path) == []


@pytest.mark.parametrize("style", STYLES)
def test_another_level_than_the_last_one_run_is_found(style: Style, tmp_path: Path) -> None:
    made = peak()
    text = cite(made, style)
    for wrong in (text.replace("1024", "2048"), text.replace("beyond ", "")):
        assert len(read_back(wrong, style, made, tmp_path)) == 1


def test_another_interval_beside_a_peak_is_held_to_the_levels_too() -> None:
    assert alternative_ends(peak(), Alternative("x", 3.0, 1e12)) == "[beyond 8, beyond 1024]"
    assert alternative_ends(peak(), Alternative("x", 30.0, 900.0)) == "[30, 900]"


def test_levels_run_are_known_of_levels_only_and_change_no_digest(
    analysed_table: RunTable, tmp_path: Path
) -> None:
    claims = analyze(analysed_table, resamples=99).claims
    found = {x.outcome: x.levels_run for x in claims.values() if x.levels_run is not None}
    assert found == dict.fromkeys(("peak", "needed", "best"), (8.0, 64.0))
    one = next(x for x in claims.values() if x.levels_run)
    assert replace(one, levels_run=None).content_digest() == one.claim_digest
    path = tmp_path / "claims.json"
    path.write_text(claims.to_json(), "utf-8")
    again = read_claims_file(path)
    assert {x.id: x.levels_run for x in again.values()} == {
        x.id: x.levels_run for x in claims.values()
    }
    assert verify_claims(path, again, claims).mismatches == ()


@pytest.fixture(scope="module")
def analysed_table() -> RunTable:
    """Accuracy that rises and falls along four batch sizes, and runs that fail at the least."""
    import pandas as pd

    top = {8: 0.7, 16: 0.8, 32: 0.82, 64: 0.75}
    rows = [
        (b, i, "converged" if b > 8 or i < 3 else "failed_to_learn", mean + 0.003 * (i % 3))
        for b, mean in top.items()
        for i in range(9)
    ]
    frame = pd.DataFrame(rows, columns=["batch_size", "replicate", "label", "test_accuracy"])
    return RunTable.from_frame(frame, factors=["batch_size"])


def test_cautions_of_a_sound_claim_are_none() -> None:
    assert cautions(claim()) == ()
    shown = display(claim())
    assert shown is not None
    assert cite(claim(), "apa") == f"{shown.estimate}, {shown.interval}, n = 74"
