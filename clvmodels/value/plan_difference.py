"""What one plan brings over another: purchases induced, pulled forward, saved and lost, told apart under the same chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvmodels.covariates.time_model import TimeVarying
from clvmodels.covariates.timetable import dated
from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError, HistoryError, ModelError
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.model import Array
from clvmodels.units import Period, Rate, Span, as_span
from clvmodels.value.fits import check_amounts, check_currencies, check_draws, quantity_model
from clvmodels.value.plan_parts import PlanDifference
from clvmodels.value.simulation import Simulation
from clvmodels.value.terms import Margin, Terms
from clvmodels.value.two_plans import PARTS, Changed, TwoPlans
from clvmodels.value.valuation import bounds_of

SLACK = 1.5
"""Days by which histories may end after the end of observation of the fit: what is planned begins on the day after it."""


def plan_difference(
    plan: Fit,
    against: Fit,
    quantity: Fit,
    histories: Histories,
    *,
    horizon: Span | Period,
    margin: Margin = 1.0,
    discount: Rate | None = None,
    interval: float = 0.90,
    draws: int = 500,
    seed: int = 0,
) -> PlanDifference:
    """What customers buy under one plan and not under another, purchase by purchase.

    Both futures are drawn under the same chance: each customer has the same rate, would leave after as much of the hazard, and
    meets the same occasions, of which the factors of either future decide whether she buys. What differs is due to the plan:

    - while both futures have her, the plan brings purchases where it raises her rate and costs some where it lowers it. What it
      costs makes good what it brought before, first come, first made good: such a purchase is *pulled forward*, and worth no
      more than its earlier date. The other way round it is *put off*. Extra purchases that are never made good are *induced*,
      missing ones *forgone*;
    - once she has left under the other future alone, her purchases are *saved*; once she has left under the plan alone, those she
      would still make are *lost*.

    Net is induced - forgone + saved - lost, and its mean the difference of the two forecasts, over the horizon and in each
    period. No data tell which purchases of two futures are the same one: here as few as possible differ. What the contacts of a
    plan cost is not in the value.

    Parameters
    ----------
    plan, against
        The same fit of `time_varying(...)` under two futures: `fit.under(panel)`, `fit.under(contacts=contacts)`, or where the
        model has no panel of its own the fit itself, in which nobody is contacted any more.
    quantity
        A fit of a quantity model, such as `GAMMA_GAMMA`.
    histories
        The customers, observed until the end of observation of the fit.
    horizon
        How far ahead, such as `26 * WEEK`.
    margin
        Contribution per unit of spend: a number, a Series by customer id, or a distribution, as in `forecast`.
    discount
        Effective rate such as `Rate(0.10, per=YEAR)`; a purchase is discounted from the moment it is made.
    interval
        Probability of the intervals.
    draws
        Joint draws; memory does not grow with them, nor with customers for whom the futures are the same.
    seed
        Reproduces the result, whatever the number of threads.

    Returns
    -------
    PlanDifference

    Raises
    ------
    ModelError
        The two are not the same fit, or their rates do not change over time.
    HistoryError
        The histories go beyond the end of observation of the fit, or the future of a covariate is not known.

    Source: thinning of one Poisson process for several rates, LewisShedler1979.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rng = np.random.default_rng(1)
    >>> log = pd.DataFrame({"customer_id": rng.integers(0, 50, 400), "amount": rng.gamma(5, 8, 400)})
    >>> log["date"] = np.datetime64("2023-01-01") + rng.integers(0, 360, 400)
    >>> sent = pd.DataFrame({"customer_id": np.arange(50), "medium": "e-mail"})
    >>> contacts, plan = (
    ...     clv.Contacts(sent.assign(date=np.datetime64(day)), customer="customer_id", medium="medium", date="date")
    ...     for day in ("2023-11-06", "2024-01-15"))
    >>> histories = clv.Transactions(log, customer="customer_id", date="date", amount="amount").histories(
    ...     period=clv.WEEK, until="2023-12-31", dates=True)
    >>> fit = clv.fit(clv.time_varying(purchase="~ e_mail", contacts=contacts), histories, method="map")
    >>> quantity = clv.fit(clv.GAMMA_GAMMA, histories, method="map")
    >>> found = clv.plan_difference(fit.under(contacts=plan), fit, quantity, histories, horizon=8 * clv.WEEK, draws=20)
    >>> list(found.total().index)
    ['induced', 'pulled forward', 'put off', 'forgone', 'saved', 'lost', 'net']
    """
    check_draws(draws)
    tail_of(interval)
    models = [_over_time(fit, role) for fit, role in ((plan, "plan"), (against, "against"))]
    spend = quantity_model(quantity)
    for fit in (plan, against):
        check_currencies(fit, quantity, histories)
    inside, terms = histories.to(plan.period), Terms(as_span(horizon, name="horizon"), discount, margin)
    if not np.isfinite(terms.horizon.count):
        raise ClvError("Purchases over an endless horizon cannot be told apart. Give a finite one, such as 52 * WEEK.")
    _refuse_past(inside, models[0])
    rng = np.random.default_rng([seed, 0xD2A3])
    theta = _common_draws(plan, against, draws, rng)
    amounts = quantity.draws(draws, seed=rng)
    span, force = terms.horizon.per(inside.period), terms.force(inside.period)
    simulation = Simulation(models[0], spend, theta, amounts, inside, span, force, seed)
    both = TwoPlans(simulation, models[1], terms.margins(inside, draws, rng))
    return _difference(both, terms, interval)


def _over_time(fit: Any, role: str) -> TimeVarying:
    if not isinstance(fit, Fit) or not isinstance(fit.model, TimeVarying):
        name = fit.model.name if isinstance(fit, Fit) else type(fit).__name__
        raise ModelError(
            f"{role}= is {name}, which has no other future. Give a fit of clv.time_varying(...) under a panel or contacts, "
            "such as fit.under(panel)."
        )
    return fit.model


def _common_draws(plan: Fit, against: Fit, draws: int, rng: np.random.Generator) -> Any:
    """The draws of both fits, which have to be the same."""
    start = rng.bit_generator.state
    other = against.draws(draws, seed=rng)
    rng.bit_generator.state = start
    theta = plan.draws(draws, seed=rng)
    alike = plan.fingerprint == against.fingerprint and theta._fields == other._fields
    if not alike or not np.array_equal(np.array(theta), np.array(other)):
        raise ModelError(
            f"plan= and against= are two fits ({plan.model.name} by {plan.method}, {against.model.name} by {against.method}), so "
            "they would differ by more than their futures. Give one fit under two: fit.under(one), fit.under(other)."
        )
    return theta


def _refuse_past(histories: Histories, model: TimeVarying) -> None:
    """Two futures have one past."""
    end = float(dated(histories)[1].max())
    if end > model.until + SLACK:
        observed, known = (np.datetime64(int(np.floor(day)), "D") for day in (end, model.until))
        raise HistoryError(
            f"The customers are observed until {observed}, and the plans begin after {known}, where the fit ended: part of "
            "them is past. Fit to these histories, or give those up to the end of the fit."
        )


def _difference(both: TwoPlans, terms: Terms, interval: float) -> PlanDifference:
    draws, histories = both.draws, both.simulation.histories

    def reduce(block: Changed) -> tuple[Any, ...]:
        own = block.sums(np.arange(block.rows.size), block.rows.size, draws)
        return block.rows, _row(own, block.expected, interval), own.sum(axis=2), block.expected.sum(axis=1)

    table = np.zeros((len(histories), len(COLUMNS)))
    parts, expected = np.zeros((2, len(PARTS) + 1, draws)), np.zeros((2, draws))
    for rows, own, sums, means in both.play(reduce, description="Comparing plans"):
        table[rows] = own
        parts += sums
        expected += means
    check_amounts(expected, both.simulation.quantity)
    labels = {"customer_id": histories.customer_id}
    if histories.segment is not None:
        labels["segment"] = histories.segment
    customers = pd.concat([pd.DataFrame(labels), pd.DataFrame(table, columns=list(COLUMNS))], axis=1)
    return PlanDifference(both, terms, interval, customers, parts, expected)


COLUMNS = (
    *(name.replace(" ", "_") for name in PARTS), "purchases", "purchases_lower", "purchases_upper",
    "value", "value_lower", "value_upper", "value_expected_lower", "value_expected_upper",
)  # fmt: skip


def _row(own: Array, expected: Array, interval: float) -> Array:
    """The row of each customer: purchases of every part, expected net with its bounds, and the same in money."""
    purchases, value = (bounds_of(one[-1], interval) for one in own)
    means = expected.mean(axis=2)
    return np.column_stack(
        [*own[0, :-1].mean(axis=2), means[0], *purchases, means[1], *value, *bounds_of(expected[1], interval)]
    )
