"""The report's languages: complete catalogues, no sentence left over, the same numbers."""

from __future__ import annotations

import html
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pandas as pd
import pytest
from babel.messages import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.notes import Named, Note, say
from vggstudy.analysis.sensitivity import (
    compare_rules,
    relabelled,
    specifications,
    to_analyse,
)
from vggstudy.analysis.sentences import SENTENCES, SUBJECTS, WORDS, WRITTEN, Kind
from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.report import ReportContext, RunCurves, SourceClaim, render
from vggstudy.report.citing.verify import verify_paper
from vggstudy.report.page.figures.style import fit, text_width, wrapped
from vggstudy.report.words.i18n import LANGUAGES, LOCALE, gettext, speaking
from vggstudy.report.words.names import METHODS, NAMES, friendly
from vggstudy.report.words.notes import spoken
from vggstudy.stated.hypotheses import (
    ClaimPart,
    ConjunctionHypothesis,
    EquivalencePart,
    NeededPart,
    Part,
    PeakPart,
    RankingPart,
    SlopePart,
)
from vggstudy.study.runs import MEASURED

OTHERS = [language for language in LANGUAGES if language != "en"]
GAP = re.compile(r"%\((\w+)\)s")
HANGUL = re.compile(r"[가-힣]")
WORD = r"[A-Za-z][A-Za-z'-]*"
SENTENCE = re.compile(rf"(?<![\w.@=]){WORD}(?:[ ,;:]+{WORD}){{2,}}")
"""Three words in a row; ids of claims and files have no blanks."""

AS_WRITTEN = ("code", "pre", "style", "script")
FOREIGN = ("APA, LaTeX, Markdown, JSON",)
"""Names that stand in a row in every language."""

QUOTED = "protocol's own text stays as it is"
"""Stands wherever the protocol may say anything."""


# -- Catalogues -------------------------------------------------------------------------------


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def messages(catalogue: Catalog) -> dict[tuple[str | None, str], Message]:
    """All messages but the header, by context and English."""
    return {(one.context, str(one.id)): one for one in catalogue if one.id}


def pairs(language: str) -> list[tuple[str, str]]:
    """English and its translation; there are no plural forms yet."""
    found = messages(read(catalogue_of(language)))
    return [(english, str(one.string)) for (_, english), one in found.items()]


@pytest.fixture(scope="module")
def extracted(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What `make messages` collects now."""
    target = tmp_path_factory.mktemp("messages") / "messages.pot"
    arguments = ["-F", str(repository / "pyproject.toml"), "-o", str(target)]
    for word in ("mark", "Sentence", "Words", "Quantity"):
        arguments += ["-k", word]
    for place in (
        "report",
        "analysis/sentences",
        "analysis/data/phrases.py",
        "vggstudy/quantities.py",
    ):
        arguments.append(str(repository / place))
    CommandLineInterface().run(["pybabel", "-q", "extract", *arguments])  # type: ignore[no-untyped-call]
    return read(target)


def catalogue_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def test_the_template_holds_every_message_of_the_report(extracted: Catalog) -> None:
    assert set(messages(read(LOCALE / "messages.pot"))) == set(messages(extracted)), (
        "run `make messages`"
    )


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_holds_every_message_and_no_other(language: str, extracted: Catalog) -> None:
    assert set(messages(read(catalogue_of(language)))) == set(messages(extracted)), (
        "run `make messages`, then translate what is new"
    )


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_no_translation_is_a_guess(language: str) -> None:
    catalogue = read(catalogue_of(language))
    assert [one.id for one in catalogue if one.id and (not one.string or one.fuzzy)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_gaps_of_its_message(language: str) -> None:
    for english, other in pairs(language):
        assert set(GAP.findall(other)) == set(GAP.findall(english)), english
        if GAP.search(english):
            gaps = dict.fromkeys(GAP.findall(english), "7")
            assert other % gaps  # no sign of percent that formatting would take for its own


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_the_markup_and_the_ends_of_its_message(language: str) -> None:
    for english, other in pairs(language):
        assert re.findall(r"<[^>]+>", other) == re.findall(r"<[^>]+>", english), english
        for sign in (".", "?", ":"):
            assert other.endswith(sign) == english.endswith(sign), english


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_the_catalogue(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read(catalogue_of(language)))
    path = catalogue_of(language).with_suffix(".mo")
    assert path.read_bytes() == compiled.getvalue(), "run `make messages`"


def test_korean_puts_no_particle_behind_a_name_that_would_have_to_fit_it() -> None:
    names = r"%\((?!(?:n|k|a|b|later|earlier|share)\))\w+\)s"
    fitting = re.compile(names + r"(?:은|는|이|가|을|를|과|와)(?=[ ,.])")
    assert [text for _, text in pairs("ko") if fitting.search(text)] == []


# -- The analysis' own sentences --------------------------------------------------------------


def filled(name: str) -> Note:
    """A note with something in every gap of its sentence."""
    values: dict[Kind, object] = {
        Kind.FACTORS: ["depth"],
        Kind.LISTED: ["8"],
        Kind.NAMED: Named(((("depth", "19"),), (("batch_norm", "true"),)), 3),
        Kind.TERMS: ["depth=19"],
        Kind.WORDS: WORDS[0],
        Kind.NOTE: say("no_labelled"),
        Kind.NOTES: [say("no_labelled"), say("only_seeds", n=4)],
    }
    kinds = SENTENCES[name].kinds
    return say(name, **{gap: values.get(kind, 7) for gap, kind in kinds.items()})


@pytest.mark.parametrize("name", [name for name in SENTENCES if name != WRITTEN])
def test_a_sentence_of_the_analysis_is_said_in_every_language(name: str, repository: Path) -> None:
    note = filled(name)
    assert "%(" not in note.text
    assert Note.from_dict(json.loads(json.dumps(note.to_dict()))).values == note.values
    for language in OTHERS:
        message = messages(read(catalogue_of(language)))[None, SENTENCES[name].text]
        assert set(GAP.findall(str(message.string))) == set(SENTENCES[name].kinds)
        with speaking(language):
            assert spoken(note) != note.text
    places = [*(repository / "analysis").rglob("*.py"), *(repository / "vggstudy").rglob("*.py")]
    places.append(repository / "report/page/sections/s13_cite.py")
    assert any(f'"{name}"' in code for code in sources(tuple(places)))


@cache
def sources(places: tuple[Path, ...]) -> list[str]:
    """What is written where sentences are said, not where they stand."""
    return [path.read_text("utf-8") for path in places if path.parent.name != "sentences"]


def test_no_name_is_given_to_two_sentences() -> None:
    names = [name for subject in SUBJECTS for name in subject]
    assert sorted(names) == sorted(set(SENTENCES) - {WRITTEN})


def test_a_level_that_looks_like_a_column_stays_as_it_is() -> None:
    cell = (("init", "he_normal"), ("optimizer", "depth"), ("lr", "0.1, and so on"))
    note = say("no_labelled_in_cell", names=Named((cell,), 1))
    assert "init=he_normal, optimizer=depth, lr=0.1, and so on and 1 more" in note.text
    again = Note.from_dict(json.loads(json.dumps(note.to_dict())))
    assert again.values == note.values
    assert "initialisation=he_normal, optimizer=depth, learning rate=0.1, and" in spoken(again)
    with speaking("ko"):
        said = spoken(again).replace("\N{NO-BREAK SPACE}", " ")
    assert "= he_normal" in said
    assert "= depth" in said


def test_names_inside_a_note_are_translated_and_codes_are_not() -> None:
    lack = say(
        "cells_without",
        n=1,
        cells=4,
        what="labelled runs",
        names=Named(((("depth", "19"), ("batch_norm", "true")),)),
    )
    with speaking("ko"):
        said = spoken(say("part_offered", text=lack, claim="accuracy.diff.lr@batch_norm=true"))
    said = said.replace("\N{NO-BREAK SPACE}", " ")
    assert "깊이 = 19, 배치 정규화 = true" in said
    assert "accuracy.diff.lr@batch_norm=true" in said
    assert "라벨이 있는 실행" in said


def test_a_note_of_which_only_the_english_is_known_stays_english() -> None:
    with speaking("ko"):
        assert spoken(Note.written("few_runs", "an old sentence")) == "an old sentence"


# -- Pages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Two depths, four batch sizes, a switch; failed, diverged, crashed and missing runs."""
    rows = []
    for depth in (11, 19):
        for place, batch in enumerate((8, 32, 128, 512)):
            for on in (False, True):
                for replicate in range(4):
                    learns = on or replicate < place + (depth == 11)
                    accuracy = 0.6 + 0.1 * on - 0.02 * (place - 2) ** 2 + 0.013 * replicate
                    rows.append(
                        {
                            "depth": depth,
                            "batch_size": batch,
                            "batch_norm": on,
                            "replicate": replicate,
                            "label": "converged" if learns else "failed_to_learn",
                            "test_accuracy": round(accuracy if learns else 0.1, 4),
                        }
                    )
    found = pd.DataFrame(rows)
    found.loc[0, "label"] = "diverged"
    found.loc[5, "label"] = "crashed"
    found.loc[9:11, "label"] = "missing"
    found.loc[found["label"].isin(["crashed", "missing"]), "test_accuracy"] = float("nan")
    return found


@pytest.fixture(scope="module")
def rich(frame: pd.DataFrame) -> AnalysisResult:
    """An analysis with hypotheses of every kind, and its sensitivity."""
    table = RunTable.from_frame(frame, factors=["depth", "batch_size", "batch_norm"])
    parts: tuple[Part, ...] = (
        ClaimPart(
            kind="claim", claim="converged.diff.batch_norm", direction="above", threshold=0.0
        ),
        ClaimPart(kind="claim", claim="accuracy.diff.width", direction="above", threshold=0.0),
        EquivalencePart(
            kind="equivalence", claim="accuracy.diff.depth@batch_norm=true", margin=0.05
        ),
        SlopePart(kind="slope", along="batch_size", direction="above", at={"batch_norm": False}),
        NeededPart(
            kind="threshold_order",
            along="batch_size",
            compare="depth",
            direction="above",
            at={"batch_norm": False},
        ),
        PeakPart(kind="peak", along="batch_size"),
        RankingPart(kind="ranking", factors=["depth", "batch_norm"]),
    )
    specs = [
        ConjunctionHypothesis(id=f"H{number}", text=QUOTED, kind="all", parts=[part])
        for number, part in enumerate(parts, start=1)
    ]
    result = analyze(table, resamples=199, hypotheses=specs)
    known = replace(table, chance=0.1)
    rules = {one: relabelled(known, one) for one in specifications(curves=True)[:6]}
    analysed = [
        analyze(other, resamples=99, headline_only=True, hypotheses=specs[:1])
        for other in to_analyse(table, rules)
    ]
    found = compare_rules(
        result,
        rules,
        analysed,
        note=say("last_epoch_label"),
    )
    return replace(result, sensitivity=found)


@pytest.fixture(scope="module")
def full(frame: pd.DataFrame) -> ReportContext:
    """Everything that a study's ledger adds."""
    curves = [
        RunCurves(
            levels={name: row[name] for name in ("depth", "batch_size", "batch_norm")},
            outcome=row["label"],
            curves={"val_accuracy": [0.1, 0.3, 0.5, 0.6, 0.6, 0.7], "train_loss": [2.3, 1.1, 0.9]},
            gap=0.04,
        )
        for row in frame.to_dict("records")
        if row["label"] in ("converged", "failed_to_learn", "diverged")
    ]
    return ReportContext(
        title=QUOTED,
        question=QUOTED,
        source="study",
        protocol_text="schema = 1\n",
        protocol_digest="ab" * 32,
        settings=[("training", "optimizer", "adam")],
        label_rule=[("margin", "0.05")],
        amendments=[
            {
                "date": "2026-11-20T10:00:00",
                "old_digest": "1" * 64,
                "new_digest": "2" * 64,
                "diff": "-epochs = 50\n",
            }
        ],
        environment=[(59, [None, "Python 3.11", "torch 2.14.1"])],
        commands=["vggstudy run small.toml"],
        curves=curves,
        source_claims=[
            SourceClaim(claim="accuracy.mean@batch_norm=true", value=0.7, reference="Table 2"),
            SourceClaim(claim="accuracy.mean@width=1", value=0.7, reference="Table 2"),
        ],
        notes=[say("test_set_selects")],
    )


@pytest.fixture(scope="module")
def pages(
    rich: AnalysisResult,
    full: ReportContext,
    tiny: AnalysisResult,
    all_failed: AnalysisResult,
    with_losses: AnalysisResult,
) -> dict[str, dict[str, str]]:
    """Every study in every language."""
    bare = ReportContext(source_name="runs.csv")
    cases = {
        "rich": (rich, full),
        "tiny": (tiny, bare),
        "failed": (all_failed, bare),
        "losses": (with_losses, bare),
    }
    return {
        name: {
            language: render(result, context=context, language=language) for language in LANGUAGES
        }
        for name, (result, context) in cases.items()
    }


CASES = ["rich", "tiny", "failed", "losses"]


def parse(page: str) -> Element:
    tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return tree


def read_out(element: Element) -> Iterator[str]:
    """Everything that is read out or shown, without what is code in every language."""
    if element.tag.rpartition("}")[2] in AS_WRITTEN:
        return
    yield element.text or ""
    yield from (
        element.attrib[name] for name in ("title", "aria-label", "alt") if name in element.attrib
    )
    for child in element:
        yield from read_out(child)
        yield child.tail or ""


@pytest.mark.parametrize("case", CASES)
def test_no_english_sentence_is_left_in_a_korean_page(
    case: str, pages: dict[str, dict[str, str]]
) -> None:
    left = []
    for text in read_out(parse(pages[case]["ko"])):
        rest = " ".join(text.split()).replace(QUOTED, "")
        for name in FOREIGN:
            rest = rest.replace(name, "")
        if SENTENCE.search(rest):
            left.append(rest)
    assert left == []


def test_the_search_for_sentences_finds_english_ones(pages: dict[str, dict[str, str]]) -> None:
    found = [text for text in read_out(parse(pages["rich"]["en"])) if SENTENCE.search(text)]
    assert len(found) > 100


@pytest.mark.parametrize("case", CASES)
def test_every_heading_caption_and_column_is_korean(
    case: str, pages: dict[str, dict[str, str]]
) -> None:
    symbols = {"n", "k/n", QUOTED, "runs.csv", "APA", "BibTeX"}
    for element in parse(pages[case]["ko"]).iter():
        if element.tag not in ("h1", "h2", "h3", "th", "caption", "figcaption", "summary", "title"):
            continue
        text = " ".join("".join(element.itertext()).split())
        if text not in symbols and not re.fullmatch(r"[a-z_]+", text):
            assert HANGUL.search(text), (element.tag, text)


def cells_of(page: str) -> list[list[str]]:
    """The numbers in every entry of every table, in order."""
    return [
        re.findall(r"[−-]?\d+(?:\.\d+)?", "".join(element.itertext()))
        for element in parse(page).iter("td")
    ]


@pytest.mark.parametrize("case", CASES)
def test_every_language_prints_the_same_numbers(
    case: str, pages: dict[str, dict[str, str]]
) -> None:
    english, other = (cells_of(pages[case][language]) for language in ("en", "ko"))
    assert len(english) > 30
    assert [sorted(numbers) for numbers in english] == [sorted(numbers) for numbers in other]


@pytest.mark.parametrize("case", CASES)
def test_every_language_prints_the_same_intervals_for_the_same_claims(
    case: str, pages: dict[str, dict[str, str]]
) -> None:
    pattern = re.compile(r'data-claim="([^"]+)"[^>]*>(.*?)</?(?:span|td|tr|a|p)\b', re.DOTALL)

    def found(page: str) -> list[tuple[str, list[str]]]:
        return [(name, re.findall(r"\[[^\]]*\]", text)) for name, text in pattern.findall(page)]

    assert found(pages[case]["en"])
    assert found(pages[case]["en"]) == found(pages[case]["ko"])


def test_downloads_do_not_depend_on_the_language(pages: dict[str, dict[str, str]]) -> None:
    links = {
        language: re.findall(r'href="(data:text/csv[^"]*)"', pages["rich"][language])
        for language in LANGUAGES
    }
    assert len(links["en"]) > 5
    assert links["en"] == links["ko"]


def test_rendering_one_language_leaves_nothing_behind(
    tiny: AnalysisResult, pages: dict[str, dict[str, str]]
) -> None:
    bare = ReportContext(source_name="runs.csv")
    for language in ("ko", "en", "ko"):
        assert render(tiny, context=bare, language=language) == pages["tiny"][language]
    assert friendly("batch_norm") == "batch normalisation"


def test_two_threads_speak_two_languages() -> None:
    said: dict[str, str] = {}
    both = threading.Barrier(2)

    def speak(language: str) -> None:
        with speaking(language):
            both.wait(timeout=60)
            said[language] = gettext("Summary")

    threads = [threading.Thread(target=speak, args=(language,)) for language in ("en", "ko")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {"en": "Summary", "ko": "요약"}


def test_a_page_names_its_language(pages: dict[str, dict[str, str]]) -> None:
    for language in LANGUAGES:
        assert parse(pages["tiny"][language]).attrib["lang"] == language


def test_hangul_in_figures_is_text_and_not_shapes(pages: dict[str, dict[str, str]]) -> None:
    figures = re.findall(r"<svg.*?</svg>", pages["rich"]["ko"], re.DOTALL)
    assert len(figures) > 10
    labels = [label for figure in figures for label in re.findall(r"<text[^>]*>([^<]*)", figure)]
    assert sum(bool(HANGUL.search(label)) for label in labels) > 50
    assert "DejaVu" not in "".join(figures)


def test_every_measured_column_has_a_name() -> None:
    assert set(MEASURED) - set(NAMES) == set()


def test_every_method_in_the_pages_has_words(
    rich: AnalysisResult, tiny: AnalysisResult, with_losses: AnalysisResult
) -> None:
    claims = [claim for result in (rich, tiny, with_losses) for claim in result.claims.values()]
    used = {claim.method for claim in claims if claim.method}
    used |= {other.method for claim in claims for other in claim.alternatives}
    assert used - set(METHODS) == set()


def test_a_paper_may_quote_the_korean_page(
    tiny: AnalysisResult, pages: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    found = re.findall(r"<p><span data-claim[^>]*>(.*?)</span>", pages["tiny"]["ko"])
    sentences = [html.unescape(text) for text in found]
    assert any("더 높다" in text for text in sentences)
    paper = tmp_path / "paper.md"
    paper.write_text("\n\n".join(sentences), "utf-8")
    assert verify_paper(paper, tiny.claims).mismatches == ()
    place = next(text for text in sentences if "%p 더 높다" in text)
    wrong = re.sub(r"(\d)%p 더", lambda found: f"{(int(found[1]) + 1) % 10}%p 더", place)
    paper.write_text(wrong, "utf-8")
    assert verify_paper(paper, tiny.claims).mismatches


def test_an_unknown_language_is_refused_with_those_that_there_are(tiny: AnalysisResult) -> None:
    with pytest.raises(AnalysisError, match=r"'de'.*choose one of en, ko"):
        render(tiny, language="de")


def test_the_command_speaks_every_language_and_refuses_others(
    make_runs: Callable[..., pd.DataFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_runs().to_csv("runs.csv", index=False)
    arguments = ["report", "runs.csv", "--factors", "batch_norm,lr", "-o", "page.html"]
    assert _invoke([*arguments, "--lang", "ko"]) == 0
    assert '<html lang="ko">' in Path("page.html").read_text("utf-8")
    assert _invoke([*arguments, "--lang", "de"]) == 2
    refused = capsys.readouterr().err
    assert all(f"'{language}'" in refused for language in LANGUAGES)


# -- Text in figures --------------------------------------------------------------------------


def test_hangul_takes_the_width_of_a_square() -> None:
    assert text_width("가", 10) > 1.7 * text_width("a", 10)


@pytest.mark.parametrize(
    "text", ["배치 정규화 미사용, 깊이 19", "without batch normalisation", "가" * 40]
)
def test_wrapped_lines_fit_and_lose_nothing(text: str) -> None:
    lines = wrapped(text, 80, 12)
    assert all(text_width(line, 12) <= 80 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["데이터 정규화 미사용", "without data normalisation"])
def test_what_is_cut_fits_and_says_so(text: str) -> None:
    assert fit(text, 60, 12).endswith("…")
    assert text_width(fit(text, 60, 12), 12) <= 60
    assert fit(text, 1000, 12) == text
