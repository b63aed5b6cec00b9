"""A trainer of one's own: the command or the function that trains, and what is put into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from vggstudy.identity import digest
from vggstudy.protocol.model.settings import SCHEMA_VERSION
from vggstudy.stated.base import PROSE, Level, Line, Settings

FUNCTION_NAME = r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
"""``module:name``, as ``package.module:name``."""

PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,63}")
"""What a factor or a parameter of a trainer may be called: ``lr``, ``optimizer.lr``."""

SEEDS = ("seed", "init_seed", "data_seed")
"""Placeholders of a run's seeds, each a natural number below 2**31."""

GIVEN = (*SEEDS, "run_dir", "report", "run_id", "replicate", "parameters", "python", "device")
"""Placeholders that are no factors."""

TAKEN = (*GIVEN, "cell_id", "outcome", "label", "completion", "attempts", "majority_rate", "status")
"""Names that a factor cannot have: they are placeholders, or columns of the table of runs."""

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class TrainerSettings(Settings):
    """Who trains, where it is not vggstudy: a command or a function."""

    command: list[Annotated[str, Field(max_length=32_768, pattern=PROSE)]] | None = Field(
        default=None, min_length=1, max_length=1000
    )
    """Program and arguments, without a shell. {lr} stands for the level of the factor or the
    parameter lr; {seed}, {init_seed} and {data_seed} for the run's seeds, {run_dir} for a folder of
    its own, {report} for the file to report to, {parameters} for all levels as JSON, {run_id},
    {replicate}, {device}, and {python} for the interpreter that runs vggstudy; {{ is a brace."""
    function: str | None = Field(default=None, pattern=FUNCTION_NAME)
    """Name of a Python function, "module:name", for the record. It is called only where somebody
    hands it over: --trainer module:name, or Study.run(trainer=function)."""
    code: list[Line] = Field(default_factory=list, max_length=100)
    """Files that make the code, as patterns below the working folder, such as "src/**": their
    digest goes into every record. By default the git commit does."""
    keep_files: bool = False
    """Whether the folder {run_dir} of a run stays when the run has its result."""


class TrainerCall(Settings):
    """What of a trainer makes a run's identity."""

    command: list[str] | None = None
    function: str | None = None


class TrainerRecipe(Settings):
    """Everything that decides what one run of a trainer computes, but for its seeds."""

    trainer: TrainerCall
    parameters: dict[str, Level]

    @property
    def epochs(self) -> None:
        """The largest number of epochs, which only the trainer knows."""
        return

    def identity(self) -> dict[str, Any]:
        """What a cell's id is made of: the command or function, and every parameter."""
        return {"schema": SCHEMA_VERSION, **self.model_dump(mode="json", exclude_none=True)}


def placeholders(argument: str) -> Iterator[str]:
    """Names in braces within an argument; a brace alone comes as itself."""
    for found in _PLACE.finditer(argument):
        if found[0] not in ("{{", "}}"):
            yield found[0] if found[1] is None else found[1]


def filled_in(argument: str, values: Mapping[str, str]) -> str:
    """An argument with its placeholders replaced, each once: values are not looked into."""

    def value(found: re.Match[str]) -> str:
        return values[found[1]] if found[1] is not None else found[0][0]

    return _PLACE.sub(value, argument)


def command_digest(
    trainer: TrainerSettings, parameters: Mapping[str, Any], factors: Mapping[str, Any]
) -> str:
    """SHA-256 of all that a protocol can put into its command: what somebody consents to."""
    said = {"command": trainer.command, "parameters": parameters, "factors": factors}
    return digest(said)
