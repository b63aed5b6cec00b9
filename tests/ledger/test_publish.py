"""A packed study is the study, to the byte, and damage to it is named."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from tests.ledger.conftest import MakeRecord, build_crash
from vggstudy.errors import LedgerError
from vggstudy.ledger import DamagedFileError, StudyStore
from vggstudy.ledger import pack as pack_module
from vggstudy.ledger.pack import PACK_NAME, read_pack
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
    assert set(files(tmp_path / "packed")) == {"study.json", "protocol.toml", PACK_NAME}
    packed, loose = (StudyStore.open(path, readonly=True) for path in (tmp_path / "packed", study))
    assert list(packed.records()) == list(loose.records())
    assert packed.read_record(f"{2:016x}") == loose.read_record(f"{2:016x}")
    assert packed.damaged() == []
    with packed.index() as one, loose.index() as other:
        assert list(one.rows()) == list(other.rows())
        assert one.environments() == other.environments()


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
        PACK_NAME,
    }


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


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_module, "MAX_PACK_BYTES", 10_000)
    (tmp_path / PACK_NAME).write_bytes(lzma.compress(bytes(1_000_000)))
    with pytest.raises(DamagedFileError, match="holds more than 10,000 bytes"):
        read_pack(tmp_path / PACK_NAME)


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
