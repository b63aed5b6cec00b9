"""Two studies set side by side: which of their runs draw from the same seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vggstudy.errors import AnalysisError
from vggstudy.study.comparing import Compared, compare_several, compare_two
from vggstudy.study.sources import open_source

if TYPE_CHECKING:
    from tests.study.conftest import Tricks

NAME = "accuracy.mean@depth=11"


def compared(tricks: type[Tricks], folder: Path, text: str) -> Compared:
    return Compared.of_source(folder.name, open_source(tricks.made(folder, text)))


@pytest.mark.parametrize(
    ("old", "new", "partners"),
    [
        # Seeds are made of the study's seed, the cell and the replicate.
        ("replicates = 5", "replicates = 4", 32),
        ("seed = 1", "seed = 2", 0),
        ("epochs = 20", "epochs = 20\nlr = 0.02", 0),
        ("batch_size = [32, 64]", "batch_size = [32, 128]", 20),
    ],
)
def test_runs_are_partners_where_their_seeds_are_the_same(
    old: str, new: str, partners: int, tricks: type[Tricks], tmp_path: Path
) -> None:
    first = compared(tricks, tmp_path / "first", tricks.text)
    second = compared(tricks, tmp_path / "second", tricks.text.replace(old, new))
    notes = {note.name: note for note in compare_two(first, second).notes}
    assert ("seeds_paired" in notes) == bool(partners)
    if partners:
        assert notes["seeds_paired"].values["n"] == partners


def test_shared_seeds_make_partners_of_runs_with_other_settings(
    tricks: type[Tricks], tmp_path: Path
) -> None:
    text = tricks.text.replace("seed = 1", 'seed = 1\nseeding = "shared"')
    first = compared(tricks, tmp_path / "first", text)
    second = compared(
        tricks, tmp_path / "second", text.replace("epochs = 20", "epochs = 20\nlr = 0.02")
    )
    found = compare_two(first, second)
    (one,) = [one for one in found.likes if one.id == NAME]
    assert one.paired is not None
    assert one.paired.runs == 20
    assert one.paired.correlation == pytest.approx(1.0)  # invented values repeat by replicate
    assert (one.difference.low, one.difference.high) == pytest.approx((0, 0), abs=1e-6)
    third = compared(
        tricks, tmp_path / "third", text.replace("epochs = 20", "epochs = 20\nlr = 0.03")
    )
    several = compare_several([first, second, third])
    (note,) = [note for note in several.notes if note.name == "seeds_unpaired"]
    assert note.values["name"] == "first, second, third"


def test_what_was_published_has_no_runs_to_pair(tricks: type[Tricks], tmp_path: Path) -> None:
    first = compared(tricks, tmp_path / "first", tricks.text)
    published = Compared.of_claims("published", first.claims)
    text = tricks.text.replace("replicates = 5", "replicates = 4")
    second = compared(tricks, tmp_path / "second", text)
    assert all(one.paired is None for one in compare_two(published, second).likes)


def test_another_confidence_is_made_anew_where_there_are_runs(
    tricks: type[Tricks], tmp_path: Path
) -> None:
    """And refused between two files of claims; a published one is never changed."""
    first = compared(tricks, tmp_path / "first", tricks.text)
    text = tricks.text.replace("seed = 1", "seed = 2").replace(
        "[analysis]", "[analysis]\nconfidence = 0.9"
    )
    second = compared(tricks, tmp_path / "second", text)
    found = compare_two(first, second)
    (note,) = [note for note in found.notes if note.name == "made_anew"]
    assert (note.values["name"], note.values["level"]) == ("second", "95%")
    assert {one.second.level for one in found.likes} == {0.95}
    published = [Compared.of_claims(one.name, one.claims) for one in (first, second)]
    turned = compare_two(first, published[1])
    assert {one.first.level for one in turned.likes} == {0.9}
    assert compare_several([published[1], first, second]).claims[0].claim.level == 0.9
    with pytest.raises(AnalysisError, match="first hold 95%, those of second 90%, and of neither"):
        compare_two(*published)
