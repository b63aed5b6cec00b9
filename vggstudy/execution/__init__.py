"""Pending runs to records, on one machine or many: engines, packs, retries, interrupts."""

from vggstudy.execution.engine import Engine
from vggstudy.execution.events import Listener, Silent
from vggstudy.execution.options import ExecutionOptions, resolve_options
from vggstudy.execution.pool import Tally, execute

__all__ = [
    "Engine",
    "ExecutionOptions",
    "Listener",
    "Silent",
    "Tally",
    "execute",
    "resolve_options",
]
