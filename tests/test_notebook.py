"""The example notebook runs, and shows what is stored in it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import vggstudy as vs
from vggstudy.analysis import Claim, ClaimSet
from vggstudy.markup import html_table, paragraph

ROOT = Path(__file__).parents[1]


def _maker() -> Any:
    place = importlib.util.spec_from_file_location("make", ROOT / "docs" / "make_notebook.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def _shown(document: dict[str, Any]) -> list[str]:
    """Outputs that are this project's own; pandas draws its tables as it likes."""
    outputs = [one for cell in document["cells"] for one in cell.get("outputs", [])]
    data = [one.get("data", {}) for one in outputs]
    texts = ["".join(one.get("text/html", one.get("text/plain", ""))) for one in data]
    return [text for text in texts if "dataframe" not in text]


def test_the_notebook_shows_what_it_says() -> None:
    maker = _maker()
    stored = json.loads(maker.NOTEBOOK.read_text("utf-8"))
    with contextlib.chdir(ROOT):
        anew = maker.executed(stored)
    assert _shown(anew) == _shown(stored)
    assert len(_shown(anew)) == 4


@pytest.fixture
def study() -> vs.Study:
    return vs.Study.open(ROOT / "report" / "reference" / "depth-batch-norm-cpu")


def test_a_study_and_its_protocol_are_shown_in_short(study: vs.Study) -> None:
    assert repr(study).startswith("<Study depth-batch-norm-cpu in ")
    assert repr(study).endswith(": 200 runs planned>")
    assert repr(study.protocol) == "<Protocol depth-batch-norm-cpu>"
    page = study._repr_html_()
    assert "<tr><td>done</td><td>200</td></tr>" in page
    assert "<tr><td>batch_size</td><td>8, 16, 32, 64, 256</td></tr>" in page
    assert "pending" not in page
    assert page.startswith(study.protocol._repr_html_().removesuffix("</tbody></table>"))


def test_claims_are_shown_as_tables() -> None:
    values: dict[str, Any] = {"outcome": "converged", "quantity": "p", "unit": "probability"}
    numbers: dict[str, Any] = {"level": 0.95, "n": 10, "k": 5}
    claim = Claim("converged.p", "it <is>", **values, **numbers, estimate=0.5, low=0.2, high=0.8)
    assert repr(claim) == "<Claim converged.p: 0.50, 95% [0.20, 0.80], n = 10>"
    assert "<tr><td>of</td><td>it &lt;is&gt;</td></tr>" in claim._repr_html_()
    others = [
        Claim(f"converged.p@a={i}", "", **values, **numbers, conditions={"a": str(i)})
        for i in range(50)
    ]
    some = ClaimSet([claim, *others])
    assert repr(some) == "<ClaimSet of 51 claims>"
    assert some._repr_html_().count("<tr>") == 2  # the heading, and what holds over the whole grid
    assert some._repr_html_().endswith("<p>50 more claims: to_frame() has all</p>")
    assert ClaimSet(others)._repr_html_().count("<tr>") == 41


def test_nothing_in_a_table_is_taken_for_html() -> None:
    assert html_table(("<a>",), [("<b>",)]) == (
        "<table><thead><tr><th>&lt;a&gt;</th></tr></thead>"
        "<tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>"
    )
    assert paragraph("a & b") == "<p>a &amp; b</p>"
