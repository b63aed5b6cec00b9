"""Least squares over runs: fit, covariances that allow unequal variances, diagnostics.

References
----------
.. [1] MacKinnon & White (1985), Journal of Econometrics 29, 305-325, eq. 3, 12 and 13 (HC0, HC2,
   HC3; HC3 without the factor (n - 1) / n).
.. [2] Cribari-Neto (2004), Computational Statistics & Data Analysis 45, 215-233, section 3 (HC4).
.. [3] Liang & Zeger (1986), Biometrika 73, 13-22; factor G/(G-1) (n-1)/(n-k) as Stata's.
.. [4] Draper & Smith (1998), Applied Regression Analysis, section 2.1 (lack of fit).
.. [5] Cook (1977), Technometrics 19, 15-18, eq. 5.
.. [6] Koenker (1981), Journal of Econometrics 17, 107-112 (Breusch-Pagan, studentized).
.. [7] Jarque & Bera (1987), International Statistical Review 55, 163-172, eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, fdtrc, stdtr

from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.student import Spread, t_interval

CovarianceKind = Literal["classical", "hc0", "hc2", "hc3", "hc4"]

FULL_LEVERAGE = 1 - 1e-9
"""From this leverage on a run determines its own fit: its residual is rounding only."""


@dataclass(frozen=True, slots=True, eq=False)
class OlsFit:
    """An ordinary least squares fit.

    Attributes
    ----------
    design : ndarray of shape (N, P)
    response, residuals, leverage : ndarrays of shape (N,)
    coefficients : ndarray of shape (P,)
    unscaled : ndarray of shape (P, P)
        Inverse of X'X.
    r_squared : float
        Share of the variance about the mean that the model explains.
    """

    design: FloatArray
    response: FloatArray
    residuals: FloatArray
    leverage: FloatArray
    coefficients: FloatArray
    unscaled: FloatArray
    r_squared: float

    @property
    def df(self) -> int:
        """Residual degrees of freedom, N - P."""
        return self.residuals.size - self.coefficients.size

    @property
    def rss(self) -> float:
        """Residual sum of squares."""
        return float(self.residuals @ self.residuals)

    @property
    def variance(self) -> float:
        """Residual variance."""
        return self.rss / self.df


def fit_ols(design: FloatArray, response: FloatArray) -> OlsFit:
    """Ordinary least squares, from a QR decomposition.

    Parameters
    ----------
    design : ndarray of shape (N, P)
        Of full column rank, N > P; see `aliased_columns`.
    response : ndarray of shape (N,)

    Raises
    ------
    ValueError
        If there are no residual degrees of freedom.
    """
    if design.shape[0] <= design.shape[1]:
        raise ValueError(f"{design.shape[0]} runs cannot determine {design.shape[1]} coefficients")
    q, r = np.linalg.qr(design)
    coefficients = np.linalg.solve(r, q.T @ response)
    unscaled = np.linalg.inv(r.T @ r)
    residuals = response - design @ coefficients
    total = float(((response - response.mean()) ** 2).sum())
    return OlsFit(
        design=design,
        response=response,
        residuals=residuals,
        leverage=np.einsum("ij,jk,ik->i", design, unscaled, design, optimize=True),
        coefficients=coefficients,
        unscaled=unscaled,
        r_squared=1 - float(residuals @ residuals) / total if total > 0 else 0.0,
    )


def aliased_columns(design: FloatArray) -> list[int]:
    """Columns that depend linearly on earlier ones, as R's ``lm`` leaves them out.

    Parameters
    ----------
    design : ndarray of shape (N, P)
    """
    basis = np.empty((design.shape[0], 0))
    found = []
    for j in range(design.shape[1]):
        column = design[:, j]
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)  # twice is enough for orthogonality to rounding
        length = np.linalg.norm(rest)
        if length <= 1e-9 * np.linalg.norm(column) or basis.shape[1] == design.shape[0]:
            found.append(j)
        else:
            basis = np.column_stack([basis, rest / length])
    return found


def covariance(fit: OlsFit, kind: CovarianceKind) -> FloatArray:
    """Covariance matrix of the coefficients ([1]_, [2]_); shape (P, P).

    Raises
    ------
    ValueError
        If HC2, HC3 or HC4 is asked for and a run has leverage one: its residual says nothing.
    """
    if kind == "classical":
        return fit.unscaled * fit.variance
    if kind == "hc0":
        weights = fit.residuals**2
    else:
        if fit.leverage.max() >= FULL_LEVERAGE:
            raise ValueError(f"{kind} does not exist where a run determines its own fit")
        power: FloatArray | float = {"hc2": 1.0, "hc3": 2.0}.get(kind, 0.0)
        if kind == "hc4":
            power = np.minimum(4.0, fit.leverage / fit.leverage.mean())
        weights = fit.residuals**2 / (1 - fit.leverage) ** power
    half = (fit.design @ fit.unscaled) * np.sqrt(weights)[:, None]
    return np.asarray(half.T @ half)


def clustered_covariance(fit: OlsFit, clusters: IntArray) -> FloatArray:
    """Covariance that allows dependence within clusters ([3]_); t has G - 1 degrees of freedom.

    Parameters
    ----------
    fit : OlsFit
    clusters : ndarray of shape (N,)
        Number of each run's cluster, of which there are G.

    Raises
    ------
    ValueError
        If there is one cluster only.
    """
    names, index = np.unique(clusters, return_inverse=True)
    if names.size < 2:
        raise ValueError("a clustered covariance needs at least two clusters")
    scores = np.zeros((names.size, fit.design.shape[1]))
    np.add.at(scores, index, fit.design * fit.residuals[:, None])
    n, k = fit.design.shape
    factor = names.size / (names.size - 1) * (n - 1) / (n - k)
    half = scores @ fit.unscaled
    return np.asarray(half.T @ half * factor)


def coefficient_intervals(
    coefficients: FloatArray,
    matrix: FloatArray,
    df: float,
    *,
    confidence: float,
    method: str,
) -> tuple[Interval, ...]:
    """Student's interval of each coefficient, from the P x P covariance matrix."""
    errors = np.sqrt(np.diag(matrix))
    return tuple(
        t_interval(estimate, Spread(error, df), confidence=confidence, method=method)
        for estimate, error in zip(coefficients.tolist(), errors.tolist(), strict=True)
    )


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """F test of a model against cell means.

    Attributes
    ----------
    f : float
    df_model, df_within : int
        Cells beyond the model's parameters; runs beyond the cells.
    p_value : float
    """

    f: float
    df_model: int
    df_within: int
    p_value: float


def lack_of_fit(
    n: FloatArray, mean: FloatArray, fitted: FloatArray, *, within: float, n_parameters: int
) -> LackOfFit:
    """Whether the cell means depart from a model more than the runs vary ([4]_).

    Parameters
    ----------
    n, mean, fitted : ndarrays of shape (C,)
        Runs, mean and fitted mean of each cell.
    within : float
        Sum of squares within cells.
    n_parameters : int
        Rank of the model.

    Raises
    ------
    ValueError
        If there are no cells to spare, no replicates, or no variation within cells.
    """
    cells, runs = n.size, int(n.sum())
    df_model, df_within = cells - n_parameters, runs - cells
    if df_model < 1 or df_within < 1 or not within > 0:
        raise ValueError(
            f"lack of fit needs spare cells, replicates and variation; {cells} cells, "
            f"{n_parameters} parameters, {runs} runs, {within} within"
        )
    f = float((n * (mean - fitted) ** 2).sum()) / df_model / (within / df_within)
    return LackOfFit(f, df_model, df_within, float(fdtrc(df_model, df_within, f)))


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """What single runs do to a fit.

    Attributes
    ----------
    studentized : ndarray of shape (N,)
        Residual over its standard error without the run; 0 where `determined`.
    cook : ndarray of shape (N,)
        Cook's distance [5]_; 0 where `determined`.
    determined : ndarray of bool, shape (N,)
        Runs with leverage one, which the fit meets whatever their value.
    """

    studentized: FloatArray
    cook: FloatArray
    determined: BoolArray


def influence(fit: OlsFit) -> Influence:
    """Externally studentized residuals and Cook's distances, without refitting.

    Raises
    ------
    ValueError
        If the residuals are all zero.
    """
    if not fit.variance > 0:
        raise ValueError("the fit is exact: there are no residuals to judge")
    determined = fit.leverage >= FULL_LEVERAGE
    rest = np.where(determined, 1.0, 1 - fit.leverage)
    internal = np.where(determined, 0.0, fit.residuals / np.sqrt(fit.variance * rest))
    # N - P - r^2 is zero where the other runs are fitted exactly.
    left = np.maximum(fit.df - internal**2, fit.df * np.finfo(np.float64).eps)
    studentized = internal * np.sqrt((fit.df - 1) / left)
    cook = internal**2 * fit.leverage / rest / fit.design.shape[1]
    return Influence(studentized, np.where(determined, 0.0, cook), determined)


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What the residuals say against the model.

    Attributes
    ----------
    skewness, excess_kurtosis : float
        Of the residuals; 0 and 0 for normal ones.
    normality_p : float
        Jarque and Bera's [7]_.
    equal_variance_p : float
        Koenker's version of Breusch and Pagan's test [6]_.
    outlier_p : float
        Of the largest externally studentized residual, times the number of runs.
    outlier, most_influential : int
        Run with the largest studentized residual and with the largest Cook's distance.
    max_cook, max_leverage : float
    """

    skewness: float
    excess_kurtosis: float
    normality_p: float
    equal_variance_p: float
    outlier_p: float
    outlier: int
    most_influential: int
    max_cook: float
    max_leverage: float


def diagnose(fit: OlsFit) -> Diagnostics:
    """Tests on the residuals of a fit with an intercept.

    Raises
    ------
    ValueError
        If the fit is exact, or has one residual degree of freedom only.
    """
    if fit.df < 2:
        raise ValueError("residuals cannot be judged with one degree of freedom")
    single = influence(fit)
    e, n = fit.residuals, fit.residuals.size
    variance = fit.rss / n
    skewness = float((e**3).mean()) / variance**1.5
    kurtosis = float((e**4).mean()) / variance**2 - 3
    square = e**2 - variance
    explained = fit.design @ (fit.unscaled @ (fit.design.T @ square))
    total = float(square @ square)
    share = float(explained @ explained) / total if total > 0 else 0.0
    outlier = int(np.abs(single.studentized).argmax())
    tail = float(stdtr(fit.df - 1, -abs(single.studentized[outlier])))
    return Diagnostics(
        skewness=skewness,
        excess_kurtosis=kurtosis,
        normality_p=float(chdtrc(2, n / 6 * (skewness**2 + kurtosis**2 / 4))),
        equal_variance_p=float(chdtrc(fit.design.shape[1] - 1, n * share)),
        outlier_p=min(1.0, 2 * n * tail),
        outlier=outlier,
        most_influential=int(single.cook.argmax()),
        max_cook=float(single.cook.max()),
        max_leverage=float(fit.leverage.max()),
    )
