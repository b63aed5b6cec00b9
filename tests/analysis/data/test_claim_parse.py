"""Ids back to contrasts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vggstudy.analysis.claims.catalogue import everything
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.result import AnalysisResult
from vggstudy.claim_ids import split_claim_id
from vggstudy.errors import AnalysisError

TableMaker = Callable[..., RunTable]


@pytest.mark.parametrize("name", ["main", "degenerate"])
def test_every_claim_is_read_back(name: str, analysed: Callable[[str], AnalysisResult]) -> None:
    result = analysed(name)
    for claim in result.claims.values():
        asked = Estimand.parse(claim.id, result.table)
        assert (asked.id, asked.words, asked.held) == (claim.id, claim.estimand, claim.conditions)
    how = How(0.95, Resampling("calibrated", 99, 1, 131_072))
    made = list(everything(ClaimMaker(Cells.from_table(result.table), how, "inputs")))
    assert len(made) > 1_000
    assert [Estimand.parse(one.id, result.table) for one in made] == made


def test_truth_values_stand_for_one_and_zero(ledger: Callable[[str], RunTable]) -> None:
    table = ledger("main")
    words = Estimand.parse("converged.p@batch_norm=true,depth=19", table)
    digits = Estimand.parse("converged.p@batch_norm=1,depth=19", table)
    assert words == digits


def test_names_with_the_ids_own_characters_are_read_back(make_table: TableMaker) -> None:
    table = make_table({("x=1,y", 0): [0.5], ("50%..60%", 1): [0.6]}, factors=("a*b", "c@d"))
    from vggstudy.analysis.data.contrasts import Condition, Contrast

    for level in (0, 1):
        contrast = Contrast(("c@d",), ((0, 1),), (Condition("a*b", (level,)),))
        asked = Estimand.of("test_accuracy", contrast, table)
        assert Estimand.parse(asked.id, table) == asked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "begins with outcome.quantity, got 'accuracy'"),
        ("accuracy.diff.depth@depth", "factor=level, got 'depth'"),
        ("accuracy.diff.depth@data_norm=", "factor=level, got 'data_norm='"),
        ("accuracy.diff.depth@depth=11", "names depth twice"),
        ("loss.diff.depth", "no outcome 'loss'; there are converged, accuracy, expected"),
        ("accuracy.diff.width", "no factor 'width'; there are depth, batch_size"),
        ("accuracy.mean@width=1", "no factor 'width'; there are depth, batch_size"),
        ("accuracy.mean@depth=12", "depth has no level '12'; it has 11, 19"),
        ("accuracy.mean@batch_size=7", "it has 8, 16, 32, 64, 128, 256 ..."),
        ("accuracy.p", "'p' is no quantity that fits"),
        ("converged.mean", "'mean' is no quantity that fits"),
        ("accuracy.did.depth", "'did' is no quantity that fits"),
    ],
)
def test_what_is_no_claim_of_the_table_is_said(
    text: str, message: str, ledger: Callable[[str], RunTable]
) -> None:
    with pytest.raises(AnalysisError) as caught:
        Estimand.parse(text, ledger("main"))
    assert message in str(caught.value)


def test_levels_in_words_must_say_which_two_are_compared(make_table: TableMaker) -> None:
    table = make_table({(x, 0): [0.5, 0.6] for x in ("adam", "sgd", "lion")})
    with pytest.raises(AnalysisError, match="a has 3 levels: say which two"):
        Estimand.parse("accuracy.diff.a", table)
    asked = Estimand.parse("accuracy.diff.a@a=adam..sgd", table)
    assert asked.contrast.pairs == ((0, 1),)
    assert Estimand.parse("accuracy.diff.a@a=lion..adam", table).contrast.pairs == ((2, 0),)


@pytest.mark.parametrize("name", ["main", "degenerate"])
def test_every_other_claim_is_made_again_from_its_id(
    name: str, analysed: Callable[[str], AnalysisResult]
) -> None:
    result = analysed(name)
    cells = Cells.from_table(result.table)
    how = How(0.95, Resampling("calibrated", 999, 1, 131_072))
    maker = ClaimMaker(cells, how, result.inputs_digest)
    others = [x for x in result.claims.values() if x.quantity not in {"p", "mean", "diff", "did"}]
    for claim in others[::13]:
        made = maker.claim(maker.parse(claim.id)).sealed()
        # What is offered in place of a refused claim belongs to the analysis that offers it.
        offers = claim.offered or any(note.code == "sub_grid" for note in claim.warnings)
        assert (made.estimate, made.low, made.high) == (claim.estimate, claim.low, claim.high)
        assert offers or made == claim


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peak.batch_size@depth=11", "must hold each of batch_norm, data_norm, depth"),
        (
            "peak.batch_size@batch_norm=1,data_norm=0,depth=11+19",
            "must hold each of batch_norm, data_norm, depth",
        ),
        ("peak.depth@depth=11", "names depth twice"),
        ("peak.batch_size.depth", "no factor 'batch_size.depth'"),
        ("accuracy.peak.batch_size", "'peak' is no quantity that fits"),
        ("accuracy.iqm.depth", "'accuracy.iqm.depth': 'iqm' is no quantity that fits"),
        ("accuracy.mean@depth=11..19", "'mean' is no quantity that fits"),
        ("accuracy.association", "association is of a further outcome of the same runs"),
        ("needed.width", "no factor 'width'"),
        ("accuracy.median", "median is of the outcome in single cells"),
        ("converged.hedges_g.depth", "hedges_g is of the outcome in single cells"),
    ],
)
def test_other_claims_that_do_not_exist_are_refused(
    text: str, message: str, ledger: Callable[[str], RunTable]
) -> None:
    with pytest.raises(AnalysisError) as caught:
        Estimand.parse(text, ledger("main"))
    assert message in str(caught.value)


def test_an_id_is_taken_apart_by_hand() -> None:
    name = split_claim_id("accuracy.diff.model.depth@batch_size=8+16,model.depth=11..19")
    assert (name.outcome, name.quantity, name.factors) == ("accuracy", "diff", ("model.depth",))
    assert [(x.factor, x.levels, x.compared) for x in name.held] == [
        ("batch_size", ("8", "16"), False),
        ("model.depth", ("11", "19"), True),
    ]
