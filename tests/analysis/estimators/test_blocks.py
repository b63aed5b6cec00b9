"""Claims over blocks: by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.claims.over_blocks import over_blocks
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.block_ranks import block_ranks
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.errors import AnalysisError

HOW = How(0.95, Resampling("calibrated", 99, 1, 131_072))
SHARED = How(0.95, Resampling("calibrated", 99, 1, 131_072), shared_seeds=True)
MODELS = ("a", "b", "c")


def runs(
    outcome: str = "test_accuracy", blocks: int = 6, scale: tuple[float, ...] = (), seed: int = 1
) -> pd.DataFrame:
    """Three models on some data sets, four seeds each; every data set may have a scale."""
    rng = np.random.default_rng(seed)
    rows = []
    for block in range(blocks):
        size = scale[block % len(scale)] if scale else 1.0
        level = rng.normal(0.6, 0.05)
        for at, model in enumerate(MODELS):
            mean = level + 0.02 * at + rng.normal(0, 0.01)
            for k in range(4):
                value = size * (mean + rng.normal(0, 0.01))
                rows.append((model, f"set {block}", k, value, "converged"))
    return pd.DataFrame(rows, columns=["model", "dataset", "replicate", outcome, "label"])


def maker(frame: pd.DataFrame, outcome: str = "test_accuracy", how: How = HOW) -> ClaimMaker:
    factors = [x for x in frame if x in {"model", "dataset", "width"}]
    table = RunTable.from_frame(frame, factors=factors, outcome=outcome).blocked("dataset")
    return ClaimMaker(Cells.from_table(table), how, "inputs")


def claim(made: ClaimMaker, text: str) -> Claim:
    asked = made.parse(text)
    assert asked.id == text
    return made.claim(asked)


def other(found: Claim, method: str) -> tuple[float, float]:
    return next((x.low, x.high) for x in found.alternatives if x.method == method)


def means(frame: pd.DataFrame, outcome: str = "test_accuracy") -> pd.DataFrame:
    return frame.pivot_table(index="dataset", columns="model", values=outcome)


def test_a_difference_is_a_paired_t_test_over_blocks_beside_the_one_within_them() -> None:
    frame = runs()
    table = means(frame)
    found = claim(maker(frame), "accuracy.block_diff.model@model=a..c")
    interval = ttest_rel(table.c, table.a).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    variance = frame.groupby(["dataset", "model"]).test_accuracy.var().drop("b", level="model")
    parts = (variance / 4 / 36).to_numpy()
    half = student.ppf(0.975, parts.sum() ** 2 / (parts**2 / 3).sum()) * parts.sum() ** 0.5
    low, high = other(found, "within_blocks")
    assert (high - low) / 2 == pytest.approx(half)
    assert (high + low) / 2 == pytest.approx(found.estimate)
    assert (found.unit, found.reference, found.n) == ("fraction", 0.0, 48)
    (note,) = found.warnings
    assert note.code == "heterogeneity"
    assert "in 6 of 6 blocks (dataset)" in note.text


def test_within_blocks_runs_of_one_seed_are_paired() -> None:
    frame = runs()
    found = claim(maker(frame, how=SHARED), "accuracy.block_diff.model@model=a..c")
    wide = frame.pivot_table(index="replicate", columns=["model"], values="test_accuracy")
    difference = (wide.c - wide.a).to_numpy()
    half = student.ppf(0.975, 3) * difference.std(ddof=1) / 2
    low, high = other(found, "within_blocks")
    assert (high - low) / 2 == pytest.approx(half)
    plain = claim(maker(frame), "accuracy.block_diff.model@model=a..c")
    assert (found.low, found.high) == (plain.low, plain.high)


def test_units_of_their_own_have_no_mean_difference_but_ratios_and_shares_of_the_range() -> None:
    frame = runs("score", scale=(1.0, 1000.0))
    made = maker(frame, "score")
    refused = claim(made, "score.block_diff.model@model=a..c")
    assert refused.reason == "no_common_unit"
    assert "block_ratio" in str(refused.reason_text)
    logs = means(frame, "score").transform(np.log)
    interval = ttest_rel(logs.c, logs.a).confidence_interval()
    ratio = claim(made, "score.block_ratio.model@model=a..c")
    assert (ratio.low, ratio.high) == pytest.approx(np.exp([interval.low, interval.high]))
    assert (ratio.unit, ratio.reference) == ("ratio", 1.0)
    table = means(frame, "score")
    shares = (table.c - table.a) / (table.max(axis=1) - table.min(axis=1))
    scaled = claim(made, "score.block_scaled.model@model=a..c")
    assert scaled.estimate == pytest.approx(shares.mean())
    # In a unit that the name tells, or with scales that are alike, differences stand.
    assert claim(maker(runs("val_loss", scale=(1.0, 9.0)), "val_loss"),
                 "val_loss.block_diff.model@model=a..c").available  # fmt: skip
    assert claim(maker(runs("score"), "score"), "score.block_diff.model@model=a..c").available


def test_a_ratio_of_negative_scores_says_which_is_higher_and_of_two_signs_there_is_none() -> None:
    frame = runs("score")
    negative = frame.assign(score=-frame.score)
    plain = claim(maker(frame, "score"), "score.block_ratio.model@model=a..c")
    turned = claim(maker(negative, "score"), "score.block_ratio.model@model=a..c")
    assert plain.estimate is not None
    assert turned.estimate == pytest.approx(1 / plain.estimate)
    assert plain.estimate > 1
    mixed = frame.assign(score=np.where(frame.dataset == "set 2", 0.0, frame.score))
    refused = claim(maker(mixed, "score"), "score.block_ratio.model@model=a..c")
    assert refused.reason == "no_common_unit"
    assert "set 2" in str(refused.reason_text)


def test_the_within_interval_of_a_ratio_is_to_first_order_that_of_logarithms() -> None:
    frame = runs("score")
    found = claim(maker(frame, "score"), "score.block_ratio.model@model=a..c")
    logs = claim(maker(frame.assign(score=np.log(frame.score)), "score"),
                 "score.block_diff.model@model=a..c")  # fmt: skip
    # Runs spread by 2% of their mean: second-order terms are about 1e-4 of it.
    assert np.log(other(found, "within_blocks")) == pytest.approx(
        other(logs, "within_blocks"), abs=4e-4
    )


@pytest.mark.parametrize("lower", [False, True])
def test_wins_and_ranks_know_which_way_is_better(*, lower: bool) -> None:
    frame = runs()
    table = RunTable.from_frame(
        frame, factors=["model", "dataset"], outcome="test_accuracy", lower_is_better=lower
    ).blocked("dataset")
    made = ClaimMaker(Cells.from_table(table), HOW, "inputs")
    ranks = means(frame).rank(axis=1, ascending=lower)
    for model in MODELS:
        found = claim(made, f"accuracy.block_rank@model={model}")
        assert found.estimate == pytest.approx(ranks[model].mean())
    wins = claim(made, "accuracy.block_wins.model@model=a..c")
    assert wins.estimate == (ranks.c < ranks.a).mean()
    assert (wins.unit, wins.reference, wins.method) == ("probability", 0.5, "clopper_pearson")


def test_a_tie_is_half_a_win() -> None:
    frame = runs()
    tied = frame.dataset == "set 0"
    frame.loc[tied, "test_accuracy"] = np.tile([0.5, 0.6, 0.7, 0.8], 3)
    wins = claim(maker(frame), "accuracy.block_wins.model@model=a..c")
    assert wins.estimate == pytest.approx(5.5 / 6)


def test_blocks_that_lack_a_level_are_left_out_and_said() -> None:
    frame = runs(blocks=8)
    frame = frame[~((frame.dataset == "set 3") & (frame.model == "b"))]
    made = maker(frame)
    table = means(frame)
    pair = claim(made, "accuracy.block_diff.model@model=a..b")
    assert pair.estimate == pytest.approx((table.b - table.a).mean())
    assert "1 of 8 blocks (dataset) lack one of the two levels" in pair.warnings[0].text
    assert pair.k == 7 * 8
    whole = claim(made, "accuracy.block_diff.model@model=a..c")
    assert [x.code for x in whole.warnings] == ["heterogeneity"]
    rank = claim(made, "accuracy.block_rank@model=a")
    assert rank.estimate == pytest.approx(table.dropna().rank(axis=1, ascending=False).a.mean())
    assert rank.warnings[0].code == "blocks_left_out"


def test_a_level_of_few_blocks_is_not_ranked_and_takes_no_block_away() -> None:
    frame = runs(blocks=8)
    few = {f"set {i}" for i in range(3)}
    frame = frame[(frame.model != "b") | frame.dataset.isin(few)]
    made = maker(frame)
    assert claim(made, "accuracy.block_rank@model=b").reason == "missing_cells"
    rank = claim(made, "accuracy.block_rank@model=c")
    assert rank.estimate == 1.0
    assert rank.high is not None
    assert rank.high > 1.2
    assert [x.code for x in rank.warnings] == ["levels_absent"]


def test_within_a_block_levels_of_other_factors_are_matched() -> None:
    first, second = runs().assign(width=1), runs(seed=2).assign(width=2)
    frame = pd.concat([first, second])
    ragged = frame[~((frame.dataset == "set 1") & (frame.width == 2) & (frame.model == "a"))]
    found = claim(maker(ragged), "accuracy.block_diff.model@model=a..c")
    both = ragged.pivot_table(index=["dataset", "width"], columns="model", values="test_accuracy")
    both = both.dropna()
    each = (both.c - both.a).groupby("dataset").mean()
    assert found.estimate == pytest.approx(each.mean())
    held = claim(maker(ragged), "accuracy.block_diff.model@model=a..c,width=2")
    alone = (both.c - both.a).xs(2, level="width")
    assert held.estimate == pytest.approx(alone.mean())
    assert alone.size == 5


def test_convergence_is_compared_over_blocks_and_within_them_exactly() -> None:
    frame = runs()
    frame.loc[(frame.model == "a") & (frame.replicate < 2), "label"] = "failed_to_learn"
    frame.loc[(frame.dataset == "set 0") & (frame.model == "c"), "label"] = "failed_to_learn"
    made = maker(frame)
    found = claim(made, "converged.block_diff.model@model=a..c")
    assert found.estimate == pytest.approx((5 * 0.5 - 0.5) / 6)
    plain = claim(made, "converged.diff.model@model=a..c")
    assert other(found, "within_blocks") == (plain.low, plain.high)
    assert claim(made, "expected.block_diff.model@model=a..c").available


def test_few_blocks_are_cautioned_of_and_two_say_nothing_of_others() -> None:
    found = claim(maker(runs(blocks=4)), "accuracy.block_diff.model@model=a..c")
    assert found.warnings[0].code == "few_blocks"
    refused = claim(maker(runs(blocks=2)), "accuracy.block_diff.model@model=a..c")
    assert refused.reason == "too_few_blocks"
    assert claim(maker(runs(blocks=2)), "accuracy.block_rank@model=a").reason == "too_few_blocks"


def test_one_run_a_cell_is_enough_over_blocks_and_says_nothing_within_them() -> None:
    frame = runs().query("replicate == 0")
    found = claim(maker(frame), "accuracy.block_diff.model@model=a..c")
    table = means(frame)
    assert found.low == pytest.approx(ttest_rel(table.c, table.a).confidence_interval().low)
    assert [x.method for x in found.alternatives] == ["next_block_t"]
    assert "is not known" in found.warnings[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy.block_diff.dataset@dataset=set%200..set%201", "within blocks"),
        ("accuracy.block_diff.model@dataset=set%200,model=a..c", "over several blocks"),
        ("accuracy.block_rank@dataset=set%200", "over several blocks"),
        ("accuracy.block_rank", "over several blocks"),
        ("converged.block_ratio.model@model=a..c", "within blocks"),
    ],
)
def test_what_does_not_compare_within_blocks_is_refused(text: str, said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        maker(runs()).parse(text)


def test_without_a_block_the_option_is_named_and_with_one_the_inputs_are_others() -> None:
    table = RunTable.from_frame(runs(), factors=["model", "dataset"], outcome="test_accuracy")
    made = ClaimMaker(Cells.from_table(table), HOW, "inputs")
    with pytest.raises(AnalysisError, match="--block"):
        made.parse("accuracy.block_rank@model=a")
    assert not list(over_blocks(made.cells))
    assert table.blocked("dataset").content_digest() != table.content_digest()
    with pytest.raises(AnalysisError, match="no factor 'game'"):
        table.blocked("game")
    one = runs().query("model == 'a'")
    with pytest.raises(AnalysisError, match="only factor"):
        RunTable.from_frame(one, factors=["dataset"], outcome="test_accuracy").blocked("dataset")


def test_by_default_all_pairs_and_ranks_are_claimed_in_the_unit_that_blocks_have() -> None:
    ids = [x.id for x in over_blocks(maker(runs()).cells)]
    assert len(ids) == 3 + 3 * 2
    assert "accuracy.block_diff.model@model=a..b" in ids
    apart = maker(runs("score", scale=(1.0, 100.0)), "score")
    losses = maker(runs("val_loss", scale=(1.0, 100.0)), "val_loss")
    assert "val_loss.block_ratio.model@model=a..b" in [x.id for x in over_blocks(losses.cells)]
    assert "score.block_ratio.model@model=a..b" in [x.id for x in over_blocks(apart.cells)]
    words = apart.parse("score.block_ratio.model@model=a..b").words
    assert words.endswith("model b minus a, over dataset, which stand for others of their kind")


def test_friedman_of_the_ranks_counts_complete_blocks() -> None:
    found = block_ranks(maker(runs()).cells, ("model",), "test_accuracy")
    assert found.names == ("model=a", "model=b", "model=c")
    assert found.friedman is not None
    assert found.friedman.f_df == (2, 10)
