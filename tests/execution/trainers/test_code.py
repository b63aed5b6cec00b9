"""Which files make the code of a trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggstudy.errors import ExecutionError
from vggstudy.execution.trainers.code import code_state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train.py", "src/a.py", "src/deep/b.py", "src/__pycache__/a.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_two_stars_are_all_files_below_a_folder(folder: Path) -> None:
    whole = code_state(folder, ["train.py", "src/**"])
    assert whole is not None
    assert whole["files"] == 3
    assert whole == code_state(folder, ["src/**/*", "*.py"])
    (folder / "src/deep/b.py").write_text("changed")
    assert whole != code_state(folder, ["train.py", "src/**"])


@pytest.mark.parametrize("pattern", ["no-such.py", "src/**.py", ".", "", "../x", "/etc/passwd"])
def test_a_pattern_that_names_no_code_is_one_sentence(folder: Path, pattern: str) -> None:
    with pytest.raises(ExecutionError, match=f"^trainer.code: '{pattern.replace('*', '.')}' "):
        code_state(folder, [pattern])
