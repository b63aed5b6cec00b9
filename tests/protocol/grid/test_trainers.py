"""A trainer of one's own in a protocol: its names, its placeholders, its sections."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.identity import trainer_seeds
from vggstudy.plan import make_plan, select_runs
from vggstudy.protocol import Protocol, TrainerRecipe, json_schema, load_protocol, parse_protocol
from vggstudy.protocol.model.trainer import filled_in, placeholders

TEXT = """
schema = 1
name = "own"
[design]
replicates = 2
seed = 1
[design.factors]
lr = [0.1, 1e-3]
"model.act" = ["relu", "tanh"]
[parameters]
epochs = 3
[trainer]
command = ["train", "--lr={lr}", "--act={model.act}", "--epochs={epochs}", "--seed={seed}"]
[label]
succeeds = "val_loss < 3.28"
[analysis]
outcome = "val_loss"
"""


def _message(text: str) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(text)
    return str(caught.value)


def test_ids_of_a_trainer_s_runs_never_change() -> None:
    plan = make_plan(parse_protocol(TEXT))
    assert [run.run_id for run in plan.cells] == [
        "65ab043d97ee61d7", "9760efe3e3db5434", "b6103750c7cdda66", "ddd11aa0949f3d43",
    ]  # fmt: skip


def test_a_cell_is_the_command_and_its_levels_whatever_their_spelling_and_order() -> None:
    plan = make_plan(parse_protocol(TEXT))
    other = TEXT.replace("1e-3", "0.001").replace("epochs = 3", "epochs = 3.0")
    other = other.replace('lr = [0.1, 0.001]\n"model.act" = ["relu", "tanh"]',
                          '"model.act" = ["relu", "tanh"]\nlr = [0.1, 0.001]')  # fmt: skip
    other = other.replace("[trainer]\n", '[trainer]\ncode = ["*.py"]\nkeep_files = true\n')
    assert make_plan(parse_protocol(other)).by_id.keys() == plan.by_id.keys()
    for change in (("--lr=", "--rate="), ("epochs = 3", "epochs = 4")):
        assert not make_plan(parse_protocol(TEXT.replace(*change))).by_id.keys() & plan.by_id.keys()
    more = make_plan(parse_protocol(TEXT.replace("[0.1, 1e-3]", "[0.1, 1e-3, 1.0]")))
    assert len(more.by_id.keys() - plan.by_id.keys()) == 4


def test_levels_select_runs_and_reach_their_recipe() -> None:
    plan = make_plan(parse_protocol(TEXT))
    (first, *_) = select_runs(plan, ["lr=1e-3", "model.act=tanh"])
    assert isinstance(first.recipe, TrainerRecipe)
    assert first.recipe.parameters == {"epochs": 3, "lr": 0.001, "model.act": "tanh"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{lr}", "{rate}", "the placeholder {rate} names no factor and no parameter"),
        ("--lr={lr}", "x", "the factor 'lr' has no place in trainer.command"),
        ("--epochs={epochs}", "x", "the parameter 'epochs' has no place in trainer.command"),
        ("{lr}", "{lr", "a brace stands alone in trainer.command: write {{ for {"),
        ("epochs = 3", "lr = 3", "'lr' is a factor and stands in [parameters], too"),
        ("lr = [", "seed = [", "'seed' has a meaning of its own: choose another name"),
        ("lr = [", '"a b" = [', "a name must be at most 64 letters"),
        ("[parameters]", "[training]", "[training] has no meaning beside [trainer]"),
        ("[parameters]", '[data]\nname = "digits"\n[parameters]', "[data] has no meaning beside"),
        ("[trainer]\n", '[trainer]\nfunction = "a:b"\n', "give one of them, not both"),
        ("[label]\n", '[label]\nrule = "none"\n', "label.succeeds and label.rule: give one"),
        ("val_loss < 3.28", "val_loss is low", "succeeds must compare a quantity with a number"),
        ("seed = 1", 'seeding = "crossed"\nseed = 1', "crossed seeding needs"),
        ("[0.1, 1e-3]", "[0.1, 0.1]", "lr has the level 0.1 more than once"),
        ('"val_loss"', '"val_loss"\noutcomes = ["ensemble_gain"]', "ensembles need the prob"),
    ],
)
def test_mistakes_are_one_sentence_each(old: str, new: str, said: str) -> None:
    assert old in TEXT
    assert said in _message(TEXT.replace(old, new))


def test_a_trainer_needs_a_command_or_a_function() -> None:
    text = TEXT[: TEXT.index("[trainer]")] + "[trainer]\n"
    assert "[trainer] needs a command or the name of a function" in _message(text)
    assert "be a function's name as in 'module:name'" in _message(text + 'function = "os.system"')
    assert parse_protocol(text + 'function = "my.module:train"').command_digest() is None


def test_without_a_trainer_its_sections_are_refused_and_data_are_missed() -> None:
    text = TEXT[: TEXT.index("[trainer]")] + '[label]\nrule = "none"\n'
    said = _message(text)
    assert "'data' is missing" in said
    assert "[parameters] are for a trainer of your own" in said
    assert "label.rule is for a trainer of your own" in said


def test_the_schema_asks_for_data_or_a_trainer() -> None:
    import jsonschema

    document = parse_protocol(TEXT).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    jsonschema.validate(document, json_schema())
    del document["trainer"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def test_placeholders_are_filled_once_and_braces_doubled() -> None:
    assert list(placeholders("{a}{{b}}{c.d}}")) == ["a", "c.d", "}"]
    assert filled_in("x={a} {{y}}", {"a": "{b}", "b": "never"}) == "x={b} {y}"


def test_a_command_s_digest_covers_all_that_enters_it() -> None:
    digests = {
        parse_protocol(text).command_digest()
        for text in (TEXT, TEXT.replace("relu", "elu"), TEXT.replace("epochs = 3", "epochs = 4"),
                     TEXT.replace("--act", "--activation"))
    }  # fmt: skip
    assert len(digests) == 4
    assert (
        parse_protocol(TEXT.replace("replicates = 2", "replicates = 9")).command_digest() in digests
    )


def test_seeds_fit_every_generator_and_are_crossed_where_asked() -> None:
    found = [trainer_seeds("0" * 16, study_seed=1, replicate=i) for i in range(50)]
    numbers = [number for one in found for number in (one.seed, one.init, one.data)]
    assert all(number is not None and 0 <= number < 2**31 for number in numbers)
    assert len(set(numbers)) == 150
    crossed: list[Any] = [
        trainer_seeds("0" * 16, study_seed=1, replicate=i, seeding="crossed") for i in range(4)
    ]
    assert {one.seed for one in crossed} == {None}
    assert len({one.init for one in crossed}) == len({one.data for one in crossed}) == 2
    shared = {trainer_seeds(c * 16, study_seed=1, replicate=0, seeding="shared") for c in "01"}
    assert len(shared) == 1


def test_what_is_seldom_meant_is_warned_of(tmp_path: Any) -> None:
    file = tmp_path / "own.toml"
    file.write_text(TEXT.replace(', "--seed={seed}"', "").split("[label]")[0])
    said = " ".join(load_protocol(file).warnings)
    assert "trainer.command has no {seed}" in said
    assert "every finished run counts as converged" in said


def test_a_protocol_made_in_python_is_the_same() -> None:
    document = json.loads(
        parse_protocol(TEXT).model_dump_json(by_alias=True, exclude_defaults=True)
    )
    assert (
        make_plan(Protocol.model_validate(document)).by_id == make_plan(parse_protocol(TEXT)).by_id
    )
