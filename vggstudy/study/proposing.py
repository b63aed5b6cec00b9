"""A protocol that says how a table of runs is read: proposed from what its columns hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vggstudy.errors import TableOptionError, printable
from vggstudy.protocol import AnalysisSettings, parse_protocol
from vggstudy.protocol.model.table import TableSettings
from vggstudy.protocol.reading.template import toml_key, toml_value
from vggstudy.study.sources import open_source
from vggstudy.study.stated_tables import BESIDE
from vggstudy.study.tables import AUTO, Decide, TableAsked, read_rows

if TYPE_CHECKING:
    from vggstudy.study.sources import Source

MOST_LEVELS = 100
"""Levels in words beyond which their order is left to the table."""

_HEAD = """\
# How a table of runs is read and analysed: vggstudy analyze {file}, or report, cite, export.
# What every key means: vggstudy schema, or the page "Protocol file" of the documentation.
schema = 1
name = {name}
title = ""
question = ""  # shown in the report

"""

_LEARNED = """\
# Which runs have learned; where nothing says so, every run counts.
# label = "ok"  # a column
# succeeds = "val_loss < 3.28"
# chance = 0.1  # outcome of a run that guesses
"""

_TAIL = """
# A hypothesis gets a verdict. Claims that can be named: vggstudy cite {file}
# [[hypotheses]]
# id = "H1"
# text = "What is expected, in words."
# kind = "claim"
# claim = "ID"
# direction = "above"
# threshold = 0.0
"""


def propose_table(
    path: Path, target: Path, name: str, given: Mapping[str, Any], decide: Decide | None = None
) -> str:
    """The text of a protocol that reads a table as arguments say, and as its columns look.

    Parameters
    ----------
    path : Path
        The table.
    target : Path
        Where the protocol is going to lie.
    name : str
        Its name.
    given : mapping of str to object
        Arguments of `open_source`. Without factors those are taken that look like some; without an
        outcome the only column of numbers that seldom recur.
    decide : callable, optional
        Answers whether a column is a factor of which that is open.

    Raises
    ------
    AnalysisError
        If the table cannot be read, or what its columns are is not clear.
    ProtocolError
        If a protocol cannot hold a name.
    """
    asked = {"factors": AUTO, **given}
    if not {"outcomes", "time"} & asked.keys():
        asked["outcomes"] = (_outcome(path, asked),)
    opened = open_source(path, decide=decide, **asked)
    also = [_relative(Path(one), target) for one in asked.get("also", ())]
    stated = {**asked, "file": _relative(path, target), **({"also": also} if also else {})}
    stated["factors"] = opened.table.factors
    stated["levels"] = {**_levels_in_words(opened), **asked.get("levels", {})}
    text = "".join(
        [
            _HEAD.format(name=toml_value(name), file=printable(str(target))),
            *_table_lines(opened, stated),
            *_analysis_lines(opened, stated),
            _TAIL.format(file=printable(str(target))),
        ]
    )
    parse_protocol(text, filename=str(target))
    return text


def _outcome(path: Path, asked: Mapping[str, Any]) -> str:
    """The column that is the outcome, where that is clear."""
    from vggstudy.analysis.data.request import LABEL_COLUMNS, REPLICATE_COLUMNS
    from vggstudy.analysis.data.roles import measured_columns  # NumPy

    default = AnalysisSettings().outcome
    if "wide" in asked:
        return default
    reading = {key: value for key, value in asked.items() if key in TableAsked.__annotations__}
    frame = read_rows(path, (), cast("TableAsked", reading), AnalysisSettings()).frame
    if default in frame.columns:
        return default
    taken = {*LABEL_COLUMNS, *REPLICATE_COLUMNS, *asked["factors"], *asked.get("average_over", ())}
    taken |= {asked.get(key) for key in ("replicate", "label", "last", "block")}
    found = [one for one in measured_columns(frame) if one not in taken]
    if len(found) == 1:
        return found[0]
    several = " or ".join(f"--outcome {one}" for one in found[:10])
    msg = f"{path}: which column is the outcome? Say {several or '--outcome COLUMN'}"
    raise TableOptionError(msg)


def _levels_in_words(opened: Source) -> dict[str, Sequence[Any]]:
    """The order of levels that no number gives, as the table has them."""
    table = opened.table
    return {
        factor: table.levels[factor]
        for factor in table.factors
        if any(isinstance(one, str) for one in table.levels[factor])
        and len(table.levels[factor]) <= MOST_LEVELS
    }


def _table_lines(opened: Source, stated: Mapping[str, Any]) -> Iterator[str]:
    """The section [table], every key that is stated with what it is for."""
    from vggstudy.analysis.data.roles import ROLE_NOTES  # NumPy

    notes = [one.text for one in opened.table.notes if one.name in ROLE_NOTES]
    yield "[table]\n"
    for key in TableSettings.model_fields:
        if key == "factors":
            yield from (f"# {printable(note)}\n" for note in notes)
        if key == "label" and not {"label", "succeeds", "chance"} & stated.keys():
            yield _LEARNED
        if key != "levels" and key in stated:
            yield f"{key} = {toml_value(stated[key])}\n"
    if stated["levels"]:
        yield "\n# Order of levels: the later one minus the earlier. Numbers go by value.\n"
        yield "[table.levels]\n"
        yield from (
            f"{toml_key(one)} = {toml_value(levels)}\n" for one, levels in stated["levels"].items()
        )


def _analysis_lines(opened: Source, stated: Mapping[str, Any]) -> Iterator[str]:
    """What [analysis] says of a table, or could."""
    better = opened.table.lower_is_better
    possible = {
        "lower_is_better": (better, "as the outcome's name says"),
        "seeding": ("auto", 'or "shared", "independent": a column seed tells'),
        "block": ("dataset", "a factor whose levels stand for others of their kind"),
    }
    yield "\n[analysis]\nconfidence = 0.95\n"
    for key in BESIDE:
        value, why = possible[key]
        if key in stated:
            yield f"{key} = {toml_value(stated[key])}\n"
        else:
            yield f"# {key} = {toml_value(value)}  # {why}\n"


def _relative(path: Path, target: Path) -> str:
    """A path as it leads from the folder of the protocol."""
    return os.path.relpath(path, target.parent)
