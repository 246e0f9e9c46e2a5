"""The rules that firms go by, as plans: everybody, the best by RFM or LTV, those likeliest to leave or to respond.

Each is given the same budget as the plan that it is compared with, so that the difference is the rule, not the money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from clvmodels.budget.values import ActionValues, Choice
from clvmodels.metrics.scores import rfm
from clvmodels.model import Array
from clvmodels.value.contract_forecast import ContractForecast


@dataclass(frozen=True, eq=False)
class Situation:
    """What a rule may look at.

    Attributes
    ----------
    forecast, values
        Of the customers (n,), and of what can be done for them (n, actions + 1).
    allowed
        Which actions they may be given (n, actions + 1); those held out may be given none.
    usual
        The action that rules which rank customers give to the first of them.
    names
        Of the actions, doing nothing first.
    budget
        Money to spend [currency].
    """

    forecast: Any
    values: ActionValues
    allowed: np.ndarray
    usual: int
    names: Sequence[str]
    budget: float

    def ranked(self, score: Array, action: Choice | None = None) -> Choice:
        """The customers with the highest scores get their action (the usual one) as long as there is money."""
        rows = np.arange(score.size)
        wanted = np.full(score.size, self.usual) if action is None else action
        wanted = np.where(self.allowed[rows, wanted], wanted, 0)
        outlay = self.values.outlay[rows, wanted]
        order = np.lexsort((rows, -score))
        order = order[wanted[order] > 0]
        order = order[np.cumsum(outlay[order]) <= self.budget * (1 + 1e-12)]
        choice = np.zeros(score.size, dtype=np.intp)
        choice[order] = wanted[order]
        return choice

    def best_by(self, table: Array) -> Choice:
        """Ranked by the largest entry among the allowed actions, each given the action that has it (n, actions + 1)."""
        scores = np.where(self.allowed, table, -np.inf)
        scores[:, 0] = 0.0
        action = np.argmax(scores, axis=1)
        return self.ranked(scores[np.arange(len(scores)), action], action)


type Rule = Callable[[Situation], Choice]


def _by(column: str, sign: float = 1.0) -> Rule:
    return lambda now: now.ranked(sign * now.forecast.customers[column].to_numpy(dtype=float))


COMMON: Mapping[str, Rule] = MappingProxyType({
    "top LTV": _by("ltv"),
    "highest response rate": lambda now: now.best_by(now.values.response),
    "highest increment": lambda now: now.best_by(now.values.gross),
})  # fmt: skip
"""Rules by name; each spends no more than the budget. Customers that tie are taken in the order of the forecast."""
RULES: Mapping[str, Rule] = MappingProxyType({
    "top RFM": lambda now: now.ranked(rfm(now.forecast.histories).score),
    "top LTV": COMMON["top LTV"],
    "highest churn risk": _by("p_alive", -1.0),
    **COMMON,
})  # fmt: skip
CONTRACT_RULES: Mapping[str, Rule] = MappingProxyType({
    "top LTV": COMMON["top LTV"], "highest churn risk": _by("p_renew", -1.0), **COMMON
})  # fmt: skip
"""The same for customers under contract, who have no purchases to score."""


def everybody(now: Situation, action: int) -> Choice:
    """All who may be given the action, whatever it costs."""
    return np.where(now.allowed[:, action], action, 0)


def named_policies(now: Situation) -> dict[str, Choice]:
    """Nobody, everybody by each action, and the rules."""
    found = {"nobody": np.zeros(len(now.allowed), dtype=np.intp)}
    for number, name in enumerate(now.names[1:], start=1):
        found[f"everybody: {name}"] = everybody(now, number)
    rules = CONTRACT_RULES if isinstance(now.forecast, ContractForecast) else RULES
    return found | {name: rule(now) for name, rule in rules.items()}
