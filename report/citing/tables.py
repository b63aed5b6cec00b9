r"""A table of claims for LaTeX, made from claims alone: whoever has them can make it anew.

Every cell stands on a line of its own that ends in its claim's id as a comment. Numbers are plain
digits: a setting of a package could round them, or a macro be redefined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy._version import __version__
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cautions import refused_checks
from vggstudy.report.citing.floats import escape_latex
from vggstudy.report.words.display import display
from vggstudy.report.words.names import capitalise, friendly, in_words

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

HEAD = "% vggstudy-table 1; "

BEST = ("none", "highest", "lowest")

_HEAD = re.compile(
    re.escape(HEAD)
    + r"value=(?P<value>[^;]+); rows=(?P<rows>[^;]+); columns=(?P<columns>[^;]+); "
    + r"best=(?P<best>none|highest|lowest); label=(?P<label>[A-Za-z0-9:_-]{1,80}); "
    + r"made by vggstudy [\w.+]+"
)

NO_COLUMNS = "-"


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What a table shows.

    Attributes
    ----------
    value : str
        What stands in a cell, as an id without conditions: ``accuracy.mean``.
    rows : str
        The factor whose levels are rows.
    columns : str or None
        The factor whose levels are columns; without it there is one.
    best : str
        Which end of a column is marked: none, highest or lowest.
    label : str
    """

    value: str
    rows: str
    columns: str | None
    best: str
    label: str

    @classmethod
    def read(cls, line: str) -> TableSpec | None:
        """What the first line of a table says; None where it is none."""
        found = _HEAD.fullmatch(line)
        if found is None:
            return None
        value, rows, columns, best, label = found.groups()
        return cls(value, rows, None if columns == NO_COLUMNS else columns, best, label)

    @property
    def head(self) -> str:
        """The first line."""
        columns = self.columns or NO_COLUMNS
        return (
            f"{HEAD}value={self.value}; rows={self.rows}; columns={columns}; best={self.best}; "
            f"label={self.label}; made by vggstudy {__version__}"
        )


def table(claims: Mapping[str, Claim], spec: TableSpec, *, inputs_digest: str) -> str:
    r"""A file for ``\input``: a table in booktabs' style with every cell bound to its claim.

    Parameters
    ----------
    claims : mapping of str to Claim
        Those of levels of both factors, and any that is asked for.
    spec : TableSpec
    inputs_digest : str

    Raises
    ------
    AnalysisError
        If there is nothing to show.
    """
    rows = _levels(claims, spec, spec.rows)
    columns = _levels(claims, spec, spec.columns) if spec.columns else [None]
    shown = {(row, c): _claim(claims, spec, row, c) for row in rows for c in columns}
    first = next((one for one in shown.values() if one is not None and one.available), None)
    if first is None:
        raise AnalysisError(f"no claim {spec.value} by {spec.rows} has an interval to be shown")
    best = {(level, c) for c in columns if (level := _best(claims, spec, rows, c)) is not None}
    heads = [f"& {escape_latex(_head(spec, level))}" for level in columns]
    lines = [
        spec.head,
        f"% inputs SHA-256 {inputs_digest}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(_caption(spec, first, marked=bool(best)))}}}",
        rf"\label{{{spec.label}}}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        escape_latex(capitalise(friendly(spec.rows))),
        *heads,
        r"\\ \midrule",
    ]
    for row in rows:
        lines.append(escape_latex(row))
        lines += [_cell(shown[row, c], marked=(row, c) in best) for c in columns]
        lines.append(r"\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _levels(claims: Mapping[str, Claim], spec: TableSpec, factor: str | None) -> list[str]:
    """The levels of a factor, in the order of the claims on one of them."""
    found = [
        one.conditions[factor]
        for name, one in claims.items()
        if factor is not None
        and name.partition("@")[0] == spec.value
        and not one.factors
        and set(one.conditions) == {factor}
        and "+" not in one.conditions[factor]
    ]
    if not found:
        raise AnalysisError(
            f"there is no claim {spec.value}@{factor}=...: name a mean or a probability "
            "(accuracy.mean, converged.p, expected.mean) and a factor"
        )
    return [*dict.fromkeys(found)]


def _id(value: str, conditions: Mapping[str, str]) -> str:
    """An id with its conditions, sorted by factor."""
    return f"{value}@{','.join(f'{name}={conditions[name]}' for name in sorted(conditions))}"


def _claim(
    claims: Mapping[str, Claim], spec: TableSpec, row: str, column: str | None
) -> Claim | None:
    """The claim of a cell."""
    held = {spec.rows: row} | ({spec.columns: column} if spec.columns and column else {})
    return claims.get(_id(spec.value, held))


def _cell(claim: Claim | None, *, marked: bool) -> str:
    """A cell's line."""
    printed = None if claim is None or not claim.available else display(claim)
    if claim is None or printed is None or refused_checks(claim, ()):
        return "& --" + (f" % {claim.id}" if claim is not None else "")
    text = escape_latex(printed.estimate.replace("-", "−"))
    ends = escape_latex(printed.ends.replace("-", "−"))
    estimate = rf"\textbf{{{text}}}" if marked else text
    return f"& {estimate} {ends} % {claim.id}"


def _best(
    claims: Mapping[str, Claim], spec: TableSpec, rows: list[str], column: str | None
) -> str | None:
    """The level of a column that its differences from all others tell from them; often none."""
    if spec.best == "none" or len(rows) < 2:
        return None
    sign = 1 if spec.best == "highest" else -1
    known = [(level, _claim(claims, spec, level, column)) for level in rows]
    values = [
        (sign * one.estimate, level) for level, one in known if one and one.estimate is not None
    ]
    if len(values) < len(rows):
        return None
    best = max(values)[1]
    others = [level for level in rows if level != best]
    return best if all(_beats(claims, spec, best, o, column, sign) for o in others) else None


def _beats(
    claims: Mapping[str, Claim],
    spec: TableSpec,
    best: str,
    other: str,
    column: str | None,
    sign: int,
) -> bool:
    """Whether the claim on the difference of two levels excludes none, on the right side."""
    outcome = spec.value.partition(".")[0]
    held = {spec.columns: column} if spec.columns and column else {}
    for later, earlier, way in ((best, other, 1), (other, best, -1)):
        name = _id(f"{outcome}.diff.{spec.rows}", {**held, spec.rows: f"{earlier}..{later}"})
        claim = claims.get(name)
        if claim is not None and claim.available:
            return claim.side == sign * way
    return False


def _head(spec: TableSpec, level: str | None) -> str:
    """What stands above a column."""
    return spec.value if level is None else f"{friendly(spec.columns or '')} {level}"


def _caption(spec: TableSpec, claim: Claim, *, marked: bool) -> str:
    """What the numbers are."""
    what = capitalise(in_words(claim.estimand).partition(" at ")[0].partition(",")[0])
    text = f"{what} by {friendly(spec.rows)}"
    if spec.columns:
        text += f" and {friendly(spec.columns)}"
    text += (
        f", averaged over all else with equal weights, with {claim.level:.0%} confidence intervals."
    )
    if marked:
        text += (
            f" Bold: the {spec.best} of a column, where each of its differences from the others "
            "has an interval that excludes none."
        )
    return text
