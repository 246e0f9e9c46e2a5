"""Whether the evidence is strong enough to spend money on a medium.

A plan gives each of many customers the action that looks best. Where media do nothing, some actions still look good for some
customers, and the plan picks just these: expected values alone spend on chance (Smith and Winkler 2006). So a medium is used only
where its contacts with all who get them pay together with some certainty, over draws that customers share; no customer has a
bound of her own. Media that fall short are taken away one by one, the least certain first, and the rest is planned again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.menu import Choice, Floats, menu
from clvmodels.budget.rules import Limit, rules
from clvmodels.budget.solve import Solution
from clvmodels.budget.values import PlanDraws
from clvmodels.errors import ClvError

type Open = NDArray[np.bool_]
"""Which actions may be used (actions + 1,); doing nothing always."""


class KeptBack(NamedTuple):
    """A medium that is not used for lack of evidence: P(its contacts pay), what they would have brought on average and cost
    [currency]."""

    medium: str
    sure: float
    net: float
    cost: float


def asks_for_contacts(limits: Sequence[Limit], customers: int, actions: int) -> bool:
    """Whether doing nothing for anybody breaks one of the limits."""
    nobody = menu(np.zeros((customers, actions)), np.zeros(actions))
    return bool(np.any(rules(nobody, limits).relaxation(nobody, np.zeros(customers, dtype=np.int16)) > 0))


class Judged(NamedTuple):
    """The best plan with the media that are sure enough, which actions these leave, and the media kept back.

    `obliged` says that constraints ask for contacts whatever they bring, so that no medium was kept back.
    """

    solution: Solution
    open: Open
    kept_back: tuple[KeptBack, ...]
    obliged: bool


@dataclass(frozen=True, eq=False)
class Judge:
    """What a plan is judged by.

    Attributes
    ----------
    media
        Names.
    uses
        (actions + 1, media) which media an action uses, doing nothing first.
    certainty
        Least probability that the contacts of a medium pay together; 0 asks for nothing.
    works
        (media,) probability that each medium does anything at all.
    solved
        The best plan with some actions.
    drawn
        Its totals by medium in every joint draw.
    obliged
        Whether constraints ask for contacts whatever they bring.
    spend_all
        Whether contacts pay if they bring anything at all, rather than their cost.
    """

    media: Sequence[str]
    uses: NDArray[np.bool_]
    certainty: float
    works: Floats
    solved: Callable[[Open], Solution]
    drawn: Callable[[Choice], PlanDraws]
    obliged: bool
    spend_all: bool

    def __post_init__(self) -> None:
        if not 0 <= self.certainty < 1:
            raise ClvError(f"certainty={self.certainty!r} is not a probability below 1. Give one from 0 to below 1.")

    def judged(self) -> Judged:
        """Plan, take away the least certain medium, and plan again until those used are certain enough."""
        everything, kept_back = np.ones(len(self.uses), dtype=bool), list[KeptBack]()
        solution = self.solved(everything)
        if not self.certainty or self.obliged:
            return Judged(solution, everything, (), self.certainty > 0 and self.obliged)
        while True:
            doubted = [one for one in self._used(solution) if one.sure < self.certainty]
            if not doubted:
                return Judged(solution, self._open(kept_back), tuple(kept_back), False)
            kept_back.append(min(doubted, key=lambda one: one.sure))
            solution = self.solved(self._open(kept_back))

    def _open(self, kept_back: Sequence[KeptBack]) -> Open:
        away = [list(self.media).index(one.medium) for one in kept_back]
        return np.asarray(~self.uses[:, away].any(axis=1))

    def _used(self, solution: Solution) -> list[KeptBack]:
        """Every medium that the plan uses."""
        draws = self.drawn(solution.choice)
        used = np.any(self.uses[solution.choice], axis=0).tolist()
        net = draws.gross - draws.cost
        sure = ((draws.gross if self.spend_all else net) > 0).mean(axis=1) * self.works
        columns = zip(self.media, sure, net.mean(axis=1), draws.cost.mean(axis=1), used, strict=True)
        return [KeptBack(medium, *map(float, facts)) for medium, *facts, there in columns if there]
