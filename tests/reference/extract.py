"""Keep the R values that the tests use: ``python extract.py OUT``, OUT being oracle.R's folder.

The whole of R's output is 2 MB; a key is added here together with the test that reads it.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
LEDGERS = ("main", "balanced30", "degenerate", "monotone")
KEYS = (
    "meta",
    "missing_cells",
    "cells",
    "groups_depth_variant",
    "groups_depth_bn",
    "groups_bn",
    "groups_batch",
    "cell_contrasts",
    "welch_bn_by_depth_batch_dn",
    "boot_bn_deep",
    "two_sample",
    "tost_dn_on_bn",
)
REPLICATES = ("main", "degenerate")
"""Ledgers whose bootstrap replicates are kept: equal and unequal strata."""


def main(source: Path) -> None:
    """Copy the keys and the replicates."""
    for name in LEDGERS:
        values = json.loads((source / f"oracle_ledger_{name}.json").read_text())
        kept = {key: values[key] for key in KEYS}
        text = json.dumps(kept, separators=(",", ":"))
        (HERE / f"oracle_ledger_{name}.json").write_text(text + "\n")
    for name in REPLICATES:
        shutil.copyfile(
            source / f"boot_t_ledger_{name}.csv.gz", HERE / f"boot_t_ledger_{name}.csv.gz"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
