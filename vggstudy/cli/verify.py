"""Check that a paper's numbers, or those of a claims file, are a study's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.cli.console import Console
from vggstudy.cli.given import TableChoice, is_claims_file, open_for, read_claims
from vggstudy.cli.standing import DamagedError, say_basis, strict_code
from vggstudy.errors import LedgerError, StudyError

if TYPE_CHECKING:
    from vggstudy.analysis import ClaimSet
    from vggstudy.cli.rerunning import RerunChoice
    from vggstudy.report.citing.verify import Verification
    from vggstudy.study.basis import Basis
    from vggstudy.study.study import Study


class UnverifiableError(StudyError):
    """What keeps a file from being verified."""

    exit_code = 2


def verify(
    console: Console,
    path: Path,
    against: str,
    table: TableChoice,
    *,
    recompute: bool,
    allowed: Sequence[Path],
    trusted: Sequence[Path],
    again: RerunChoice,
    strict: bool = False,
    brought: Mapping[str, Path | None] | None = None,
    annotate: bool = False,
    list_unbound: bool = False,
) -> int:
    """0 where every number is the study's, 1 where one is not, 2 where it cannot be told.

    Raises
    ------
    UnverifiableError
        If the file or the study cannot be read, or the file holds nothing to verify.
    DamagedError
        If a record of the study, or a claims file, is damaged.
    """
    claims, basis = _study_claims(console, against, table, trusted=trusted, brought=brought or {})
    if basis is not None and not basis.sound:
        raise DamagedError("; ".join(basis.damage))
    if strict and basis is None:
        msg = f"--strict: {against} is no study, and no protocol of a table that was registered"
        raise UnverifiableError(msg)
    try:
        done = _verified(
            path,
            claims,
            recompute=recompute,
            allowed=allowed,
            trusted=trusted,
            list_unbound=list_unbound,
        )
    except StudyError as error:
        kind = DamagedError if isinstance(error, DamagedError) else UnverifiableError
        raise kind(str(error)) from None
    wrong = [str(one) for result in done for one in result.mismatches if one.code == 1]
    unclear = [str(one) for result in done for one in result.mismatches if one.code != 1]
    warnings = [str(one) for result in done for one in result.warnings]
    checked = sum(result.checked for result in done)
    repeated = _again(console, against, again)
    codes = {1 if wrong else 2 if unclear else 0, repeated.get("code", 0)}
    code = 1 if 1 in codes else max(codes)
    if console.as_json:
        content = {"checked": checked, "mismatches": wrong, "unclear": unclear}
        rerun = {"rerun": repeated} if repeated else {}
        rests = {"basis": basis.to_dict()} if basis else {}
        console.json("verify", {**content, "warnings": warnings, **rerun, **rests})
        return code or (strict_code(console, basis) if strict and basis else 0)
    if annotate:
        for one in (x for result in done for x in (*result.mismatches, *result.warnings)):
            console.data(one.annotation)
    else:
        if basis is not None:
            say_basis(console, basis, in_short=True)
        for text in [*wrong, *unclear]:
            console.data(text)
        for text in warnings:
            console.warn(text)
    said = f", {len(unclear)} not understood" if unclear else ""
    console.say(f"{checked} checked, {len(wrong)} wrong{said}")
    return code or (strict_code(console, basis) if strict and basis else 0)


def _study_claims(
    console: Console,
    against: str,
    table: TableChoice,
    *,
    trusted: Sequence[Path],
    brought: Mapping[str, Path | None],
) -> tuple[ClaimSet, Basis | None]:
    """The study's claims, estimated from its records, and what they rest on.

    Claims in its folder are not believed. A table whose protocol was never registered, or a file
    of claims, rests on nothing.
    """
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.basis import basis_of
    from vggstudy.study.receipts import Trusted
    from vggstudy.study.table_register import table_basis

    try:
        if is_claims_file(against):
            table.refuse_claims(against)
            _refuse_untrusted(Path(against), trusted)
            console.warn(f"{against} is a file of claims: no record is looked at")
            return _sound(Path(against)), None
        source = open_for(against, table)
        if source.study is not None:
            _refuse_different_images(source.study)
        result = analyze_source(source, claims_only=True)
        inputs, known = result.inputs_digest, Trusted(**brought)
        if source.study is None:
            return result.claims, table_basis(source, inputs_digest=inputs, trusted=known)
        return result.claims, basis_of(source.study, inputs_digest=inputs, trusted=known)
    except LedgerError as error:
        raise DamagedError(str(error)) from None
    except DamagedError:
        raise
    except StudyError as error:
        raise UnverifiableError(str(error)) from None


def _again(console: Console, against: str, choice: RerunChoice) -> dict[str, Any]:
    """What came of the runs that were trained again; nothing where none was asked for."""
    from vggstudy.cli.rerunning import rerun_study
    from vggstudy.study.places import find_study, is_file
    from vggstudy.study.study import Study

    if not choice.count:
        return {}
    try:
        if is_file(against) and Path(against).name != "study.json":
            msg = f"{against} is no study: --rerun trains what a study's protocol and records name"
            raise UnverifiableError(msg)
        return rerun_study(console, Study.open(find_study(against)), choice)
    except StudyError as error:
        raise UnverifiableError(str(error)) from None


def _refuse_untrusted(path: Path, trusted: Sequence[Path]) -> None:
    """A file of claims is no evidence of what a study found, unless somebody vouches for it."""
    if path.resolve() not in {one.resolve() for one in trusted}:
        msg = (
            f"{path} is a file of claims, which anybody can write: name the study, its pack or its "
            f"table of runs, or vouch for the file with --trust {path}"
        )
        raise UnverifiableError(msg)


def _refuse_different_images(study: Study) -> None:
    """Runs of one study that saw different images are no study of one thing."""
    from vggstudy.study.agreement import different_images, planned_rows

    for sentence in different_images(study.plan, planned_rows(study.plan, study.store())):
        raise DamagedError(sentence)


def _sound(path: Path) -> ClaimSet:
    """Claims of a file."""
    try:
        return read_claims(path)
    except StudyError as error:
        raise DamagedError(str(error)) from None


def _verified(
    path: Path,
    claims: ClaimSet,
    *,
    recompute: bool,
    allowed: Sequence[Path],
    trusted: Sequence[Path],
    list_unbound: bool,
) -> list[Verification]:
    """What was checked, and what is wrong."""
    from vggstudy.report.citing.verify import verify_claims, verify_paper, verify_recomputed

    if path.suffix != ".json":
        return [
            verify_paper(path, claims, allowed=allowed, trusted=trusted, list_unbound=list_unbound)
        ]
    cited = _sound(path)
    if recompute:
        return [verify_claims(path, cited, claims), verify_recomputed(path, cited, claims)]
    return [verify_claims(path, cited, claims)]
