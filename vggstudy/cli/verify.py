"""Check that a paper's numbers, or those of a claims file, are a study's."""

from __future__ import annotations

from pathlib import Path

import click

from vggstudy.cli.console import Console
from vggstudy.cli.given import claims_of, open_for, read_claims
from vggstudy.errors import StudyError


class UnverifiableError(StudyError):
    """What keeps a file from being verified."""

    exit_code = 2


def verify(
    console: Console,
    file: str | None,
    against: str | None,
    protocol_file: str | None,
    factors: str,
    *,
    recompute: bool,
) -> int:
    """0 where every number is the study's, 1 where one is not.

    Raises
    ------
    UnverifiableError
        If the file or the study cannot be read, or the file holds nothing to verify.
    """
    if file is None or against is None:
        msg = "verify needs a file and a study: vggstudy cite verify FILE --against STUDY"
        raise click.UsageError(msg)
    try:
        checked, found = _checked(
            console, Path(file), against, protocol_file, factors, recompute=recompute
        )
    except StudyError as error:
        raise UnverifiableError(str(error)) from None
    if console.as_json:
        console.json("verify", {"checked": checked, "mismatches": found})
    else:
        for text in found:
            console.data(text)
        console.say(f"{checked} checked, {len(found)} wrong")
    return 1 if found else 0


def _checked(
    console: Console,
    path: Path,
    against: str,
    protocol_file: str | None,
    factors: str,
    *,
    recompute: bool,
) -> tuple[int, list[str]]:
    """How many things were checked, and what is wrong."""
    from vggstudy.report.citing.verify import verify_claims, verify_paper, verify_recomputed
    from vggstudy.study.analyze import analyze_source

    claims = claims_of(console, against, protocol_file, factors)
    if path.suffix == ".json":
        cited = read_claims(path)
        done = [verify_claims(path, cited, claims)]
    else:
        cited = claims
        done = [verify_paper(path, claims)]
    if recompute:
        anew = analyze_source(open_for(against, protocol_file, factors)).claims
        done.append(verify_recomputed(path, cited, anew))
    return (
        sum(result.checked for result in done),
        [str(mismatch) for result in done for mismatch in result.mismatches],
    )
