"""Files that somebody else made: bounded, never executed, never a way out of their folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from vggstudy.errors import DataError, ExecutionError
from vggstudy.ledger import StudyStore
from vggstudy.training.checkpoint import (
    MAGIC,
    DamagedCheckpoint,
    read_checkpoint,
    write_checkpoint,
)
from vggstudy.training.data import archives


def tar_of(path: Path, members: dict[str, bytes], **header: str) -> Path:
    """A tar archive; its members carry an extended header."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(data), header
            archive.addfile(member, io.BytesIO(data))
    return path


def entries(path: Path) -> list[str]:
    """Names in an archive or a folder."""
    return [str(entry.path) for entry in archives.open_tree(path).entries()]


def test_a_header_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    small = tar_of(tmp_path / "small.tar", {"a/b.png": b"x"}, comment="x" * 1000)
    assert entries(small) == ["a/b.png"]
    large = tar_of(tmp_path / "large.tar", {"a/b.png": b"x"}, comment="x" * 2**21)
    with pytest.raises(DataError, match=r"large.tar is damaged .*: a header of 2\d{6} bytes"):
        entries(large)


def test_more_members_than_memory_should_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    names = [f"{number}.png" for number in range(4)]
    tar = tar_of(tmp_path / "many.tar", dict.fromkeys(names, b"x"))
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    for path in (tar, tmp_path / "many.zip"):
        with pytest.raises(DataError, match="holds more than 3 files and folders"):
            entries(path)
    assert len(entries(tar_of(tmp_path / "few.tar", dict.fromkeys(names[:3], b"x")))) == 3


def test_an_archive_is_listed_without_keeping_its_members(tmp_path: Path) -> None:
    names = [f"class/{number}.png" for number in range(500)]
    tar = tar_of(tmp_path / "long.tar", dict.fromkeys(names, b"x"))
    assert entries(tar) == names
    found = dict(archives.open_tree(tar).contents(names[::100]))
    assert found == dict.fromkeys(names[::100], b"x")


def test_a_file_too_large_for_an_image_is_refused_in_a_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 10)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "big.png").write_bytes(b"x" * 11)
    with pytest.raises(DataError, match=r"a/big.png has 11 bytes, more than the 10"):
        list(archives.open_tree(tmp_path).contents(["a/big.png"]))


def test_no_bytes_of_an_archive_give_anything_but_names_or_one_error(
    tmp_path: Path, tried: Counter[str]
) -> None:
    rng = random.Random(4)
    members = {f"train/{side}/{n}.png": bytes([n]) * 50 for side in "ab" for n in range(3)}
    tar = tar_of(tmp_path / "sound.tar", members, comment="x").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    for kind, sound in (("tar", tar), ("zip", buffer.getvalue())):
        for _ in range(150):
            spoilt = bytearray(sound)
            for _ in range(rng.choice((1, 2, 8))):
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            path = tmp_path / f"spoilt.{kind}"
            path.write_bytes(spoilt[: rng.choice((len(spoilt), rng.randrange(len(spoilt))))])
            with contextlib.suppress(DataError):
                tree = archives.open_tree(path)
                dict(tree.contents([str(e.path) for e in tree.entries() if not e.is_folder]))
            tried["hostile archives"] += 1


def test_a_checkpoint_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "checkpoint.pt"
    path.with_name("checkpoint.pt.partial").symlink_to(victim)
    write_checkpoint(path, fingerprint={}, state={})
    assert victim.read_text() == "mine"
    assert path.is_file()
    assert not path.is_symlink()


def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint.pt")
    with pytest.raises(ExecutionError, match="not an ordinary file"):
        read_checkpoint(tmp_path / "checkpoint.pt", fingerprint={})


def test_a_checkpoint_with_a_right_checksum_and_any_content_is_damage(
    tmp_path: Path, tried: Counter[str]
) -> None:
    rng = random.Random(5)
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, fingerprint={"a": 1}, state={"w": torch.zeros(3)})
    sound = path.read_bytes()[len(MAGIC) + 32 :]
    for case in range(150):
        content = bytearray(sound)
        for _ in range(rng.choice((1, 4, 50))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        data = bytes(content) if case % 3 else rng.randbytes(rng.randrange(400))
        path.write_bytes(MAGIC + hashlib.sha256(data).digest() + data)
        with contextlib.suppress(DamagedCheckpoint, ExecutionError):
            read_checkpoint(path, fingerprint={"a": 1})
        tried["hostile checkpoints"] += 1


def test_tidying_leaves_alone_what_lies_behind_a_link_and_what_it_did_not_write(
    small: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    own = f".run.json.{'0' * 16}.tmp"
    for name in (own, ".draft.tmp"):
        (home / name).write_text("mine")
        (small.path / name).write_text("left over")
    (small.path / "runs" / ("f" * 16)).symlink_to(home)
    removed = StudyStore.open(small.path).tidy(older_than_s=0)
    assert [path.name for path in removed] == [own]
    assert sorted(path.name for path in home.iterdir()) == [".draft.tmp", own]
    assert (small.path / ".draft.tmp").exists()
