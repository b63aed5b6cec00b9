"""Two cells, looks after 5, 10, 15, 20 and 25 runs: AdaStop on the streams of the coverage tests.

``pip install adastop`` (MIT), then ``python benchmarks/sequential.py STUDIES``. The rows of
``tests/analysis/coverage/test_looks_coverage.py`` are on the same streams; docs/how-to/stopping.md
sets them side by side. Not a dependency of anything.
"""

from __future__ import annotations

import sys

import numpy as np

LOOKS = (5, 10, 15, 20, 25)
EFFECTS = (0.0, 1.0)
SD = 0.02


def adastop(values: np.ndarray, alpha: float, seed: int) -> tuple[str, int]:
    """The decision on two cells, shape (2, n), and the runs of each that it took."""
    from adastop import MultipleAgentsComparator

    compared = MultipleAgentsComparator(n=5, K=len(LOOKS), B=10_000, alpha=alpha, seed=seed)
    used = 0
    for used in LOOKS:
        compared.partial_compare({"a": values[0, :used], "b": values[1, :used]}, verbose=False)
        if compared.is_finished:
            break
    (decision,) = compared.decisions.values()
    return str(decision), used


def main() -> None:
    """Print a line for each level and effect."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for alpha in (0.05, 0.025):
        for effect in EFFECTS:
            rng = np.random.default_rng([41, round(1000 * effect), 100, 100])
            found = []
            for seed in range(studies):
                values = 0.7 + SD * rng.standard_normal((2, LOOKS[-1]))
                values[1] += effect * SD
                rng.random((2, LOOKS[-1]))  # there: which runs converge
                decision, runs = adastop(values, alpha, seed)
                found.append((decision != "equal", decision == "smaller", runs))
            decided, right, mean = np.mean(found, axis=0)
            print(
                f"alpha {alpha:g}, {effect:g} SD: decided {decided:.1%}, b above a {right:.1%}, "
                f"mean n {mean:.1f} ({studies} studies)"
            )


if __name__ == "__main__":
    main()
