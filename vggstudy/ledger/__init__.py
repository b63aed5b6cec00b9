"""The ledger of a study: records of its runs in files, and an index of them."""

from vggstudy.ledger.marker import Amendment
from vggstudy.ledger.record import Attempt, Failure, FailureKind, RunRecord, Status
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.ledger.store import StudyStore

__all__ = [
    "Amendment",
    "Attempt",
    "DamagedFileError",
    "Failure",
    "FailureKind",
    "RunRecord",
    "Status",
    "StudyStore",
]
