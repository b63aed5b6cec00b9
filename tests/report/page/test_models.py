"""Fitted models in the report: every printed interval is the model's, read back from the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.ols import LackOfFit
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections.diagnostics import checks
from vggstudy.report.page.sections.models import accuracy_model, failure_model, p_text
from vggstudy.rounding import round_ratio, round_significant

SHOWN = re.compile(r'data-evidence="(?P<key>[a-z_]+ [^"]+)">\[(?P<low>[^],]+), (?P<high>[^],]+)\]')
PLAIN_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.fixture(scope="module")
def fitted(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> AnalysisResult:
    """Three widths, two rates and a switch; in every cell a run fails."""
    frame = pd.concat([make_runs(replicates=6).assign(width=w) for w in (1, 2, 4)])
    failed = frame["replicate"] == 5
    frame.loc[failed, "label"] = "failed_to_learn"
    frame.loc[failed, "test_accuracy"] = 0.1
    return make_result(frame, ["batch_norm", "lr", "width"])


def intervals(result: AnalysisResult) -> dict[str, tuple[float, float, float]]:
    """Ends of the models' intervals with the factor by which they are printed."""
    view = study_view(result, ReportContext())
    failure, accuracy = failure_model(view), accuracy_model(view)
    assert failure is not None
    assert accuracy is not None
    assert result.models is not None
    found = {f"odds_ratio {e.name}": (e.odds_ratio, 1.0) for e in failure.effects}
    found |= {
        f"risk_difference {e.name}": (e.risk_difference, 100.0)
        for e in failure.effects
        if e.risk_difference
    }
    found |= {f"log_odds {c.term.name}": (c.interval, 1.0) for c in failure.coefficients}
    names = zip(accuracy.design.names, accuracy.coefficients, strict=True)
    found |= {f"mean {name}": (interval, 100.0) for name, interval in names}
    ends = {key: (i.low * scale, i.high * scale, scale) for key, (i, scale) in found.items()}
    for name, variance in result.models.components.intervals():
        low, high = (100 * math.sqrt(max(end, 0.0)) for end in (variance.low, variance.high))
        ends[f"sd {name}"] = (low, high, 100.0)
    return ends


def number(text: str) -> float:
    """A printed number: thousands may stand apart, and powers of ten raised."""
    digits, _, power = text.lstrip("<>").replace("\N{NARROW NO-BREAK SPACE}", "").partition("×10")
    return float(digits) * 10.0 ** int(power.translate(PLAIN_DIGITS) or 0)


def as_typed(page: str) -> str:
    """The page with the minus sign and the space of a keyboard."""
    return page.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")


def contradictions(page: str, expected: dict[str, tuple[float, float, float]]) -> list[str]:
    """Printed intervals that are not the model's to within their own rounding."""
    wrong = []
    for match in SHOWN.finditer(as_typed(page)):
        ends = expected[match["key"].replace("&#39;", "'")][:2]
        for text, value in zip((match["low"], match["high"]), ends, strict=True):
            digits = text.lstrip("<>").partition(".")[2]
            # Half of the last digit; odds ratios drop digits before the point too.
            allowed = max(0.5 * 10 ** -len(digits), 0.051 * abs(value) * ("odds" in match["key"]))
            if abs(number(text) - value) > allowed * (1 + 1e-9):
                wrong.append(match[0])
    return wrong


def test_every_interval_of_the_models_is_printed_and_is_theirs(fitted: AnalysisResult) -> None:
    page, expected = render(fitted), intervals(fitted)
    shown = {m["key"] for m in SHOWN.finditer(as_typed(page))}
    assert shown == set(expected)
    assert contradictions(page, expected) == []


def test_another_model_s_interval_would_be_found(fitted: AnalysisResult) -> None:
    page, expected = render(fitted), intervals(fitted)
    key = next(key for key in expected if key.startswith("mean "))
    low, high, scale = expected[key]
    assert len(contradictions(page, {**expected, key: (low + 0.1 * scale, high, scale)})) == 1


def test_a_model_that_was_not_fitted_says_why(fitted: AnalysisResult) -> None:
    assert fitted.models is not None
    note = Note.written("too_few", "fewer than 2 converged runs in every cell")
    models = replace(fitted.models, failure=note, accuracy=note)
    page = render(replace(fitted, models=models))
    assert page.count("No model was fitted: fewer than 2 converged runs in every cell.") == 3
    assert "odds_ratio" not in page
    assert "Do the models fit?" not in render(replace(fitted, models=None))


def test_lack_of_fit_stands_before_the_abstract(fitted: AnalysisResult) -> None:
    assert fitted.models is not None
    model = accuracy_model(study_view(fitted, ReportContext()))
    assert model is not None
    bad = replace(model, lack_of_fit=LackOfFit(9.0, 3, 40, 0.00001))
    changed = replace(fitted, models=replace(fitted.models, accuracy=bad))
    (check,) = (c for c in checks(study_view(changed, ReportContext())) if "Lack of fit" in c.name)
    assert (check.value, check.limit, check.passed) == ("<0.0001", "at least 0.05", False)
    page = render(changed)
    told = page.index("does not describe the means of its cells (p value of the lack of fit")
    assert told < page.index('id="protocol-heading"')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1623, "0.16"),
        (0.04565, "0.046"),
        (3758.0, "3800"),
        (9960.0, "10\N{NARROW NO-BREAK SPACE}000"),
        (571497.0, "570\N{NARROW NO-BREAK SPACE}000"),
        (0.0012, "0.0012"),
        (0.000274, "2.7×10⁻⁴"),
        (15.76, "16"),
        (1.0, "1.0"),
        (0.9996, "0.9996"),
        (1.004, "1.004"),
        (12_345_678.0, "1.2×10⁷"),
    ],
)
def test_ratios_keep_two_digits_and_their_side_of_one(value: float, text: str) -> None:
    assert round_ratio(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.97851, "0.98"), (0.00086, "0.00086"), (1e-9, "<0.0001"), (1.0, "1.0")]
)
def test_p_values_are_never_a_bare_zero(p: float, text: str) -> None:
    assert p_text(p) == text


def test_a_zero_has_no_significant_digit() -> None:
    assert round_significant(0.0) == "0"
