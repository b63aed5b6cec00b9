"""Ids and seeds: what never changes them, what always does, and the values that are pinned."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.identity import (
    ID_LENGTH,
    canonical_json,
    cell_id,
    digest,
    digest_of_rows,
    run_id,
    run_seeds,
)
from vggstudy.plan import Plan, make_plan
from vggstudy.protocol import Protocol, Recipe, TrainingSettings, parse_protocol
from vggstudy.stated.base import Settings

GOLDEN = Path(__file__).parent / "golden"

PROTOCOL = """\
schema = 1
name = "x"
[design]
replicates = 2
seed = 5
[design.factors]
depth = [11, 19]
lr = [0.001, 0.01]
[data]
name = "digits"
[training]
epochs = 8
"""


def plan_of(text: str) -> Plan:
    return make_plan(parse_protocol(text))


def ids(text: str) -> dict[tuple[str, int], str]:
    """Run id by cell and replicate."""
    return {
        (json.dumps(dict(run.levels), sort_keys=True), run.replicate): run.run_id
        for run in plan_of(text).runs
    }


def changed(*edits: tuple[str, str]) -> str:
    text = PROTOCOL
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


# -- Spelling never changes an id --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        changed(("seed = 5", "seed = 5  # of the study"), ("[data]", "# images\n[data]")),
        changed(("replicates = 2\nseed = 5", "seed = 5\nreplicates = 2")),
        changed(("depth = [11, 19]\nlr = [0.001, 0.01]", "lr = [0.001, 0.01]\ndepth = [11, 19]")),
        changed(("[11, 19]", "[19, 11]")),
        changed(("[11, 19]", "[11.0, 19]"), ("epochs = 8", "epochs = 8.0")),
        changed(("0.001", "1e-3"), ("0.01]", "1.0e-2]")),
        changed(('[data]\nname = "digits"', "data = { name = 'digits' }")).replace(
            "data = { name = 'digits' }\n", ""
        ).replace("[design]", "data = { name = 'digits' }\n[design]"),
        changed(('name = "x"', 'name = "other"\ntitle = "T"\nquestion = "Q"')),
        changed(("[training]", "[label]\nmargin = 0.1\n[analysis]\nresamples = 999\n[training]")),
        changed(("epochs = 8", 'epochs = 8\noptimizer = "adam"\nscheduler = { name = "none" }')),
    ],
    ids=[
        "comments", "order of keys", "order of factors", "order of levels", "11.0", "1e-3",
        "inline table", "name and title", "label rule and analysis", "defaults written out",
    ],
)  # fmt: skip
def test_spelling_never_changes_an_id(text: str) -> None:
    assert ids(text) == ids(PROTOCOL)


def test_factors_may_be_named_by_their_path() -> None:
    by_path = changed(("depth =", '"model.depth" ='), ("lr =", '"training.lr" ='))
    assert {run.run_id for run in plan_of(by_path).runs} == set(ids(PROTOCOL).values())


# -- Extending a study keeps what it has -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (changed(("[11, 19]", "[11, 16, 19]")), 4),
        (changed(("replicates = 2", "replicates = 3")), 4),
        (changed(("[11, 19]", "[11, 13, 16, 19]"), ("replicates = 2", "replicates = 5")), 32),
    ],
    ids=["a level", "a replicate", "both"],
)
def test_extending_a_design_keeps_every_id(text: str, new: int) -> None:
    before, after = ids(PROTOCOL), ids(text)
    assert before.items() <= after.items()
    assert len(after) - len(before) == new


def test_excluding_cells_keeps_the_ids_of_the_others() -> None:
    rule = "[[design.exclude]]\ndepth = 19\nlr = 0.001\n[data]"
    before, after = ids(PROTOCOL), ids(changed(("[data]", rule)))
    assert after.items() <= before.items()
    assert len(before) - len(after) == 2


def test_a_factor_at_a_base_value_keeps_the_ids_of_those_cells() -> None:
    before = set(ids(PROTOCOL).values())
    after = set(ids(changed(("[data]", "batch_norm = [false, true]\n[data]"))).values())
    assert before < after


@pytest.mark.parametrize(
    ("base", "factor"),
    [
        ("[training]\nepochs = 8\nbatch_size = 32", "batch_size = [32]"),
        ("[training]\nepochs = 8\nscheduler.patience = 3", '"scheduler.patience" = [3]'),
        ("[training]\nepochs = 8\nearly_stopping.patience = 3", '"early_stopping.patience" = [3]'),
        ("[model]\nwidth = 1\n[training]\nepochs = 8", "width = [1.0]"),
    ],
)
def test_a_setting_moved_into_a_factor_keeps_every_id(base: str, factor: str) -> None:
    in_base = plan_of(changed(("[training]\nepochs = 8", base)))
    as_factor = plan_of(changed(("[data]", f"{factor}\n[data]")))
    assert [run.run_id for run in in_base.runs] == [run.run_id for run in as_factor.runs]


class LaterTraining(TrainingSettings):
    """The training settings of a later version."""

    label_smoothing: float = 0.0


class LaterRecipe(Recipe):
    """A recipe of a later version: one more setting, at its default."""

    training: LaterTraining = LaterTraining()


@pytest.mark.parametrize("epochs", [100, 8], ids=["section at its default", "section changed"])
def test_a_new_setting_at_its_default_changes_no_id(epochs: int) -> None:
    data, model = {"name": "digits"}, {"depth": 11}
    old = Recipe.model_validate({"data": data, "model": model, "training": {"epochs": epochs}})
    new = LaterRecipe(data=old.data, model=old.model, training=LaterTraining(epochs=epochs))
    other = LaterRecipe(
        data=old.data, model=old.model, training=LaterTraining(epochs=epochs, label_smoothing=0.1)
    )
    assert cell_id(new.identity()) == cell_id(old.identity())
    assert cell_id(other.identity()) != cell_id(old.identity())


# -- Whatever matters changes an id ------------------------------------------------------------


def leaves(model: type[Settings], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = nested(field.annotation)
        yield from leaves(inner, (*prefix, name)) if inner else iter([(*prefix, name)])


def nested(annotation: Any) -> type[Settings] | None:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Settings):
            return part
    return None


OTHER: dict[str, Any] = {
    "data.name": "synthetic", "data.train": 100, "data.test": 50, "data.validation": 0.2,
    "data.imbalance": 10.0, "data.subset_seed": 1, "data.classes": 5, "data.resize": 64,
    "data.data_norm": True, "data.flip": True, "data.crop": 4, "model.depth": 19,
    "model.width": 0.5, "model.batch_norm": True, "model.head": "512", "model.dropout": 0.5,
    "model.init": "he_normal", "training.batch_size": 64, "training.drop_last": True,
    "training.epochs": 50, "training.optimizer": "sgd", "training.lr": 0.01,
    "training.lr_scaling": "linear", "training.lr_reference_batch": 64, "training.momentum": 0.9,
    "training.weight_decay": 1e-4,
    "training.loss": "weighted_cross_entropy", "training.output": "softmax",
    "training.precision": "tf32", "training.kernels": "fused", "training.selection": "final",
    "training.store_probabilities": True, "training.test_every_epoch": True,
    "training.early_stopping.monitor": "val_accuracy",
    "training.early_stopping.patience": 3, "training.early_stopping.min_epochs": 5,
    "training.early_stopping.min_delta": 0.1, "training.scheduler.name": "cosine",
    "training.scheduler.patience": 3, "training.scheduler.factor": 0.5,
    "training.scheduler.min_lr": 1e-6, "training.scheduler.step_size": 7,
}  # fmt: skip
"""Another value of every setting that a vgg recipe on digits can have."""

ELSEWHERE = {"data.root", "model.name", "model.weights", "model.weights_file"}


def recipe_with(path: str, value: Any) -> Recipe:
    document: dict[str, Any] = {"data": {"name": "digits"}, "model": {"depth": 11}, "training": {}}
    node = document
    *parents, leaf = path.split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
    node[leaf] = value
    return Recipe.model_validate(document)


def test_every_setting_is_part_of_the_identity() -> None:
    assert {".".join(path) for path in leaves(Recipe)} == OTHER.keys() | ELSEWHERE
    base = recipe_with("model.depth", 11)
    found = {cell_id(recipe_with(path, value).identity()) for path, value in OTHER.items()}
    assert cell_id(base.identity()) not in found
    assert len(found) == len(OTHER)


def test_early_stopping_at_its_defaults_is_not_none() -> None:
    stopped = recipe_with("training.early_stopping", {})
    assert cell_id(stopped.identity()) != cell_id(recipe_with("model.depth", 11).identity())


def test_where_the_images_lie_matters_for_imagefolder_only() -> None:
    def identity(name: str, root: str | None) -> str:
        data = {"name": name} | ({} if root is None else {"root": root})
        return cell_id(Recipe.model_validate({"data": data, "model": {"depth": 11}}).identity())

    for name in ("cifar10", "digits", "synthetic", "torchvision:MNIST"):
        assert identity(name, "here") == identity(name, "there") == identity(name, None)
    assert identity("imagefolder", "here") != identity("imagefolder", "there")


@pytest.mark.parametrize(
    "edit",
    [("seed = 5", "seed = 6"), ("seed = 5", 'seed = 5\nseeding = "shared"')],
    ids=["seed", "seeding"],
)
def test_another_seed_or_seeding_changes_every_run_id_and_no_cell_id(edit: tuple[str, str]) -> None:
    one, other = plan_of(PROTOCOL), plan_of(changed(edit))
    assert not {run.run_id for run in one.runs} & {run.run_id for run in other.runs}
    assert [run.cell_id for run in one.runs] == [run.cell_id for run in other.runs]


# -- Seeds -------------------------------------------------------------------------------------


def test_all_streams_of_all_runs_differ() -> None:
    seeds = [seed for run in plan_of(PROTOCOL).runs for seed in asdict(run.seeds).values()]
    assert len(set(seeds)) == len(seeds) == 8 * 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_shared_seeds_depend_on_the_replicate_and_not_on_the_cell() -> None:
    plan = plan_of(changed(("seed = 5", 'seed = 5\nseeding = "shared"')))
    assert len({run.run_id for run in plan.runs}) == 8
    by_replicate = {index: {r.seeds for r in plan.runs if r.replicate == index} for index in (0, 1)}
    assert [len(seeds) for seeds in by_replicate.values()] == [1, 1]
    assert by_replicate[0] != by_replicate[1]
    independent = {run.seeds for run in plan_of(PROTOCOL).runs}
    assert not independent & (by_replicate[0] | by_replicate[1])


def test_seeds_do_not_depend_on_the_rest_of_the_grid() -> None:
    def seeds(text: str) -> dict[str, Any]:
        return {run.run_id: run.seeds for run in plan_of(text).runs}

    assert seeds(PROTOCOL).items() <= seeds(changed(("[11, 19]", "[16, 19, 11]"))).items()


# -- Pinned values -----------------------------------------------------------------------------

PINNED = json.loads((GOLDEN / "ids.json").read_text("utf-8"))


@pytest.mark.parametrize("pinned", PINNED, ids=[entry["name"] for entry in PINNED])
def test_ids_and_seeds_are_what_they_have_always_been(pinned: dict[str, Any]) -> None:
    cell = cell_id(Recipe.model_validate(pinned["recipe"]).identity())
    assert cell == pinned["cell_id"], (
        "an id of schema 1 has changed: every study would start anew. Undo the change, or raise "
        "SCHEMA_VERSION and keep reading schema 1 with its own identity"
    )
    for run in pinned["runs"]:
        named = {key: run[key] for key in ("study_seed", "replicate", "seeding")}
        assert run_id(cell, **named) == run["run_id"]
        assert asdict(run_seeds(cell, **named)) == run["seeds"]


def defaults(model: type[Settings], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Default of every setting; of a table, {} where it is the table's own defaults."""
    for name, field in model.model_fields.items():
        path = (*prefix, field.alias or name)
        if not field.is_required():
            default = field.get_default(call_default_factory=True)
            own = isinstance(default, Settings)
            yield ".".join(path), default.model_dump(exclude_defaults=True) if own else default
        for inner in models(field.annotation):
            yield from defaults(inner, path)


def models(annotation: Any) -> list[type[Settings]]:
    """The models within an annotation; every kind of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models(inner)]


def test_no_default_of_schema_1_has_changed() -> None:
    pinned = json.loads((GOLDEN / "defaults_schema1.json").read_text("utf-8"))
    current: dict[str, Any] = {}
    for name, default in defaults(Protocol):
        assert current.setdefault(name, default) == default, f"two kinds differ in {name}"
    advice = (
        "Ids omit settings at their default, so a changed default would give two different "
        "recipes one id. Keep the default; or raise SCHEMA_VERSION, pin the new defaults in "
        "tests/golden/defaults_schema2.json and keep reading schema 1 with the old ones. "
        "A setting that is new, at a default that changes nothing, is added to "
        "tests/golden/defaults_schema1.json; one that is gone needs a new schema too."
    )
    differing = {key for key in pinned if current.get(key, "(gone)") != pinned[key]}
    assert not differing, f"defaults that differ: {sorted(differing)}. {advice}"
    assert current.keys() == pinned.keys(), f"{sorted(current.keys() ^ pinned.keys())}. {advice}"


# -- Canonical JSON ----------------------------------------------------------------------------

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_canonical_json_is_a_fixed_point(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(VALUES)
def test_canonical_json_says_what_the_value_says(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(VALUES, VALUES)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    # Python takes True for 1 and JSON does not; their plain JSON tells them apart.
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert canonical_json(one) == canonical_json(other)
    elif one != other:
        assert canonical_json(one) != canonical_json(other)


@given(st.dictionaries(st.text(), SCALARS, max_size=6), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_matter(table: dict[str, Any], random: Any) -> None:
    items = list(table.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(table)


@given(st.integers(min_value=-(2**53), max_value=2**53))
def test_integral_floats_are_written_as_integers(number: int) -> None:
    assert canonical_json([number, float(number)]) == f"[{number},{number}]"


@given(FLOATS)
def test_floats_keep_every_bit(number: float) -> None:
    assert float(canonical_json(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1.0, None, True]}, '{"a":[1,null,true],"b":1}'),
        (-0.0, "0"),
        (1e-3, "0.001"),
        (1e22, "10000000000000000000000"),
        ("\u00fc\U0001f600\n", '"\u00fc\U0001f600\\n"'),
        ((1, (2.0,)), "[1,[2]]"),
        ({}, "{}"),
    ],
)
def test_canonical_json_by_hand(value: Any, text: str) -> None:
    assert canonical_json(value) == text


def test_true_is_not_one() -> None:
    assert canonical_json(True) != canonical_json(1)
    assert canonical_json(False) != canonical_json(0)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (float("nan"), ValueError, "numbers must be finite, got nan"),
        ([float("-inf")], ValueError, "numbers must be finite, got -inf"),
        ({"a": {1: 2}}, TypeError, "keys must be strings, got 1"),
        ({1, 2}, TypeError, "not a JSON value: {1, 2}"),
        (b"x", TypeError, "not a JSON value: b'x'"),
    ],
)
def test_what_is_no_json_is_refused(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        canonical_json(value)
    assert str(caught.value) == message


@given(
    cell=st.text("0123456789abcdef", min_size=ID_LENGTH, max_size=ID_LENGTH),
    study_seed=st.integers(0, 2**63 - 1),
    replicate=st.integers(0, 10**5),
    seeding=st.sampled_from(["independent", "shared"]),
)
def test_run_id_is_the_digest_of_its_parts(
    cell: str, study_seed: int, replicate: int, seeding: str
) -> None:
    parts: dict[str, Any] = {"run": cell, "seed": study_seed, "replicate": replicate}
    if seeding != "independent":
        parts["seeding"] = seeding
    named = run_id(cell, study_seed=study_seed, replicate=replicate, seeding=seeding)
    assert named == digest(parts)[:ID_LENGTH]


@pytest.mark.parametrize("count", [0, 1, 9_999, 10_000, 20_001])
def test_rows_in_parts_have_the_digest_of_the_whole(count: int) -> None:
    rows = [[i, 'a "rows":[] é', None, i / 4 if i % 4 else i // 4] for i in range(count)]
    content = {"outcome": "x", "levels": {"rows": ["1"]}, "streams": [[1, 2]]}
    assert digest_of_rows(content, iter(rows)) == digest({**content, "rows": rows})
    with pytest.raises(ValueError, match="JSON"):
        digest_of_rows(content, [[math.inf]])
