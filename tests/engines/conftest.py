"""What the tests of engines share: a study, its undisturbed results, a SLURM, a Ray cluster."""

from __future__ import annotations

import contextlib
import getpass
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol

PROTOCOL = """\
schema = 1
name = "small"

[design]
replicates = 2
seed = 5

[design.factors]
width = [0.05, 0.125]
batch_size = [32, 64]

[data]
name = "digits"
train = 128
test = 64
validation = 32

[model]
depth = 11
batch_norm = true
dropout = 0.2

[training]
epochs = {epochs}

[analysis]
resamples = 999
"""

COMMANDED = """\
schema = 1
name = "commanded"

[design]
replicates = 3
seed = 5

[design.factors]
lr = [0.1, 0.2]
warm = [false, true]

[trainer]
command = ["{python}", "train.py", "{lr}", "{warm}", "{seed}", "{run_dir}"]
code = ["train.py"]

[analysis]
outcome = "val_loss"
resamples = 999
"""

TRAINS = """\
import json, pathlib, random, sys
from vggstudy.report_run import finish, log

lr, warm, seed, folder = sys.argv[1:]
state = pathlib.Path(folder, "state.json")
done, loss = json.loads(state.read_text()) if state.exists() else (0, 1.0)
for epoch in range(done + 1, 6):
    drawn = random.Random(f"{seed} {epoch}").random()
    loss *= 1 - float(lr) * drawn - (0.05 if warm == "true" else 0)
    log(epoch=epoch, train_loss=loss)
    state.write_text(json.dumps([epoch, loss]))
finish(val_loss=loss)
"""
"""A trainer of one's own: a script without anything to import."""

CONFIGURATION = """\
ClusterName=mini
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmctldTimeout=5
SlurmdTimeout=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
MpiDefault=none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=10
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=4000
PartitionName=low Nodes=n[1-2] Default=YES MaxTime=30 State=UP PriorityTier=1 GraceTime=0
PartitionName=high Nodes=n[1-2] MaxTime=30 State=UP PriorityTier=10
"""

NODES = ("n1", "n2")

LIMIT_S = 600.0
"""Longest wait for anything: seconds on an idle machine, minutes on one that does much else."""


class MiniSlurm:
    """The cluster: its daemons, its configuration, and what a test does to it."""

    def __init__(self) -> None:
        # Short: SLURM's sockets live there, and their paths may have about 100 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="vs-", dir="/tmp"))
        (self.folder / "state").mkdir()
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        host = socket.gethostname().partition(".")[0]
        text = CONFIGURATION.format(
            host=host, user=getpass.getuser(), ports=free_ports(3), folder=self.folder
        )
        (self.folder / "slurm.conf").write_text(text)

    def start(self) -> None:
        """Start the daemons and wait until both nodes take jobs."""
        self._start("ctld", "slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        self.wait(self.idle)

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._start(node, "slurmd", "-D", "-N", node)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        found = shutil.which(program, path=path)
        assert found is not None, f"{program} is not installed"
        self.daemons[name] = subprocess.Popen(
            [found, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def idle(self) -> bool:
        """Whether both nodes are up and free."""
        return self.ask("sinfo", "-h", "-N", "-p", "low", "-o", "%T").split() == ["idle"] * 2

    def ask(self, *command: str) -> str:
        """Output of one of SLURM's commands; nothing while the controller does not answer."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout if done.returncode == 0 else ""

    def wait(self, condition: Callable[[], object], *, timeout_s: float = LIMIT_S) -> None:
        """Wait until a condition holds."""
        limit = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > limit:
                log = (self.folder / "ctld.log").read_text(errors="replace")
                message = f"not within {timeout_s:g} s; the controller's log ends:\n{log[-4000:]}"
                raise AssertionError(message)
            time.sleep(0.1)

    def restart(self, job: str) -> None:
        """Let a requeued job start, which SLURM puts off by two minutes.

        Not at once: a node refuses credentials made within the second in which it revoked the
        job's first one, and the controller ends a job whose credential is refused.
        """
        released_at = -math.inf

        def started() -> bool:
            nonlocal released_at
            shown = self.ask("scontrol", "show", "job", job)
            requeued = "Restarts=1" in shown
            due = time.monotonic() > released_at + 10  # the controller may have refused it
            if requeued and due and "JobState=PENDING" in shown:
                self.ask("scontrol", "update", f"jobid={job}", "starttime=now+3")
                released_at = time.monotonic()
            return requeued and "JobState=RUNNING" in shown

        self.wait(started)

    def kill_node(self, node: str) -> None:
        """End a node as a power cut does, and tell the controller, which notices after minutes."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        for process in self._processes(node):
            _kill(process)
        daemon.wait(timeout=10)
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def _processes(self, *nodes: str) -> list[psutil.Process]:
        """What runs on nodes of this cluster; the watchers of steps, who would report, first."""
        found, watchers = [], []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = process.environ()
                ours = environment.get("SLURM_CONF") == self.environment["SLURM_CONF"]
                if ours and environment.get("SLURMD_NODENAME") in nodes:
                    found.append(process)
                    watchers += [p for p in process.parents() if p.name() == "slurmstepd"]
        return [*watchers, *found]

    def stop(self) -> None:
        """End everything and remove the folder; also after a failure."""
        for process in self._processes(*NODES):
            _kill(process)
        for daemon in self.daemons.values():
            for process in psutil.Process(daemon.pid).children(recursive=True):
                _kill(process)
            daemon.kill()
            daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _kill(process: psutil.Process) -> None:
    """Kill a process that may have ended by itself."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class RayCluster:
    """A Ray cluster of three nodes in a process of its own, told what to do line by line."""

    def __init__(self) -> None:
        self.address = ""
        script = Path(__file__).with_name("ray_cluster.py")
        self.folder = Path(tempfile.mkdtemp(prefix="vr-", dir="/tmp"))
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self) -> None:
        """Wait until all nodes are there."""
        self.address = self._answer()

    def kill_node(self) -> None:
        """End the last node with everything on it, without a word to the others."""
        self._tell("kill")

    def add_node(self) -> None:
        """Put a fresh node in its place."""
        self._tell("add")

    def _tell(self, command: str) -> None:
        """Give a command and wait until it is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        """The next line that the process says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process of the Ray cluster has ended"
        return line.strip()

    def stop(self) -> None:
        """End everything and remove the folder; also after a failure."""
        self.process.kill()
        self.process.communicate()
        mark = str(self.folder)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if mark in " ".join(process.cmdline()) or mark in str(process.environ()):
                    _kill(process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    """A folder with the small study's protocol, in which the command line is called."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.folder = folder
        self.environment: Mapping[str, str] = os.environ
        self.allowed: tuple[str, ...] = ()
        folder.mkdir(exist_ok=True)
        (folder / "small.toml").write_text(PROTOCOL.format(epochs=epochs))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command line as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "vggstudy", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """The command line to its end; what it prints to stdout and stderr."""
        with self.start(*arguments) as process:
            try:
                output, messages = process.communicate(timeout=LIMIT_S)
            finally:
                process.kill()
        assert process.returncode == code, messages
        return output, messages

    def results(self, study: str) -> dict[str, str]:
        """Run id to everything deterministic in its record, as text."""
        store = StudyStore.open(self.folder / study, readonly=True)
        return {record.run_id: record.deterministic_json() for record in store.records()}

    def claims(self, study: str) -> object:
        """The study's claims, without what names the file they came from."""
        self.call("analyze", study, "-q")
        content = json.loads((self.folder / study / "claims.json").read_text())
        return content["claims"]

    def attempts(self, study: str) -> list[int]:
        """How many attempts each run took, from the fewest to the most."""
        store = StudyStore.open(self.folder / study, readonly=True)
        return sorted(len(record.attempts) for record in store.records())

    def resumed(self, study: str) -> list[list[int]]:
        """Epochs after which each run was resumed."""
        store = StudyStore.open(self.folder / study, readonly=True)
        return [record.timings["resumed_at"] for record in store.records()]

    def training(self, study: str) -> int:
        """How many first epochs the jobs' logs tell of."""
        logs = (self.folder / study / "slurm").glob("*/*.err")
        return sum(path.read_text().count("first epoch done") for path in logs)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache of decoded images for all engines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGGSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The study with 2 epochs a run, executed by the local engine as ``local``."""
    bench = Bench(tmp_path_factory.mktemp("short"), 2)
    bench.call("run", "small.toml", "--study", "local", "-j", "2", "-q")
    return bench


@pytest.fixture(scope="session")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A study that a command trains, executed by the local engine as ``local``; ``allowed``."""
    bench = Bench(tmp_path_factory.mktemp("commanded"), 1)
    (bench.folder / "small.toml").write_text(COMMANDED)
    (bench.folder / "train.py").write_text(TRAINS)
    digest = parse_protocol(COMMANDED).command_digest()
    bench.allowed = ("--allow-command", str(digest))
    bench.call("run", "small.toml", "--study", "local", "-j", "2", "-q", *bench.allowed)
    return bench


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The study with runs that last long enough to be disturbed; one cell of it, two runs.

    Half a minute on an idle core: several commands are called while they are under way.
    """
    bench = Bench(tmp_path_factory.mktemp("long"), 160)
    cell = ("--only", "width=0.05", "--only", "batch_size=32")
    bench.call("run", "small.toml", "--study", "local", *cell, "-j", "2", "-q")
    return bench


@pytest.fixture(scope="module")
def slurm() -> Iterator[MiniSlurm]:
    """A SLURM that lives as long as its module, and whose commands are on the benches' path."""
    cluster = MiniSlurm()
    try:
        cluster.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
            yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[RayCluster]:
    """A Ray cluster that lives as long as its module."""
    cluster = RayCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
