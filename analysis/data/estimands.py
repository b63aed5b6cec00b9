"""What a claim is of: an outcome, a quantity, and the cells that are averaged and compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vggstudy.analysis.data.blocks import can_compare
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Group, is_headline
from vggstudy.analysis.data.curves import axis_for, strata_of
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.outcomes import outcome_id, unit
from vggstudy.analysis.data.parsing import conditions_of, pair_of
from vggstudy.analysis.data.phrases import AsWritten, phrase
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Note, NotedError, say
from vggstudy.claim_ids import ClaimName, encode, first_word, split_claim_id, write_claim_id
from vggstudy.errors import AnalysisError
from vggstudy.quantities import LEVELS, QUANTITIES, Form, Quantity, plain_quantity


@dataclass(frozen=True)
class Estimand:
    """One quantity of one outcome on some cells of a table.

    Attributes
    ----------
    outcome : str
        ``converged``, ``expected``, or the column.
    quantity : str
        A key of `QUANTITIES`.
    contrast : Contrast
    table : RunTable
        Whose levels the contrast counts.
    along : str or None
        Numeric factor whose level it is.
    beside : RunTable or None
        The same runs with the main outcome, where it is of a further one and that together.
    """

    outcome: str
    quantity: str
    contrast: Contrast
    table: RunTable = field(repr=False, compare=False)
    along: str | None = None
    beside: RunTable | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, outcome: str, contrast: Contrast, table: RunTable) -> Estimand:
        """A probability or mean, a difference of such, or a difference in differences."""
        return cls(outcome, plain_quantity(outcome, len(contrast.factors)), contrast, table)

    @classmethod
    def level(
        cls, quantity: str, along: str, conditions: tuple[Condition, ...], table: RunTable
    ) -> Estimand:
        """A level of a numeric factor where the others are held."""
        return cls(table.outcome, quantity, Contrast(conditions=conditions), table, along)

    @classmethod
    def parse(cls, text: str, table: RunTable, further: Iterable[RunTable] = ()) -> Estimand:
        """What an id asks for; whatever it is, it can be estimated.

        Parameters
        ----------
        text : str
        table : RunTable
        further : iterable of RunTable
            The same runs with other outcomes.

        Raises
        ------
        AnalysisError
            If the text is no id, or names an outcome, quantity, factor or level that there is not.
        """
        try:
            name = split_claim_id(text)
        except ValueError as error:
            raise AnalysisError(str(error)) from None
        own = next((x for x in further if outcome_id(x.outcome) == name.outcome), table)
        kind = QUANTITIES.get(name.quantity)
        if name.outcome in LEVELS:
            return _level(name, table, text)
        found = cls(_outcome(name, own, text), name.quantity, _contrast(name, own), own)
        if kind is None or kind.form == Form.LEVEL or not _compares(name, kind.compares):
            raise NotedError(say("no_quantity", claim=text, name=name.quantity))
        if kind.form == Form.BESIDE and same_runs(own, table):
            found = replace(found, beside=table)
        if not _fits(found):
            timed = own.horizon is not None
            form = Form.OUTCOME if timed != (kind.form == Form.TIMES) else kind.form
            raise NotedError(_misfit(form, text, name.quantity, own.block))
        return found

    @cached_property
    def id(self) -> str:
        """See `vggstudy.claim_ids`."""
        words = [first_word(outcome_id(self.outcome)), self.quantity]
        if self.along is not None:
            words = [self.quantity, encode(self.along)]
        return write_claim_id(words, self.contrast.factors, self.held)

    @cached_property
    def words(self) -> str:
        """One phrase in English: what is estimated, where, averaged over what."""
        return phrase(self, AsWritten())

    @cached_property
    def held(self) -> dict[str, str]:
        """What the id says after ``@``, by factor."""
        contrast, table = self.contrast, self.table
        held = held_of(contrast.conditions, table)
        for name, pair in zip(contrast.factors, contrast.pairs, strict=True):
            if not is_headline(table, name, pair):
                held[name] = "..".join(_written(table, name, i) for i in pair)
        return held

    @property
    def kind(self) -> Quantity:
        """What its quantity is."""
        return QUANTITIES[self.quantity]

    @property
    def unit(self) -> str:
        """Of the estimate."""
        own = "probability" if self.outcome == "converged" else self.table.unit
        return self.kind.unit or (own if self.along is None else unit(self.along))

    def groups(self, cells: Cells) -> list[Group]:
        """Signed groups of cells; the first has sign +1."""
        return self.contrast.groups(cells)


def _level(name: ClaimName, table: RunTable, text: str) -> Estimand:
    """A level of a numeric factor: one level of every other factor is held."""
    if name.outcome in ("needed", "tolerated") and not table.judged:
        raise NotedError(say("no_outcome", claim=text, name=name.outcome, names=_known(table)))
    along = "*".join(name.factors)
    if table.horizon is not None:
        raise NotedError(say("no_quantity", claim=text, name=name.quantity))
    axis = axis_for(table, along, None)
    held = conditions_of({part.factor: part for part in name.held}, table)
    if held not in strata_of(table, axis):
        others = sorted(set(table.factors) - {along})
        raise NotedError(say("must_hold", claim=text, names=others))
    return Estimand.level(name.quantity, along, held, table)


def _outcome(name: ClaimName, table: RunTable, text: str) -> str:
    """The outcome as the estimators know it."""
    known = _known(table)
    if name.quantity in QUANTITIES and QUANTITIES[name.quantity].of_all and table.judged:
        known["expected"] = "expected"
    if name.outcome not in known:
        raise NotedError(say("no_outcome", claim=text, name=name.outcome, names=known))
    return known[name.outcome]


def _known(table: RunTable) -> dict[str, str]:
    """Outcomes by the words of ids; nothing converges where nobody says what that means."""
    known = {outcome_id(table.outcome): table.outcome}
    if not table.judged:
        return known
    bounded = {} if table.bounds is None else {"expected": "expected"}
    return {"converged": "converged", **known, **bounded}


def _contrast(name: ClaimName, table: RunTable) -> Contrast:
    """The cells that are averaged and compared."""
    held = {part.factor: part for part in name.held}
    conditions = conditions_of(held, table)
    factors = tuple(sorted(name.factors))
    return Contrast(factors, tuple(pair_of(x, held.get(x), table) for x in factors), conditions)


def _compares(name: ClaimName, count: int) -> bool:
    """Whether an id names so many factors, and pairs of levels of no other."""
    others = [part for part in name.held if part.compared and part.factor not in name.factors]
    return len(name.factors) == count and not others


def _fits(asked: Estimand) -> bool:
    """Whether the quantity is of that outcome and of so many cells."""
    form, timed = asked.kind.form, asked.table.horizon is not None
    if form != Form.OUTCOME and timed != (form == Form.TIMES):
        return False
    if form.blocks:
        any_outcome = form == Form.BLOCKS or asked.outcome == asked.table.outcome
        ranks = not asked.kind.compares
        return any_outcome and can_compare(asked.contrast, asked.table, ranks=ranks)
    if form == Form.OUTCOME:
        return asked.quantity == plain_quantity(asked.outcome, len(asked.contrast.factors))
    if asked.kind.of_all and asked.outcome == "expected":
        return True
    if form == Form.BESIDE:
        return asked.outcome == asked.table.outcome and asked.beside is not None
    allowed = zip(asked.table.factors, asked.contrast.allowed(asked.table), strict=True)
    alone = all(len(x) == 1 for name, x in allowed if name not in asked.contrast.factors)
    anywhere = form == Form.VALUES or asked.quantity == "logrank"
    return asked.outcome == asked.table.outcome and (anywhere or alone)


def _misfit(form: Form, text: str, quantity: str, block: str | None) -> Note:
    """That a quantity is not of its outcome or cells."""
    if form.blocks and block is None:
        return say("no_block", claim=text)
    if form.blocks:
        return say("not_within_blocks", claim=text, factor=block)
    if form == Form.BESIDE:
        return say("association_of_further", claim=text)
    name = "no_quantity" if form == Form.OUTCOME else "of_single_cells"
    return say(name, claim=text, name=quantity)


def same_runs(first: RunTable, second: RunTable) -> bool:
    """Whether two tables hold one row each for the same runs, in the same order."""
    if first is second:
        return False
    return first.replicate == second.replicate and np.array_equal(first.codes, second.codes)


def held_of(conditions: Sequence[Condition], table: RunTable) -> dict[str, str]:
    """What an id says of conditions, by factor."""
    return {c.factor: "+".join(_written(table, c.factor, i) for i in c.levels) for c in conditions}


def named(words: Sequence[str], conditions: Sequence[Condition], table: RunTable) -> str:
    """A name in the grammar of ids of what is no claim: ``converged.slope.lr@depth=11``."""
    return write_claim_id([encode(word) for word in words], (), held_of(conditions, table))


def _written(table: RunTable, factor: str, index: int) -> str:
    return encode(write_level(table.levels[factor][index]))
