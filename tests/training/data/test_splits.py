"""Subsets and validation splits: sizes, strata, and what they depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.errors import DataError
from vggstudy.protocol.model.settings import DataSettings
from vggstudy.training.data.cache import ImageCache
from vggstudy.training.data.splits import imbalanced_sample, split_rows, stratified_sample


def data(labels: list[int], n_train: int | None = None) -> ImageCache:
    return ImageCache(
        path=Path(),
        images=np.zeros((len(labels), 2, 2, 3), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple(str(label) for label in range(max(labels) + 1)),
        n_train=len(labels) if n_train is None else n_train,
        digest="",
    )


BALANCED = data([0, 1, 2, 3] * 50, n_train=160)
WHOLE = data([0, 1, 2, 3] * 50)


def settings(**values: object) -> DataSettings:
    return DataSettings.model_validate({"name": "digits", **values})


def test_the_three_splits_are_disjoint_and_complete() -> None:
    split = split_rows(BALANCED, settings(validation=0.1), split_seed=1)
    joined = np.concatenate([split.train, split.validation, split.test])
    assert sorted(joined.tolist()) == list(range(200))
    assert len(split.validation) == 16
    assert split.test.min() == 160


def test_validation_is_stratified_and_drawn_by_the_run() -> None:
    first = split_rows(BALANCED, settings(validation=20), split_seed=1)
    second = split_rows(BALANCED, settings(validation=20), split_seed=2)
    assert np.bincount(BALANCED.labels[first.validation]).tolist() == [5, 5, 5, 5]
    assert first.validation.tolist() != second.validation.tolist()
    assert first.test.tolist() == second.test.tolist()


def test_subsets_are_the_same_for_every_run() -> None:
    chosen = settings(train=80, test=20, validation=8)
    splits = [split_rows(BALANCED, chosen, split_seed=seed) for seed in (1, 2)]
    pools = [sorted([*split.train, *split.validation]) for split in splits]
    assert pools[0] == pools[1]
    assert len(pools[0]) == 80
    assert splits[0].test.tolist() == splits[1].test.tolist()
    assert np.bincount(BALANCED.labels[splits[0].test]).tolist() == [5, 5, 5, 5]


def test_another_subset_seed_draws_other_subsets() -> None:
    one, two = (
        split_rows(WHOLE, settings(train=80, test=20, subset_seed=seed), split_seed=1)
        for seed in (0, 1)
    )
    assert one.test.tolist() != two.test.tolist()


def test_data_without_a_test_split_give_a_fifth_of_all_images() -> None:
    split = split_rows(WHOLE, settings(), split_seed=1)
    assert len(split.test) == 40
    assert np.bincount(WHOLE.labels[split.test]).tolist() == [10, 10, 10, 10]
    assert not set(split.test) & (set(split.train) | set(split.validation))


TOO_LARGE = [
    ({"train": 161}, r"data\.train asks for 161 images, but there are 160"),
    ({"test": 41}, r"data\.test asks for 41 images, but there are 40"),
    ({"validation": 160}, r"data\.validation = 160 holds 160 of the 160 images"),
    ({"train": 5, "validation": 0.01}, r"holds 0 of the 5 images"),
    ({"train": 5, "validation": 2}, r"class '.' has no images among the 3"),
]


@pytest.mark.parametrize(("values", "message"), TOO_LARGE)
def test_requests_that_cannot_be_met_say_the_numbers(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split_rows(BALANCED, settings(**values), split_seed=1)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_stratified_sample_is_within_one_of_every_share(
    sizes: list[int], share: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    count = round(share * len(labels))
    chosen = stratified_sample(labels, count, rng=np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == len(chosen) == count
    got = np.bincount(labels[chosen], minlength=len(sizes))
    assert (np.abs(got - count * np.array(sizes) / len(labels)) < 1).all()


def test_an_imbalance_gives_the_published_counts_of_long_tailed_cifar() -> None:
    labels = np.repeat(np.arange(10), 5000)
    for ratio, counts in {
        10: [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500],
        100: [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50],
    }.items():
        chosen = imbalanced_sample(labels, ratio, rng=np.random.default_rng(0))
        assert np.bincount(labels[chosen]).tolist() == counts
        assert len(set(chosen.tolist())) == len(chosen)


def test_a_larger_imbalance_keeps_a_subset() -> None:
    labels = np.tile(np.arange(4), 50)
    small, large = (
        set(imbalanced_sample(labels, ratio, rng=np.random.default_rng(3)).tolist())
        for ratio in (2, 20)
    )
    assert large < small


def test_imbalance_is_in_training_and_validation_and_never_in_the_test_split() -> None:
    chosen = settings(imbalance=8, validation=0.25)
    one, two = (split_rows(BALANCED, chosen, split_seed=seed) for seed in (1, 2))
    plain = split_rows(BALANCED, settings(validation=0.25), split_seed=1)
    pool = np.sort(np.concatenate([one.train, one.validation]))
    assert np.bincount(BALANCED.labels[pool]).tolist() == [40, 20, 10, 5]
    assert np.bincount(BALANCED.labels[one.validation]).tolist() == [10, 5, 3, 1]
    assert one.test.tolist() == plain.test.tolist()
    assert pool.tolist() == np.sort(np.concatenate([two.train, two.validation])).tolist()


def test_a_class_of_one_image_that_validation_takes_is_named() -> None:
    with pytest.raises(DataError, match=r"has no images .* lower data\.validation or data\.imb"):
        split_rows(BALANCED, settings(imbalance=1000, validation=0.7), split_seed=1)
