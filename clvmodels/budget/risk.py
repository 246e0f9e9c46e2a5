"""Plans for those who fear bad outcomes: the mean of the worst draws made large, by weighing draws.

All customers share the uncertainty of the media model, so risk is of the total, draw by draw, and no customer has a
lower bound of her own. The mean of the worst share of draws (CVaR) is the least mean that weights on the draws can
make, each weight at most 1 / (share x draws). So: find the plan that is best under weights, find the weights under
which the plans so far do worst, and again (Rockafellar and Uryasev 2000). What is best under any weights bounds the
CVaR of every plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from clvmodels.budget.menu import Floats
from clvmodels.budget.solve import Solution
from clvmodels.errors import ClvError

ROUNDS = 30
"""Plans tried at most."""
CLOSE = 1e-4
"""Gap, relative to the bound, at which the search ends."""


class Risk(NamedTuple):
    """Net value of a plan over draws: mean, mean of the worst share and P(net > 0), and the share."""

    mean: float
    cvar: float
    probability_of_gain: float
    share: float


class Information(NamedTuple):
    """Value of perfect information and its standard error [currency]."""

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Cautious:
    """The plan with the largest mean of the worst draws.

    Attributes
    ----------
    solution
        The plan, solved under `weights`; its value, bound and prices are those under the weights.
    risk, risk_of_mean
        Of the plan, and of the plan with the largest mean.
    weights
        (S,) of the draws, summing to 1.
    bound
        No plan has a larger CVaR [currency].
    rounds
        Plans tried.
    """

    solution: Solution
    risk: Risk
    risk_of_mean: Risk
    weights: Floats
    bound: float
    rounds: int

    @property
    def gap(self) -> float:
        """By how much the best CVaR may be larger [currency], >= 0."""
        return max(self.bound - self.risk.cvar, 0.0)


def cvar(net: ArrayLike, *, share: float = 0.05) -> float:
    """Mean of the worst `share` of draws, one of them in part if need be.

    Examples
    --------
    >>> cvar([4.0, -2.0, 1.0, 3.0], share=0.375)
    -1.0
    """
    ordered = np.sort(np.asarray(net, dtype=float))
    return float(ordered @ worst(ordered, share=share))


def worst(net: Floats, *, share: float) -> Floats:
    """Weights (S,) that are all on the worst `share` of draws, in equal parts; ties by position."""
    if not 0 < share <= 1:
        raise ClvError(f"The share of worst draws is {share}. Give a share above 0 and up to 1, such as 0.05.")
    room = share * net.size
    weights = np.empty(net.size)
    weights[np.argsort(net, kind="stable")] = np.clip(room - np.arange(net.size), 0.0, 1.0) / room
    return weights


def risk_of(net: ArrayLike, *, share: float = 0.05) -> Risk:
    """Mean, CVaR and P(net > 0) of net values (S,) [currency] of one plan over joint draws."""
    draws = np.asarray(net, dtype=float)
    return Risk(float(draws.mean()), cvar(draws, share=share), float(np.mean(draws > 0)), share)


def cautious(
    solved: Callable[[Floats], Solution],
    totals_of: Callable[[NDArray[np.int16]], Floats],
    *,
    draws: int,
    share: float = 0.05,
) -> Cautious:
    """The plan whose worst `share` of draws has the largest mean net value.

    Parameters
    ----------
    solved
        The plan for weights (S,) on the draws: `solve` on the values' weighted means, under the same constraints each
        time.
    totals_of
        Value of a choice (n,) in each draw, gross of its cost (S,) [currency].
    draws
        S.
    share
        Of the draws, above 0 and up to 1; 1 is the mean.

    Returns
    -------
    Cautious; its CVaR is never below that of the plan with the largest mean
    """
    weights, bound = np.full(draws, 1.0 / draws), np.inf
    tried: list[tuple[Solution, Floats, Floats]] = []
    for _ in range(ROUNDS):
        solution = solved(weights)
        net = totals_of(solution.choice) - solution.spent
        tried.append((solution, net, weights))
        bound = min(bound, float(weights @ net) + solution.gap)
        if bound - max(cvar(net, share=share) for _, net, _ in tried) <= CLOSE * abs(bound):
            break
        weights = against(np.array([net for _, net, _ in tried]), share=share)
    solution, net, weights = max(tried, key=lambda one: cvar(one[1], share=share))
    risk, risk_of_mean = risk_of(net, share=share), risk_of(tried[0][1], share=share)
    return Cautious(solution, risk, risk_of_mean, weights, max(bound, risk.cvar), len(tried))


def against(nets: Floats, *, share: float) -> Floats:
    """Weights (S,), each at most 1 / (share S), under which the best of some plans (plans, S) is worst."""
    plans, draws = nets.shape
    size = float(np.abs(nets).max()) or 1.0
    found = optimize.linprog(
        np.append(np.zeros(draws), 1.0),
        A_ub=np.hstack([nets / size, -np.ones((plans, 1))]),
        b_ub=np.zeros(plans),
        A_eq=np.append(np.ones(draws), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[*[(0.0, 1.0 / (share * draws))] * draws, (None, None)],
        method="highs-ds",
    )
    weights = np.clip(found.x[:draws], 0.0, None)
    return np.asarray(weights / weights.sum())


def perfect_information(
    solved: Callable[[Floats], Solution],
    mean: Solution,
    totals_of: Callable[[NDArray[np.int16]], Floats],
    *,
    draws: int,
    used: int = 64,
) -> Information:
    """What knowing the truth before planning would add: the best net value draw by draw, less the mean plan's.

    It is what a test may cost at most. A plan for each draw and their average is no plan: nobody knows the draw.

    Parameters
    ----------
    solved, totals_of, draws
        As in `cautious`.
    mean
        The plan under equal weights.
    used
        How many draws, evenly spread, to plan for.
    """
    net = totals_of(mean.choice) - mean.spent
    some = np.unique(np.linspace(0, draws - 1, min(used, draws)).round().astype(int))
    gains = np.array([solved(np.eye(1, draws, k)[0]).net - net[k] for k in some])
    error = float(gains.std(ddof=1) / np.sqrt(gains.size)) if gains.size > 1 else np.nan
    return Information(max(float(gains.mean()), 0.0), error)
