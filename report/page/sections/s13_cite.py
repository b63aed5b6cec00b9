"""Section 13, reproduce and cite: commands, digests, environment, texts to copy, all claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy._version import __version__
from vggstudy.analysis.notes import say
from vggstudy.report.citing.cite import bibtex, study_apa
from vggstudy.report.page.flow import unfinished
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.s03_convergence import extremes
from vggstudy.report.page.tables import (
    Column,
    Download,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import size_of
from vggstudy.report.words.i18n import gettext, speaking
from vggstudy.report.words.names import capitalise, friendly, in_words, method_words
from vggstudy.report.words.notes import spoken

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_CLAIMS = 1_500
"""Claims up to which the page lists all."""

MOST_LISTED = 600
"""Of more of them, the claims that it lists: those over the whole grid, then those with few
conditions, then those of cells."""

MOST_IN_LINK = 600
"""Claims that the page also carries as CSV; claims.json has them all at full precision."""


def build(view: StudyView) -> Section:
    """Build the section."""
    context, digest = view.context, view.result.inputs_digest
    listed = _listed(view)
    name = context.title or context.name or context.source_name
    with speaking("en"):  # as the citation is
        if partial := unfinished(view.flow, context.planned):
            name = f"{name or gettext('Replicated training study')} ({partial})"
    return Section(
        "cite",
        gettext("Reproduce and cite"),
        {
            "commands": [str(command) for command in context.commands],
            "artefacts": _artefacts(view),
            "environment": _environment(view),
            "bibtex": bibtex(name=name, inputs_digest=digest),
            "apa": study_apa(name=name, inputs_digest=digest),
            "claims": _claims(listed),
            "omitted": len(view.claims) - len(listed),
            "download": _download(listed) if len(listed) <= MOST_IN_LINK else None,
        },
        appendix=True,
    )


def _artefacts(view: StudyView) -> Table:
    """What the numbers rest on, each with what identifies it."""
    columns = (
        Column(gettext("Artefact"), numeric=False),
        Column(gettext("Identified by"), numeric=False),
    )
    context = view.context
    settings = dict(view.settings)
    if context.label_rule:
        settings["label_rule"] = ", ".join(f"{name} {value}" for name, value in context.label_rule)
    rows = [
        (
            gettext("Protocol"),
            context.protocol_digest or gettext("none: the runs came as a table"),
        ),
        (gettext("Inputs (protocol and runs)"), view.result.inputs_digest),
        ("vggstudy", gettext("version %(version)s") % {"version": __version__}),
        *((capitalise(friendly(name)), value) for name, value in sorted(settings.items())),
    ]
    return Table(gettext("Artefacts"), columns, tuple(tuple(map(entry, row)) for row in rows))


def _environment(view: StudyView) -> Table | None:
    """Machine and versions of the runs."""
    columns = (
        Column(gettext("Environment"), numeric=False),
        Column(gettext("Value"), numeric=False),
    )
    rows = [
        (entry(spoken(say("runs", n=runs))), entry("; ".join(map(_part, parts))))
        for runs, parts in view.context.environment
    ]
    return Table(gettext("Environment of the runs"), columns, tuple(rows)) if rows else None


def _part(part: str | None) -> str:
    """A part of an environment; a device that nobody recorded is none."""
    return in_words(part) if part is not None else spoken(say("unknown_device"))


def _listed(view: StudyView) -> list[Claim]:
    """The claims that the page lists: all of them, or the first of very many.

    Registered ones and those under at most one condition come before those of cells.
    """
    claims = list(view.claims)
    if len(claims) <= MOST_CLAIMS:
        return claims
    full = len(view.factors)
    few = [claim for _, claim in extremes(view)]
    few += [
        c for c in claims if c.registered or c.registration or c.conditions.keys() <= {*c.factors}
    ]
    few += [c for c in claims if len(c.conditions) <= 1]
    few += [c for c in claims if len(c.conditions) > 1 and len(c.conditions) == full]
    few = [*{claim.id: claim for claim in few}.values()][:MOST_LISTED]
    offered = {claim.offered for claim in few}
    kept = {claim.id for claim in few} | offered
    return [claim for claim in claims if claim.id in kept]


def _claims(listed: list[Claim]) -> Table:
    """One row a claim: the place that links to a claim lead to."""
    columns = (
        Column(gettext("Id"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(gettext("Survives")),
        Column("n"),
        Column(gettext("Method"), numeric=False),
    )
    rows = [
        (
            entry(claim.id),
            estimate_entry(claim),
            interval_entry(claim),
            entry("*" if claim.survives else ""),
            entry(size_of(claim)),
            entry(method_words(claim.method)),
        )
        for claim in listed
    ]
    return Table(gettext("Claims"), columns, tuple(rows), most=len(rows))


def _download(listed: list[Claim]) -> Download:
    """The same claims at full precision."""
    header = ("id", "unit", "estimate", "low", "high", "level", "method", "n", "k", "reason")
    rows = [[getattr(claim, name) for name in header] for claim in listed]
    return download("claims.csv", header, rows)
