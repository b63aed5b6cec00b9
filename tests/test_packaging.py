"""What is installed: the package list, the declared dependencies, and the wheel in use."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

SOURCES = {
    "vggstudy": "vggstudy",
    "analysis": "vggstudy.analysis",
    "report": "vggstudy.report",
    "protocols": "vggstudy.protocols",
}
"""Real source folders and the package that each one becomes."""


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))


def source_files(repository: Path, pattern: str) -> Iterator[tuple[Path, Path]]:
    """Yield every source file that matches, and its place in the wheel."""
    for folder, package in SOURCES.items():
        for directory, _, names in os.walk(repository / folder, followlinks=False):
            inside = Path(package.replace(".", "/")) / Path(directory).relative_to(
                repository / folder
            )
            for name in sorted(names):
                path = Path(directory, name)
                if path.match(pattern) and "__pycache__" not in path.parts:
                    yield path, inside / name


def test_every_package_is_listed_and_every_listed_package_exists(
    repository: Path, pyproject: dict[str, Any]
) -> None:
    found = {".".join(place.parent.parts) for _, place in source_files(repository, "__init__.py")}
    assert found == set(pyproject["tool"]["setuptools"]["packages"])


def is_example(repository: Path, path: Path) -> bool:
    """Whether a file is part of an example, to be copied from the repository."""
    return repository / "protocols/trainers" in path.parents


def test_every_module_lies_in_a_package(repository: Path) -> None:
    orphans = [
        path
        for path, _ in source_files(repository, "*.py")
        if not path.with_name("__init__.py").exists() and not is_example(repository, path)
    ]
    assert orphans == []


@pytest.mark.parametrize("folder", ["analysis", "report", "protocols"])
def test_symlink_leads_to_the_real_folder(repository: Path, folder: str) -> None:
    link = repository / "vggstudy" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("..", folder)


OPTIONAL = ("train", "slurm", "ray", "parquet", "import", "frames", "examples", "kernels")
"""Extras whose libraries the package itself imports."""


def requirement_names(requirements: list[str]) -> set[str]:
    names = (re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0] for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def imported_modules(source: str) -> set[str]:
    """Top-level names of what a module imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"vggstudy"}


def test_every_imported_library_is_declared_and_every_declared_one_imported(
    repository: Path, pyproject: dict[str, Any]
) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    runtime = requirement_names(pyproject["project"]["dependencies"])
    optional = requirement_names([name for extra in OPTIONAL for name in extras[extra]])
    imported: set[str] = set()
    for path, _ in source_files(repository, "*.py"):
        imported |= imported_modules(path.read_text("utf-8"))
    distributions = packages_distributions()
    # An extra that is not installed here still imports under its own name.
    used = requirement_names([distributions.get(name, [name])[0] for name in imported])
    assert used - runtime - optional == set(), "imported but not declared"
    assert runtime - used == set(), "declared but imported nowhere"
    assert not runtime & requirement_names(extras["train"]), "an extra that everybody gets"


@pytest.mark.parametrize("arguments", [["--help"], ["protocols"], ["schema"]])
def test_light_commands_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from vggstudy.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        "    assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_constraints_name_no_place(repository: Path) -> None:
    for line in (repository / "constraints.txt").read_text("utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line), line


@pytest.mark.parametrize("file", ["CITATION.cff", "pyproject.toml"])
def test_version_and_license_agree(repository: Path, pyproject: dict[str, Any], file: str) -> None:
    from vggstudy._version import __version__

    if file == "CITATION.cff":
        text = (repository / file).read_text("utf-8")
        assert f"\nversion: {__version__}\n" in text
        assert "\nlicense: MIT\n" in text
    else:
        assert pyproject["project"]["license"] == "MIT"
        assert "version" in pyproject["project"]["dynamic"]


# -- The wheel -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(repository: Path) -> ModuleType:
    """The program that builds a release, as a module."""
    spec = importlib.util.spec_from_file_location("release", repository / ".ci" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied(repository: Path, source: Path) -> Path:
    """What a release is built from: setuptools would leave a build folder and reuse a stale one."""
    skip = shutil.ignore_patterns("__pycache__")
    for folder in SOURCES:
        shutil.copytree(repository / folder, source / folder, symlinks=True, ignore=skip)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / file, source / file)
    return source


EPOCH = 1_750_000_000


@pytest.fixture(scope="module")
def built(repository: Path, release: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    source = copied(repository, tmp_path_factory.mktemp("source"))
    return Path(release.build(source, EPOCH))


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_a_release_has_the_same_bytes_wherever_and_whenever_it_is_built(
    repository: Path, release: ModuleType, built: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    source = copied(repository, tmp_path / "elsewhere")
    for place, path in enumerate(sorted(source.rglob("*"), reverse=True)):
        if not path.is_symlink():
            path.chmod(0o775 if path.is_dir() else 0o664)
            os.utime(path, (place, place))
    assert release.digests(release.build(source, EPOCH)) == release.digests(built)


def test_an_sdist_holds_no_owner_and_one_time(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert {member.mtime for member in members} == {EPOCH}
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    assert {member.mode for member in members} <= {0o644, 0o755}


def without_pythonpath() -> dict[str, str]:
    """This environment, but for a path on which pip and the interpreter would find a checkout."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


@pytest.fixture(scope="module")
def clean_bin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a new environment that borrows only the dependencies of this one.

    The borrowed folder comes after the new environment's own on `sys.path`, and `.pth` files in
    it (an editable install is one) are not read: vggstudy can only come from the wheel.
    """
    home = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    offline = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*install, *offline, str(wheel)], check=True, env=without_pythonpath())
    return home / "bin"


def run_clean(command: list[str], cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=without_pythonpath(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- The light installation -------------------------------------------------------------------

LIGHT_BYTES = 500_000_000


def closure(requirements: list[str]) -> dict[str, Distribution]:
    """The installed distributions that requirements bring, extras of theirs included, by name."""
    found: dict[str, Distribution] = {}
    pending = [Requirement(text) for text in requirements]
    while pending:
        asked = pending.pop()
        name = re.sub(r"[-_.]+", "-", asked.name).lower()
        if name in found and not asked.extras:
            continue
        found[name] = distribution(asked.name)
        for text in found[name].requires or []:
            needed = Requirement(text)
            chosen = [{"extra": extra} for extra in ("", *asked.extras)]
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in chosen):
                pending.append(needed)
    return found


def top_entries(found: Distribution) -> set[str]:
    """Names that a distribution puts into site-packages."""
    names = {file.parts[0] for file in found.files or []}
    return names - {"..", "__pycache__"}


@pytest.fixture(scope="module")
def light_bin(
    wheel: Path, pyproject: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The wheel in an environment that holds what its dependencies bring, and nothing else."""
    home = tmp_path_factory.mktemp("light") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    for found in closure(pyproject["project"]["dependencies"]).values():
        for name in top_entries(found):
            place = Path(str(found.locate_file(name)))
            if not (site / name).exists():
                (site / name).symlink_to(place)
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    offline = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*install, *offline, str(wheel)], check=True, env=without_pythonpath())
    return home / "bin"


def test_the_light_installation_has_no_torch_and_is_small(pyproject: dict[str, Any]) -> None:
    found = closure(pyproject["project"]["dependencies"])
    heavy = {name for name in found if name.startswith(("torch", "nvidia", "triton", "scikit"))}
    assert heavy == set()
    files = {path for each in found.values() for path in each.files or []}
    places = (Path(str(path.locate())) for path in files)
    total = sum(place.stat().st_size for place in places if place.exists())
    assert total < LIGHT_BYTES  # 493 MB with compiled modules on Linux


def test_the_light_installation_analyses_reports_cites_and_verifies(
    light_bin: Path, repository: Path, tmp_path: Path
) -> None:
    rows = ["depth,seed,test_accuracy,outcome"]
    rows += [f"{d},{s},{0.5 + 0.01 * d + 0.003 * s},converged" for d in (1, 2) for s in range(5)]
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n", "utf-8")
    vggstudy = str(light_bin / "vggstudy")
    of_table = ["runs.csv", "--factors", "depth"]
    run_clean([vggstudy, "analyze", *of_table, "-o", "claims.json"], tmp_path)
    assert "accuracy.diff.depth" in (tmp_path / "claims.json").read_text("utf-8")
    run_clean([vggstudy, "report", *of_table, "-o", "report.html"], tmp_path)
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")
    reference = repository / "report" / "reference" / "depth-batch-norm-cpu"
    paper = [str(repository / "README.md"), "--against", str(reference)]
    run_clean([vggstudy, "cite", "verify", *paper], tmp_path)  # exit code 0: nothing wrong
    claim = "accuracy.diff.depth@batch_norm=true"
    assert "95% CI" in run_clean([vggstudy, "cite", str(reference), claim], tmp_path)


def test_the_light_installation_says_what_training_needs(light_bin: Path, tmp_path: Path) -> None:
    command = [str(light_bin / "vggstudy"), "run", "quickstart"]
    done = subprocess.run(
        command, cwd=tmp_path, env=without_pythonpath(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "vggstudy: error: training needs PyTorch (torch, torchvision, scikit-learn not found): "
        "pip install 'vggstudy[train]'"
    ]
    assert list(tmp_path.iterdir()) == []


NOT_SHIPPED = {".po", ".pot"}
"""What translators edit; the wheel holds what is compiled of it. Published studies stay out too."""


def test_wheel_holds_the_sources_and_their_data_and_nothing_else(
    wheel: Path, repository: Path
) -> None:
    expected = {
        place.as_posix()
        for path, place in source_files(repository, "*")
        if path.suffix not in NOT_SHIPPED
        and repository / "report/reference" not in path.parents
        and not is_example(repository, path)
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
    assert "vggstudy/py.typed" in held
    assert "vggstudy/protocols/quickstart.toml" in held
    assert any(name.startswith("vggstudy/report/page/templates/") for name in held)


def test_wheel_carries_its_license(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(re.search(r"\.dist-info/licenses/LICENSE$", name) for name in names)


def test_wheel_runs_from_a_clean_environment(clean_bin: Path, tmp_path: Path) -> None:
    program = "import vggstudy, vggstudy.analysis, vggstudy.report; print(vggstudy.__file__)"
    place = run_clean([str(clean_bin / "python"), "-c", program], tmp_path)
    assert Path(place.strip()).is_relative_to(clean_bin.parent)

    assert "Usage:" in run_clean([str(clean_bin / "vggstudy"), "--help"], tmp_path)
    assert "quickstart" in run_clean([str(clean_bin / "vggstudy"), "protocols"], tmp_path)
    assert "Usage:" in run_clean([str(clean_bin / "python"), "-m", "vggstudy", "--help"], tmp_path)


def test_the_public_names_stay_what_they_are_when_modules_are_imported() -> None:
    probe = (
        "import vggstudy as vs\n"
        "import vggstudy.report.citing.cite, vggstudy.analysis.api\n"
        "from vggstudy.study.analyze import report\n"
        "assert vs.report is report, vs.report\n"
        "assert all(not hasattr(getattr(vs, name), '__path__') for name in vs.__all__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
