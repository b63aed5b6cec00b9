"""Pending runs to records, on one machine or many: engines, packs, retries, interrupts."""

from vggstudy.execution.engine import Engine
from vggstudy.execution.events import Listener, Silent
from vggstudy.execution.local.layout import settle
from vggstudy.execution.local.measurement import measure_divisions
from vggstudy.execution.local.pool import Tally, execute
from vggstudy.execution.local.process import Crew
from vggstudy.execution.options import ExecutionOptions, resolve_options

__all__ = [
    "Crew",
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
