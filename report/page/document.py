"""Renders a result as one self-contained HTML file, the same bytes every time."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from vggstudy._version import __version__
from vggstudy.errors import OutputError
from vggstudy.files import write_atomic
from vggstudy.report.page.building import study_view
from vggstudy.report.page.cards import card_of, told
from vggstudy.report.page.context import ReportContext
from vggstudy.report.page.figures.svg import MOST_CELLS
from vggstudy.report.page.flow import steps_of, unfinished
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.registry import BUILDERS, LONGEST, SPLIT
from vggstudy.report.words.i18n import gettext, ngettext, pgettext, speaking
from vggstudy.report.words.instead import instead
from vggstudy.report.words.names import CLAIM_ID, capitalise
from vggstudy.report.words.text import clean
from vggstudy.together import together

if TYPE_CHECKING:
    from jinja2 import Environment

    from vggstudy.analysis import AnalysisResult
    from vggstudy.report.page.view import StudyView

TEMPLATES = Path(__file__).parent / "templates"

SCRIPT = Markup((TEMPLATES / "report.js").read_text("utf-8"))
"""What the page can do besides; it is whole without."""


def _policy(script: str) -> Markup:
    """What the page may load: nothing, and what it may run: this script."""
    pin = b64encode(sha256(script.encode()).digest()).decode()
    return Markup(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{}'"
    ).format(pin)


def render(
    result: AnalysisResult,
    *,
    context: ReportContext | None = None,
    language: str = "en",
    meanwhile: Callable[[], object] | None = None,
) -> str:
    """The report as HTML.

    Parameters
    ----------
    result : AnalysisResult
        Table, claims and flow of a study.
    context : ReportContext, optional
        Protocol, deviations and environment, where there are any.
    language : str, default "en"
        A language of `vggstudy.report.words.i18n.LANGUAGES`.
    meanwhile : callable, optional
        What this process does besides, while another begins to draw.

    Returns
    -------
    str
        One HTML document that needs no network and not its script; equal input gives equal bytes.

    Raises
    ------
    AnalysisError
        If the flow of runs does not add up, or the language is unknown.
    """
    context = context or ReportContext()
    with speaking(language, instead(result.table)):
        view = study_view(result, context)
        sections = [section for section in _built(view, meanwhile) if section is not None]
        html = (
            environment()
            .get_template("base.html.j2")
            .render(
                parts=parts_of(sections),
                told=told(sections),
                cards=partial(card_of, view),
                facts=facts(view),
                policy=_policy(SCRIPT),
                script=SCRIPT,
                cells=_cell_names(view),
                title=_title(context),
                unfinished=unfinished(view.flow, context.planned),
                language=language,
                version=__version__,
                css=Markup((TEMPLATES / "report.css").read_text("utf-8")),
                digest=result.inputs_digest,
            )
        )
    return clean(html.rstrip()) + "\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A section with its number: none for the summary, letters from the appendix on.

    Attributes
    ----------
    opens : bool
        Whether the appendix begins with it.
    """

    section: Section
    number: str
    opens: bool


def parts_of(sections: Sequence[Section]) -> list[Part]:
    """Summary, article, appendix, numbered."""
    article = [section for section in sections if not section.appendix]
    appendix = [section for section in sections if section.appendix]
    parts = [Part(one, str(i) if i else "", opens=False) for i, one in enumerate(article)]
    letters = zip(appendix, ascii_uppercase, strict=False)
    return [*parts, *(Part(one, letter, one is appendix[0]) for one, letter in letters)]


def facts(view: StudyView) -> str:
    """How many runs there are, and what the plan lacks."""
    flow = view.flow
    text = gettext(
        "Replicated training study: %(n)s of %(planned)s planned runs in %(cells)s cells"
    )
    text %= {"n": flow["analysed"], "planned": flow["planned"], "cells": len(view.cells)}
    lost = [f"{step.excluded} {gettext(step.reason)}" for step in steps_of(flow) if step.excluded]
    return "; ".join([text, *lost])


def _cell_names(view: StudyView) -> list[str]:
    """What the cells are called that figures show, in their order."""
    if len(view.cells) > MOST_CELLS or not view.factors:
        return []
    return [capitalise(view.phrase(view.factors, cell.levels)) for cell in view.cells]


def _built(view: StudyView, meanwhile: Callable[[], object] | None = None) -> list[Section | None]:
    """All sections in the order of the report, those that take longest begun first."""
    parts = {build: split(view) for build, (split, _) in SPLIT.items()}
    whole = [*LONGEST, *(build for build in BUILDERS if build not in {*LONGEST, *SPLIT})]
    tasks: list[Callable[[], Any]] = [task for made in parts.values() for task in made]
    tasks += [partial(build, view) for build in whole]
    done = iter(together(tasks, first=meanwhile))
    built = {build: SPLIT[build][1]([next(done) for _ in made]) for build, made in parts.items()}
    built |= {build: next(done) for build in whole}
    return [built[build] for build in BUILDERS]


def _title(context: ReportContext) -> str:
    """What the study is called."""
    named = context.title or context.name or context.source_name
    return named or gettext("Replicated training study")


def write_report(
    result: AnalysisResult,
    path: str | Path,
    *,
    context: ReportContext | None = None,
    language: str = "en",
    meanwhile: Callable[[], object] | None = None,
) -> Path:
    """Write the report to a file: whole, or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written; says where and why.
    AnalysisError
        As `render`.
    """
    target = Path(path)
    text = render(result, context=context, language=language, meanwhile=meanwhile)
    try:
        write_atomic(target, text.encode())
    except OSError as error:
        reason = error.strerror or str(error)
        msg = (
            f"the report could not be written to {target} ({reason}): "
            "choose another place with -o, or make room"
        )
        raise OutputError(msg) from error
    return target


def environment() -> Environment:
    """Templates that escape everything and fail on an undefined name."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext
    )
    environment.filters["anchor"] = anchor
    environment.filters["code_ids"] = code_ids
    environment.filters["css_string"] = css_string
    environment.filters["svg"] = Markup
    environment.filters["tie"] = tie
    return environment


def css_string(text: str) -> str:
    """The text as a string of CSS."""
    escaped = re.sub(r'["\\<>&]|[^ -~]', lambda match: f"\\{ord(match[0]):x} ", clean(text))
    return f'"{escaped}"'


def tie(text: str) -> str:
    """The text with unbreakable spaces inside intervals and sizes."""
    return re.sub(
        r"n = \d+|(?:[\d.]+% CI )?\[[^\]]*\]%?|\d+ of \d+",
        lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"),
        text,
    )


def code_ids(text: str) -> Markup:
    """The text, escaped, with the claim ids in it set as code."""
    ids = re.findall(CLAIM_ID, text)
    between = re.split(CLAIM_ID, text)
    parts = zip(between, [*(Markup("<code>{}</code>").format(i) for i in ids), ""], strict=True)
    return Markup("").join(part for pair in parts for part in pair)


def anchor(claim_id: str) -> str:
    """The id of a claim's place in the page, safe in an attribute and in a link."""
    return "claim-" + quote(clean(claim_id), safe="@=,.*")
