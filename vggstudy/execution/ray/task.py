"""What a Ray task does on its node: it executes a pack and sends every record back as bytes."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from vggstudy._version import __version__
from vggstudy.errors import ExecutionError, StudyError
from vggstudy.execution.events import Silent
from vggstudy.execution.local.pool import execute
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.packing import Pack
from vggstudy.ledger import Failure, RunRecord, StudyStore
from vggstudy.plan import PlannedRun

Message = tuple[Literal["record", "note", "refused"], bytes]


def run_pack(pack: Pack, options: ExecutionOptions, version: str) -> Iterator[Message]:
    """Execute a pack with the local engine, in a study of its own that is thrown away.

    Parameters
    ----------
    pack : tuple of PlannedRun
    options : ExecutionOptions
        As the driver was given them.
    version : str
        The driver's version of this package.

    Yields
    ------
    message : (str, bytes)
        ``record`` with the text of a run's record as soon as there is one, ``note`` with a
        sentence, or ``refused`` with an error's class and message, on two lines.
    """
    if version != __version__:
        text = f"ExecutionError\nthe driver is vggstudy {version}, a node of the cluster has "
        yield "refused", f"{text}{__version__}; install one version everywhere".encode()
        return
    messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="vggstudy-") as folder:
        store = StudyStore.create(Path(folder) / "pack", "", "", "pack")
        # The pool's workers die with the thread that started them, and it with this process.
        work = threading.Thread(target=_work, args=(pack, store, options, messages), daemon=True)
        work.start()
        while (message := messages.get()) is not None:
            yield message
        work.join()


def _work(
    pack: Pack,
    store: StudyStore,
    options: ExecutionOptions,
    messages: queue.SimpleQueue[Message | None],
) -> None:
    """Run the local engine; every end is a message."""
    try:
        execute(pack, store, options, _Sender(store, messages), stopped_by=())
    except StudyError as error:
        messages.put(("refused", f"{type(error).__name__}\n{error}".encode()))
    except Exception as error:  # noqa: BLE001 - the driver tells it; silence would hang it
        text = f"{ExecutionError.__name__}\na node failed: {type(error).__name__}: {error}"
        messages.put(("refused", text.encode()))
    finally:
        messages.put(None)


class _Sender(Silent):
    """Sends the driver what it must know."""

    def __init__(self, store: StudyStore, messages: queue.SimpleQueue[Message | None]) -> None:
        self.store = store
        self.messages = messages

    def finished(self, run: PlannedRun, record: RunRecord) -> None:  # noqa: ARG002
        """Send the record."""
        self.messages.put(("record", record.to_json().encode()))

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:  # noqa: ARG002
        """Send the record of a run whose last attempt has failed, its attempts in it."""
        if not retry:
            record = self.store.read_record(run.run_id)
            self.messages.put(("record", record.to_json().encode()))

    def note(self, text: str) -> None:
        """Send it."""
        self.messages.put(("note", text.encode()))
