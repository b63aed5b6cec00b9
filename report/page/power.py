"""Renders a plan of replicates as one self-contained HTML file, or its figure alone as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

from markupsafe import Markup

from vggstudy._version import __version__
from vggstudy.analysis.planning.planning import claim_at, hypothesis_at
from vggstudy.report.page.document import TEMPLATES, environment
from vggstudy.report.page.figures.power import PowerPanel, draw_power
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.tables import Column, Download, Table, download, entry
from vggstudy.report.words import power as words
from vggstudy.report.words.i18n import gettext, speaking
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.text import clean

if TYPE_CHECKING:
    from vggstudy.analysis.planning.ahead import Prediction
    from vggstudy.analysis.planning.planning import Plan, Reached
    from vggstudy.analysis.planning.sequential import LookAhead

MOST_DRAWN = 12
"""Targets in the figure."""


def render_power(
    plan: Plan,
    *,
    name: str,
    runs: int,
    stated: bool,
    cells: int,
    hours: float | None,
    language: str = "en",
) -> str:
    """The plan as HTML: one document without network or script, equal bytes for equal input.

    Parameters
    ----------
    plan : Plan
    name : str
        Of the study.
    runs : int
        Runs that it rests on.
    stated : bool
        Whether something was stated of runs besides, or instead.
    cells : int
    hours : float or None
        Device-hours of one replicate of every cell.
    language : str

    Raises
    ------
    AnalysisError
        If the language is unknown.
    """
    with speaking(language):
        html = (
            environment()
            .get_template("power.html.j2")
            .render(
                title=gettext("How many replicates: %(name)s") % {"name": name},
                basis=words.basis(runs, name, plan.studies, stated=stated),
                targets=_targets(plan, cells, hours),
                points=[_point(plan, one, cells, hours) for one in words.shown_points(plan)],
                notes=words.notes(plan),
                figure=_picture(plan, cells, hours),
                language=language,
                version=__version__,
                css=Markup((TEMPLATES / "report.css").read_text("utf-8")),
            )
        )
    return clean(html.rstrip()) + "\n"


def render_figure(plan: Plan, *, cells: int, hours: float | None, language: str = "en") -> str:
    """The figure alone as a file of its own, light or dark as its reader likes."""
    with speaking(language):
        ((_, source), *_) = _picture(plan, cells, hours).svgs
    opening, rest = source.split(">", 1)
    return f'{opening} font-family="sans-serif">{_colours()}{rest}\n'


def _colours() -> str:
    """The page's colours, for a figure outside it."""
    css = (TEMPLATES / "report.css").read_text("utf-8")
    light, dark = (
        "".join(f"{name}:{value};" for name, value in re.findall(r"(--\w+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    )
    return (
        f"<style>svg.plot{{{light}background:var(--paper)}}"
        f"@media(prefers-color-scheme:dark){{svg.plot{{{dark}}}}}</style>"
    )


def _targets(plan: Plan, cells: int, hours: float | None) -> Table:
    """A row a target."""
    return _table(
        gettext("Replicates that reach each target"),
        words.target_head(),
        [words.target_row(one, plan, cells, hours) for one in plan.reached],
    )


def _point(
    plan: Plan, point: Prediction, cells: int, hours: float | None
) -> tuple[str, str, list[Table]]:
    """Studies of one size: heading, sentence, tables."""
    bought = point.n == plan.bought and point.n != plan.design
    heading = gettext("What the budget buys") if bought else gettext("The design as it is")
    tables, size = [], words.size_of(point, cells, hours)
    if point.looks:
        size = f"{size} {words.looks_of(point, cells, hours)}"
        rows = [words.look_row(one) for one in point.looks]
        tables.append(_table(gettext("Looks"), words.look_head(), rows))
    if point.claims:
        rows = [words.claim_row(one) for one in point.claims]
        tables.append(_table(gettext("Claims"), words.claim_head(), rows))
    if point.hypotheses:
        rows = [row for one in point.hypotheses for row in words.hypothesis_rows(one)]
        tables.append(_table(gettext("Hypotheses"), words.hypothesis_head(), rows))
    return heading, size, tables


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Rows of text, the first column to the left."""
    columns = [Column(capitalise(name), numeric=i > 0) for i, name in enumerate(head)]
    return Table(caption, tuple(columns), tuple(tuple(map(entry, row)) for row in rows))


def _picture(plan: Plan, cells: int, hours: float | None) -> Picture:
    """Every target against the number of replicates."""
    panels = [_panel(plan, one) for one in plan.reached[:MOST_DRAWN]]
    if looks := plan.at(plan.design).looks:
        panels.append(_ended(looks))
    return picture(
        partial(draw_power, panels, design=plan.design),
        key="power",
        question=gettext("How many replicates does each target need?"),
        caption=gettext(
            "Lines: if runs come out as the pilot suggests. Bands: eight of ten half-widths of "
            "studies that the pilot leaves possible; of a power, down or up to what it is over all "
            "of them. Dashed: what was asked for, and the replicates that reach it. The vertical "
            "line: the design as it is."
        ),
        description="; ".join(
            f"{one.target.id}, {words.asked_words(one)}: {'-' if one.n is None else one.n}"
            for one in plan.reached
        ),
        table=_targets(plan, cells, hours),
        data=_data(plan),
    )


def _panel(plan: Plan, one: Reached) -> PowerPanel:
    """The curve of one target."""
    target, points = one.target, plan.points
    if target.kind == "half_width":
        claims = [claim_at(point, target.id) for point in points]
        rows = [(x.half_width, x.low, x.high) for x in claims]
    else:
        ahead = [hypothesis_at(point, target.id) for point in points]
        rows = [(x.power, min(x.power, x.assured), max(x.power, x.assured)) for x in ahead]
    middle, low, high = (
        tuple(math.nan if x is None else x for x in column) for column in zip(*rows, strict=True)
    )
    what = gettext("power") if target.kind == "power" else gettext("half-width")
    return PowerPanel(
        title=f"{target.id}: {what}",
        n=tuple(point.n for point in points),
        middle=middle,
        low=low,
        high=high,
        target=target.value,
        reached=one.n,
        percent=target.kind == "power",
    )


def _ended(looks: Sequence[LookAhead]) -> PowerPanel:
    """Studies of the design as it is that have ended, look by look."""
    ended, possible = (
        tuple(accumulate(getattr(one, name) for one in looks)) for name in ("stops", "possible")
    )
    return PowerPanel(
        title=gettext("Studies that have ended, look by look"),
        n=tuple(one.replicates for one in looks),
        middle=ended,
        low=tuple(map(min, ended, possible)),
        high=tuple(map(max, ended, possible)),
        target=None,
        reached=None,
        percent=True,
    )


def _data(plan: Plan) -> Download:
    """All curves, unrounded."""
    header = ("n", "kind", "id", "value", "low", "high", "contradicted")
    rows: list[tuple[object, ...]] = []
    for point in plan.points:
        rows += [
            (point.n, "half_width", x.id, x.half_width, x.low, x.high, None) for x in point.claims
        ]
        rows += [
            (point.n, "power", x.id, x.power, x.assured, None, x.contradicted)
            for x in point.hypotheses
        ]
        rows += [
            (
                x.replicates,
                "ends",
                f"look {x.number} of at most {point.n}",
                x.stops,
                x.possible,
                None,
                None,
            )
            for x in point.looks
        ]
    return download("power.csv", header, rows)
