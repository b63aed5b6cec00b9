"""What a command is given: a study, a table or a claims file, and how to open it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console

if TYPE_CHECKING:
    from vggstudy.analysis import ClaimSet
    from vggstudy.study.sources import Source

factors_option = click.option(
    "--factors", default="", metavar="A,B,...", help="Columns of a CSV that are factors."
)
protocol_option = click.option(
    "--protocol", "protocol_file", help="Protocol that says how to analyse a CSV."
)


def open_for(source: str, protocol_file: str | None, factors: str) -> Source:
    """Open what a command was given."""
    from vggstudy.protocol import load_protocol
    from vggstudy.study.sources import open_source

    protocol = load_protocol(protocol_file).protocol if protocol_file else None
    names = [name.strip() for name in factors.split(",") if name.strip()]
    return open_source(source, protocol=protocol, factors=names)


def claims_of(console: Console, source: str, protocol_file: str | None, factors: str) -> ClaimSet:
    """Claims of a claims.json, of a study's own file if it is up to date, else made anew."""
    from vggstudy.errors import AnalysisError
    from vggstudy.study.analyze import analyze_source, inputs_digest

    if is_claims_file(source):
        return read_claims(Path(source))
    opened = open_for(source, protocol_file, factors)
    known = opened.claims_path
    if known is not None and (known.exists() or known.is_symlink()):
        try:
            claims = read_claims(known, follow=False)
        except AnalysisError as error:
            console.say(f"{error}; estimating anew")
            return analyze_source(opened).claims
        if not _dates_hypotheses(opened, claims):
            console.say(f"{known} does not say when hypotheses were stated: estimating anew")
            return analyze_source(opened).claims
        if all(claim.inputs_digest == inputs_digest(opened) for claim in claims.values()):
            return claims
        console.say(f"{known} is older than the study's runs: estimating anew")
    return analyze_source(opened).claims


def _dates_hypotheses(opened: Source, claims: ClaimSet) -> bool:
    """Whether late hypotheses made no claim registered, as they did before version 3."""
    from vggstudy.study.basis import stated

    late = any(one.note for one in stated(opened.study).values()) if opened.study else False
    return not late or any(claim.registration for claim in claims.values())


def is_claims_file(source: str) -> bool:
    """Whether a source is a file of claims, and no study's marker."""
    from vggstudy.study.study import is_file

    return source.endswith(".json") and is_file(source) and Path(source).name != "study.json"


def read_claims(path: Path, *, follow: bool = True) -> ClaimSet:
    """Claims of a file."""
    from vggstudy.analysis.claims.claim_set import read_claims_file

    return read_claims_file(path, follow=follow)
