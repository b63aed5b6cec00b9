"""Writes the files of tests/imports/data with the tools themselves; nobody's tests run it.

Every tool records the same eight runs: two learning rates by four seeds, of which one fails and one
diverges. Made in an environment of its own with

    mlflow-skinny 3.17.2, sqlalchemy 2.1.9, alembic, optuna 5.0.0, tensorboard 2.21.0,
    tensorboardX 2.6.5, lightning 2.6.6 with torch 2.14.1, hydra-core 1.3.8, wandb 0.31.0,
    benchopt 1.10.0, pandas 3.1.1, pyarrow 26.0.1

by ``python tests/imports/make_fixtures.py tests/imports/data [TOOL ...]``.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

RUNS = [(lr, seed) for lr in (0.1, 0.01) for seed in range(4)]
FAILS, DIVERGES = (0.1, 3), (0.01, 3)
NOISE = (0.013, -0.004, 0.008, 0.0, -0.011, 0.006, 0.002, -0.003)
"""What each run's accuracy has beside the effect of its learning rate."""
EPOCHS = 3
LEFT_OUT = ("*.log", "hydra.yaml", "multirun.yaml", "requirements.txt", "train.py")
"""Files that say where they were made, and nothing of the runs."""


class FailsError(Exception):
    """What stops the run that fails."""


def epochs(lr: float, seed: int) -> Iterator[tuple[int, float, float]]:
    """Epoch, accuracy and loss of a run."""
    for epoch in range(EPOCHS):
        accuracy = 0.9 - lr + NOISE[RUNS.index((lr, seed))] - 0.1 * (EPOCHS - 1 - epoch)
        loss = float("inf") if (lr, seed) == DIVERGES and epoch else 1 / (1 + epoch + seed)
        if (lr, seed) == FAILS and epoch:
            raise FailsError
        yield epoch, accuracy, loss


def packed(source: Path, target: Path) -> None:
    """A file, or the files of a folder that a test needs, compressed."""
    if source.is_file():
        target.write_bytes(lzma.compress(source.read_bytes(), preset=9))
        return
    with tarfile.open(target, "w:xz") as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file() and not any(file.match(name) for name in LEFT_OUT):
                entry = archive.gettarinfo(file, str(file.relative_to(source)))
                entry.uid = entry.gid = entry.mtime = 0
                entry.uname = entry.gname = ""
                archive.addfile(entry, io.BytesIO(file.read_bytes()))


def mlflow(data: Path, work: Path) -> None:
    """The folder, the SQLite store and the table, a parent with nested runs in each."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow as tool

    def record() -> None:
        tool.set_experiment("digits")
        with tool.start_run(run_name="sweep"):
            for lr, seed in RUNS:
                with suppress(FailsError), tool.start_run(nested=True):
                    tool.log_params({"optimizer": "sgd", "lr": lr, "seed": seed})
                    for epoch, accuracy, loss in epochs(lr, seed):
                        tool.log_metrics({"test_accuracy": accuracy, "val_loss": loss}, step=epoch)
        with tool.start_run() as extra:
            tool.log_param("lr", 1.0)
        tool.delete_run(extra.info.run_id)

    for name, uri in {"mlruns": f"file:{work}/mlruns", "db": f"sqlite:///{work}/mlflow.db"}.items():
        tool.set_tracking_uri(uri)
        record()
        if name == "mlruns":
            tool.search_runs().to_csv(data / "mlflow-runs.csv", index=False)
    packed(work / "mlflow.db", data / "mlflow.db.xz")
    packed(work / "mlruns", data / "mlruns.tar.xz")


def optuna(data: Path, work: Path) -> None:
    """The SQLite storage and the table of a grid."""
    import optuna as tool

    grid = {"lr": [0.1, 0.01], "seed": list(range(4))}
    study = tool.create_study(
        study_name="digits",
        storage=f"sqlite:///{work}/optuna.db",
        direction="maximize",
        sampler=tool.samplers.GridSampler(grid, seed=0),
    )

    def objective(trial: tool.Trial) -> float:
        lr = trial.suggest_categorical("lr", [0.1, 0.01])
        seed = trial.suggest_int("seed", 0, 3)
        trial.suggest_categorical("optimizer", ["sgd"])
        accuracy = 0.0
        for _, accuracy, loss in epochs(lr, seed):  # noqa: B007 - the last one counts
            trial.set_user_attr("val_loss", loss)
        return float("inf") if (lr, seed) == DIVERGES else accuracy

    study.optimize(objective, catch=(FailsError,), n_trials=len(RUNS))
    study.trials_dataframe().to_csv(data / "optuna-trials.csv", index=False)
    packed(work / "optuna.db", data / "optuna.db.xz")


def tensorboard(data: Path, work: Path) -> None:
    """Folders of the three writers, and what TensorBoard itself reads of them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary import Writer
    from tensorboard.util import tensor_util
    from tensorboardX import SummaryWriter as WriterX
    from torch.utils.tensorboard import SummaryWriter

    for lr, seed in RUNS:
        folder = f"lr={lr},seed={seed}"
        with suppress(FailsError), WriterX(str(work / "tensorboardx" / folder)) as x:
            for epoch, accuracy, loss in epochs(lr, seed):
                x.add_scalar("test/accuracy", accuracy, epoch)
                x.add_scalar("val/loss", loss, epoch)
        if seed < 2:
            with SummaryWriter(str(work / "torch" / f"run{RUNS.index((lr, seed))}")) as torch:
                *_, (_, accuracy, _) = epochs(lr, seed)
                torch.add_hparams(
                    {"lr": lr, "seed": seed, "nesterov": lr < 0.1}, {"hp/accuracy": accuracy}
                )
                torch.add_scalar("test/accuracy", accuracy, EPOCHS - 1)
            plain = Writer(str(work / "tensors" / f"lr_{lr}" / f"seed_{seed}"))
            for epoch, accuracy, _ in epochs(lr, seed):
                plain.add_scalar("test/accuracy", accuracy, epoch)
            plain.close()
    read: dict[str, dict[str, float]] = {}
    for place in sorted({file.parent for file in work.rglob("*tfevents*")}):
        events = EventAccumulator(str(place)).Reload()
        tags = events.Tags()
        values = {tag: events.Scalars(tag)[-1].value for tag in tags["scalars"]}
        for tag in tags["tensors"]:
            if not tag.startswith("_hparams_"):
                tensor = events.Tensors(tag)[-1].tensor_proto
                values[tag] = float(tensor_util.make_ndarray(tensor))
        read[str(place.relative_to(work))] = values
    packed(work, data / "tensorboard.tar.xz")
    (data / "tensorboard-read.json").write_text(json.dumps(read, indent=1) + "\n")


def lightning(data: Path, work: Path) -> None:
    """The folders of `CSVLogger`."""
    from lightning.pytorch.loggers import CSVLogger

    for lr, seed in RUNS:
        logger = CSVLogger(str(work), name="digits")
        logger.log_hyperparams({"optimizer": {"name": "sgd", "lr": lr}, "seed": seed})
        with suppress(FailsError):
            for epoch, accuracy, loss in epochs(lr, seed):
                logger.log_metrics({"train_loss": loss}, step=10 * epoch + 5)
                metrics = {"epoch": epoch, "test_accuracy": accuracy, "val_loss": loss}
                logger.log_metrics(metrics, step=10 * epoch + 9)
        logger.save()
    packed(work / "digits", data / "lightning_logs.tar.xz")


PROGRAM = """
import json, sys, hydra
sys.path.insert(0, {here!r})
from make_fixtures import epochs
from hydra.core.config_store import ConfigStore
base = {{"optimizer": {{"name": "sgd", "lr": 0.1}}, "seed": 0}}
base |= {{"hydra": {{"job": {{"chdir": True}}}}}}
ConfigStore.instance().store("base", base)
@hydra.main(version_base=None, config_path=None, config_name="base")
def main(cfg):
    for _, accuracy, loss in epochs(cfg.optimizer.lr, cfg.seed):
        pass
    with open("metrics.json", "w") as file:
        json.dump({{"test": {{"accuracy": accuracy}}, "val_loss": loss}}, file)
main()
"""


def hydra(data: Path, work: Path) -> None:
    """A multirun; the run that fails comes last, since it ends the sweep."""
    program = work / "train.py"
    program.write_text(PROGRAM.format(here=str(Path(__file__).parent.resolve())))
    for lr in (0.01, 0.1):
        command = [sys.executable, str(program), "-m", f"optimizer.lr={lr}", "seed=0,1,2,3"]
        subprocess.run([*command, f"hydra.sweep.dir=multirun/{lr}"], cwd=work, check=False)
    packed(work / "multirun", data / "multirun.tar.xz")


def wandb(data: Path, work: Path) -> None:
    """Offline runs, and tables of them: as W&B's documentation makes them, and a browser's."""
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    import pandas as pd
    import wandb as tool

    quiet = tool.Settings(
        x_disable_stats=True,
        disable_git=True,
        disable_code=True,
        console="off",
        x_save_requirements=False,
    )
    rows = []
    for lr, seed in RUNS:
        config = {"optimizer": {"name": "sgd", "lr": lr}, "seed": seed}
        run = tool.init(project="digits", dir=str(work), config=config, settings=quiet)
        state = "finished"
        try:
            for _, accuracy, loss in epochs(lr, seed):
                run.log({"test_accuracy": accuracy, "val_loss": loss})
        except FailsError:
            state = "failed"
        rows.append((dict(run.summary), dict(run.config), run.name or run.id, state))
        run.finish(exit_code=int(state == "failed"))
    summaries, configs, names, states = zip(*rows, strict=True)
    frame = pd.DataFrame({"summary": summaries, "config": configs, "name": names, "state": states})
    frame.to_csv(data / "wandb-project.csv")
    frame.to_json(data / "wandb-project.json", orient="records", lines=True)
    packed(work / "wandb", data / "wandb.tar.xz")


BENCHMARK = {
    "objective.py": """
from benchopt import BaseObjective
class Objective(BaseObjective):
    name = "digits"
    parameters = {"reg": [0.1]}
    def set_data(self, noise): self.noise = noise
    def get_one_result(self): return dict(accuracy=0.0)
    def evaluate_result(self, accuracy): return dict(value=1 - accuracy, test_accuracy=accuracy)
    def get_objective(self): return dict(noise=self.noise)
""",
    "datasets/simulated.py": """
from benchopt import BaseDataset
class Dataset(BaseDataset):
    name = "simulated"
    parameters = {"noise": [0.0, 0.1]}
    def get_data(self): return dict(noise=self.noise)
""",
    "solvers/sgd.py": """
from benchopt import BaseSolver
class Solver(BaseSolver):
    name = "sgd"
    parameters = {"lr": [0.1, 0.01]}
    sampling_strategy = "iteration"
    def set_objective(self, noise): self.noise = noise
    def run(self, n_iter):
        self.accuracy = 0.9 - self.lr - self.noise * self.get_seed() % 7 / 100 - 0.1 / (1 + n_iter)
    def get_seed(self, **kinds): return super().get_seed(use_repetition=True)
    def get_result(self): return dict(accuracy=self.accuracy)
""",
}


def benchopt(data: Path, work: Path) -> None:
    """A benchmark of two data sets and two settings of a solver, three times each."""
    for name, text in BENCHMARK.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(text)
    command = [str(Path(sys.executable).with_name("benchopt")), "run", ".", "-n", "3", "-r", "3"]
    subprocess.run([*command, "--no-plot", "--no-html"], cwd=work, check=True)
    (made,) = work.glob("outputs/*.parquet")
    shutil.copy(made, data / "benchopt.parquet")


TOOLS: dict[str, Callable[[Path, Path], None]] = {
    "mlflow": mlflow,
    "optuna": optuna,
    "tensorboard": tensorboard,
    "lightning": lightning,
    "hydra": hydra,
    "wandb": wandb,
    "benchopt": benchopt,
}


def main(data: Path, names: list[str]) -> None:
    """Make what is asked for, or everything."""
    data.mkdir(parents=True, exist_ok=True)
    for name in names or TOOLS:
        with tempfile.TemporaryDirectory() as work:
            TOOLS[name](data, Path(work))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
