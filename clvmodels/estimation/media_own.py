"""Effects of a customer's own: what her own contacts, and occasions without, say beyond what holds for customers like her.

On top of the fitted population model,

    logit p = log odds_it + d_0 + u_i + [contact by m] * (tau_it + d_m + v_im),

u_i and v_im normal about zero with standard deviations sigma_u and sigma_v. The shifts d are there because coefficients of the
population are averages over customers, which lie nearer to zero than a customer's. Scales and shifts are those of the largest
marginal likelihood times half-normal priors of the scales. Effects of customers' own are used only where the likelihood-ratio
test says that there are any; else everything is as without them.

Given the population's coefficients, (u_i, v_i) is drawn from a normal with its exact mean and covariance. What the coefficients
of a draw say of a customer's log odds and effects beyond their mean, her own data take back as far as they are her own (`own`).

Source: Laird and Ware 1982 (the two stages); Self and Liang 1987 (the test).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from clvmodels.model import Array
from clvmodels.numerics.own_effects import own_moments, own_noise
from clvmodels.response.cells import NONE
from clvmodels.response.layout import Layout
from clvmodels.response.predictor import Coefficients, People
from clvmodels.response.records import Records

NODES = np.linspace(-4.4, 4.4, 21)
LOG_WEIGHTS = -(NODES**2) / 2 - np.log(np.exp(-(NODES**2) / 2).sum())
"""Of a standard normal on a grid: exact as long as a customer's data leave more than a third of the standard deviation."""
SCALES = (1.0, 0.5)
"""Half-normal priors of sigma_u and sigma_v on the scale of log odds."""
BEYOND_NOISE = 0.01
"""Probability of the test below which customers' effects are taken to differ."""
OWN_HISTORY = ("recency", "frequency", "responses")
"""Features that are made of a customer's own purchases."""
LEAST = 1e-4
"""A standard deviation that is none."""
MOST = 60_000
"""Occasions that scales are estimated from; of more, those of some customers."""


class OwnTest(NamedTuple):
    """What customers' own records say of differences between them.

    `sigma_u`, `sigma_v` are standard deviations of log odds and of effects; `ratio`, `p` the likelihood-ratio test of sigma_v
    = 0, one-sided; `left_out` occasions not used because they overlap others; `repeated` features that
    tell of a customer's own purchases once more.
    """

    sigma_u: float
    sigma_v: float
    ratio: float
    p: float
    customers: int
    occasions: int
    left_out: int
    repeated: tuple[str, ...] = ()

    @property
    def beyond_noise(self) -> bool:
        return self.p < BEYOND_NOISE

    def __str__(self) -> str:
        seen = f"{self.occasions:,} occasions of {self.customers:,} customers, {self.left_out:,} overlapping left out"
        if self.beyond_noise:
            found = f"customers' own effects differ with sd {self.sigma_v:.2g} (p = {self.p:.2g}; {seen})"
            if not self.repeated:
                return found
            return (
                f"{found}; {', '.join(self.repeated)} tell of the same purchases once more, so intervals of single customers are "
                "too narrow: make occasions with features=[]"
            )
        return f"no sign that effects differ between customers beyond segments and features (p = {self.p:.2g}; {seen})"


class Rows(NamedTuple):
    """Occasions (rows,) before a fitted population: odds of a purchase, medium's code, outcome; and where customers begin."""

    odds: Array
    medium: NDArray[np.int64]
    bought: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, some: NDArray[np.intp]) -> Rows:
        """Those of some customers."""
        sizes = np.diff(self.starts)[some]
        ends = np.cumsum(sizes)
        at = np.arange(sizes.sum()) + np.repeat(self.starts[some] - ends + sizes, sizes)
        return Rows(self.odds[at], self.medium[at], self.bought[at], np.concatenate([[0], ends]))


class Moments(NamedTuple):
    """Log-likelihood, mean (n, k) and second moments (n, k, k) of (u, v), and surprises (k,)."""

    value: float
    mean: Array
    second: Array
    surprise: Array


@dataclass(frozen=True, eq=False)
class OwnEffects:
    """What is known of single customers.

    Attributes
    ----------
    customer_id
        (n,) sorted.
    centre
        The population's coefficients that it was found with, one draw.
    shift, spread
        (k,) d and sigma of (u, v_1, ...), in the order of the layout's media.
    mean, root, own
        (n, k), (n, k, k), (n, k, k): mean of (u, v), a root of its covariance, and the weight of her own data in it: one minus
        what is left of the variance before.
    test
        What they rest on.
    """

    customer_id: NDArray[Any]
    centre: Coefficients
    shift: Array
    spread: Array
    mean: Array
    root: Array
    own: Array
    test: OwnTest

    def places(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        """Where customers are, -1 for those without a record."""
        import pandas as pd

        return np.asarray(pd.Index(self.customer_id).get_indexer(pd.Index(ids)), dtype=np.intp)

    def weights(self, ids: NDArray[Any]) -> Array:
        """Weight of a customer's own data in her effect of each medium (n, media)."""
        at = self.places(ids)
        found = np.diagonal(self.own, axis1=1, axis2=2)[at, 1:]
        return np.asarray(np.where(at[:, None] < 0, 0.0, found))

    def drawn(
        self, ids: NDArray[Any], people: People, stock: Array, coefficients: Coefficients, chosen: NDArray[np.intp]
    ) -> Array:
        """What customers have beyond the population's log odds and effects, in some draws (k, n, draws).

        Parameters
        ----------
        ids, people, stock
            (n,) who, what the population's model sees of them, and their contact stocks (n, media of the layout + others).
        coefficients, chosen
            The population's, and the numbers of the draws.
        """
        at = self.places(ids)
        beyond = _predicted(coefficients, people, stock) - _predicted(self.centre, people, stock)
        noise = own_noise(_keys(ids), np.asarray(chosen, dtype=np.int64), self.spread.size)
        found = np.einsum("nab,bnd->and", self.root[at], noise) - np.einsum("nab,bnd->and", self.own[at], beyond)
        found += self.mean[at].T[:, :, None]
        strangers = at < 0
        found[:, strangers] = self.spread[:, None, None] * noise[:, strangers]
        return np.asarray(found + self.shift[:, None, None])


def _keys(ids: NDArray[Any]) -> NDArray[np.uint64]:
    import pandas as pd

    return np.asarray(pd.util.hash_array(np.asarray(ids)), dtype=np.uint64)


def _predicted(coefficients: Coefficients, people: People, stock: Array) -> Array:
    """Log odds and effects of all media (k, n, draws) at these stocks (n, media)."""
    media, total = coefficients.medium.shape[1], stock.sum(axis=1)
    effects = [coefficients.effect(people, m, stock[:, m], total - stock[:, m]) for m in range(media)]
    return np.stack([coefficients.log_odds(people), *effects])


def own_effects(records: Records, layout: Layout, coefficients: Coefficients, *, seed: int) -> OwnEffects | OwnTest:
    """Customers' own effects, or the test that found none."""
    drawn = {name: getattr(coefficients, name).mean(axis=0, keepdims=True) for name in _DRAWN}
    centre = replace(coefficients, **drawn)
    rows, kept = _rows(records, layout, centre)
    ids = records.customer_id[kept]
    some = np.arange(ids.size)
    if rows.odds.size > MOST:
        some = np.sort(np.random.default_rng(seed).permutation(ids.size)[: ids.size * MOST // rows.odds.size])
    scales, shift, test = _estimated(rows.of(some), len(layout.media))
    repeated = tuple(name for name in OWN_HISTORY if name in layout.features)
    test = test._replace(customers=ids.size, occasions=rows.odds.size, left_out=records.left_out, repeated=repeated)
    if not test.beyond_noise:
        return test
    spread = np.append(scales[0], np.full(len(layout.media), scales[1]))
    found = _moments(rows, spread, shift)
    covariance = found.second - found.mean[:, :, None] * found.mean[:, None, :]
    own = np.eye(spread.size) - covariance / spread**2
    return OwnEffects(ids, centre, shift, spread, found.mean, _root(covariance), own, test)


_DRAWN = ("baseline", "features", "controls", "segment", "month", "medium", "medium_features", "medium_segment", "fatigue",
          "fatigue_other")  # fmt: skip


def _root(covariance: Array) -> Array:
    roots, axes = np.linalg.eigh(covariance)
    return np.asarray(axes * np.sqrt(np.maximum(roots, 0.0))[:, None, :])


def _rows(records: Records, layout: Layout, centre: Coefficients) -> tuple[Rows, NDArray[np.intp]]:
    """Occasions of media whose increment is told, and of none; and the customers who have some."""
    cells = records.cells
    people = People.of(cells, layout)
    logit = centre.log_odds(people)[:, 0]
    medium = np.full(cells.medium.size, NONE, dtype=np.int64)
    for m, code in enumerate(layout.codes):
        at = np.flatnonzero(cells.medium == code)
        medium[at] = m
        logit[at] += centre.effect(people[at], m, cells.own_stock[at], cells.other_stock[at])[:, 0]
    told = (cells.medium == NONE) | (medium != NONE)
    who = np.repeat(np.arange(records.customer_id.size), np.diff(records.starts))[told]
    kept, sizes = np.unique(who, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    order = np.flatnonzero(told)[np.lexsort((medium[told], who))]
    return Rows(np.exp(logit[order]), medium[order], cells.buyers[order].astype(np.int64), starts), kept


def _moments(rows: Rows, spread: Array, shift: Array) -> Moments:
    n, k = rows.starts.size - 1, spread.size
    value, mean, second, surprise = np.empty(n), np.empty((n, k)), np.empty((n, k, k)), np.empty(k)
    raised = np.append(0.0, shift[1:])[rows.medium + 1] + shift[0]
    own_moments(
        rows.odds * np.exp(raised), rows.medium, rows.bought, rows.starts, NODES, LOG_WEIGHTS, spread, value, mean, second,
        surprise,
    )  # fmt: skip
    return Moments(float(value.sum()), mean, second, surprise)


def _estimated(rows: Rows, media: int) -> tuple[Array, Array, OwnTest]:
    """Scales (2,) and shifts (k,), and the test of sigma_v = 0."""

    def depth(log_scales: Array, shift: Array) -> tuple[float, Array, Array, float]:
        scales = np.exp(log_scales)
        found = _moments(rows, np.append(scales[0], np.full(media, scales[1])), shift)
        squares = np.einsum("naa->a", found.second) / scales[np.minimum(np.arange(media + 1), 1)] ** 2
        by_v = squares[1:].sum() - (rows.starts.size - 1) * media
        slope = np.array([squares[0] - (rows.starts.size - 1), by_v]) - (scales / SCALES) ** 2
        return found.value - float(np.sum((scales / SCALES) ** 2)) / 2, slope, found.surprise, found.value

    def whole(x: Array) -> tuple[float, Array]:
        height, by_scale, by_shift, _ = depth(x[:2], x[2:])
        return -height, -np.append(by_scale, by_shift)

    def without(x: Array) -> tuple[float, Array]:
        height, by_scale, by_shift, _ = depth(np.array([x[0], np.log(LEAST)]), x[1:])
        return -height, -np.append(by_scale[:1], by_shift)

    bounds = [(np.log(LEAST), 2.0)] * 2 + [(-3.0, 3.0)] * (media + 1)
    start = np.append(np.log([0.5, 0.3]), np.zeros(media + 1))
    options = {"maxiter": 60, "ftol": 1e-9}
    less = optimize.minimize(
        without, np.delete(start, 1), jac=True, method="L-BFGS-B", bounds=bounds[1:], options=options
    ).x
    full = optimize.minimize(
        whole, np.insert(less, 1, start[1]), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    ).x
    ratio = 2 * (depth(full[:2], full[2:])[3] - depth(np.array([less[0], np.log(LEAST)]), less[1:])[3])
    p = float(stats.chi2.sf(max(ratio, 0.0), 1) / 2)
    scales = np.exp(full[:2])
    test = OwnTest(float(scales[0]), float(scales[1]), float(max(ratio, 0.0)), p, 0, 0, 0)
    return scales, full[2:], test
