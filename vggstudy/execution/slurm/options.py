"""What a user may ask SLURM for: names and values, checked before they reach a batch script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vggstudy.errors import ExecutionError
from vggstudy.execution.packing import Packing
from vggstudy.suggest import suggest

SBATCH_OPTIONS = frozenset(
    {
        "account",
        "array-parallelism",
        "comment",
        "constraint",
        "cpus-per-gpu",
        "cpus-per-task",
        "exclude",
        "gpus",
        "gpus-per-node",
        "gpus-per-task",
        "gres",
        "hint",
        "licenses",
        "mail-type",
        "mail-user",
        "mem",
        "mem-per-cpu",
        "mem-per-gpu",
        "nice",
        "nodelist",
        "partition",
        "prefer",
        "priority",
        "qos",
        "reservation",
        "threads-per-core",
        "time",
        "tmp",
        "wckey",
    }
)
"""Options of sbatch that are passed on, and ``array-parallelism``: jobs at a time of an array."""

# sbatch reads comment lines and no shell does, but a line break would end the comment.
_VALUE = re.compile(r"[A-Za-z0-9_.,:;@%+*/=|&()\[\]!-]{1,400}")
_NEXT = re.compile(r",(?=[A-Za-z-]+=)")
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")

DEFAULT_ARRAY_PARALLELISM = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSettings:
    """How runs become jobs.

    Attributes
    ----------
    options : mapping of str to str
        Options of sbatch by their long names, checked.
    packing : Packing
        How many runs a job executes.
    detach : bool
        Submit and leave, instead of waiting for the jobs.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    packing: Packing = field(default_factory=Packing)
    detach: bool = False

    @property
    def minutes(self) -> int | None:
        """The time limit of a job in minutes, rounded up; None for the partition's."""
        return minutes(self.options["time"]) if "time" in self.options else None

    @property
    def array_parallelism(self) -> int:
        """Jobs of an array that may run at a time."""
        return int(self.options.get("array-parallelism", DEFAULT_ARRAY_PARALLELISM))


def parse_options(texts: Sequence[str]) -> dict[str, str]:
    """Read ``key=value,key=value`` texts; a comma inside a value is one that no key follows.

    Parameters
    ----------
    texts : sequence of str
        Each as given to ``--slurm``.

    Returns
    -------
    options : dict of str to str
        Long names with hyphens to values.

    Raises
    ------
    ExecutionError
        If a name is not one of `SBATCH_OPTIONS`, a value holds other than letters, digits and
        ``_.,:;@%+*/=|&()[]!-``, a name comes twice, or a number is none.
    """
    options: dict[str, str] = {}
    for part in (part for text in texts for part in _NEXT.split(text)):
        name, equals, value = part.partition("=")
        name, value = name.strip().replace("_", "-"), value.strip()
        if name not in SBATCH_OPTIONS:
            hint = suggest(name, SBATCH_OPTIONS) or ", ".join(sorted(SBATCH_OPTIONS))
            msg = f"--slurm {part}: '{name}' is not an option that is passed on to sbatch; {hint}"
            raise ExecutionError(msg)
        if not equals or not _VALUE.fullmatch(value):
            msg = (
                f"--slurm {part}: write it as {name}=VALUE, the value of letters, digits and "
                "_.,:;@%+*/=|&()[]!-"
            )
            raise ExecutionError(msg)
        if name in options:
            msg = f"--slurm gives {name} twice: {options[name]} and {value}"
            raise ExecutionError(msg)
        options[name] = value
    _check_numbers(options)
    return options


def _check_numbers(options: Mapping[str, str]) -> None:
    """Numbers that this program reads itself; all others are sbatch's to judge."""
    for name in ("cpus-per-task", "array-parallelism"):
        value = options.get(name, "1")
        if not value.isdecimal() or int(value) < 1:
            msg = f"--slurm {name} must be a whole number of at least 1, got {value}"
            raise ExecutionError(msg)
    if "time" in options:
        minutes(options["time"])


def minutes(text: str) -> int:
    """A time limit as sbatch reads it, in minutes, rounded up.

    Raises
    ------
    ExecutionError
        If it is not ``MINUTES``, ``MINUTES:SECONDS``, ``HOURS:MINUTES:SECONDS``, ``DAYS-HOURS``,
        ``DAYS-HOURS:MINUTES`` or ``DAYS-HOURS:MINUTES:SECONDS``, or is zero.
    """
    found = _TIME.fullmatch(text)
    if found:
        days, *parts = found.groups()
        numbers = [int(part) for part in parts if part is not None]
        if days is not None:
            scales = [3600, 60, 1]
        else:
            scales = {1: [60], 2: [60, 1], 3: [3600, 60, 1]}[len(numbers)]
        seconds = sum(n * scale for n, scale in zip(numbers, scales, strict=False))
        seconds += 86400 * int(days or 0)
        if seconds:
            return -(-seconds // 60)
    msg = f"--slurm time: write MINUTES, HH:MM:SS or D-HH:MM:SS, got {text}"
    raise ExecutionError(msg)
