"""What contacts do to the probability that a customer under contract renews: from judgement, a lift test, or a media fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.worth import Stocks, places_in
from clvmodels.errors import ClvError
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.media_reaction import Reactions
from clvmodels.model import Array
from clvmodels.response.cells import Audience
from clvmodels.units import Span
from clvmodels.value.terms import Distribution

if TYPE_CHECKING:
    import pandas as pd

JUDGEMENT = "judgement"


@dataclass(frozen=True)
class Save:
    """A contact that keeps some of the customers who would otherwise not renew.

    Parameters
    ----------
    medium
        How actions name it.
    effect
        Share of those who would leave at the next renewal whom it keeps: a number or a distribution such as
        `scipy.stats.beta(2, 18)`; below 0 where it reminds customers to leave.
    controllable
        Share of the risk to leave that any contact can reach, in [0, 1]: not who moves away, dies or cannot pay.
    reason
        Only this reason to leave is reached: for forecasts made of fits by reason.
    lasting
        Value of a customer who was kept relative to one who renews by herself, in [0, 1]: less than 1 if those kept are likelier
        to leave next time. Where customers differ, as in SHIFTED_BETA_GEOMETRIC, and an offer only postpones, it is well below 1:
        who leaves at the first renewal has a chance of leaving from Beta(alpha + 1, beta), who renews from Beta(alpha, beta + 1).
    grade
        Evidence grade: "judgement", or "randomised" if the effect comes from a test.
    contacts
        Contacts behind it.

    Examples
    --------
    >>> from scipy import stats
    >>> call = Save("call", effect=stats.beta(2, 18), controllable=0.6)
    >>> mail = Save.from_lift_test("mail", contacted=4000, renewed=3480, others=4000, others_renewed=3400)
    >>> mail.grade, bool(mail.draws(2000, 1).mean() > 0)
    ('randomised', True)

    What a customer is worth who would have left at the first renewal, relative to one who renews, if her own chance of leaving
    stays what it is (the Regular cohort of Fader and Hardie 2007, 10 % a year):

    >>> import clvmodels as clv
    >>> def worth(alpha, beta):
    ...     return clv.SHIFTED_BETA_GEOMETRIC.discounted_expected_residual_lifetime(
    ...         (alpha, beta), clv.Tenure(0, clv.YEAR), discount=clv.Rate(0.1, per=clv.YEAR), timing="after renewal")
    >>> round(float(worth(1.704, 1.182) / worth(0.704, 2.182)), 2)
    0.41
    """

    medium: str
    effect: float | Distribution
    controllable: float = 1.0
    reason: str | None = None
    lasting: float = 1.0
    grade: str = JUDGEMENT
    contacts: float = field(default=0.0)

    def __post_init__(self) -> None:
        for name in ("controllable", "lasting"):
            if not 0 <= getattr(self, name) <= 1:
                raise ClvError(
                    f"{name}={getattr(self, name)!r} of {self.medium} is not a share. Give 0 to 1, such as 0.6."
                )
        if not hasattr(self.effect, "rvs") and not (isinstance(self.effect, int | float) and self.effect <= 1):
            raise ClvError(
                f"effect={self.effect!r} of {self.medium} is not a share of those who would leave. Give a number up to 1, such "
                "as 0.10, or a distribution such as scipy.stats.beta(2, 18)."
            )

    @classmethod
    def from_lift_test(
        cls,
        medium: str,
        *,
        contacted: float,
        renewed: float,
        others: float,
        others_renewed: float,
        controllable: float = 1.0,
        reason: str | None = None,
        lasting: float = 1.0,
    ) -> Save:
        """The effect that a randomised test showed.

        Parameters
        ----------
        contacted, renewed
            Customers who were contacted before a renewal, and how many of them renewed.
        others, others_renewed
            The same of those who were held out at random.
        """
        for name, part, whole in (("renewed", renewed, contacted), ("others_renewed", others_renewed, others)):
            if not 0 <= part <= whole or whole <= 0:
                raise ClvError(
                    f"{name}={part!r} of {whole!r} customers is no count of them. Check the numbers of the test."
                )
        test = LiftTest(contacted, renewed, others, others_renewed)
        return cls(medium, test, controllable, reason, lasting, "randomised", contacted)

    def draws(self, count: int, seed: int | Sequence[int]) -> Array:
        """Draws of the effect (count,)."""
        if not hasattr(self.effect, "rvs"):
            return np.full(count, float(self.effect))
        found = self.effect.rvs(size=count, random_state=np.random.default_rng(seed))
        return np.asarray(np.minimum(found, 1.0), dtype=float)


@dataclass(frozen=True)
class LiftTest:
    """Share of leavers that contact kept, as a randomised test of renewals tells: both shares with flat priors."""

    contacted: float
    renewed: float
    others: float
    others_renewed: float

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Array:
        leaving, without = (
            random_state.beta(1.0 + whole - part, 1.0 + part, size=size)
            for part, whole in ((self.renewed, self.contacted), (self.others_renewed, self.others))
        )
        return np.asarray(1.0 - leaving / without)


@dataclass(frozen=True, eq=False)
class Saves:
    """Saves by medium, the same for all customers but for their risk to leave."""

    saves: tuple[Save, ...]

    @property
    def media(self) -> tuple[str, ...]:
        return tuple(one.medium for one in self.saves)

    @property
    def exposure_media(self) -> tuple[str, ...]:
        return ()

    def of(self, medium: str) -> Save:
        return next(one for one in self.saves if one.medium == medium)

    def grades(self) -> pd.DataFrame:
        """Evidence grade of each medium, and the contacts behind it."""
        import pandas as pd

        rows = {one.medium: {"grade": one.grade, "contacts": one.contacts} for one in self.saves}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("medium")

    def since(self, customers: NDArray[Any]) -> Array:
        """Days since the last contact by each medium (n, media): none is known."""
        return np.full((len(customers), len(self.saves)), np.inf)

    def drawn(self, customers: NDArray[Any], draws: int, seed: int) -> Effects:
        """The effects in joint draws."""
        return Effects({one.medium: one.draws(draws, [seed, 0x5A, k]) for k, one in enumerate(self.saves)})


@dataclass(frozen=True, eq=False)
class Effects:
    """Draws of the share of leavers kept, by medium (draws,)."""

    shares: Mapping[str, Array]

    def some(self, rows: NDArray[np.intp]) -> Effects:
        """Those of some customers: the same."""
        return self

    def contacted(self, medium: str, stay: Array, at: Span) -> Array:
        """P(renews | contact), where it is `stay` without (rows, draws)."""
        return np.asarray(np.clip(stay + self.shares[medium] * (1.0 - stay), 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class RenewalResponse:
    """A media response whose outcome is to renew, for plans of retention offers.

    Parameters
    ----------
    fit
        Fit of `clv.media_response(...)` to occasions whose outcome in the window is that the contract was renewed.
    controllable, reason, lasting
        As in `Save`, for all media.
    """

    fit: MediaFit
    controllable: float = 1.0
    reason: str | None = None
    lasting: float = 1.0

    def __post_init__(self) -> None:
        if self.fit.audience is None:
            raise ClvError("The media response was fitted to cells, which have no customers. Fit it to occasions.")

    @property
    def media(self) -> tuple[str, ...]:
        return self.fit.media

    @property
    def exposure_media(self) -> tuple[str, ...]:
        return tuple(self.fit.exposure_media)

    def of(self, medium: str) -> RenewalResponse:
        return self

    def grades(self) -> pd.DataFrame:
        """Evidence grade of each medium, and the contacts behind it."""
        return self.fit.grades()

    def since(self, customers: NDArray[Any]) -> Array:
        """Days since the last contact by each medium (n, media)."""
        found = self._audience(customers).since
        return np.full((len(customers), len(self.media)), np.inf) if found is None else found

    def drawn(self, customers: NDArray[Any], draws: int, seed: int) -> Reacting:
        """The effects in joint draws."""
        chosen = self.fit.chosen(draws, seed)
        return Reacting(self.fit, chosen, self._audience(customers))

    def _audience(self, customers: NDArray[Any]) -> Audience:
        assert self.fit.audience is not None
        return self.fit.audience.picked(places_in(self.fit.audience, customers))


@dataclass(frozen=True, eq=False)
class Reacting:
    """Customers (n,) before a media response in some of its draws."""

    fit: MediaFit
    chosen: NDArray[np.intp]
    audience: Audience

    def some(self, rows: NDArray[np.intp]) -> Reacting:
        return Reacting(self.fit, self.chosen, self.audience.picked(rows))

    @cached_property
    def _reactions(self) -> Reactions:
        return Reactions(self.fit, self.fit.coefficients[self.chosen], self.chosen, self.audience)

    @cached_property
    def _stocks(self) -> Stocks:
        return Stocks(self.audience.own_stock, self.fit.media, self.fit.spec.half_lives(self.fit.media))

    def contacted(self, medium: str, stay: Array, at: Span) -> Array:
        """P(renews | contact), where it is `stay` without (rows, draws); contacts tire, so ask in the order of time."""
        own, other = self._stocks.before(medium, at)
        self._stocks.add(medium)
        return np.asarray(np.clip(stay + self._reactions.increment(medium, own, other), 0.0, 1.0))


type Saving = Saves | RenewalResponse


def as_saving(given: object) -> Saving:
    """Saves by medium, or a media response to renewals; a `ClvError` says what is given instead."""
    if isinstance(given, RenewalResponse):
        return given
    if isinstance(given, MediaFit):
        return RenewalResponse(given)
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    found = (given,) if isinstance(given, Save) else tuple(given) if listed else ()  # type: ignore[arg-type]
    saves = tuple(one for one in found if isinstance(one, Save))
    if not saves or len(saves) < len(found):
        raise ClvError(
            f"{type(given).__name__} says nothing about renewals. Give clv.Save(medium, effect=...) for every medium, or a "
            "clv.RenewalResponse."
        )
    media = [one.medium for one in saves]
    twice = sorted({medium for medium in media if media.count(medium) > 1})
    if twice:
        raise ClvError(f"There are several saves by {', '.join(twice)}. Give one for each medium.")
    return Saves(saves)
