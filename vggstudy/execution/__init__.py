"""Pending runs to records: persistent workers, retries, interrupts. Never imports torch itself."""

from vggstudy.execution.events import Listener, Silent
from vggstudy.execution.options import ExecutionOptions, resolve_options
from vggstudy.execution.pool import Tally, execute

__all__ = ["ExecutionOptions", "Listener", "Silent", "Tally", "execute", "resolve_options"]
