"""The grid of a design: its cells, what is dropped, and how large it may be."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.errors import ProtocolError
from vggstudy.plan import make_plan
from vggstudy.protocol import (
    CellRecipe,
    LoadedProtocol,
    Protocol,
    Recipe,
    describe_levels,
    grid,
    network,
    resolve,
    setting_paths,
)
from vggstudy.stated.base import write_level

Load = Callable[..., LoadedProtocol]


def protocol(factors: dict[str, list[Any]], **design: Any) -> Protocol:
    return Protocol.model_validate(
        {
            "schema": 1,
            "name": "x",
            "design": {"replicates": 1, "seed": 0, "factors": factors, **design},
            "data": {"name": "digits"},
            "model": {"depth": 11},
        }
    )


def cells_of(made: Protocol) -> list[CellRecipe]:
    cells, problems = grid(made)
    assert problems == []
    return cells


def networks(cells: list[CellRecipe]) -> list[Recipe]:
    return [network(cell.recipe) for cell in cells]


def test_cells_are_all_combinations_the_last_factor_fastest() -> None:
    cells = cells_of(protocol({"depth": [19, 11], "lr": [0.1, 0.01, 0.001]}))
    assert [tuple(cell.levels.values()) for cell in cells] == list(
        itertools.product([19, 11], [0.1, 0.01, 0.001])
    )
    assert [(r.model.depth, r.training.lr) for r in networks(cells)] == [
        tuple(cell.levels.values()) for cell in cells
    ]


def test_design_without_factors_is_one_cell() -> None:
    (cell,) = cells_of(protocol({}))
    assert cell.levels == {}
    assert describe_levels(cell.levels) == "the cell"


def test_a_level_reaches_a_table_that_the_base_has_not() -> None:
    cells = cells_of(protocol({"early_stopping.patience": [3, 4], "scheduler.factor": [0.5]}))
    stopping = [recipe.training.early_stopping for recipe in networks(cells)]
    assert [rule.patience for rule in stopping if rule] == [3, 4]
    assert {recipe.training.scheduler.factor for recipe in networks(cells)} == {0.5}
    assert {recipe.training.scheduler.patience for recipe in networks(cells)} == {5}


def test_base_recipe_need_not_be_runnable_where_every_cell_is(load: Load) -> None:
    loaded = load(
        'schema = 1\nname = "x"\n[design]\nreplicates = 3\nseed = 1\n[design.factors]\n'
        'depth = [11]\nlr = [0.1, 0.5]\n[data]\nname = "digits"\n'
        "[training.scheduler]\nmin_lr = 0.05\n"  # above the default of lr, below every level
    )
    assert len(loaded.cells) == 2


def test_factors_may_choose_between_models() -> None:
    made = protocol({"model.name": ["torchvision:resnet18", "torchvision:resnet50"]})
    document = made.model_dump(by_alias=True)
    document["model"]["depth"] = None
    assert len(cells_of(Protocol.model_validate(document))) == 2


# -- Names -----------------------------------------------------------------------------------


def test_every_short_name_means_its_setting() -> None:
    assert len(setting_paths()) > 30
    for path, short in setting_paths().items():
        assert resolve(short) == resolve(".".join(path)) == path


@pytest.mark.parametrize(
    "name", ["", ".", "patience", "name", "model", "early_stopping", "x", "a.lr"]
)
def test_names_of_no_setting_or_of_several_mean_none(name: str) -> None:
    assert resolve(name) is None


# -- Exclusion -------------------------------------------------------------------------------

FACTORS: dict[str, list[Any]] = {
    "depth": [11, 13, 19],
    "lr": [0.1, 0.01],
    "batch_norm": [False, True],
}


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.sampled_from(levels) | st.lists(st.sampled_from(levels), min_size=1)
                for name, levels in FACTORS.items()
            },
        ).filter(bool),
        max_size=3,
    )
)
def test_cells_that_match_no_rule_remain(rules: list[dict[str, Any]]) -> None:
    def matches(levels: dict[str, Any], rule: dict[str, Any]) -> bool:
        return all(
            levels[name] in (wanted if isinstance(wanted, list) else [wanted])
            for name, wanted in rule.items()
        )

    every = (dict(zip(FACTORS, row, strict=True)) for row in itertools.product(*FACTORS.values()))
    expected = [levels for levels in every if not any(matches(levels, rule) for rule in rules)]
    cells, problems = grid(protocol(FACTORS, exclude=rules))
    assert [dict(cell.levels) for cell in cells] == expected
    assert [p.message for p in problems] == (
        [] if expected else ["every cell of the grid is excluded"]
    )


def test_rules_match_levels_in_any_spelling() -> None:
    made = protocol({"depth": [11.0, 19], "lr": [1e-3, 1]}, exclude=[{"depth": 11, "lr": [1.0]}])
    assert [describe_levels(cell.levels) for cell in cells_of(made)] == [
        "depth=11, lr=0.001",
        "depth=19, lr=0.001",
        "depth=19, lr=1",
    ]


def test_excluded_cells_may_be_impossible() -> None:
    factors = {"epochs": [5, 20], "early_stopping.min_epochs": [1, 10]}
    rule = {"epochs": 5, "early_stopping.min_epochs": 10}
    assert len(cells_of(protocol(factors, exclude=[rule]))) == 3


def test_rule_on_a_bad_factor_does_not_hide_the_others() -> None:
    _, problems = grid(protocol({"dept": [11], "lr": [0.1]}, exclude=[{"dept": 11}, {"lr": 0.2}]))
    assert [problem.path for problem in problems] == [
        ("design", "factors", "dept"),
        ("design", "exclude", 1, "lr"),
    ]


# -- Size ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "replicates", "size"),
    [
        (
            {"batch_size": list(range(1, 1001)), "epochs": list(range(1, 102))},
            1,
            "101,000 cells x 1 replicates = 101,000 runs",
        ),
        (
            {"batch_size": list(range(1, 101))},
            10_001,
            "100 cells x 10,001 replicates = 1,000,100 runs",
        ),
        (
            {name: list(range(1, 10_001)) for name in ("batch_size", "epochs", "train", "test")},
            1,
            "about 10^16 cells",
        ),
        (
            {f"f{index}": [1, 2, 3] for index in range(20_000)},
            1,
            "about 10^9542 cells",
        ),
    ],
    ids=["cells", "runs", "four factors", "twenty thousand factors"],
)
def test_too_large_a_grid_is_refused_with_its_size_at_once(
    factors: dict[str, list[Any]], replicates: int, size: str
) -> None:
    made = protocol(factors, replicates=replicates)
    before = time.process_time()
    with pytest.raises(ProtocolError) as caught:
        make_plan(made)
    assert time.process_time() - before < 1  # no cell was resolved: that would take longer
    assert str(caught.value) == (
        f"x: the grid has {size}; at most 100,000 cells and 1,000,000 runs are planned"
    )


def test_many_factors_of_one_level_are_one_cell() -> None:
    factors = {
        short: [getattr_path(path)]
        for path, short in setting_paths().items()
        if path[0] == "training" and path[1] != "selection"
    }
    made = protocol(factors)
    (cell,) = cells_of(made)
    assert len(cell.levels) == len(factors) > 15


def getattr_path(path: tuple[str, ...]) -> Any:
    """The default of a training setting."""
    from vggstudy.protocol import EarlyStopping, Scheduler, TrainingSettings

    model: Any = {"early_stopping": EarlyStopping, "scheduler": Scheduler}.get(
        path[1], TrainingSettings
    )
    return model.model_fields[path[-1]].default


def test_the_largest_rule_sets_take_bounded_time() -> None:
    factors = {"depth": [11], "batch_size": list(range(1, 101)), "epochs": list(range(1, 11))}
    rules = [{"depth": 11, "batch_size": 1, "epochs": [1, 2]}] * 1000
    before = time.process_time()
    assert len(cells_of(protocol(factors, exclude=rules))) == 998
    assert time.process_time() - before < 5  # 0.3 s of one core


# -- Twins -----------------------------------------------------------------------------------


def test_two_cells_with_one_recipe_are_refused() -> None:
    with pytest.raises(ProtocolError, match="depth=11, root=a and depth=11, root=b are the same"):
        make_plan(protocol({"depth": [11], "root": ["a", "b"]}))


def test_two_folders_of_images_are_no_twins() -> None:
    document = protocol({"root": ["a", "b"]}).model_dump(by_alias=True)
    document["data"]["name"] = "imagefolder"
    assert len(cells_of(Protocol.model_validate(document))) == 2


# -- Words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (True, "true"),
        (11, "11"),
        (11.0, "11"),
        (1e-3, "0.001"),
        ("sgd", "sgd"),
        (1e-5, "1e-5"),
        (1e20, "1e20"),
    ],
)
def test_levels_are_written_as_the_data_write_them(level: Any, text: str) -> None:
    assert write_level(level) == text


NESTED: dict[str, list[Any]] = {
    "optimizer": ["sgd", "adam"],
    "lr": [1e-4, 1e-3, 1e-2],
    "batch_size": [8, 16],
}


def nest(within: dict[str, Any], **levels: list[Any]) -> dict[str, Any]:
    return {"within": within, "levels": levels}


def nested(*rules: dict[str, Any]) -> tuple[list[CellRecipe], list[str]]:
    cells, problems = grid(protocol(NESTED, nested=list(rules)))
    return cells, [problem.message for problem in problems]


def test_a_nested_factor_has_its_own_levels_within_each_level_of_another() -> None:
    cells, problems = nested(
        nest({"optimizer": "sgd"}, lr=[1e-2]), nest({"optimizer": "adam"}, lr=[1e-4, 0.001])
    )
    assert not problems
    assert [(c.levels["optimizer"], c.levels["lr"], c.levels["batch_size"]) for c in cells] == [
        (optimizer, lr, batch)
        for optimizer, lr in (("sgd", 1e-2), ("adam", 1e-4), ("adam", 1e-3))
        for batch in (8, 16)
    ]


def test_cells_outside_every_nest_are_all_kept() -> None:
    cells, _ = nested(nest({"optimizer": "sgd"}, lr=[1e-2]))
    assert len(cells) == 2 + 6


def test_a_nested_cell_is_the_cell_of_the_full_crossing() -> None:
    full, part = nested()[0], nested(nest({"optimizer": "sgd"}, lr=[1e-2]))[0]
    assert {cell.cell_id for cell in part} < {cell.cell_id for cell in full}


WRONG_NESTS = [
    (nest({"optimiser": "sgd"}, lr=[1e-2]), "'optimiser' is no factor of [design.factors]"),
    (nest({"optimizer": "sgd"}, lr=[0.5]), "lr has no level 0.5; no cell has it"),
    (
        nest({"optimizer": "adamw"}, lr=[1e-2]),
        "optimizer has no level 'adamw'; no cell is meant",
    ),
    (nest({"lr": 1e-2}, lr=[1e-2]), "'lr' cannot be nested within its own levels"),
    (
        nest({"optimizer": ["sgd", "adam"]}, lr=[1e-2, 1e-3]),
        "lr = 0.0001 is in no cell: no [[design.nested]] has it",
    ),
]


@pytest.mark.parametrize(("rule", "message"), WRONG_NESTS)
def test_a_nest_that_names_what_is_not_there_says_so(rule: dict[str, Any], message: str) -> None:
    assert nested(rule)[1] == [message]


def test_training_from_scratch_is_a_level_beside_named_weights() -> None:
    document = protocol({"weights": ["none", "IMAGENET1K_V1"]}).model_dump(by_alias=True)
    document["model"] = {"name": "torchvision:resnet50"}
    cells, problems = grid(Protocol.model_validate(document))
    assert not problems
    assert [cell.levels["weights"] for cell in cells] == ["none", "IMAGENET1K_V1"]
    assert [recipe.model.weights for recipe in networks(cells)] == [None, "IMAGENET1K_V1"]
