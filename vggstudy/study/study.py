"""A study: a protocol and the folder with its runs; the Python interface to both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vggstudy.errors import AnalysisError, ExecutionError, LedgerError, ProtocolError
from vggstudy.extras import missing_for_training, require_fused_kernels, require_training
from vggstudy.files import explain
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.markup import html_table
from vggstudy.plan import Plan, PlannedRun, make_plan, refuse_table, select_runs
from vggstudy.protocol import LoadedProtocol, Protocol, Recipe, load_protocol, parse_protocol
from vggstudy.study.driving import Driver
from vggstudy.study.keeping import Keeper, note_look
from vggstudy.study.places import STUDIES, find_study
from vggstudy.study.progress import Progress
from vggstudy.study.splits import needs_training_split
from vggstudy.study.stopping import Looks, looks_of, refuse_changed_looks
from vggstudy.study.trainers import trainer_site

if TYPE_CHECKING:
    import pandas as pd

    from vggstudy.execution import Engine, ExecutionOptions, Listener, Tally
    from vggstudy.ledger.marker import Comparisons
    from vggstudy.study.driving import Watch
    from vggstudy.study.labels import Label
    from vggstudy.study.runs import Labeller


class Study:
    """A protocol with its ledger.

    Parameters
    ----------
    protocol : Protocol
        What the study asks for.
    path : path, optional
        The study's folder; ``studies/<name>`` by default. It is made by the first `run`.
    text : str, optional
        The protocol as its author wrote it; kept with the study.
    cells : optional
        The protocol's grid where it has been resolved already (`LoadedProtocol.cells`).

    Examples
    --------
    >>> import vggstudy as vs
    >>> study = vs.Study(vs.Protocol.from_file("protocols/quickstart.toml"))  # doctest: +SKIP
    >>> study.run(jobs=2)  # doctest: +SKIP
    """

    def __init__(
        self,
        protocol: Protocol,
        path: str | Path | None = None,
        *,
        text: str | None = None,
        cells: Sequence[Any] | None = None,
    ) -> None:
        refuse_table(protocol)
        self.protocol = protocol
        self.path = Path(path) if path is not None else STUDIES / protocol.name
        self.text = text if text is not None else protocol_text(protocol)
        self._cells = cells
        self._cut: dict[int, Plan] = {}
        self._asked: int | None = None

    @classmethod
    def load(cls, loaded: LoadedProtocol, path: str | Path | None = None) -> Study:
        """A study from a protocol file that has been read."""
        return cls(loaded.protocol, path, text=loaded.text, cells=loaded.cells)

    @classmethod
    def from_file(cls, protocol: str | Path, path: str | Path | None = None) -> Study:
        """A study from a protocol file."""
        return cls.load(load_protocol(protocol), path)

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """A study that exists, from its folder or its name below ``studies/``.

        Raises
        ------
        LedgerError
            If there is none, or it is damaged.
        """
        folder = find_study(path)
        store = StudyStore.open(folder, readonly=True)
        try:
            protocol = parse_protocol(store.protocol_text, filename=f"{folder}/protocol.toml")
        except ProtocolError as error:
            msg = f"{folder} holds a protocol that this version cannot read: {error}"
            raise LedgerError(msg) from None
        return cls(protocol, folder, text=store.protocol_text)

    def __repr__(self) -> str:
        return f"<Study {self.protocol.name} in {self.path}: {len(self.plan.runs)} runs planned>"

    def _repr_html_(self) -> str:
        """Its state, for notebooks."""
        progress = self.progress()
        lists = ("done", "crashed", "damaged", "pending")
        counts = [(name, len(getattr(progress, name))) for name in lists]
        rows = [("folder", self.path), *(row for row in counts if row[1] or row[0] == "done")]
        return html_table(("", ""), [*self.protocol.summary(), *rows])

    @cached_property
    def whole(self) -> Plan:
        """Every run that the protocol asks for, at most."""
        return make_plan(self.protocol, self._cells)

    @property
    def plan(self) -> Plan:
        """Every run that the protocol asks for; of a study that stopped at a look, up to there."""
        looks = self.looks
        return self.whole if looks is None or not looks.stopped else self._upto(looks.bound)

    @property
    def analysed(self) -> Plan:
        """The runs that are analysed: of a study with declared looks those of the last one.

        Raises
        ------
        AnalysisError
            If looks are declared and none was taken.
        """
        number = self.look
        return self.plan if number is None else self._upto(self._declared.replicates[number - 1])

    @property
    def look(self) -> int | None:
        """Number of the look that is analysed; None where none is declared.

        Raises
        ------
        AnalysisError
            If looks are declared and none was taken.
        """
        if self.looks is None:
            return None
        if self._asked is None and not self.looks.taken:
            first = self.looks.replicates[0]
            msg = (
                f"{self.path}: nothing is analysed before the first look that its protocol "
                f"declares, at {first} replicates of every cell; 'vggstudy run' takes it"
            )
            raise AnalysisError(msg)
        return self._asked or len(self.looks.taken)

    def at_look(self, number: int) -> Study:
        """The same study, analysed at a look that is due."""
        other = Study(self.protocol, self.path, text=self.text, cells=self._cells)
        other._asked = number
        return other

    @cached_property
    def looks(self) -> Looks | None:
        """The declared looks and what came of them; None where none are declared."""
        return looks_of(self.protocol, self.path)

    def forget_looks(self) -> None:
        """Read the journal again when looks are asked for."""
        self.__dict__.pop("looks", None)

    @property
    def _declared(self) -> Looks:
        """The declared looks, where there are some."""
        if self.looks is None:
            raise ValueError("no looks are declared")
        return self.looks

    def _upto(self, replicates: int) -> Plan:
        """The plan up to a look."""
        if replicates not in self._cut:
            self._cut[replicates] = self.whole.upto(replicates)
        return self._cut[replicates]

    @property
    def exists(self) -> bool:
        """Whether the study has a folder with a marker."""
        try:
            return (self.path / "study.json").exists()
        except OSError as error:  # a name too long, a folder that may not be entered
            raise LedgerError(explain(error, self.path, "opened")) from None

    def store(self) -> StudyStore:
        """The ledger, for reading."""
        store = StudyStore.open(self.path, readonly=True)
        self._check_name(store)
        return store

    def progress(self) -> Progress:
        """What has been run and what is lacking now."""
        self.forget_looks()
        if not self.exists:
            self._refuse_foreign()
            return Progress((), (), (), self.plan.runs, 0)
        with self.store().index() as index:
            rows = {row.run_id: row for row in index.rows(curves=False)}
        groups: dict[str, list[PlannedRun]] = {"done": [], "crashed": [], "damaged": [], "none": []}
        for run in self.plan.runs:
            row = rows.get(run.run_id)
            if row is None:
                groups["none"].append(run)
            elif row.reason is not None:
                groups["damaged"].append(run)
            else:
                groups["crashed" if row.status == "crashed" else "done"].append(run)
        unplanned = sum(run_id not in self.plan.by_id for run_id in rows)
        return Progress(
            done=tuple(groups["done"]),
            crashed=tuple(groups["crashed"]),
            damaged=tuple(groups["damaged"]),
            pending=tuple(groups["none"]),
            unplanned=unplanned,
        )

    def run(
        self,
        *,
        jobs: int | None = None,
        options: ExecutionOptions | None = None,
        only: Sequence[str] = (),
        limit: int | None = None,
        listener: Watch | None = None,
        engine: Engine | None = None,
        trainer: Callable[..., Any] | str | None = None,
        allow_command: str | None = None,
    ) -> Tally:
        """Execute what is lacking; whatever has a result stays as it is.

        Where the protocol declares looks, they are taken when they are due, and the study stops at
        the one whose target is met.

        Parameters
        ----------
        jobs : int, optional
            Worker processes; one a core by default. Ignored where ``options`` are given.
        options : ExecutionOptions, optional
            Everything else about the execution.
        only : sequence of str
            ``factor=level`` conditions on the runs.
        limit : int, optional
            Execute at most so many runs.
        listener : callable, optional
            Makes, of the runs and the options, a context manager that gives the listener; silent by
            default.
        engine : Engine, optional
            Where runs are executed: `SlurmEngine`, `RayEngine`; on this machine by default.
        trainer : callable or str, optional
            The function that trains, ``fn(params, seeds, report, run_dir)`` or its
            ``module:name``, where the protocol's ``[trainer]`` is a function.
        allow_command : str, optional
            Digest of the command that may be executed (`Protocol.command_digest`), where it is a
            command that this user has not allowed for this study before.

        Raises
        ------
        LedgerError
            If the study is locked, damaged, or another study's.
        ProtocolError
            If the protocol changes looks, or what they decide by, after there are results.
        DataError
            If the images are missing or damaged.
        ExecutionError
            If records cannot be written, the libraries for training are not installed, or ``jobs``
            or ``limit`` is less than 1; if nobody has consented to the protocol's trainer; if fused
            kernels are asked for where they cannot be computed.
        """
        from vggstudy.execution import resolve_options

        if limit is not None and limit < 1:
            msg = f"limit must be at least 1, got {limit}"
            raise ExecutionError(msg)
        networks = self.protocol.trainer is None
        if networks and engine is None and missing_for_training() and self.progress().lacking:
            require_training()  # before the study has a folder
        selected = {run.run_id for run in select_runs(self.plan, only)}
        chosen = options or resolve_options(jobs=jobs)
        if self._lacks_fused(selected):
            require_fused_kernels(chosen.devices, elsewhere=engine is not None)
        if networks or self.progress().lacking:  # what is not executed needs no consent
            site = trainer_site(
                self.protocol, self.path, allow_command=allow_command, function=trainer
            )
            chosen = replace(chosen, trainer=site)
        chosen = replace(chosen, train_measured=needs_training_split(self.protocol))
        with self.held() as store:
            return Driver(self, chosen, listener or _silent, engine).drive(store, selected, limit)

    def _lacks_fused(self, selected: Set[str]) -> bool:
        """Whether a selected run with fused kernels has no result."""
        fused = {
            run.run_id
            for run in self.plan.runs
            if isinstance(run.recipe, Recipe) and run.recipe.training.kernels == "fused"
        }
        wanted = fused & selected
        return bool(wanted) and any(run.run_id in wanted for run in self.progress().lacking)

    @contextlib.contextmanager
    def held(self) -> Iterator[StudyStore]:
        """The ledger, locked for this process, with this protocol in force.

        Raises
        ------
        LedgerError
            On entering, if the study is locked, damaged, another study's or cannot be written.
        """
        if self.exists:
            refuse_changed_looks(self.store(), self.protocol)
        store = self._open_for_writing()
        with store.lock():
            self.forget_looks()  # another driver may have taken one before this one had the lock
            keeper = Keeper(self.path)
            keeper.begin(store)  # what there was before an amendment
            self._amend(store)
            keeper.amended(store)
            yield store

    @cached_property
    def _label(self) -> Labeller:
        """The protocol's label rule, made once for all runs."""
        from vggstudy.study.runs import labeller

        return labeller(self.plan, self.protocol.label, self.registered_comparisons)

    @property
    def registered_comparisons(self) -> Comparisons:
        """Whose epochs a label counts where the protocol does not say so."""
        return self.store().comparisons if self.exists else "run"

    def label(self, run: PlannedRun, record: RunRecord) -> Label:
        """The label of a record by the protocol's rule."""
        return self._label(run, record.status, record.result)

    def to_frame(self) -> pd.DataFrame:
        """One row per planned run, failed and missing ones included: `study_frame`."""
        from vggstudy.study.runs import study_frame

        store = self.store()
        frame = study_frame(self.plan, store)
        if not store.packed:
            note_look(self.path, int((~frame["outcome"].isin(("missing", "crashed"))).sum()))
        return frame

    def analysed_frame(self) -> pd.DataFrame:
        """The rows that are analysed: those of the last look, where looks are declared."""
        from vggstudy.study.runs import study_frame

        store = self.store()
        frame = study_frame(self.analysed, store)
        if self.looks is None and not store.packed:
            results = int((~frame["outcome"].isin(("missing", "crashed"))).sum())
            note_look(self.path, results, analysed=True)
        return frame

    def _open_for_writing(self) -> StudyStore:
        """The ledger, made if there is none."""
        if self.exists:
            store = StudyStore.open(self.path)
            self._check_name(store)
            return store
        return StudyStore.create(self.path, self.text, self.protocol.digest(), self.protocol.name)

    def _amend(self, store: StudyStore) -> None:
        """Put this protocol in force; record an amendment where it says something else."""
        if store.protocol_digest != self.protocol.digest() or store.protocol_edited():
            date = datetime.now(UTC).isoformat(timespec="seconds")
            store.amend(self.text, self.protocol.digest(), date)

    def _check_name(self, store: StudyStore) -> None:
        """A study's folder belongs to one protocol."""
        if store.name != self.protocol.name:
            msg = (
                f"{self.path} holds the study '{store.name}', not '{self.protocol.name}'; "
                "name another folder with --study"
            )
            raise LedgerError(msg)

    def _refuse_foreign(self) -> None:
        """A folder that is there but is no study is not taken for an empty one."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            StudyStore.open(self.path, readonly=True)


def protocol_text(protocol: Protocol) -> str:
    """A protocol made in Python as a file: what is off its default."""
    import tomlkit

    return tomlkit.dumps(protocol.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _silent(*_: object) -> AbstractContextManager[Listener]:
    """A listener that tells nobody."""
    from vggstudy.execution import Silent

    return contextlib.nullcontext(Silent())
