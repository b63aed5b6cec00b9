"""Section 13, reproduce and cite: commands, digests, environment, texts to copy, all claims."""

from __future__ import annotations

from vggstudy._version import __version__
from vggstudy.report.cite import bibtex, study_apa
from vggstudy.report.sections.base import Section, Source
from vggstudy.report.tables import Column, Table, download, entry, estimate_entry, interval_entry
from vggstudy.report.view import StudyView


def build(source: Source) -> Section:
    """Build the section."""
    view, t = source.view, source.messages
    context, digest = view.context, view.result.inputs_digest
    name = context.title or context.name or context.source_name
    return Section(
        13,
        "cite",
        t.gettext("Reproduce and cite"),
        {
            "commands": [str(command) for command in context.commands],
            "artefacts": _artefacts(view),
            "environment": _environment(view),
            "bibtex": bibtex(name=name, inputs_digest=digest),
            "apa": study_apa(name=name, inputs_digest=digest),
            "claims": _claims(view),
            "download": _download(view),
        },
    )


def _artefacts(view: StudyView) -> Table:
    """What the numbers rest on, each with what identifies it."""
    columns = (Column("Artefact", numeric=False), Column("Identified by", numeric=False))
    context = view.context
    rows = [
        ("Protocol", context.protocol_digest or "none: the runs came as a table"),
        ("Inputs (protocol and runs)", view.result.inputs_digest),
        ("vggstudy", f"version {__version__}"),
        *((str(name), str(value)) for name, value in sorted(view.settings.items())),
    ]
    return Table("Artefacts", columns, tuple(tuple(map(entry, row)) for row in rows))


def _environment(view: StudyView) -> Table | None:
    """Machine and versions of the runs."""
    columns = (Column("Environment", numeric=False), Column("Value", numeric=False))
    rows = [tuple(map(entry, row)) for row in view.context.environment]
    return Table("Environment of the runs", columns, tuple(rows)) if rows else None


def _claims(view: StudyView) -> Table:
    """Every claim, the place that links to a claim lead to."""
    columns = (Column("Id", numeric=False), Column("Estimate"), Column("Interval"), Column("n"),
               Column("Method", numeric=False))
    rows = [
        (entry(claim.id), estimate_entry(claim), interval_entry(claim), entry(claim.n),
         entry(claim.method or "–"))
        for claim in view.claims
    ]
    return Table("All claims", columns, tuple(rows))


def _download(view: StudyView) -> object:
    """All claims at full precision."""
    header = ("id", "estimand", "unit", "estimate", "low", "high", "level", "method", "n", "k",
              "status", "reason")
    rows = [tuple(getattr(claim, name) for name in header) for claim in view.claims]
    return download("claims.csv", header, rows)
