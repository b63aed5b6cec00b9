"""The code executes nothing that it reads: no unpickling, no evaluation, no shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDERS = ("vggstudy", "analysis", "report")

BANNED_CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load",
    "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads", "shelve.open",
    "yaml.load", "yaml.unsafe_load", "joblib.load", "pandas.read_pickle", "pd.read_pickle",
    "np.fromregex", "torch.jit.load", "torch.hub.load", "shutil.unpack_archive",
}  # fmt: skip
BANNED_MODULES = {"marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "code"}
BANNED_METHODS = {"extractall", "extract"}
YAML_READER = "vggstudy/imports/sources.py"
SAFE_YAML = {"CSafeLoader", "SafeLoader", "YAMLError", "MappingNode", "SequenceNode"}


def sources(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every file of the package, parsed."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> object:
    """Constant value of a keyword argument; None where it is not given."""
    found = [item.value for item in call.keywords if item.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


@pytest.fixture(scope="module")
def files(repository: Path) -> dict[str, ast.Module]:
    found = dict(sources(repository))
    assert len(found) > 100
    return found


def test_nothing_is_evaluated_unpickled_or_unpacked(files: dict[str, ast.Module]) -> None:
    found = [
        f"{name}:{call.lineno}: {called}"
        for name, tree in files.items()
        for called, call in calls(tree)
        if called in BANNED_CALLS or called.rpartition(".")[2] in BANNED_METHODS
    ]
    assert found == []


def test_no_module_that_executes_what_it_reads_is_imported(files: dict[str, ast.Module]) -> None:
    found = []
    for name, tree in files.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{name}: {one}" for one in names if one.partition(".")[0] in BANNED_MODULES]
    assert found == [f"{YAML_READER}: yaml"]


def test_yaml_is_read_by_its_safe_loader_alone(files: dict[str, ast.Module]) -> None:
    used = {
        node.attr
        for node in ast.walk(files[YAML_READER])
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "yaml"
    }
    assert used == SAFE_YAML


def test_tensors_and_arrays_are_read_without_objects(files: dict[str, ast.Module]) -> None:
    read = 0
    for name, tree in files.items():
        for called, call in calls(tree):
            if called == "torch.load" or called.endswith("get_state_dict"):
                read += 1
                assert keyword(call, "weights_only") is True, f"{name}:{call.lineno}"
            if called in ("np.load", "numpy.load"):
                read += 1
                assert keyword(call, "allow_pickle") in (None, False), f"{name}:{call.lineno}"
    assert read >= 4


def test_no_shell_is_started(files: dict[str, ast.Module]) -> None:
    started = 0
    for name, tree in files.items():
        for called, call in calls(tree):
            if called.startswith("subprocess."):
                started += 1
                assert keyword(call, "shell") in (None, False), f"{name}:{call.lineno}"
                first = call.args[0] if call.args else None
                assert not isinstance(first, ast.Constant), f"{name}:{call.lineno}"
    assert started >= 2


def test_modules_are_imported_by_name_only_from_tables_of_a_package(
    files: dict[str, ast.Module],
) -> None:
    found = {
        name
        for name, tree in files.items()
        for called, call in calls(tree)
        if called in ("importlib.import_module", "import_module")
        and not (call.args and isinstance(call.args[0], ast.Constant))  # one module, by its name
    }
    handed_over = "vggstudy/execution/trainers/functions.py"  # by the caller: test_consent.py
    formats = "vggstudy/imports/registry.py"  # from its own table
    assert {handed_over, formats} <= found
    assert all(name.endswith("__init__.py") for name in found - {handed_over, formats}), found
