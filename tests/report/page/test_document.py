"""The page: valid, self-contained, the same every time, and true to its claims."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import html5lib
import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, Claim, ClaimSet
from vggstudy.analysis.notes import Note, say
from vggstudy.errors import AnalysisError, StudyError
from vggstudy.report import ReportContext, render, write_report
from vggstudy.report.page.document import code_ids
from vggstudy.report.page.sections import s13_cite
from vggstudy.report.words.notes import spoken

MAX_BYTES = 1_500_000
INTERVAL = re.compile(r"\[([^\[\],]+), ([^\[\],]+)\](%?)")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "$x_{$ \\frac{",
    '"><b id="abstract">',
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\x00\x07\ud800",
    '한국어 url(#x) id="y" #010101',
    "w" * 300,
)


def parse(page: str) -> Element:
    """The page's tree; fails on the first parse error."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree: Element = parser.parse(page)
    return tree


def text_of(element: Element) -> str:
    """All text of an element, with ordinary spaces and minus signs."""
    text = "".join(element.itertext())
    return text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ").strip()


def printed_intervals(tree: Element) -> Iterator[tuple[str, str]]:
    """Claim id and text of everything in the page that prints a claim's interval."""
    for element in tree.iter():
        yield from printed_intervals_of(element)


def printed_intervals_of(element: Element) -> Iterator[tuple[str, str]]:
    """The same of one element."""
    if "data-claim" in element.attrib:
        yield element.attrib["data-claim"], text_of(element)
    elif element.tag == "tr" and element.attrib.get("id", "").startswith("claim-"):
        yield unquote(element.attrib["id"].removeprefix("claim-")), text_of(element)


def contradictions(page: str, claims: ClaimSet) -> list[str]:
    """Claims whose printed interval is not the claim's, to within its own rounding."""
    wrong = []
    for claim_id, text in printed_intervals(parse(page)):
        found = INTERVAL.search(text)
        claim = claims[claim_id]
        if claim.low is None or claim.high is None:
            wrong += [f"{claim_id}: {text}"] if found else []
        elif found is None or not agrees(claim, found):
            wrong.append(f"{claim_id}: {text}")
    return wrong


def agrees(claim: Claim, found: re.Match[str]) -> bool:
    """Whether both ends are the claim's, rounded; percentages and points are hundredths."""
    scale = 100 if claim.unit in ("probability", "fraction") else 1
    for text, value in ((found[1], claim.low), (found[2], claim.high)):
        digits = text.strip().lstrip("<>")
        half = Decimal(1).scaleb(-len(digits.partition(".")[2])) / 2
        if abs(Decimal(digits) - Decimal(repr(value)) * scale) > half:
            return False
    return True


def test_other_methods_intervals_are_printed_beside_their_claims(
    tiny: AnalysisResult, page: str
) -> None:
    tree = parse(page)
    parents = {child: parent for parent in tree.iter() for child in parent}
    seen = set()
    for element in tree.iter():
        if "data-method" not in element.attrib:
            continue
        method = element.attrib["data-method"]
        claim_id = next(iter(_claims_around(element, parents)))
        other = next(o for o in tiny.claims[claim_id].alternatives if o.method == method)
        found = INTERVAL.search(text_of(element))
        assert found is not None
        assert agrees(replace(tiny.claims[claim_id], low=other.low, high=other.high), found)
        seen.add(claim_id)
    assert seen == {c.id for c in tiny.claims.values() if c.alternatives} != set()


def _claims_around(element: Element, parents: dict[Element, Element]) -> Iterator[str]:
    """Ids of the claims whose entry or row an element stands in."""
    while element in parents:
        element = parents[element]
        yield from (claim_id for claim_id, _ in printed_intervals_of(element))


def test_every_caution_of_a_listed_claim_has_a_mark(tiny: AnalysisResult, page: str) -> None:
    rows = [e for e in parse(page).iter("tr") if e.attrib.get("id", "").startswith("claim-")]
    marked = {row.attrib["id"] for row in rows if row.find(".//sup") is not None}
    cautioned = {c.id for c in tiny.claims.values() if c.warnings and c.available}
    assert {unquote(name.removeprefix("claim-")) for name in marked} == cautioned
    assert "Only 2 converged runs" in text_of(parse(page))


@pytest.mark.parametrize("study", ["tiny", "all_failed", "with_losses"])
def test_every_printed_interval_parses_back_to_its_claim(
    study: str, request: pytest.FixtureRequest
) -> None:
    result: AnalysisResult = request.getfixturevalue(study)
    page = render(result)
    printed = list(printed_intervals(parse(page)))
    assert len({claim_id for claim_id, _ in printed}) == len(result.claims)
    assert contradictions(page, result.claims) == []


def test_a_changed_claim_contradicts_the_page(tiny: AnalysisResult, page: str) -> None:
    for claim_id in ("accuracy.diff.batch_norm", "converged.p@batch_norm=false,lr=0.01"):
        claim = tiny.claims[claim_id]
        assert claim.low is not None
        moved = replace(claim, low=claim.low - 0.02)
        claims = ClaimSet(moved if c.id == claim_id else c for c in tiny.claims.values())
        assert {line.partition(":")[0] for line in contradictions(page, claims)} == {claim_id}


def test_no_interval_is_printed_outside_a_claim(page: str) -> None:
    tree = parse(page)
    bound = sum(len(INTERVAL.findall(text)) for _, text in printed_intervals(tree))
    parents = {child: parent for parent in tree.iter() for child in parent}

    def skipped(element: Element) -> bool:
        while element in parents:
            if element.tag.endswith("svg") or element.tag in ("pre", "style", "script", "desc"):
                return True
            # Evidence and fitted models are read back by tests of their own.
            if "data-evidence" in element.attrib:
                return True
            element = parents[element]
        return False

    everywhere = 0
    for element in tree.iter():
        if not skipped(element):
            own = (element.text or "").replace("\N{NO-BREAK SPACE}", " ")
            everywhere += len(INTERVAL.findall(own))
    assert everywhere == bound > 0


@pytest.mark.parametrize("study", ["tiny", "all_failed", "with_losses"])
def test_the_page_is_valid_and_its_references_resolve_once(
    study: str, context: ReportContext, request: pytest.FixtureRequest
) -> None:
    page = render(request.getfixturevalue(study), context=context)
    tree = parse(page)
    ids = Counter(e.attrib["id"] for e in tree.iter() if "id" in e.attrib)
    assert [name for name, count in ids.items() if count > 1] == []
    links = [e.attrib["href"] for e in tree.iter() if "href" in e.attrib]
    anchors = [link[1:] for link in links if link.startswith("#")]
    labels = [
        e.attrib["aria-labelledby"].split() for e in tree.iter() if "aria-labelledby" in e.attrib
    ]
    urls = re.findall(r"url\(#([^)]+)\)", page)
    assert {*anchors, *(name for names in labels for name in names), *urls} <= set(ids)
    assert len(page.encode()) < MAX_BYTES


def test_links_resolve_where_too_many_claims_are_listed_in_part(
    make_runs: Callable[..., pd.DataFrame],
    make_result: Callable[..., AnalysisResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pd.concat([make_runs().assign(depth=depth) for depth in (11, 13, 19)])
    lost = (frame["lr"] == 0.01) & (frame["depth"] == 19) & ~frame["batch_norm"]
    frame.loc[lost, "label"] = "failed_to_learn"
    result = make_result(frame, ["batch_norm", "lr", "depth"])
    monkeypatch.setattr(s13_cite, "MOST_CLAIMS", 10)
    page = render(result)
    ids = {e.attrib["id"] for e in parse(page).iter() if "id" in e.attrib}
    links = {e.attrib["href"][1:] for e in parse(page).iter() if e.attrib.get("class") == "ref"}
    assert links <= ids
    assert 10 < sum(name.startswith("claim-") for name in ids) < len(result.claims)
    assert "are in claims.json" in page


def test_the_page_asks_the_network_for_nothing_and_runs_one_script_of_its_own(page: str) -> None:
    tree = parse(page)
    tags = {e.tag for e in tree.iter()}
    assert not tags & {"link", "iframe", "object", "embed", "base", "form"}
    assert not [e for e in tree.iter() for name in e.attrib if name.lower().startswith("on")]
    for element in tree.iter():
        for name in ("src", "href", "data", "srcset"):
            target = element.attrib.get(name, "#")
            assert target.startswith(("#", "data:")), target
    assert "@import" not in page
    (script,) = tree.iter("script")
    assert script.attrib == {}
    (policy,) = (e.attrib["content"] for e in tree.iter("meta") if "http-equiv" in e.attrib)
    pin = b64encode(sha256((script.text or "").encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{pin}'"
    )


def test_the_foot_of_printed_pages_has_the_title(tiny: AnalysisResult) -> None:
    page = render(tiny, context=ReportContext(title='A "<b>" \\ é'))
    assert r'@bottom-left { content: "A \22 \3c b\3e \22  \5c  \e9 "; }' in page


def test_every_place_of_a_cell_has_a_name_and_no_other_content(tiny: AnalysisResult) -> None:
    tree = parse(render(tiny))
    (names,) = (e for e in tree.iter("datalist"))
    assert [one.attrib["value"] for one in names] == [
        f"Without batch normalisation, learning rate {rate}" for rate in (0.001, 0.01)
    ] + [f"With batch normalisation, learning rate {rate}" for rate in (0.001, 0.01)]
    assert text_of(names) == ""
    groups = [e for e in tree.iter() if e.attrib.get("class") == "cells"]
    for group in groups:
        assert {one.attrib["data-cell"] for one in group} == {"0", "1", "2", "3"}
        assert all(len(one) == 0 for one in group)
    assert len(groups) >= 6  # tiles, runs and slopes, each for wide and for narrow pages


def test_the_same_result_gives_the_same_bytes(tiny: AnalysisResult, context: ReportContext) -> None:
    assert render(tiny, context=context) == render(tiny, context=context)


def test_figures_have_titles_descriptions_and_stay_small(page: str) -> None:
    figures = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    keys = re.findall(r'<figure id="([^"]+)"', page)
    assert len(figures) == 2 * len(keys)  # each for wide and for narrow pages
    assert len(set(keys)) == len(keys) >= 6
    for figure in figures:
        assert 'role="img"' in figure
        assert re.search(r"<title [^>]*>[^<]+</title><desc [^>]*>[^<]+</desc>", figure)
        assert len(figure.encode()) <= 120_000
        assert not re.search(r"#0[1-9a]0[1-9a]0[1-9a]\b", figure), "a sentinel colour is left"


def hostile_context(first: int) -> ReportContext:
    """A different hostile string in every field, starting with one of them."""
    texts = cycle(HOSTILE[first:] + HOSTILE[:first])
    return ReportContext(
        title=next(texts),
        name=next(texts),
        question=next(texts),
        source_name=next(texts),
        protocol_text=next(texts),
        protocol_digest=next(texts),
        settings=[(next(texts), next(texts), next(texts))],
        label_rule=[(next(texts), next(texts))],
        amendments=[{k: next(texts) for k in ("date", "old_digest", "new_digest", "diff")}],
        environment=[(1, [next(texts)])],
        commands=[next(texts)],
        notes=[next(texts)],
    )


def test_hostile_strings_are_shown_as_text(tiny: AnalysisResult, page: str) -> None:
    expected = Counter(str(e.tag) for e in parse(page).iter())
    for first in (0, 4):
        hostile = render(tiny, context=hostile_context(first))
        assert not set("\x00\x07\u202e\ud800") & set(hostile)
        assert Counter(str(e.tag) for e in parse(hostile).iter()) == expected
        assert "&lt;img src=x onerror=alert(1)&gt;" in hostile


def test_hostile_factor_names_and_levels_are_shown_as_text(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> None:
    def elements(name: str, level: str) -> Counter[str]:
        frame = make_runs(names=("batch_norm", name))
        frame[name] = frame[name].map({0.001: "a", 0.01: level})
        result = make_result(frame, ["batch_norm", name])
        # Names move what is drawn, and with it the list of intervals that want more resamples.
        claims = [replace(c, mc_error_low=None, mc_error_high=None) for c in result.claims.values()]
        page = render(replace(result, claims=ClaimSet(claims)))
        # Longer names take more lines of text inside a figure, and nothing else.
        return Counter(str(e.tag) for e in parse(page).iter() if "svg" not in str(e.tag))

    expected = elements("plain", "b")
    for text in ("<img src=x onerror=alert(1)>", "$x_{$ b&amp;\"'> 한국어"):
        assert elements(text, text + "2") == expected, text


def test_a_flow_that_does_not_add_up_is_refused(
    tiny: AnalysisResult, with_losses: AnalysisResult
) -> None:
    with pytest.raises(AnalysisError, match="does not add up"):
        render(replace(tiny, flow=with_losses.flow))


def test_what_is_missing_is_said(all_failed: AnalysisResult) -> None:
    page = render(all_failed)
    assert 'id="accuracy"' not in page
    assert "No deviations recorded: a table of runs does not say" in page
    assert "these runs came without a protocol" in page
    assert "0 of 6 runs converged" in text_of(parse(page))


def test_losses_are_told_before_any_number(with_losses: AnalysisResult) -> None:
    tree = parse(render(with_losses))
    (kicker,) = (e for e in tree.iter("p") if e.attrib.get("class") == "kicker")
    assert text_of(kicker) == (
        "Replicated training study: 11 of 16 planned runs in 4 cells; 4 not run yet; 1 crashed"
    )


def test_cautions_are_counted_on_one_line_that_opens(page: str) -> None:
    (cautions,) = (e for e in parse(page).iter("details") if e.attrib.get("class") == "cautions")
    listed = [text_of(item) for item in cautions.iter("li")]
    assert text_of(cautions[0]) == f"{len(listed)} cautions"
    assert listed[0] == "Early stopping watched the test loss."


def test_amendments_are_listed_as_deviations(page: str) -> None:
    assert "Deviations from the protocol" in page
    assert "2026-11-20" in page
    assert "+epochs = 100" in page
    assert "No deviations recorded" not in page


def test_the_question_is_quoted_without_blanks(tiny: AnalysisResult) -> None:
    page = render(tiny, context=ReportContext(question="  Does it?\n"))
    assert "<q>Does it?</q>" in page


def test_a_study_s_artefacts_name_its_protocol_s_label_rule(
    tiny: AnalysisResult, page: str
) -> None:
    rows = {text_of(row[0]): text_of(row[1]) for row in parse(page).iter("tr") if len(row) == 2}
    assert rows["Label rule"] == "margin 0.05"
    bare = render(tiny)
    assert "column &#39;label&#39;" in bare


def test_an_unknown_language_is_refused(tiny: AnalysisResult) -> None:
    with pytest.raises(AnalysisError, match="no report in language 'xx': choose one of en"):
        render(tiny, language="xx")


def test_a_report_is_written_whole(tiny: AnalysisResult, tmp_path: Path) -> None:
    path = write_report(tiny, tmp_path / "report.html")
    assert path.read_text("utf-8") == render(tiny)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_gives_one_sentence(
    tiny: AnalysisResult, tmp_path: Path
) -> None:
    target = tmp_path / "missing" / "report.html"
    with pytest.raises(StudyError, match=r"report.html \(No such file or directory\)") as caught:
        write_report(tiny, target)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_old_report_and_no_rest(
    tiny: AnalysisResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StudyError, match="No space left on device"):
        write_report(tiny, target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_ids_of_claims_in_notes_stay_as_they_are_and_are_set_as_code(tiny: AnalysisResult) -> None:
    claim_id = "expected.diff.batch_norm@batch_size=8+32,data_norm=true"
    note = say("with_all_runs", text=say("survivors", a=0.5, b=1.0), claim=claim_id)
    shown = next(c for c in tiny.claims.values() if c.id == "accuracy.diff.batch_norm")
    claims = ClaimSet(
        replace(c, warnings=(note,)) if c is shown else c for c in tiny.claims.values()
    )
    page = render(replace(tiny, claims=claims))
    assert f"survivors are compared; over all runs: <code>{claim_id}</code>." in page
    assert spoken(Note.written("", "a.mean@x_y=1, b_c")) == "a.mean@x_y=1, b c"


def test_code_ids_escapes_what_is_no_id() -> None:
    assert code_ids("<b> converged.p@a=1.") == "&lt;b&gt; <code>converged.p@a=1</code>."
