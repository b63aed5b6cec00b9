"""Mistakes in a protocol file: every one is listed, with its place and what to do about it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.protocol import LoadedProtocol, load_protocol, parse_protocol
from vggstudy.protocol.reading.document import MAX_BYTES

Load = Callable[..., LoadedProtocol]

HEAD = 'schema = 1\nname = "x"\n[design]\nreplicates = 3\nseed = 1\n'
"""Lines 1 to 5."""
FACTORS = "[design.factors]\ndepth = [11, 19]\n"
"""Lines 6 and 7."""
DATA = '[data]\nname = "digits"\n'
"""Lines 8 and 9."""
BASE = HEAD + FACTORS + DATA
TRAINING = BASE + "[training]\n"
"""Its last line is line 10."""


def factors(text: str) -> str:
    """The protocol with these lines, from line 7 on, as its factors."""
    return f"{HEAD}[design.factors]\n{text}\n{DATA}"


def excluding(text: str) -> str:
    """The protocol with these lines, from line 8 on, before its data."""
    return f"{HEAD}{FACTORS}{text}\n{DATA}"


NAME_RULE = (
    "name must be at most 64 lower-case letters, digits, '.', '_' and '-', "
    "a letter or digit first and last, got "
)
DEPTH_NEEDED = "model.depth is needed for vgg: 11, 13, 16 or 19, in [model] or as a factor"
TOO_DEEP = "tables and lists lie more than 16 deep in one another: not a protocol"

MISTAKES: dict[str, tuple[str, str]] = {
    # -- keys
    "wrong key": (BASE + "trian = 5\n", "10:1: unknown key 'trian' (did you mean 'train'?)"),
    "key of another section": (
        BASE + "lr = 0.1\n",
        "10:1: unknown key 'lr' (it belongs in [training])",
    ),
    "wrong section": (
        BASE + "[trainig]\nlr = 0.1\n",
        "10:2: unknown key 'trainig' (did you mean 'training'?)",
    ),
    "quoted key": (TRAINING + '"l r" = 1\n', "11:1: unknown key 'l r' (did you mean 'lr'?)"),
    "dotted key": (
        TRAINING + 'scheduler.nam = "step"\n',
        "11:1: unknown key 'nam' (did you mean 'name'?)",
    ),
    "inline table": (
        TRAINING + "early_stopping = { patience = 0 }\n",
        "11:31: patience must be at least 1, got 0",
    ),
    "array of tables": (BASE + "[[training]]\n", "10:3: training must be a table, got a list"),
    "value for a table": (
        BASE.replace("[design]", "training = 5\n[design]"),
        "3:12: training must be a table, got 5",
    ),
    # -- missing
    "missing section": (HEAD + FACTORS, "1:1: 'data' is missing"),
    "missing key": (BASE.replace("seed = 1\n", ""), "3:2: 'design.seed' is missing"),
    "missing key of a table without header": (
        'schema = 1\nname = "x"\n[design.factors]\ndepth = [11]\n[data]\nname = "digits"\n'
        "[design]\nseed = 1\n",
        "7:2: 'design.replicates' is missing",
    ),
    "missing depth": (HEAD + DATA + "[model]\nwidth = 0.5\n", f"8:2: {DEPTH_NEEDED}"),
    # -- types
    "text for a number": (BASE + 'train = "2"\n', "10:9: train must be a whole number, got '2'"),
    "boolean for a number": (
        BASE + "train = true\n",
        "10:9: train must be a whole number, got true",
    ),
    "fraction for an integer": (
        BASE + "train = 1.5\n",
        "10:9: train must be a whole number, got 1.5",
    ),
    "number for a boolean": (BASE + "flip = 1\n", "10:8: flip must be true or false, got 1"),
    "date": (TRAINING + "lr = 2020-01-01\n", "11:6: lr must be a number, got 2020-01-01"),
    "time": (TRAINING + "lr = 07:32:00\n", "11:6: lr must be a number, got 07:32:00"),
    "date for a choice": (
        TRAINING + "optimizer = 2020-01-01T00:00:00Z\n",
        "11:13: optimizer must be 'sgd', 'adam' or 'adamw', got 2020-01-01T00:00:00+00:00",
    ),
    "text for either number": (
        BASE + 'validation = "x"\n',
        "10:14: validation must be a number, got 'x'",
    ),
    # -- values
    "choice": (
        TRAINING + 'optimizer = "sdg"\n',
        "11:13: optimizer must be 'sgd', 'adam' or 'adamw', got 'sdg' (did you mean 'sgd'?)",
    ),
    "limit": (TRAINING + "lr = -1e-3\n", "11:6: lr must be more than 0, got -0.001"),
    "upper limit": (BASE + "resize = 2000\n", "10:10: resize must be at most 1,024, got 2000"),
    "nan": (TRAINING + "lr = nan\n", "11:6: lr must be a finite number, got nan"),
    "infinity": (TRAINING + "lr = +inf\n", "11:6: lr must be a finite number, got inf"),
    "overflow": (TRAINING + "lr = 1e999\n", "11:6: lr must be a finite number, got inf"),
    "integer beyond 64 bits": (
        BASE.replace("seed = 1", "seed = 9223372036854775808"),
        "5:8: seed must be an integer of at most 64 bits",
    ),
    "integer of thousands of hexadecimal digits": (
        BASE.replace("seed = 1", "seed = 0x" + "f" * 9000),
        "5:8: seed must be an integer of at most 64 bits",
    ),
    "dataset": (
        BASE.replace('"digits"', '"digit"'),
        "9:8: name must be cifar10, digits, imagefolder, synthetic or torchvision:NAME, "
        "got 'digit' (did you mean 'digits'?)",
    ),
    "model without its source": (
        BASE + '[model]\nname = "resnet18"\n',
        "11:8: name must be vgg or torchvision:NAME, got 'resnet18' "
        "(did you mean 'torchvision:resnet18'?)",
    ),
    "empty text": (BASE + 'root = ""\n', "10:8: root must have at least 1 character, got ''"),
    "newer schema": (
        BASE.replace("schema = 1", "schema = 2\nnew = 1"),
        "1:10: schema 2 is newer than this vggstudy reads (1)",
    ),
    "older schema": (BASE.replace("schema = 1", "schema = 0"), "1:10: schema must be 1, got 0"),
    "boolean schema": (
        BASE.replace("schema = 1", "schema = true"),
        "1:10: schema must be 1, got true",
    ),
    "long value": (
        TRAINING + f'optimizer = "{"x" * 500}"\n',
        f"11:13: optimizer must be 'sgd', 'adam' or 'adamw', got '{'x' * 57}...'",
    ),
    # -- names and text
    "path as name": (BASE.replace('"x"', '"../x"'), f"2:8: {NAME_RULE}'../x'"),
    "absolute path as name": (BASE.replace('"x"', '"/x"'), f"2:8: {NAME_RULE}'/x'"),
    "hidden name": (BASE.replace('"x"', '".x"'), f"2:8: {NAME_RULE}'.x'"),
    "dots as name": (BASE.replace('"x"', '".."'), f"2:8: {NAME_RULE}'..'"),
    "empty name": (BASE.replace('"x"', '""'), f"2:8: {NAME_RULE}''"),
    "name with a line break": (BASE.replace('"x"', '"a\\n"'), f"2:8: {NAME_RULE}'a\\n'"),
    "long name": (BASE.replace('"x"', f'"{"x" * 65}"'), f"2:8: {NAME_RULE}'{'x' * 57}...'"),
    "terminal escape in a value": (
        BASE.replace('"x"', '"x"\ntitle = "\\u001b]0;evil\\u0007"'),
        "3:9: title must be one line without control characters, got '\\x1b]0;evil\\x07'",
    ),
    "terminal escape in a key": (
        BASE + '"\\u001b[31mred" = 1\n',
        "10:1: unknown key '\\x1b[31mred' (known here: name, root, train, test, validation, "
        "imbalance, subset_seed, classes, resize, data_norm, flip, crop)",
    ),
    "line break in a key": (
        BASE + '"fli\\np" = 1\n',
        "10:1: unknown key 'fli\\np' (did you mean 'flip'?)",
    ),
    "reversed text": (
        BASE.replace('"x"', '"x"\ntitle = "\u202eevil"'),
        "3:9: title must be one line without control characters, got '\\u202eevil'",
    ),
    "column counted in characters, not bytes": (
        TRAINING + 'early_stopping = { "\u00fc\U0001f600" = 1 }\n',
        "11:20: unknown key '\u00fc\U0001f600' (known here: monitor, patience, min_epochs, "
        "min_delta)",
    ),
    "column after wide characters": (
        BASE + 'root = { "\u00e9\u00e9" = "\u00fc", b = 1 }\n',
        "10:8: root must be a text in quotes, got a table",
    ),
    # -- factors
    "unknown factor": (
        factors("depth = [11]\nbatchsize = [8]"),
        "8:13: factor 'batchsize' is no setting of [data], [model] or [training] "
        "(did you mean 'batch_size'?)",
    ),
    "ambiguous factor": (
        factors("depth = [11]\npatience = [3]"),
        "8:12: factor 'patience' could mean training.early_stopping.patience or "
        "training.scheduler.patience",
    ),
    "dotted factor without quotes": (
        factors("depth = [11]\nscheduler.patience = [3]"),
        "8:1: scheduler must be a list in [ ], got a table "
        "(a factor's name with dots in it stands in quotes)",
    ),
    "factor named twice": (
        factors('depth = [11]\n"model.depth" = [11]'),
        "8:17: factors 'depth' and 'model.depth' are the same setting",
    ),
    "level": (factors("depth = [11, 12]"), "7:14: depth must be 11, 13, 16 or 19, got 12"),
    "level of another type": (
        factors("depth = [11]\ndata_norm = [true, 0]"),
        "8:20: data_norm must be true or false, got 0",
    ),
    "level that is no value": (
        factors("depth = [[11]]"),
        "7:10: depth must be true or false, a number or a text in quotes, got a list",
    ),
    "duplicate level": (
        factors("depth = [11, 19, 11.0]"),
        "7:18: depth has the level 11 more than once",
    ),
    "duplicate level in another spelling": (
        factors("depth = [11]\nlr = [0.001, 1e-3]"),
        "8:14: lr has the level 0.001 more than once",
    ),
    "no level": (factors("depth = []"), "7:9: depth must have at least 1 item, got an empty list"),
    "infinite level": (
        factors("depth = [11]\nlr = [0.1, inf]"),
        "8:12: lr must be a finite number, got inf",
    ),
    # -- exclusion
    "rule on no factor": (
        excluding("[[design.exclude]]\ndpth = 11"),
        "9:8: 'dpth' is no factor of [design.factors] (did you mean 'depth'?)",
    ),
    "rule on no level": (
        excluding("[[design.exclude]]\ndepth = [11, 13]"),
        "9:9: depth has no level 13; this rule would drop nothing",
    ),
    "rule on an empty list": (
        excluding("[[design.exclude]]\ndepth = []"),
        "9:9: depth lists no level; this rule would drop nothing",
    ),
    "rule on nothing": (
        excluding("[[design.exclude]]"),
        "8:3: this rule names no factor: it would drop all",
    ),
    "all excluded": (
        excluding("[[design.exclude]]\ndepth = [11, 19]"),
        "8:3: every cell of the grid is excluded",
    ),
    # -- combinations
    "more epochs at least than at most": (
        TRAINING + "epochs = 5\n[training.early_stopping]\nmin_epochs = 10\n",
        "13:14: early_stopping.min_epochs = 10 is more than epochs = 5",
    ),
    "impossible cell": (
        factors("depth = [11]\nlr = [0.1, 0.001]")
        + '[training.scheduler]\nname = "plateau"\nmin_lr = 0.01\n',
        "8:12: impossible combination with lr = 0.001: "
        "scheduler.min_lr = 0.01 is more than lr = 0.001",
    ),
    "impossible cell of two factors": (
        factors('depth = [11]\nepochs = [5, 20]\n"early_stopping.min_epochs" = [1, 10]'),
        "8:11: impossible combination with epochs = 5, early_stopping.min_epochs = 10: "
        "early_stopping.min_epochs = 10 is more than epochs = 5",
    ),
    "images too small": (
        BASE + "resize = 16\n",
        "10:10: vgg halves images five times and needs data.resize >= 32, got 16",
    ),
    "weights of another model": (
        BASE + '[model]\nweights = "IMAGENET1K_V1"\n',
        "11:11: weights is for torchvision models, not for vgg",
    ),
    "settings of another model": (
        HEAD + DATA + '[model]\nname = "torchvision:resnet18"\nwidth = 0.5\nbatch_norm = true\n',
        "10:9: width, batch_norm: only for vgg, not for torchvision:resnet18",
    ),
    "weights from two places": (
        HEAD
        + DATA
        + '[model]\nname = "torchvision:resnet18"\nweights = "DEFAULT"\nweights_file = "w.pt"\n',
        "11:16: weights and weights_file: give one of them, not both",
    ),
    "folder without its place": (
        BASE.replace('"digits"', '"imagefolder"'),
        "9:8: data.root is needed for imagefolder: a folder or an archive of class folders",
    ),
    "nothing left to train on": (
        BASE + "train = 100\nvalidation = 100\n",
        "11:14: validation = 100 leaves none of the train = 100 images",
    ),
    "twins": (
        factors('depth = [11]\nroot = ["a", "b"]'),
        "6:2: the cells depth=11, root=a and depth=11, root=b are the same recipe",
    ),
    # -- TOML
    "syntax": (BASE + "train = = 5\n", "10:9: not TOML: Invalid value"),
    "end of file": (BASE + "train = [1, 2", "10:14: not TOML: Unclosed array"),
    "table twice": (BASE + "[data]\n", "10:6: not TOML: Cannot declare ('data',) twice"),
    "null byte": (BASE + "\0", "10:1: not TOML: Invalid statement"),
    "long dotted key": ("a." * 20_000 + "b = 1", f"1:1: {TOO_DEEP}"),
    "long header": ("x = 1\n[" + "a . " * 20_000 + "b]", f"2:1: {TOO_DEEP}"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_named_with_its_place(load: Load, text: str, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(text)
    assert str(caught.value) == f"p.toml:{message}"


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_text_and_file_are_read_alike(text: str, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_protocol(text, filename="p.toml")
    assert str(caught.value) == f"p.toml:{message}"


WITHOUT_PLACE = {
    "deep list": ("x = " + "[" * 20_000, TOO_DEEP),
    "list of depth 17": ("x = " + "[" * 17 + "]" * 17, TOO_DEEP),
    "long integer": ("x = " + "1" * 5000, "not TOML: Exceeds the limit"),
    "too large": ("#" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES:,} bytes: not a protocol"),
    "not UTF-8": (b"name = '\xe9'", "is not UTF-8 text (byte 9 is 0xe9)"),
    "UTF-16": ("schema = 1".encode("utf-16"), "is not UTF-8 text (byte 1 is 0xff)"),
}


@pytest.mark.parametrize(("text", "message"), WITHOUT_PLACE.values(), ids=WITHOUT_PLACE.keys())
def test_what_is_no_document_is_refused_whole(load: Load, text: str | bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(text)
    assert str(caught.value).startswith(f"p.toml: {message}")


def test_every_mistake_is_listed_at_once_in_the_order_of_the_file(load: Load) -> None:
    text = """\
schema = 1
name = "A/b"
titel = "x"
[design]
replicates = 0
seed = -1
exclude = [{ depth = 13 }, { dept = 11 }]
[design.factors]
depth = [11, 12, 19, 11]
batchsize = [8]
lr = ["a", 0.1, nan]
[data]
name = "cifar"
[training]
epochs = 5
optimizer = "sdg"
early_stopping.min_epochs = 10
[training.scheduler]
factor = 2
"""
    with pytest.raises(ProtocolError) as caught:
        load(text)
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert places == [
        (2, 8), (3, 1), (5, 14), (6, 8), (7, 22), (7, 37), (9, 14), (9, 22), (10, 13), (11, 7),
        (11, 17), (13, 8), (16, 13), (17, 29), (19, 10),
    ]  # fmt: skip


def test_empty_file_lacks_what_every_protocol_has(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load("")
    assert str(caught.value).splitlines() == [
        f"p.toml:1:1: '{key}' is missing" for key in ("schema", "name", "design", "data")
    ]


def test_a_mistake_is_not_reported_again_for_what_follows_from_it(load: Load) -> None:
    # Depth is misspelt: that model.depth is then missing is no second mistake.
    for text in (factors("dept = [11]"), HEAD + DATA + "[model]\ndept = 11\n"):
        with pytest.raises(ProtocolError) as caught:
            load(text)
        assert len(caught.value.problems) == 1


def test_one_conflict_of_many_cells_is_one_mistake(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(factors("batch_size = [8, 16, 32]\ndata_norm = [false, true]"))
    assert str(caught.value) == f"p.toml:1:1: {DEPTH_NEEDED}"


def test_at_most_a_hundred_mistakes_are_listed(load: Load) -> None:
    with pytest.raises(ProtocolError) as caught:
        load(BASE + "".join(f"key{i} = 1\n" for i in range(5000)))
    *listed, last = caught.value.problems
    assert len(listed) == 100
    assert last.render("p.toml") == "p.toml: and more: only the first 100 mistakes are listed"


def test_byte_order_mark_and_windows_line_ends_change_nothing(load: Load) -> None:
    plain = load(BASE)
    windows = load(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert windows.protocol == plain.protocol
    assert windows.text == BASE
    with pytest.raises(ProtocolError, match=r"^p\.toml:10:1: unknown key 'trian'"):
        load(b"\xef\xbb\xbf" + (BASE + "trian = 5\n").replace("\n", "\r\n").encode())


def test_integral_floats_are_integers(load: Load) -> None:
    loaded = load(factors("depth = [11.0, 19]\nbatch_size = [8.0]"))
    assert (
        loaded.protocol.digest()
        == load(factors("depth = [11, 19]\nbatch_size = [8]")).protocol.digest()
    )
    assert [type(level) for level in loaded.cells[0].levels.values()] == [int, int]


def test_question_may_have_several_lines(load: Load) -> None:
    text = BASE.replace('"x"', '"x"\nquestion = """\nOne?\n\tTwo?\n"""')
    assert load(text).protocol.question == "One?\n\tTwo?\n"


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("lr = 0.1\nearly_stopping = {}", "early_stopping.min_epochs is 0"),
        ("momentum = 0.9", "momentum has no effect on adam and adamw"),
        ('early_stopping = { monitor = "test_loss" }', "the test set selects the checkpoint"),
    ],
)
def test_what_is_seldom_meant_is_warned_of(load: Load, line: str, warning: str) -> None:
    assert load(TRAINING).warnings == []
    assert any(text.startswith(warning) for text in load(f"{TRAINING}{line}\n").warnings)


def test_a_base_setting_that_is_a_factor_is_warned_of(load: Load) -> None:
    warnings = load(BASE + "[model]\ndepth = 11\n").warnings
    assert warnings == ["model.depth has no effect: it is a factor, its levels decide"]


def test_few_replicates_are_warned_of(load: Load) -> None:
    (warning,) = load(BASE.replace("replicates = 3", "replicates = 2")).warnings
    assert warning.startswith("design.replicates = 2: ")


# -- Files -----------------------------------------------------------------------------------


def test_folder_is_no_protocol(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder, not a protocol file"


def test_missing_file_is_named_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(tmp_path / "none.toml")
    assert str(caught.value) == (
        f"{tmp_path / 'none.toml'}: no such protocol file (see 'vggstudy protocols')"
    )


@pytest.mark.parametrize("name", ["\0", "a\0.toml", "x" * 5000, "", "\x1b[31m"])
def test_impossible_file_names_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProtocolError) as caught:
        load_protocol(name)
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.name != "posix", reason="POSIX file types")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ProtocolError, match="no such protocol file"):
        load_protocol(tmp_path / "pipe.toml")


def test_unreadable_file_is_named(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    load(BASE)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ProtocolError, match=r"^p\.toml: cannot be read: Permission denied$"):
        load_protocol("p.toml")


def test_file_name_with_terminal_escapes_is_shown_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("\x1b[31m.toml").write_text("", "utf-8")
    with pytest.raises(ProtocolError) as caught:
        load_protocol("\x1b[31m.toml")
    assert str(caught.value).startswith("\\x1b[31m.toml:1:1: ")


@pytest.mark.parametrize(
    "text",
    [
        "a." * 100_000 + "b = 1",
        "'a'." * 50_000 + "b = 1",
        "[" + "a." * 100_000 + "b]",
        "x = [" + "1," * 100_000 + "]",
        "x = {" + ",".join(f"a{i}=1" for i in range(20_000)) + "}",
        "[[a]]\n" * 40_000,
        "x = '''" + "'' " * 80_000,
        '"' * 200_000,
        BASE + "".join(f"key{i} = 1\n" for i in range(20_000)),
        factors("depth = [11]\nbatch_size = [" + ", ".join(f"'{i}'" for i in range(9_999)) + "]"),
        factors("".join(f"f{i} = [1]\n" for i in range(20_000))),
    ],
    ids=range(11),
)
def test_adversarial_text_is_refused_in_bounded_time(load: Load, text: str) -> None:
    before = time.process_time()
    with pytest.raises(ProtocolError):
        load(text)
    # Each takes under 1 s of one core; the quadratic ways that this guards against, minutes.
    assert time.process_time() - before < 5
