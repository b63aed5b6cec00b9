"""The map from a tool's names to the columns of a table: proposed, written, edited, read."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from vggstudy.errors import AnalysisError
from vggstudy.files import explain, read_bounded
from vggstudy.imports.runs import MAX_COLUMNS, ImportedRun, Scalar
from vggstudy.suggest import suggest

Role = Literal["setting", "measured", "about"]

PREFIXES = (
    "params.", "metrics.", "tags.", "config.", "summary.", "hparams.", "scalars.", "path.",
    "params_", "user_attrs_", "p_solver_", "p_dataset_", "p_obj_",
)  # fmt: skip
SEEDS = ("seed", "random_seed", "rng_seed", "random_state", "seed_everything", "manual_seed")
"""Names of what a run was seeded with."""
REPETITIONS = ("idx_rep",)
"""Names of what numbers the runs of a cell."""
ADDED = ("run", "status", "label")
"""Columns that the table has of its own."""
MAP_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source.

    Attributes
    ----------
    source : str
        The tool's name.
    role : str
    name : str
        In the table; empty where it is left out.
    """

    source: str
    role: Role
    name: str


def proposed(runs: Sequence[ImportedRun]) -> list[Column]:
    """Every column of a source, and what it becomes.

    Settings that are the same in all runs, what is neither setting nor measured, private values
    (``_step``) and empty columns are left out.
    """
    found: dict[str, tuple[Role, set[str]]] = {}
    for run in runs:
        parts: tuple[tuple[Role, Mapping[str, Scalar]], ...] = (
            ("setting", run.settings),
            ("measured", run.measured),
            ("about", run.about),
        )
        for role, values in parts:
            for source, value in values.items():
                seen = found.setdefault(source, (role, set()))[1]
                if len(seen) < 2:
                    seen.add(repr(value))
    if len(found) > MAX_COLUMNS:
        raise AnalysisError(f"the runs have more than {MAX_COLUMNS:,} columns")
    names = _names({source: role for source, (role, _) in found.items()})
    return [
        Column(source, role, names[source] if _is_kept(source, role, seen, runs) else "")
        for source, (role, seen) in found.items()
    ]


def _is_kept(source: str, role: Role, seen: set[str], runs: Sequence[ImportedRun]) -> bool:
    """Whether a column is proposed for the table, by some of the values that it has."""
    if role == "about" or seen <= {"None", "''"} or _bare(source).startswith("_"):
        return False
    if role == "measured" or len(runs) == 1 or len(seen) > 1 or _bare(source) in SEEDS:
        return True
    return not all(source in run.settings for run in runs)


def _names(roles: Mapping[str, Role]) -> dict[str, str]:
    """A name for each column: short, of letters, digits and underscores, and no other's."""
    short = {source: _short(source) for source in roles}
    seeds = [source for source, name in short.items() if name.rpartition("_")[2] == "seed"]
    seeds = [source for source in short if _bare(source) in SEEDS] or seeds
    if len(seeds) == 1:
        short[seeds[0]] = "seed"
    repeats = [source for source in short if source in REPETITIONS]
    count = Counter(short.values())
    taken = {name for name, times in count.items() if times > 1} | {*ADDED, "replicate"}
    found = {source: _clean(source) if name in taken else name for source, name in short.items()}
    return {**found, **dict.fromkeys(repeats[:1], "replicate")}


def _bare(source: str) -> str:
    """The last part of a name, in small letters."""
    return re.split(r"[./]", _without_prefix(source))[-1].lower()


def _without_prefix(source: str) -> str:
    """A name without what the tool puts before it."""
    prefix = next((one for one in PREFIXES if source.startswith(one) and source != one), "")
    return source.removeprefix(prefix)


def _short(source: str) -> str:
    """A name without the tool's prefix."""
    return _clean(_without_prefix(source))


def _clean(name: str) -> str:
    """A name of letters, digits and underscores."""
    return re.sub(r"\W+", "_", name).strip("_") or "column"


def written(columns: Sequence[Column]) -> str:
    """The map as TOML, to be edited and read again."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Left: the source's name. Right: the table's; empty: left out."))
    for role in ("setting", "measured", "about"):
        own = [column for column in columns if column.role == role]
        if own:
            table = tomlkit.table()
            for column in own:
                table.add(tomlkit.key([column.source]), column.name)
            document.add(role, table)
    return tomlkit.dumps(document)


def read_map(path: Path, columns: Sequence[Column]) -> list[Column]:
    """The columns as an edited map names them; what it does not name is left out.

    Raises
    ------
    AnalysisError
        If the file is no such map, names what the source does not have, or one name twice.
    """
    try:
        document = tomllib.loads(read_bounded(path, limit=MAP_BYTES).decode())
    except OSError as error:
        raise AnalysisError(explain(error, path, "read")) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AnalysisError(f"{path}: not a map of columns: {error}") from None
    known = {column.source: column for column in columns}
    found: list[Column] = []
    for role, names in document.items():
        if role not in get_args(Role) or not isinstance(names, dict):
            raise AnalysisError(f"{path}: [{role}] is not [setting], [measured] or [about]")
        found += (_renamed(path, known, source, role, name) for source, name in names.items())
    given = Counter(column.name for column in found if column.name)
    for name, times in given.items():
        if times > 1:
            raise AnalysisError(f"{path}: {times} columns are called {name!r}")
        if name in ADDED:
            raise AnalysisError(f"{path}: {name!r} is the name of a column that is added")
    return found


def _renamed(
    path: Path, known: Mapping[str, Column], source: str, role: str, name: object
) -> Column:
    """One line of a map."""
    if source not in known:
        hint = suggest(source, known)
        more = f" ({hint})" if hint else ""
        raise AnalysisError(f"{path}: the source has no {source!r}{more}")
    if not isinstance(name, str):
        raise AnalysisError(f"{path}: {source!r} must be a text")
    return Column(source, cast(Role, role), name.strip())
