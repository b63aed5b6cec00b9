"""A packed study is the study, to the byte, and damage to it is named."""

from __future__ import annotations

import lzma
import random
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.ledger.conftest import MakeRecord, build_crash
from vggstudy.errors import LedgerError
from vggstudy.ledger import DamagedFileError, StudyStore
from vggstudy.ledger import index as index_module
from vggstudy.ledger import pack as pack_module
from vggstudy.ledger import records as records_module
from vggstudy.ledger.pack import PACK_NAME, read_pack, write_pack
from vggstudy.ledger.publish import pack_study, unpack_study

PROTOCOL = 'schema = 1\nname = "packed"\n'


@pytest.fixture
def study(tmp_path: Path, make_record: MakeRecord) -> Path:
    store = StudyStore.create(tmp_path / "study", PROTOCOL, "digest", "packed")
    for number in range(4):
        store.write_record(make_record(number))
    store.write_record(build_crash(9))
    return store.path


def files(folder: Path) -> dict[str, bytes]:
    """Every file but the index and the lock, by its place."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("index.", "study.lock"))
    }


def test_a_packed_study_holds_the_same_records(study: Path, tmp_path: Path) -> None:
    assert pack_study(study, tmp_path / "packed") == 5
    assert set(files(tmp_path / "packed")) == {
        *("study.json", "protocol.toml", "environment.txt"),
        PACK_NAME,
    }
    packed, loose = (StudyStore.open(path, readonly=True) for path in (tmp_path / "packed", study))
    assert list(packed.records()) == list(loose.records())
    assert packed.read_record(f"{2:016x}") == loose.read_record(f"{2:016x}")
    assert packed.damaged() == []
    with packed.index() as one, loose.index() as other:
        assert list(one.rows()) == list(other.rows())
        assert one.environments() == other.environments()


def test_a_pack_is_read_once_and_again_when_it_changes(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_UNSETTLED_NS", -(10**12))  # a pack of this very moment
    pack = tmp_path / "packed" / PACK_NAME
    pack_study(study, pack.parent)
    store = StudyStore.open(pack.parent, readonly=True)
    with store.index() as index:
        rows, environments = list(index.rows()), index.environments()
    read: list[Path] = []

    def counted(path: Path) -> pack_module.PackedLines:
        read.append(path)
        return read_pack(path)

    monkeypatch.setattr(records_module, "read_pack", counted)
    with store.index() as index:
        assert (list(index.rows()), index.environments()) == (rows, environments)
    assert read == []
    lines = read_pack(pack)
    pack.unlink()
    write_pack(pack, {run_id: lines[run_id] for run_id in list(lines)[1:]})
    with store.index() as index:
        assert list(index.rows()) == rows[1:]
    assert read == [pack]


def test_unpacking_gives_the_files_back(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    assert unpack_study(tmp_path / "packed", tmp_path / "again") == 5
    assert files(tmp_path / "again") == files(study)
    StudyStore.open(tmp_path / "again")  # for writing


def test_equal_studies_make_equal_packs(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "one")
    pack_study(tmp_path / "one", tmp_path / "other")
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_reading_a_packed_study_writes_nothing(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    with StudyStore.open(tmp_path / "packed", readonly=True).index() as index:
        assert len(index) == 5
    assert {path.name for path in (tmp_path / "packed").iterdir()} == {
        "study.json",
        "protocol.toml",
        "environment.txt",
        PACK_NAME,
    }


def test_a_pack_locks_its_environment_and_names_no_place(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    head, *lines = (tmp_path / "packed" / "environment.txt").read_text("utf-8").splitlines()
    assert head.startswith("# Python 3.")
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9A-Za-z.!]*", line) for line in lines)
    found = dict(line.split("==") for line in lines)
    assert found["numpy"] == version("numpy")
    assert found["torch"] == version("torch").split("+")[0]
    assert {"vggstudy", "scipy", "sympy"} <= found.keys()  # sympy: only because torch needs it
    assert not {"pytest", "ray", "mypy"} & found.keys()


def test_a_packed_study_is_not_written(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    with pytest.raises(LedgerError, match="packed records, which are only read"):
        StudyStore.open(tmp_path / "packed")


def test_every_flipped_byte_of_a_pack_is_noticed(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    path = tmp_path / "packed" / PACK_NAME
    intact = path.read_bytes()
    for at in range(0, len(intact), 7):
        damaged = bytearray(intact)
        damaged[at] ^= 0x20
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=PACK_NAME):
            read_pack(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_cut_pack_is_refused(study: Path, tmp_path: Path, share: float) -> None:
    pack_study(study, tmp_path / "packed")
    path = tmp_path / "packed" / PACK_NAME
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DamagedFileError, match="not a whole xz file"):
        read_pack(path)


def test_an_edited_line_is_damaged_and_the_others_stand(study: Path, tmp_path: Path) -> None:
    pack_study(study, tmp_path / "packed")
    path = tmp_path / "packed" / PACK_NAME
    lines = lzma.decompress(path.read_bytes()).replace(
        b'"test_accuracy":0.7', b'"test_accuracy":0.9', 1
    )
    path.write_bytes(lzma.compress(lines))
    store = StudyStore.open(tmp_path / "packed", readonly=True)
    ((place, reason),) = store.damaged()
    assert place == path
    assert reason.startswith("changed since it was written: its checksum does not match")
    assert len(list(store.records())) == 4
    with pytest.raises(LedgerError, match="nothing was unpacked"):
        unpack_study(tmp_path / "packed", tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no record\n", "line 1 is no record"), (None, "line 6 names a run that another line has")],
)
def test_foreign_lines_are_refused(
    study: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    pack_study(study, tmp_path / "packed")
    path = tmp_path / "packed" / PACK_NAME
    lines = lzma.decompress(path.read_bytes())
    twice = lines + lines.splitlines(keepends=True)[0]
    path.write_bytes(lzma.compress(twice if content is None else content))
    with pytest.raises(DamagedFileError, match=message):
        read_pack(path)


RECORD = b'{"checksum":"","run_id":"%016x","x":"%s"}\n'


def zeros() -> Iterator[bytes]:
    """A quarter of a gigabyte of nothing, which takes 40 kB."""
    for _ in range(256):
        yield bytes(2**20)


def endless_line() -> Iterator[bytes]:
    """What begins as a record and goes on with blanks."""
    yield b'{"checksum":"' + b" " * 2**20
    for _ in range(128):
        yield b" " * 2**20


def hard_line() -> Iterator[bytes]:
    """The same, of what does not compress well enough to be told by its ratio."""
    rng = random.Random(1)
    yield b'{"checksum":"'
    for _ in range(80):
        yield rng.randbytes(2**14).hex().encode() * 32


def many_records() -> Iterator[bytes]:
    """Records of distinct runs without end, which do not compress by 200 times."""
    rng = random.Random(1)
    for number in range(5_000):
        yield RECORD % (number, rng.randbytes(150).hex().encode() * 100)


def greedy() -> Iterator[bytes]:
    """Little, whose file will ask for much."""
    yield RECORD % (1, b"")


def with_dictionary(data: bytes) -> bytes:
    """The file with a block that asks for a dictionary of 512 MiB."""
    size = (data[12] + 1) * 4
    block = bytearray(data[12 : 12 + size - 4])
    place = block.index(b"\x21\x01") + 2  # LZMA2, one byte of properties
    block[place] = 34  # 2^(34 / 2 + 12) bytes
    return data[:12] + block + zlib.crc32(block).to_bytes(4, "little") + data[12 + size :]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zeros, "no record"),
        (endless_line, "200 times"),
        (hard_line, "no record"),
        (many_records, "holds more than"),
        (greedy, "Memory usage limit"),
    ],
)
def test_a_bomb_is_refused_within_200_megabytes(
    tmp_path: Path, content: Callable[[], Iterator[bytes]], message: str
) -> None:
    path = tmp_path / PACK_NAME
    with lzma.open(path, "wb", preset=0) as stream:
        for piece in content():
            stream.write(piece)
    if content is greedy:
        path.write_bytes(with_dictionary(path.read_bytes()))
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from vggstudy.ledger import pack\n"
        "pack.MAX_PACK_BYTES = 2**27\n"  # an eighth of it is as telling
        "try:\n"
        "    pack.read_pack(Path(sys.argv[1]))\n"
        "except pack.DamagedFileError as error:\n"
        "    print(error)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    said, peak = done.stdout.splitlines()
    assert re.search(message, said), said
    assert int(peak) < 200_000, peak  # in units of 1024 bytes


def test_records_beyond_the_first_ones_are_held_compressed(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_study(study, tmp_path / "packed")
    plain = dict(read_pack(tmp_path / "packed" / PACK_NAME))
    monkeypatch.setattr(pack_module, "_PLAIN_BYTES", 1500)
    held = read_pack(tmp_path / "packed" / PACK_NAME)
    assert dict(held) == plain
    assert sum(size for _, size in held.sizes()) < sum(map(len, plain.values()))
    store = StudyStore.open(tmp_path / "packed", readonly=True)
    assert len(list(store.records())) == 5


def test_nothing_is_packed_over_something_else(study: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(LedgerError, match="not empty and no packed study"):
        pack_study(study, tmp_path / "mine")
    with pytest.raises(LedgerError, match="is a study already"):
        pack_study(study, study)
    other = StudyStore.create(tmp_path / "other", PROTOCOL, "digest", "another")
    pack_study(other.path, tmp_path / "packed")
    with pytest.raises(LedgerError, match="holds the study 'another', not 'packed'"):
        pack_study(study, tmp_path / "packed")


def test_a_study_with_damaged_records_is_not_packed(study: Path, tmp_path: Path) -> None:
    record = next(study.glob("runs/*/run.json"))
    record.write_bytes(record.read_bytes()[:-5])
    with pytest.raises(LedgerError, match=r"1 damaged files, the first .*nothing was packed"):
        pack_study(study, tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_a_study_that_is_not_packed_is_not_unpacked(study: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is a study that is not packed"):
        unpack_study(study, tmp_path / "again")
