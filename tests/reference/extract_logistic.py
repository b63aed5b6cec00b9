"""Keep R's logistic regressions: ``python extract_logistic.py OUT``, R's output folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
LEDGERS = ("main", "balanced30", "degenerate", "monotone")
KEYS = (
    "glm_plain",
    "glm_full",
    "glm_full_separation",
    "firth_plain",
    "firth_full",
    "ed50_glm",
    "ed50_firth",
)


def main(source: Path) -> None:
    """Write the keys of all ledgers to one file."""
    kept = {}
    for name in LEDGERS:
        values = json.loads((source / f"oracle_ledger_{name}.json").read_text())
        kept[name] = {key: values[key] for key in KEYS}
    (HERE / "oracle_logistic.json").write_text(json.dumps(kept, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
