from __future__ import annotations

import bz2
import gzip
import logging
import lzma
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from vggstudy.analysis.data import files
from vggstudy.analysis.data.files import read_table_file, separator_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.errors import AnalysisError

ROWS = [("adam", 1, 0.8352), ("adam", 2, 0.86), ("sgd", 1, 0.8342), ("sgd", 2, 0.9)]
EXPECTED = pd.DataFrame(ROWS, columns=["optimizer", "seed", "test_accuracy"])


def csv(separator: str, number: Callable[[float], str] = str) -> str:
    rows = [separator.join([name, str(seed), number(value)]) for name, seed, value in ROWS]
    return "\n".join([separator.join(EXPECTED.columns), *rows]) + "\n"


def with_comma(value: float) -> str:
    return str(value).replace(".", ",")


def in_percent(value: float) -> str:
    return f"{100 * value:.2f}%"


TEXTS = {
    "comma": csv(","),
    "semicolon": csv(";"),
    "semicolon, decimal comma": csv(";", with_comma),
    "tab": csv("\t"),
    "tab, decimal comma": csv("\t", with_comma),
    "bar": csv("|"),
    "comma, quoted decimal comma": csv(",", lambda value: f'"{with_comma(value)}"'),
    "per cent": csv(",", in_percent),
    "per cent, decimal comma": csv(";", lambda value: in_percent(value).replace(".", ",")),
    "carriage returns": csv(",").replace("\n", "\r\n"),
    "JSON lines": EXPECTED.to_json(orient="records", lines=True),
    "JSON array": EXPECTED.to_json(orient="records"),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_the_same_however_it_is_written(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "runs.txt"
    path.write_bytes(text.encode(encoding))
    pd.testing.assert_frame_equal(read_table_file(path).frame, EXPECTED, check_dtype=False)


@pytest.mark.parametrize(
    ("ending", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressed_tables_are_read(
    tmp_path: Path, ending: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"runs.csv{ending}"
    path.write_bytes(compress(csv(";").encode()))
    pd.testing.assert_frame_equal(read_table_file(path).frame, EXPECTED)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(AnalysisError, match=r"cannot be decompressed|could not be read"):
        read_table_file(path)


def test_parquet_is_read(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    EXPECTED.to_parquet(tmp_path / "runs.parquet")
    found = read_table_file(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(found.frame, EXPECTED, check_dtype=False)
    assert found.names(0) == "row 1"
    (tmp_path / "runs.parquet").write_bytes(b"no table")
    with pytest.raises(AnalysisError, match="not a Parquet table"):
        read_table_file(tmp_path / "runs.parquet")


def test_it_says_how_it_read_a_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(csv(";", in_percent).replace("adam", "adäm").encode("cp1252"))
    with caplog.at_level(logging.INFO, "vggstudy"):
        read_table_file(path)
    assert caplog.messages == [
        f"{path}: read as CSV, columns separated by a semicolon, cp1252",
        f"{path}: column 'test_accuracy': per cent, divided by 100",
    ]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a\n1\n", ","),
        ("a;b\n1,5;2\n1,5;3\n", ";"),
        ("a,b\nx;y,1\nx;y,2\n", ","),
        ('a;b\n"x;y";1\n', ";"),
        ("a\tb,c\n1\t2\n", "\t"),
        ("a,b\n1,2,3\n", ","),
    ],
)
def test_the_separator_is_the_one_that_divides_all_lines_alike(text: str, separator: str) -> None:
    assert separator_of(text) == separator


def test_percentages_are_the_numbers_that_are_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    written = [f"{n / 100:.2f}" for n in range(0, 10_001, 7)]
    path.write_text("x\n" + "".join(f"{text}%\n" for text in written), "utf-8")
    found = read_table_file(path).frame["x"].tolist()
    assert found == [float(f"{text}e-2") for text in written]


def test_thousands_and_decimal_commas_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text('x,y\n"1,234",1\n"5,678",2\n', "utf-8")
    with pytest.raises(AnalysisError, match=r"column 'x': is 1,234 a fraction .* decimal comma"):
        read_table_file(path)
    assert read_table_file(path, decimal=",").frame["x"].tolist() == [1.234, 5.678]
    assert read_table_file(path, decimal=".").frame["x"].tolist() == ["1,234", "5,678"]


def test_a_column_with_and_without_per_cent_signs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("x,y\n93.2%,1\n0.91,2\n91%,3\n", "utf-8")
    with pytest.raises(AnalysisError, match=r"'x': 2 values have a per cent sign and 1 have none"):
        read_table_file(path)


def test_texts_with_commas_or_per_cent_signs_stay_texts(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text('note,share\n"1,5 epochs",10% of data\n"2,5",all\n', "utf-8")
    found = read_table_file(path).frame
    assert found["note"].tolist() == ["1,5 epochs", "2,5"]
    assert found["share"].tolist() == ["10% of data", "all"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n[2]\n', "line 2 is not a JSON object"),
        ('{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("[1, 2]", "not an array of JSON objects"),
        ("[{]", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no runs"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(AnalysisError, match=message):
        read_table_file(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"m": {"0": "a", "1": "b"}, "score": {"0": 1, "1": 2}}',
        '{"runs": [{"m": "a", "score": 1}]}',
    ],
)
def test_an_object_that_holds_all_runs_is_refused_with_what_to_write(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(AnalysisError, match="one object a run"):
        read_table_file(path)


def test_a_run_alone_whose_values_are_all_inside_objects_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"config": {"lr": 0.1}, "metrics": {"loss": 1}}')
    assert list(read_table_file(path).frame) == ["config.lr", "metrics.loss"]


def test_blanks_around_names_do_not_belong_to_them(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("optimizer, seed , test_accuracy\nadam, 1, 0.8\n" + 'sgd, 2, "0.9"\n')
    frame = read_table_file(path, ["optimizer"]).frame
    assert frame.to_dict("list") == {
        "optimizer": ["adam", "sgd"],
        "seed": [1, 2],
        "test_accuracy": [0.8, 0.9],
    }
    path.write_text("a,b , c\nx, y,z\n")
    assert read_table_file(path).frame.to_dict("list") == {"a": ["x"], "b": [" y"], "c": ["z"]}


def test_a_run_that_left_no_number_is_not_taken_for_none_in_a_wide_table(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("m,note,seed_0,seed_1\na,nan,0.9,\nb,x,0.8, NaN\n")
    with pytest.raises(AnalysisError, match=r"'b,x,0.8, NaN' has a run without a number \(NaN\)"):
        read_table_file(path, wide="seed_*")
    path.write_text("m,note,seed_0,seed_1\na,nan,0.9,\nb,x,0.8,\n")
    assert len(read_table_file(path, wide="seed_*").frame) == 2


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    for header in ("m,seed,score,score", "m,seed,score, score"):
        path.write_text(f"{header}\na,0,0.5,0.1\n")
        with pytest.raises(AnalysisError, match="'score' occurs more than once"):
            read_table_file(path)
    path.write_text("m,seed,,\na,0,0.5,0.1\n")
    assert list(read_table_file(path).frame) == ["m", "seed", "Unnamed: 2", "Unnamed: 3"]


def test_objects_inside_objects_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text('{"config": {"lr": 0.1}, "tags": ["x"], "test_accuracy": 0.5}\n', "utf-8")
    assert read_table_file(path).frame.columns.tolist() == ["test_accuracy", "config.lr"]


def test_a_bomb_a_pipe_and_a_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10_000)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"1\n" * 10**6))
    with pytest.raises(AnalysisError, match="larger than"):
        read_table_file(tmp_path / "bomb.csv.gz")
    with pytest.raises(AnalysisError, match="not a regular file"):
        read_table_file(tmp_path)
    with pytest.raises(AnalysisError, match="not a regular file"):
        read_table_file(Path("/dev/zero"))


def test_lines_of_json_are_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    row = '{{"depth": 1, "seed": {}, "test_accuracy": 0.5, "label": "{}"}}'
    lines = [row.format(1, "converged"), "", row.format(2, "learnt")]
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(AnalysisError, match=r"line 3 \('learnt'\)"):
        RunTable.read_csv(path, ["depth"])


@pytest.mark.parametrize(
    "text", ['{"a": 1}\n{"a": 2}\n{"a": 3}\n', '[{"a": 1}, {"a": 2}, {"a": 3}]']
)
def test_json_of_too_many_objects_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(files, "MAX_OBJECTS", 2)
    monkeypatch.setattr(files, "_records", None)  # nothing gets as far
    path = tmp_path / "in.json"
    path.write_text(text)
    with pytest.raises(AnalysisError, match="3 JSON objects; at most 2 are read: write it as CSV"):
        read_table_file(path, ())
