"""Pending runs to records, on one machine or many: engines, packs, retries, interrupts."""

from vggstudy.execution.engine import Engine
from vggstudy.execution.events import Listener, Silent
from vggstudy.execution.layout import settle
from vggstudy.execution.measurement import measure_divisions
from vggstudy.execution.options import ExecutionOptions, resolve_options
from vggstudy.execution.pool import Tally, execute

__all__ = [
    "Engine",
    "ExecutionOptions",
    "Listener",
    "Silent",
    "Tally",
    "execute",
    "measure_divisions",
    "resolve_options",
    "settle",
]
