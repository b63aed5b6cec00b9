"""No record and no CSV, however wrong, gives anything but a result or one sentence."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis.data.files import read_table_file
from vggstudy.errors import AnalysisError
from vggstudy.ledger.sealed import seal

QUICK_RECORDS, QUICK_TABLES = 20, 60
CAMPAIGN_RECORDS, CAMPAIGN_TABLES = 2000, 4000

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 1e308, -1e308, 5e-324, 2**62, 10**200, "", "x", "nan",
    "\x1b[31m", "\x9b2J", "\u202e", "=cmd()", "9" * 400, "a\nb", [], [1], [[]], ["x"], [None] * 3,
    {}, {"a": 1}, {"": None},
)  # fmt: skip
KEYS = ("x", "", "\x1b[2J", "=a", "epochs", "metrics", "total_s", "count")

CELLS = (
    "", "nan", "inf", "-inf", "1e400", "-1", "1.5", "x", "=1+1", "\x1b[31mred", "\x9b2J", "\u202e",
    "\x00", '"', '"a\nb"', "true", "True", "11.0", "1e5", "9" * 400, "0x10", " 11", "converged ",
    "NA", "None", "2020-01-01", "[1]", "\u00e9", "1_000", "\uff11",
)  # fmt: skip
TABLE = "depth,batch_size,replicate,outcome,test_accuracy,majority_rate\n" + "".join(
    f"{depth},{batch},{replicate},"
    f"{'converged' if (depth + batch + replicate) % 5 else 'failed_to_learn'},"
    f"{0.5 + depth / 100 + replicate / 50},0.1\n"
    for depth in (11, 19)
    for batch in (8, 16, 32)
    for replicate in range(4)
)
PROTOCOL = """\
schema = 1
name = "table"
[design]
replicates = 4
seed = 1
[design.factors]
depth = [11, 19]
batch_size = [8, 16, 32]
[data]
name = "digits"
[analysis]
resamples = 99
"""


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every value in a document, of lists their first two."""
    if path:
        yield path
    items: Any = node.items() if isinstance(node, dict) else ()
    if isinstance(node, list):
        items = enumerate(node[:2])
    for key, value in items:
        yield from places(value, (*path, key))


def spoilt(record: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The record with some of its values replaced, removed or joined by others."""
    record = copy.deepcopy(record)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        fixed = ("checksum", "format", "schema")
        *parents, leaf = rng.choice([path for path in places(record) if path[0] not in fixed])
        node = record
        for key in parents:
            node = node[key]
        chance = rng.random()
        if chance < 0.7:
            node[leaf] = rng.choice(JUNK)
        elif chance < 0.85 or not isinstance(node, dict):
            del node[leaf]
        else:
            node[rng.choice(KEYS)] = rng.choice(JUNK)
    del record["checksum"]
    return record


def inert(done: Any) -> None:
    """Nothing that a command printed steers a terminal, and its code is one that it may have."""
    assert done.code in (0, 3, 4, 5), done
    for text in (done.out, done.err):
        assert not set("\x1b\x9b\u202e\x00\r") & set(text), done


def attack_records(cli: Any, small: Any, tried: Counter[str], *, cases: int, seed: int) -> None:
    """Write records with a right checksum and wrong content, and use the study."""
    rng = random.Random(seed)
    files = sorted(small.path.rglob("run.json"))
    sound = {path: path.read_bytes() for path in files}
    Path("small.toml").write_text(small.text)
    for case in range(cases):
        path = rng.choice(files)
        path.write_text(seal(spoilt(json.loads(sound[path]), rng)))
        commands = [("status", "small"), ("show", "small", path.parent.name), ("export", "small")]
        if case % 10 == 0:
            commands += [("report", "small"), ("analyze", "small", "--json"), ("doctor", "small")]
            commands += [("plan", "small.toml", "--study", "small"), ("cite", "small")]
        for command in commands:
            inert(cli(*command))
        path.write_bytes(sound[path])
    tried["hostile records"] += cases
    assert cli("status", "small").code == 0


def test_a_sealed_record_of_any_content_is_used_or_named(
    cli: Any, small: Any, tried: Counter[str]
) -> None:
    attack_records(cli, small, tried, cases=QUICK_RECORDS, seed=1)


@pytest.mark.campaign
def test_thousands_of_hostile_records_are_used_or_named(
    cli: Any, small: Any, tried: Counter[str]
) -> None:
    attack_records(cli, small, tried, cases=CAMPAIGN_RECORDS, seed=2)


def spoilt_table(rng: random.Random) -> bytes:
    """The table with some of its cells, rows, columns or bytes changed."""
    rows = [line.split(",") for line in TABLE.splitlines()]
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        row = rng.choice(rows)
        chance = rng.random()
        if chance < 0.6 and row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        elif chance < 0.7:
            rows.append([*row])
        elif chance < 0.8 and len(rows) > 1:
            rows.remove(row)
        elif chance < 0.9:
            row.append("x")
        else:
            column = rng.randrange(6)
            for other in rows[1:]:
                other[column : column + 1] = [rng.choice(CELLS)]
    data = bytearray("\n".join(map(",".join, rows)).encode())
    for _ in range(rng.choice((0, 0, 0, 0, 3))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def attack_tables(cli: Any, tried: Counter[str], *, cases: int, seed: int) -> None:
    """Read tables that are wrong in some way."""
    rng = random.Random(seed)
    Path("table.toml").write_text(PROTOCOL)
    for case in range(cases):
        Path("runs.csv").write_bytes(spoilt_table(rng))
        told = ("runs.csv", "--protocol", "table.toml")
        inert(cli("export", *told, "-o", "out.csv"))
        if case % 20 == 0:
            for command in ("analyze", "report", "cite"):
                inert(cli(command, *told))
    tried["hostile tables"] += cases


def test_a_table_of_any_content_is_analysed_or_refused(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Counter[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    attack_tables(cli, tried, cases=QUICK_TABLES, seed=1)


@pytest.mark.campaign
def test_thousands_of_hostile_tables_are_analysed_or_refused(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Counter[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    attack_tables(cli, tried, cases=CAMPAIGN_TABLES, seed=2)


def test_numbers_stay_numbers_and_formulas_become_text_in_an_export(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    levels = ("=1+1", "+cmd", "-cmd", "@sum", "\ttab", "plain")
    rows = [f'{level},0,converged,-0.5,"{level}"' for level in levels]
    Path("runs.csv").write_text("model,replicate,outcome,test_loss,note\n" + "\n".join(rows) + "\n")
    Path("p.toml").write_text(PROTOCOL.replace("[analysis]", '[analysis]\noutcome = "test_loss"'))
    done = cli("export", "runs.csv", "--factors", "model", "--protocol", "p.toml")
    cells = [line.split(",") for line in done.out.splitlines()[1:]]
    assert sorted(cell[0] for cell in cells) == ["'+cmd", "'-cmd", "'=1+1", "'@sum", "plain", "tab"]
    assert {cell[-1] for cell in cells} == {"-0.5"}
    negative = "lr,replicate,outcome,test_accuracy\n" + "".join(
        f"{lr},{replicate},converged,0.5\n" for lr in (-1, -0.5) for replicate in range(2)
    )
    Path("runs.csv").write_text(negative)
    exported = cli("export", "runs.csv", "--factors", "lr").out
    assert "\n-1,0,converged,0.5" in exported.replace("-1.0", "-1")
    assert "'" not in exported


def test_a_quarter_of_a_million_columns_or_levels_are_one_sentence(
    cli: Any, tmp_path: Path
) -> None:
    many = 250_000
    wide = tmp_path / "wide.csv"
    names = ",".join(f"c{number}" for number in range(many))
    wide.write_text(f"{names},outcome,test_accuracy\n{'1,' * many}converged,0.5\n")
    began = time.process_time()
    done = cli("analyze", wide, "--factors", "c0")
    assert done.code == 3
    assert "has 250,002 columns; at most 10,000 are read" in done.err
    tall = tmp_path / "tall.csv"
    rows = "".join(f"{number},0,converged,0.5\n" for number in range(many))
    tall.write_text("lr,replicate,outcome,test_accuracy\n" + rows)
    done = cli("analyze", tall, "--factors", "lr")
    assert done.code == 3
    assert "the levels span 250000 cells; at most 200000 are supported" in done.err
    assert time.process_time() - began < 60  # some seconds on an idle core


def test_a_table_swapped_for_a_pipe_is_not_waited_for(cli: Any, tmp_path: Path) -> None:
    """What is looked at is what was opened: a link may lead elsewhere a moment later."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "runs.csv").symlink_to("pipe")
    with pytest.raises(AnalysisError, match="not a regular file"):
        read_table_file(tmp_path / "runs.csv")
