"""Keep R's values of fitted models: ``python extract_models.py OUT``, OUT being oracle.R's folder.

Beside `extract.py`, because only the tests of the accuracy model, of turning points and of variance
components read them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LEDGERS = ("main", "balanced30", "degenerate", "monotone")
COVARIANCES = ("classical", "HC0", "HC2", "HC3", "HC4", "CR1S")
SCALARS = ("formula", "n", "k", "df_residual", "coefficients", "sigma", "r2", "rss", "max_leverage")


def main(source: Path) -> None:
    """Copy the models' values."""
    for name in LEDGERS:
        values = json.loads((source / f"oracle_ledger_{name}.json").read_text())
        kept = {key: _model(values[key]) for key in ("ols_converged", "ols_converged_rich")}
        kept["variance_components"] = values["variance_components"]
        text = json.dumps(kept, separators=(",", ":"))
        (HERE / f"models_ledger_{name}.json").write_text(text + "\n")


def _model(block: dict[str, Any]) -> dict[str, Any]:
    """Estimates, the covariances that we have, and turning points."""
    kept = {key: block[key] for key in SCALARS}
    kept["covariances"] = {
        kind: {key: block["covariances"][kind][key] for key in ("df", "vcov", "lo", "hi")}
        for kind in COVARIANCES
    }
    kept["turning_points"] = block["turning_points"]
    return kept


if __name__ == "__main__":
    main(Path(sys.argv[1]))
