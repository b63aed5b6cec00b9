"""Time the analysis: python benchmarks/analysis.py [--json].

640 runs (2 x 8 x 2 x 2 cells of 10) and 100,000 runs (the same cells of 1,563) are simulated with
a fixed seed and analysed in full, B = 9,999 for every claim that is drawn, each in a process of
its own. For 640 runs the same intervals are then made by a plain loop: a fit of statsmodels or a
call of scipy for every resample of every claim. The loop is run on a sample of claims and
resamples, and its time extrapolated; one claim is looped through in full, and its interval
compared. A loop whose resamples all claims share is timed besides: it does less, since every claim
has its own stream here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from simulated import FACTORS, simulate

if TYPE_CHECKING:
    from vggstudy.analysis.claims.claim import Claim
    from vggstudy.analysis.data.cells import Cells

RESAMPLES = 9_999
SMALL, LARGE = 10, 1_563
"""Runs a cell, 64 cells."""

LOOP_CLAIMS, LOOP_RESAMPLES = 12, 25
"""Every so many claims are looped, each for so many resamples."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One full analysis.

    Attributes
    ----------
    runs, claims, drawn : int
        Claims, and those among them whose intervals are drawn.
    wall_s, cpu_s : float
        From the data frame to the result.
    peak_gib : float
        Largest resident memory of the process, imports and data included.
    """

    runs: int
    claims: int
    drawn: int
    wall_s: float
    cpu_s: float
    peak_gib: float


def measure(runs: int) -> Timing:
    """Analyse one table in this process."""
    from vggstudy.analysis import RunTable, analyze

    frame = simulate(runs)
    wall, cpu = time.perf_counter(), time.process_time()
    table = RunTable.from_frame(frame, factors=FACTORS)
    claims = analyze(table, resamples=RESAMPLES, seed=1).claims
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    drawn = sum(claim.B is not None for claim in claims.values())
    return Timing(len(frame), len(claims), drawn, wall, cpu, peak)


def measure_apart(runs: int) -> Timing:
    """`measure` in a fresh process, so that its memory is its own."""
    command = [sys.executable, __file__, "--measure", str(runs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Timing(**json.loads(done.stdout))


@dataclass(frozen=True, slots=True)
class Loop:
    """The plain loop's time for all claims that are drawn.

    Attributes
    ----------
    claims, sampled : int
    resamples_timed : int
        In all; every other one is extrapolated.
    wall_s : float
        Extrapolated to every claim and resample.
    shared_wall_s : float
        The same of a loop that resamples the whole table once for all claims.
    compared : str
        The claim that was looped through in full.
    difference_in_errors : float
        Larger distance of its ends from the analysis' ones, in their joint Monte Carlo error.
    """

    claims: int
    sampled: int
    resamples_timed: int
    wall_s: float
    shared_wall_s: float
    compared: str
    difference_in_errors: float


Statistic = Callable[[list[np.ndarray]], float]
"""A number from the resampled values of each cell of a claim."""


def contrast_by_ols(weights: np.ndarray, cells: list[np.ndarray]) -> Statistic:
    """A signed sum of saturated cell means, each deviation widened, from a fit of statsmodels."""
    import statsmodels.api as sm

    sizes = np.array([len(cell) for cell in cells])
    design = np.repeat(np.eye(len(cells)), sizes, axis=0)
    means = np.array([cell.mean() for cell in cells])
    widened = weights * np.sqrt(sizes / (sizes - 1))
    return lambda drawn: float(
        widened @ (sm.OLS(np.concatenate(drawn), design).fit().params - means)
    )


def turning_by_ols(x: np.ndarray, cells: list[np.ndarray]) -> Statistic:
    """The turning point of a quadratic fitted by statsmodels."""
    import statsmodels.api as sm

    design = np.vander(np.repeat(x, [len(cell) for cell in cells]), 3, increasing=True)

    def turn(drawn: list[np.ndarray]) -> float:
        _, b, c = sm.OLS(np.concatenate(drawn), design).fit().params
        return float(-b / (2 * c))

    return turn


def interquartile(drawn: list[np.ndarray]) -> float:
    """The interquartile mean of the runs of some cells by scipy."""
    from scipy.stats import trim_mean

    return float(trim_mean(np.concatenate(drawn), 0.25))


def looped(cells: list[np.ndarray], statistic: Statistic, count: int) -> np.ndarray:
    """The plain loop: resample every cell, compute the statistic, again and again."""
    rng = np.random.default_rng(1)
    return np.array(
        [
            statistic([rng.choice(cell, size=len(cell), replace=True) for cell in cells])
            for _ in range(count)
        ]
    )


def share_resamples(
    cells: Cells, tasks: list[tuple[list[np.ndarray], Statistic]]
) -> Callable[[], None]:
    """One pass of a loop over the table: one fit for all contrasts, one call for what is left."""
    import statsmodels.api as sm

    values = [cells.cell_values(c) for c in np.flatnonzero(cells.k >= 2).tolist()]
    design = np.repeat(np.eye(len(values)), [len(cell) for cell in values], axis=0)
    others = [task for task in tasks if "contrast_by_ols" not in task[1].__qualname__]
    contrasts = np.ones((len(tasks) - len(others), len(values)))
    rng = np.random.default_rng(1)

    def once() -> None:
        drawn = [rng.choice(cell, size=len(cell), replace=True) for cell in values]
        contrasts @ sm.OLS(np.concatenate(drawn), design).fit().params
        for own, statistic in others:
            statistic(own)

    return once


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def loop_over_claims() -> Loop:
    """Loop over a sample of the claims that the analysis of 640 runs draws."""
    from vggstudy.analysis import RunTable, analyze
    from vggstudy.analysis.data.cells import Cells
    from vggstudy.analysis.data.contrasts import differences, interactions, marginal_means
    from vggstudy.analysis.data.curves import Curve, axis_of, curve_at, strata_of
    from vggstudy.analysis.data.estimands import Estimand

    table = RunTable.from_frame(simulate(SMALL), factors=FACTORS)
    claims = analyze(table, resamples=RESAMPLES, seed=1).claims
    drawn = [name for name, claim in claims.items() if claim.B is not None]
    cells = Cells.from_table(table)
    tasks: dict[str, tuple[list[np.ndarray], Statistic]] = {}
    for contrast in (*marginal_means(table), *differences(table), *interactions(table)):
        asked = Estimand.of(table.outcome, contrast, table)
        name = asked.id
        groups = contrast.groups(cells)
        values = [cells.cell_values(c) for group in groups for c in group.cells.tolist()]
        if name in drawn:
            weights = np.concatenate([group.sign * group.weights for group in groups])
            tasks[name] = values, contrast_by_ols(weights, values)
        robust = replace(asked, quantity="iqm").id
        if not contrast.factors and robust in drawn:
            tasks[robust] = values, interquartile
    axis = axis_of(table, "batch_size", "log2")
    for stratum in strata_of(table, axis):
        curve = curve_at(cells, axis, stratum)
        assert isinstance(curve, Curve)  # batch norm or not, four levels and more converge here
        name = Estimand.level("peak", axis.factor, stratum, table).id
        if name in drawn:
            values = [cells.cell_values(c) for c in curve.cells.tolist()]
            tasks[name] = values, turning_by_ols(curve.x, values)
    names = sorted(tasks)
    sample = names[::LOOP_CLAIMS]
    each = seconds(lambda: [looped(*tasks[name], LOOP_RESAMPLES) for name in sample])
    everything = share_resamples(cells, [tasks[name] for name in names])
    once = seconds(lambda: [everything() for _ in range(LOOP_RESAMPLES)])
    compared = "accuracy.diff.depth@batch_norm=1,batch_size=1024,data_norm=1"
    return Loop(
        claims=len(drawn),
        sampled=len(sample),
        resamples_timed=len(sample) * LOOP_RESAMPLES,
        wall_s=each / len(sample) / LOOP_RESAMPLES * RESAMPLES * len(drawn),
        shared_wall_s=once / LOOP_RESAMPLES * RESAMPLES,
        compared=compared,
        difference_in_errors=difference(claims[compared], *tasks[compared]),
    )


def difference(claim: Claim, cells: list[np.ndarray], statistic: Statistic) -> float:
    """How far the loop's interval lies from the claim's, in joint Monte Carlo errors."""
    from scipy.stats import norm, t

    variance = np.array([cell.var(ddof=1) / len(cell) for cell in cells])
    freedom = np.array([len(cell) - 1 for cell in cells])
    df = variance.sum() ** 2 / (variance**2 / freedom).sum()
    stretch = t.ppf(0.975, df) / norm.ppf(0.975)
    deviation = looped(cells, statistic, RESAMPLES)
    ends = claim.estimate + stretch * np.quantile(deviation, [0.025, 0.975], method="weibull")
    errors = np.sqrt(2) * np.array([claim.mc_error_low, claim.mc_error_high])
    return float(np.abs((ends - [claim.low, claim.high]) / errors).max())


def machine() -> dict[str, object]:
    """What the times depend on."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def markdown(small: Timing, large: Timing, loop: Loop, at: dict[str, object]) -> str:
    """The results with what is asked of them."""
    ratio = loop.wall_s / small.wall_s
    rows = [
        ("640 runs, wall time", f"{small.wall_s:.1f} s ({small.cpu_s:.1f} s CPU)", "at most 5 s"),
        ("plain loop, same claims and draws", f"{loop.wall_s:,.0f} s (extrapolated)", ""),
        ("ratio to the plain loop", f"{ratio:,.0f}", "at least 50"),
        ("loop that shares resamples", f"{loop.shared_wall_s:,.0f} s (extrapolated)", ""),
        ("ratio to that loop", f"{loop.shared_wall_s / small.wall_s:,.0f}", ""),
        (
            f"{large.runs:,} runs, wall time",
            f"{large.wall_s:.1f} s ({large.cpu_s:.1f} s CPU)",
            "at most 30 s",
        ),
        (f"{large.runs:,} runs, peak memory", f"{large.peak_gib:.2f} GiB", "below 2 GiB"),
    ]
    lines = ["| what | measured | asked |", "| --- | --- | --- |"]
    lines += [f"| {what} | {found} | {asked} |" for what, found, asked in rows]
    lines += [
        "",
        f"{small.claims:,} claims on 640 runs, {small.drawn} of them drawn with B = {RESAMPLES:,}; "
        f"{large.claims:,} and {large.drawn} on {large.runs:,} runs. The loop was timed on "
        f"{loop.sampled} of {loop.claims} claims, {LOOP_RESAMPLES} resamples each, and leaves out "
        "Lee's bounds and everything that is not drawn. In full it made "
        f"`{loop.compared}`: its ends lie within {loop.difference_in_errors:.1f} joint Monte Carlo "
        "errors of the analysis' ones.",
        "",
        ", ".join(f"{key} {value}" for key, value in at.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    parser.add_argument("--measure", type=int, metavar="RUNS", help="time one table, runs a cell")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asdict(measure(options.measure))))
        return
    at = machine()
    small, large = measure_apart(SMALL), measure_apart(LARGE)
    loop = loop_over_claims()
    if options.json:
        found = {
            "machine": at,
            "small": asdict(small),
            "large": asdict(large),
            "loop": asdict(loop),
            "ratio": loop.wall_s / small.wall_s,
            "shared_ratio": loop.shared_wall_s / small.wall_s,
        }
        print(json.dumps(found, indent=1))
    else:
        print(markdown(small, large, loop, at))


if __name__ == "__main__":
    main()
