"""Weights & Biases: the configuration of a sweep, ``sweep.yaml``.

Source: docs.wandb.ai, "Sweep configuration options": the default command is ``${env}
${interpreter} ${program} ${args}``, and ``${args}`` is ``--name=value`` of every parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vggstudy.imports.marked import Marked
from vggstudy.imports.sweep_parts import Sweep, braced, plain
from vggstudy.protocol.model.statement import COLUMN_NAME

TOOL = "W&B"
DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
KNOWN = ("program", "command", "method", "parameters", "metric", "name", "description")
CHOICES = ("categorical", "constant")
"""Distributions that are a list of values, or one."""

FLAGS = "${args_no_boolean_flags}"
MACROS = {
    "${env}": "",
    "${interpreter}": "{python}",
    "${args}": "--NAME={NAME}",
    FLAGS: "--NAME={NAME}",
    "${args_no_hyphens}": "NAME={NAME}",
    "${args_json}": "{parameters}",
}
"""What stands for W&B's macros, once for every NAME."""

_MACRO = re.compile(r"\$\{[^}]*\}")


def read(root: Marked) -> Sweep | None:
    """The sweep; None where the file is none of W&B."""
    parameters = root.at("parameters")
    if root.at("method") is None or parameters is None:
        return None
    sweep = Sweep(TOOL, question=str(_text(root, "description") or _text(root, "name") or ""))
    sweep.question = " ".join(sweep.question.split())
    for key, node in root.table.items():
        if key not in KNOWN:
            sweep.left.append((node.line, f"{key}: has no counterpart"))
    _method(root.table["method"], sweep)
    for name, node in parameters.table.items():
        _parameter(name, node, sweep)
    _metric(root.at("metric"), sweep)
    sweep.command = list(_command(root, sweep))
    return sweep


def _text(root: Marked, key: str) -> object:
    """A text at the top."""
    node = root.at(key)
    return None if node is None else node.scalar


def _method(node: Marked, sweep: Sweep) -> None:
    """Every combination is run; other methods choose some."""
    if node.value != "grid":
        what = f"method: {node.value} chooses runs by what others came to, or by chance"
        sweep.left.append((node.line, f"{what}; all combinations of levels are run here"))


def _parameter(name: str, node: Marked, sweep: Sweep) -> None:
    """A parameter with values, or one value."""
    keys = node.table
    if "parameters" in keys:
        sweep.left.append((node.line, f"{name}: nested parameters; name each by itself"))
        return
    kind = keys.get("distribution")
    if kind is not None and kind.value not in CHOICES:
        sweep.left.append((kind.line, f"{name}: distribution {kind.value}; give it levels"))
        return
    if "values" in keys and keys["values"].items:
        sweep.put(name, plain(keys["values"]), keys["values"].line)
    elif "value" in keys:
        sweep.put(name, [keys["value"].scalar], keys["value"].line)
    else:
        said = ", ".join(keys) or "nothing"
        sweep.left.append((node.line, f"{name}: no values ({said}); give it levels"))
        return
    for key, inner in keys.items():
        if key not in ("value", "values", "distribution"):
            sweep.left.append((inner.line, f"{name}: {key} has no counterpart"))


def _metric(node: Marked | None, sweep: Sweep) -> None:
    """What was to be improved is the outcome."""
    if node is None:
        return
    for key, inner in node.table.items():
        if key == "name" and re.fullmatch(COLUMN_NAME, str(inner.value)):
            sweep.analysis["outcome"] = str(inner.value)
        elif key == "name":
            what = f"metric.name: {inner.value} is no name of a column; report it as one"
            sweep.left.append((inner.line, what))
        elif key == "goal" and inner.value in ("minimize", "maximize"):
            sweep.analysis["lower_is_better"] = inner.value == "minimize"
        else:
            sweep.left.append((inner.line, f"metric.{key}: has no counterpart"))


def _command(root: Marked, sweep: Sweep) -> Iterator[str]:
    """The command with placeholders where W&B puts what is varied."""
    node = root.at("command")
    line = root.table["method"].line if node is None else node.line
    for one in [Marked(text, line) for text in DEFAULT] if node is None else node.items:
        text = str(one.value)
        if text == "${program}":
            program = _text(root, "program")
            if program is None:
                sweep.left.append((one.line, "program: is missing; train.py stands for it"))
            yield braced(str(program or "train.py"))
        elif text in MACROS:
            yield from (MACROS[text].replace("NAME", name) for name in _filling(text, sweep))
            if text == FLAGS:
                what = f"command: {FLAGS} becomes --name=true and --name=false"
                sweep.left.append((one.line, what))
        else:
            if _MACRO.search(text):
                sweep.left.append((one.line, f"command: {text} is passed on as it stands"))
            yield braced(text)


def _filling(macro: str, sweep: Sweep) -> list[str]:
    """Names for each of which a macro stands; where it names none, it stands once."""
    if not MACROS[macro]:
        return []
    return sweep.names if "NAME" in MACROS[macro] else [""]
