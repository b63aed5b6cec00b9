"""One registry: every quantity that an id can name is estimated, and a new one is one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vggstudy.analysis.claims.catalogue import everything, made_by_default
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.registry import ESTIMATORS, Entry
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.quantities import QUANTITIES, Form, Quantity

TableMaker = Callable[..., RunTable]
HOW = How(0.95, Resampling("calibrated", 99, 1, 131_072))
CELLS: dict[tuple[int, int], list[float | None]] = {
    (a, b): [0.5, 0.6, 0.7 + a / 20 + b / 400] for a in (0, 1) for b in (8, 16, 32)
}
CELLS |= {(0, 8): [None] * 3, (1, 32): [None] * 3}
"""Learning rises along b in one stratum, and falls in the other."""


@pytest.fixture
def maker(make_table: TableMaker) -> ClaimMaker:
    """Six cells, and the seconds of the same runs."""
    seconds = make_table({key: [3.0, 1.0, 2.0] for key in CELLS}, outcome="seconds")
    cells = Cells.from_table(make_table(CELLS))
    return ClaimMaker(cells, HOW, "inputs", {"seconds": Cells.from_table(seconds)})


def test_every_quantity_has_one_estimator_and_every_estimator_a_quantity() -> None:
    assert ESTIMATORS.keys() == QUANTITIES.keys()


def test_a_pattern_finds_every_quantity_and_each_claim_is_made_once(maker: ClaimMaker) -> None:
    plain = {
        name
        for name, kind in QUANTITIES.items()
        if not kind.form.blocks and kind.form != Form.TIMES
    }
    assert {one.quantity for one in everything(maker)} == plain
    asked = list(made_by_default(maker, headline_only=False))
    assert len({one.id for one in asked}) == len(asked)
    short = list(made_by_default(maker, headline_only=True))
    assert not [one.id for one in short if one.contrast.conditions]


def _largest(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The largest value in some cells, with an interval of its own."""
    used = asked.groups(cells)[0].cells.tolist()
    top = max(float(cells.cell_values(c).max()) for c in used)
    return Finding(top, Interval(top, top - how.confidence, top, "invented"))


def test_a_new_quantity_is_a_function_a_line_and_its_words(
    maker: ClaimMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "largest %(measure)s among converged runs"
    monkeypatch.setitem(QUANTITIES, "largest", Quantity(words, Form.VALUES))
    monkeypatch.setitem(ESTIMATORS, "largest", Entry(_largest))
    asked = maker.parse("seconds.largest@a=1,b=8")
    claim = maker.claim(asked)
    assert (claim.id, claim.estimate, claim.unit) == ("seconds.largest@a=1,b=8", 3.0, "s")
    assert claim.estimand == "largest seconds among converged runs, at a = 1, at b = 8"
    assert maker.finding(asked, 0.5).interval == Interval(3.0, 2.5, 3.0, "invented")


def test_a_claim_is_sealed_by_its_set_and_not_before(maker: ClaimMaker) -> None:
    claim = maker.claim(maker.parse("accuracy.mean@a=1,b=8"))
    assert claim.claim_digest == ""
    sealed = ClaimSet([claim])[claim.id]
    assert sealed.claim_digest == sealed.content_digest() == claim.content_digest()
    assert ClaimSet([sealed])[claim.id] is sealed
