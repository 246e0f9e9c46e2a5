"""Whether customers who were contacted buy for more, given that they buy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from clvmodels.response.cells import NONE, Cells, Floats


def amounts(cells: Cells, *, adjusted: bool = True) -> pd.DataFrame:
    """Mean amount of the occasions with a purchase by medium, and its difference from those without contact.

    Differences are of a linear regression of the amount on medium and features, with standard errors that do not assume equal
    variances (from the sums of amounts and of their squares, cell by cell). The model of media response takes the amount not to
    depend on the medium: this tests it. Where contacts were not assigned at random, a difference may be that of the customers.

    Parameters
    ----------
    cells
        With sums of amounts and of their squares.
    adjusted
        Whether differences are between customers of equal features and segments, rather than plain ones.

    Returns
    -------
    DataFrame indexed by medium, "none" first: buyers, mean, standard_error [currency]; difference, difference_error [currency],
    z, p (two-sided); NaN where there are fewer than two buyers
    """
    media = ("none", *cells.media)
    codes = cells.medium - NONE
    buyers, total, squares = (
        np.bincount(codes, weights=values, minlength=len(media))
        for values in (cells.buyers, cells.purchases_amount, cells.purchases_amount_squared)
    )
    enough = buyers > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(buyers > 0, total / buyers, np.nan)
        spread = np.where(enough, (squares - buyers * mean**2).clip(min=0) / (buyers - 1), np.nan)
        error = np.sqrt(spread / buyers)
    table = pd.DataFrame(
        {"buyers": buyers, "mean": mean, "standard_error": error}, index=pd.Index(media, name="medium")
    )
    difference, difference_error = _differences(cells, enough, adjusted=adjusted)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = difference / difference_error
    p = 2 * special.ndtr(-np.abs(z))
    return table.assign(difference=difference, difference_error=difference_error, z=z, p=p)


def amount_ratios(cells: Cells, draws: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draws (draws,) of the mean amount of a purchase after a contact by each medium, relative to one without; 1 where not known.

    The difference of `amounts` is drawn from a normal with its standard error; no ratio is below zero.
    """
    table = amounts(cells)
    usual = float(table["mean"].iloc[0])
    shifts = table.iloc[1:].fillna({"difference": 0.0, "difference_error": 0.0})
    return {
        str(name): np.maximum(
            1 + (row["difference"] + row["difference_error"] * rng.standard_normal(draws)) / usual, 0.0
        )
        for name, row in shifts.iterrows()
    }


def _differences(cells: Cells, enough: np.ndarray, *, adjusted: bool) -> tuple[Floats, Floats]:
    """Of each medium from none, and their standard errors (media + 1,); NaN where there is nothing to tell."""
    found, errors = np.full(enough.size, np.nan), np.full(enough.size, np.nan)
    told = np.flatnonzero(enough)
    if not enough[0] or told.size < 2:
        return found, errors
    codes = cells.medium - NONE
    rows = (cells.buyers > 0) & enough[codes]
    n, total, squares = cells.buyers[rows], cells.purchases_amount[rows], cells.purchases_amount_squared[rows]
    ours = codes[rows][:, None] == told[1:]
    others = _others(cells, rows, n) if adjusted else np.zeros((n.size, 0))
    design = np.hstack([np.ones((n.size, 1)), ours, others])
    inverse = np.linalg.pinv(design.T @ (design * n[:, None]), hermitian=True)
    line = design @ (inverse @ (design.T @ total))
    left = (squares - 2 * line * total + n * line**2).clip(min=0)
    covariance = inverse @ (design.T @ (design * left[:, None])) @ inverse
    correction = n.sum() / max(1.0, n.sum() - np.linalg.matrix_rank(design))
    at = slice(1, told.size)
    found[told[1:]] = (inverse @ (design.T @ total))[at]
    errors[told[1:]] = np.sqrt(correction * np.diag(covariance)[at])
    return found, errors


def _others(cells: Cells, rows: np.ndarray, n: Floats) -> Floats:
    """Features and segments, centred."""
    dummies = cells.segment[rows][:, None] == np.arange(1, len(cells.segments))
    columns = np.hstack([cells.features[rows], dummies])
    return np.asarray(columns - n @ columns / n.sum())
