"""`time_varying`: Pareto/NBD whose purchase rate and dropout hazard follow the calendar, promotions and contacts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clvmodels.covariates.contact_terms import terms_of
from clvmodels.covariates.seasons import season_terms
from clvmodels.covariates.shocks import Shocks, shocks_apart
from clvmodels.covariates.time_design import learn
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.covariates.time_paths import RIDGE
from clvmodels.covariates.timetable import dated
from clvmodels.data.contacts import Contacts
from clvmodels.data.panel import Panel
from clvmodels.duration.pareto_nbd import PARETO_NBD, ParetoNbd
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike, known_of
from clvmodels.model import Model


@dataclass(frozen=True, eq=False)
class TimeVaryingSpec:
    """A model, formulas and a panel, before they meet customers: `clv.fit` learns the coding from them."""

    base: ParetoNbd
    formulas: Mapping[str, str]
    panel: Panel | None
    contacts: Contacts | None
    saturation: float | None
    ridge: float

    @property
    def name(self) -> str:
        said = [f"{role} {text}" for role, text in self.formulas.items()]
        said += [f"contacts by {', '.join(self.contacts.media)}"] if self.contacts is not None else []
        return f"{self.base.name} over time with {'; '.join(said)}"

    def on(self, histories: HistoryLike, /) -> TimeVarying:
        """The model with the coding that these customers' covariates need."""
        first, end = dated(histories)
        until = int(np.floor(end.max()))
        panel = None if self.panel is None else self.panel.closed(until)
        static = known_of(histories)
        formulas, weekly = shocks_apart(self.formulas, (*static, *(() if panel is None else panel.names)))
        terms, origin = None, int(first.min())
        shocks = Shocks.between(origin, until) if weekly else None
        if self.contacts is not None:
            formulas, terms = terms_of(self.contacts, formulas, self.saturation, until)
        designs = learn(list(formulas.items()), histories, panel)
        return TimeVarying(self.base, designs, panel, terms, shocks, self.ridge, origin, until)

    def __repr__(self) -> str:
        return self.name


def time_varying(
    model: Model = PARETO_NBD,
    *,
    purchase: str | None = None,
    dropout: str | None = None,
    season: str | None = None,
    panel: Panel | None = None,
    contacts: Contacts | None = None,
    saturation: float | Literal["estimate"] = 1.0,
    ridge: float = RIDGE,
) -> TimeVaryingSpec:
    """Pareto/NBD in which covariates that change over time move how often customers buy and how soon they leave.

    Each formula multiplies a customer's rate, at every moment, by exp(z(t) coefficients): `purchase` her purchase rate,
    `dropout` her hazard of leaving. A positive coefficient always means more of the process; a contact may well have one of
    each sign. Covariates are columns of the panel, covariates of the histories (which do not change), and the calendar:
    `month` ("01" to "12", January is the reference), `quarter`, and `sin_1`, `cos_1`, `sin_2`, ... with one, two waves a year.
    Products may take from all of them, such as `month:segment`: a season of each segment.

    The term `week` gives every calendar week, Monday to Sunday, an effect of its own on everybody's purchase rate: a common
    shock. Shocks of the log rate are normal about zero with an estimated standard deviation (parameter `spread_week`, prior
    HalfNormal(0.3)), and known in spreads (`week_1997_01_06`, ...); `fit.model.by_week(fit.draws(2000))` says what each week
    multiplied the rate by. Weeks to come have shocks that nobody has seen: each joint draw has its own, the same for all
    customers and every time they are asked for, so totals are as uncertain as weeks have differed. The mean rate is r / alpha in
    a typical week and exp(spread_week^2 / 2) times as much on average, in the past as in what is to come; ten years after the
    end of observation this average takes the place of shocks, as it does for weeks to come where a single set of parameters is
    given. For methods "laplace" and "nuts"; in dropout there are none, as nobody sees in which week a customer leaves.

    Parameters
    ----------
    model
        `PARETO_NBD`.
    purchase, dropout
        Formulas such as "~ season + promotion".
    season
        Calendar effects on the purchase rate without a panel: "month", "quarter", "fourier(2)", "week", or several, such as
        "fourier(1) + week".
    panel
        Covariates over time, see `Panel`.
    contacts
        A log of contacts. Each contact adds one to the stock of its medium, which is halved every half-life; half-lives are
        estimated (parameters `half_life_...`, with priors about what is usual: e-mail one week, telephone two, mail four, visits
        eight, other media two; `priors=` of `clv.fit` replaces them). Terms of formulas, each alone: a medium's name, with
        letters, digits and _ only, for its stock; `contacts` for the stocks of all media;
        `<medium>_later` for what comes afterwards, a stock with four times the half-life less the stock itself: below zero in
        purchases where contacts pull them forward; `irritation` for the square of all stocks together. If no formula names a
        medium, all stocks move both processes. A coefficient is what one fresh contact does to the log rate. A purchase on the
        day of a contact comes after it; contacts held out and contacts after the end of observation do not count: for a plan see
        `fit.under(contacts=...)`.
    saturation
        w in the effect log(1 + w S) / log(1 + w) of a stock S: with 1, the default, three fresh contacts do twice as much as
        one; with 0 three times as much. "estimate" makes it a parameter.
    ridge
        Standard deviation of the prior of a coefficient per standard deviation of its column over the time observed, > 0.
        Maximum likelihood has no prior.

    Returns
    -------
    For `clv.fit`, with histories from `log.histories(..., dates=True)`. What comes after the end of observation follows the
    calendar by itself; of a panel it has to be known: `fit.under(future)`.

    Raises
    ------
    ModelError
        Another model, no formula, or a formula that cannot be used. The fit raises a `HistoryError` for customers or spans of
        time that the panel does not have.

    Source: BachmannMeiererNaef2021, who take weeks; here change points may lie on any day.

    Examples
    --------
    >>> time_varying(purchase="~ promotion", season="fourier(1)", panel=None)
    PARETO_NBD over time with purchase ~ promotion + sin_1 + cos_1
    """
    if not isinstance(model, ParetoNbd):
        raise ModelError(f"{model!r} cannot be given covariates over time. Only PARETO_NBD can.")
    for role, formula in (("purchase", purchase), ("dropout", dropout)):
        if formula is not None and not isinstance(formula, str):
            raise ModelError(f'{role}={formula!r} is not a formula. Write it as "~ season".')
    if season is not None:
        purchase = f"{purchase} + {season_terms(season)}" if purchase else f"~ {season_terms(season)}"
    given = {"purchase": purchase, "dropout": dropout}
    formulas = {role: formula for role, formula in given.items() if formula is not None}
    if contacts is not None and not isinstance(contacts, Contacts):
        raise ModelError(
            f"contacts={type(contacts).__name__} is not a log of contacts. Write contacts=clv.Contacts(table, ...)."
        )
    if contacts is not None and contacts.exposures:
        raise ModelError(
            f"{contacts.exposures[0].medium} is no contact with a customer but an exposure. Give it as a covariate over time: "
            "panel=clv.Panel(table)."
        )
    known = None if saturation == "estimate" else saturation
    if known is not None and not (isinstance(known, int | float) and 0 <= known < math.inf):
        raise ModelError(f"saturation={saturation!r} is no number from 0 on. Write 1.0, 0 for none, or 'estimate'.")
    if not formulas and contacts is None:
        raise ModelError(
            'There is no formula. Write for example season="month", or purchase="~ promotion" with a panel.'
        )
    if panel is not None and not isinstance(panel, Panel):
        raise ModelError(f"panel={type(panel).__name__} is not a panel. Write panel=clv.Panel(table).")
    if not (np.isfinite(ridge) and ridge > 0):
        raise ModelError(f"ridge={ridge!r} is not a positive number. Write 1.0 for the usual prior.")
    return TimeVaryingSpec(model, formulas, panel, contacts, known, float(ridge))
