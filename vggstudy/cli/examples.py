"""An example of every command, shown at the end of its help."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": (
        "vggstudy init my-study",
        "vggstudy init my-study --from depth-batch-norm-cpu",
        "vggstudy init --from runs.csv --factors lr,depth --outcome accuracy",
        "vggstudy init --from sweep.yaml",
    ),
    "check": ("vggstudy check my-study.toml",),
    "schema": ("vggstudy schema > protocol.schema.json",),
    "protocols": ("vggstudy protocols", "vggstudy protocols quickstart"),
    "plan": ("vggstudy plan my-study.toml --pilot",),
    "register": ("vggstudy register my-study.toml",),
    "run": ("vggstudy run my-study.toml -j 2", "vggstudy run my-study.toml --only depth=11"),
    "status": ("vggstudy status my-study", "vggstudy status my-study --watch"),
    "show": ("vggstudy show my-study 3f2a",),
    "list": ("vggstudy list",),
    "import": ("vggstudy import wandb-export.csv -o runs.csv",),
    "analyze": (
        "vggstudy analyze my-study",
        "vggstudy analyze runs.csv --factors lr,depth --outcome accuracy --chance 0.1",
    ),
    "report": ("vggstudy report my-study", "vggstudy report runs.csv --factors lr,depth"),
    "open": ("vggstudy open my-study",),
    "compare": ("vggstudy compare first second -o compared.html",),
    "cite": (
        "vggstudy cite my-study",
        "vggstudy cite my-study converged.diff.depth --as apa",
        "vggstudy cite verify paper.tex --against my-study",
    ),
    "export": ("vggstudy export my-study -o runs.csv",),
    "verify": ("vggstudy verify my-study --strict",),
    "pack": ("vggstudy pack my-study published/",),
    "unpack": ("vggstudy unpack published/ studies/copy",),
    "doctor": ("vggstudy doctor", "vggstudy doctor my-study"),
}


def epilog(name: str) -> str | None:
    """The examples of a command as the end of its help; lines stay as they are."""
    lines = EXAMPLES.get(name)
    return None if lines is None else "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
