"""What a report says about a study besides its results: protocol, deviations, environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from vggstudy.analysis.data.run_curves import RunCurves

if TYPE_CHECKING:
    from vggstudy.analysis.notes import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClaim:
    """What another study reports, and the claim of this one that answers it.

    Attributes
    ----------
    claim : str
        Id of this study's claim.
    value : float or str
        Theirs: a number in the claim's unit (a fraction for accuracies and probabilities), or a
        finding in words.
    reference : str
        Where they report it.
    """

    claim: str
    value: float | str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLook:
    """A look that the protocol declares.

    Attributes
    ----------
    replicates : int
        Runs of every cell.
    level : float
        Confidence level of the intervals at this look.
    spent : float
        Error spent up to it, of all.
    date : str or None
        When it was taken.
    outcome : Note or None
        What it came to.
    """

    replicates: int
    level: float
    spent: float
    date: str | None = None
    outcome: Note | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """Texts and tables that the report shows as they are; a bare CSV has none of them.

    Attributes
    ----------
    title, name, question : str or None
        From the protocol, or given with the report of a table.
    asked_late : bool
        Whether the question was given with the report, and no protocol states it.
    source : {"study", "csv"}
        Whether the runs come from a ledger or from somebody's table.
    source_name : str or None
        File name of the table or folder name of the study.
    protocol_text, protocol_digest : str or None
        The protocol as run, and the SHA-256 of its canonical form.
    factors : mapping of str to sequence
        Declared factors and their levels, in the protocol's order.
    settings : sequence of (section, key, value)
        The base recipe.
    label_rule : sequence of (name, value)
        How runs are labelled.
    amendments : sequence of mapping
        Each with `date`, `old_digest`, `new_digest` and `diff`, as the ledger records them; where
        they are known, with the notes of its `changes`, how many `runs` there were, and what is
        `touched`.
    environment : sequence of (runs, parts)
        Numbers of runs, with the device, or None where it is not known, and the versions of each.
    commands : sequence of str
        What reproduces the study and its report.
    curves : sequence of RunCurves
        Training curves of the runs that gave data.
    source_claims : sequence of SourceClaim
        What the study that is repeated reports.
    source_words : str or None
        What that study is, in words.
    basis : sequence of (Note, bool)
        What the numbers rest on, and whether it is not as planned before the first run.
    looks : sequence of DeclaredLook
        Looks that the protocol declares, in order.
    planned : int or None
        Runs that the study plans, where those of a look are analysed and others may follow.
    notes : sequence of Note or str
        What a reader must know, e.g. that the test set was used for stopping. Shown first.
    """

    title: str | None = None
    name: str | None = None
    question: str | None = None
    asked_late: bool = False
    source: Literal["study", "csv"] = "csv"
    source_name: str | None = None
    protocol_text: str | None = None
    protocol_digest: str | None = None
    factors: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    settings: Sequence[tuple[str, str, str]] = ()
    label_rule: Sequence[tuple[str, str]] = ()
    amendments: Sequence[Mapping[str, Any]] = ()
    environment: Sequence[tuple[int, Sequence[str | None]]] = ()
    commands: Sequence[str] = ()
    curves: Sequence[RunCurves] = ()
    source_claims: Sequence[SourceClaim] = ()
    source_words: str | None = None
    basis: Sequence[tuple[Note, bool]] = ()
    looks: Sequence[DeclaredLook] = ()
    planned: int | None = None
    notes: Sequence[Note | str] = ()
