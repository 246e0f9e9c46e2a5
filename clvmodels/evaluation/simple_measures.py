"""The simple measures of customers beside the models, on the same holdout: where each of them misleads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation import scores
from clvmodels.evaluation.bootstrap import resampled
from clvmodels.evaluation.groups import tenths
from clvmodels.evaluation.outcomes import Outcomes, outcomes
from clvmodels.evaluation.past_measures import Retained, past_values, retained
from clvmodels.history import picked, upright
from clvmodels.metrics.measures import p_active
from clvmodels.metrics.scores import rfm, weighted_score
from clvmodels.model import Array
from clvmodels.units import WEEK, Period, Rate, Span, as_span
from clvmodels.value.forecast import Forecast
from clvmodels.value.never_lost import never_lost
from clvmodels.value.simulation import CELLS, in_blocks

P_ACTIVE, P_ALIVE, P_PURCHASE = "P(active)", "P(alive)", "P(purchase)"
RFM_SCORE, PAST_VALUE, CONSTANT, VALUE = "RFM score", "past customer value", "constant retention", "potential value"
MODELS = (P_ALIVE, P_PURCHASE, VALUE)
RIVALS = {P_ACTIVE: P_ALIVE, RFM_SCORE: VALUE, PAST_VALUE: VALUE, CONSTANT: VALUE}
"""The model's measure that each is set beside."""
LOST = 0.5
"""Probability below which a customer is called lost."""


@dataclass(frozen=True, eq=False, repr=False)
class SimpleAgainstModel:
    """The outcome of `clv.simple_against_model`.

    Attributes
    ----------
    forecast
        The forecast whose measures stand beside the simple ones.
    actual
        What the customers did, in the order of the histories.
    measures
        Each measure of every customer by name (n,).
    best
        Share of customers that a budget reaches.
    retention
        What constant retention rests on: the rate from one period to the next, who is active, predicted spend.
    scores
        As `table` returns it.
    notes
        What was left out or cut.
    """

    forecast: Forecast
    actual: Outcomes = field(repr=False)
    measures: Mapping[str, Array] = field(repr=False)
    best: float
    retention: Retained = field(repr=False)
    scores: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Where each measure misleads.

        Returns
        -------
        DataFrame by measure: of ("simple" or "model"); called_lost (customers), wrongly_lost (of these, who bought in the
        holdout) and wrongly_lost_spend (their share of all later spend), wrongly_kept (called kept, who bought nothing), NaN for
        measures that call nobody lost; captured (share of later spend of the best customers by the measure) and missed (what as
        many customers could have had at most, less that); bias of the total spend, for measures that predict it; spearman (rank
        correlation with later spend), and its difference from that of the model's measure it stands beside, with lower and upper
        (paired bootstrap) and better ("model", "simple", or "unclear" where the interval holds zero)
        """
        return self.scores.copy()

    def per_customer(self) -> pd.DataFrame:
        """One row per customer: customer_id, every measure, and purchases and spend in the holdout."""
        columns = {"customer_id": self.forecast.histories.customer_id, **self.measures}
        return pd.DataFrame(columns | {"actual_purchases": self.actual.purchases, "actual_spend": self.actual.spend})

    def deciles(self) -> pd.DataFrame:
        """Tenths of the customers by each measure, the best first: what they then spent.

        Returns
        -------
        DataFrame by (measure, decile), "what happened" last: actual (mean spend per customer), cumulative_share (of all spend)
        and to_others (what customers of the same tenth in hindsight spent, less what these did, over all spend)
        """
        spend = self.actual.spend
        table = tenths(spend, {**self.measures, "what happened": spend}).drop(columns="predicted")
        table.index = table.index.set_names("measure", level=0)
        share = table["actual"] / 10 / spend.mean()
        ideal = share.xs("what happened", level="measure")
        return table.assign(to_others=ideal.reindex(table.index.get_level_values("decile")).to_numpy() - share)

    def words(self) -> list[str]:
        """Plain sentences: who is wrongly called lost or kept, and how much value each ranking misses."""
        table, n = self.scores, len(self.actual.spend)
        said = [
            f"{name} calls {row['called_lost']:,.0f} of {n:,} customers lost; {row['wrongly_lost']:,.0f} of them bought "
            f"again, for {100 * row['wrongly_lost_spend']:.0f} % of all later spend. Of those it keeps, "
            f"{row['wrongly_kept']:,.0f} bought nothing."
            for name, row in table[table["called_lost"].notna()].iterrows()
        ]
        ranked = [name for name in table.index if name in (RFM_SCORE, PAST_VALUE, CONSTANT, VALUE)]
        parts = [
            f"{name} {100 * float(table['captured'].to_numpy()[table.index.get_loc(name)]):.0f} %" for name in ranked
        ]
        return [
            *said,
            f"Of all later spend, the best {100 * self.best:.0f} % of customers hold: by {', by '.join(parts)}.",
        ]

    def __repr__(self) -> str:
        return "\n".join([self.scores.to_string(float_format="{:,.3f}".format, na_rep=""), *self.words(), *self.notes])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        table = self.scores.to_html(float_format="{:,.3f}".format, na_rep="")
        head = f"<b>Simple measures beside {self.forecast.simulation.duration.title}</b>"
        return f"{head}{table}<ul>{said}</ul><small>{' '.join(self.notes)}</small>"


def simple_against_model(
    forecast: Forecast,
    calibration: Transactions,
    holdout: Transactions,
    *,
    weights: ArrayLike = (1.0, 1.0, 1.0),
    retention_period: Span | Period = 13 * WEEK,
    rate: Rate | None = None,
    best: float = 0.20,
    interval: float = 0.90,
    resamples: int = 500,
    seed: int = 0,
) -> SimpleAgainstModel:
    """Set the simple measures of the textbooks beside the models, and both against what customers then did.

    - P(active) = (T / N)^n beside P(alive); and the model's P(purchase within the horizon), because not buying is not leaving
    - RFM score and past customer value beside potential value
    - constant retention beside potential value: who bought in the last period is a customer, the same share is retained in every
      period to come, and she goes on spending as she has; the others are lost

    A customer is called lost if a probability is below 0.5; she is wrongly called so if she bought in the holdout.

    Parameters
    ----------
    forecast
        Made at the end of the calibration, over a horizon no longer than the holdout.
    calibration, holdout
        The two parts of `log.split(date)`.
    weights
        Of R, F and M in the RFM score (3,).
    retention_period
        From one period of constant retention to the next.
    rate
        At which past value is compounded; the discount of the forecast if not given.
    best
        Share of customers that a budget reaches, above 0 to 1.
    interval, resamples, seed
        Of the paired bootstrap over customers.

    Returns
    -------
    SimpleAgainstModel

    Raises
    ------
    ClvError
        The holdout does not fit the forecast, `best` is no share, or nobody was active in the period before the last.

    Source: crm_indicators, "From simple to probabilistic"; P(active) of section C, the others of sections D and E.
    """
    tail_of(interval)
    if not 0 < best <= 1:
        raise ClvError(f"best={best!r} is no share of the customers. Write 0.20 for a fifth.")
    histories, horizon = forecast.histories, forecast.terms.horizon
    actual = outcomes(histories, holdout, horizon=horizon)
    compounded = forecast.terms.discount if rate is None else rate
    kept = retained(histories, calibration, period=as_span(retention_period, name="retention_period"), horizon=horizon)
    age = np.where(histories.T > 0, histories.T, 1.0)
    measures = {
        P_ACTIVE: p_active(purchases=histories.frequency + 1, last=histories.recency, length=age),
        P_ALIVE: forecast.customers["p_alive"].to_numpy(dtype=float),
        P_PURCHASE: p_purchase(forecast),
        RFM_SCORE: weighted_score(rfm(histories), weights=weights),
        PAST_VALUE: past_values(forecast, calibration, rate=compounded),
        CONSTANT: kept.spend,
        VALUE: forecast.customers["potential"].to_numpy(dtype=float),
    }
    table = _scores(forecast, actual, measures, kept, best).join(
        _differences(actual.spend, measures, interval=interval, resamples=resamples, seed=seed)
    )
    notes = (
        f"{len(histories):,} customers over {horizon}. Retention over {as_span(retention_period, name='retention_period')}: "
        f"{100 * kept.rate:.1f} %. "
        + (f"Past value compounded at {compounded}." if compounded else "Past value is not compounded."),
        *never_lost(forecast),
        *actual.notes,
    )
    return SimpleAgainstModel(forecast, actual, measures, best, kept, table, notes)


def p_purchase(forecast: Forecast) -> Array:
    """Probability that each customer buys within the horizon, over the draws of the parameters (n,)."""
    simulation = forecast.simulation
    found = np.empty(len(simulation.histories))

    def block(rows: Any, start: int) -> None:
        people = picked(simulation.histories, rows)
        past = simulation.past(people)
        alive = simulation.duration.p_alive(simulation.duration_theta, upright(people))
        found[rows] = (alive * past.bought(simulation.horizon)[past.inverse]).mean(axis=1)

    size = max(1, CELLS // simulation.draws)
    in_blocks(block, simulation.order, size=size, description="Looking for next purchases")
    return found


def _scores(
    forecast: Forecast, actual: Outcomes, measures: Mapping[str, Array], kept: Retained, best: float
) -> pd.DataFrame:
    bought, total = actual.purchases > 0, float(actual.spend.sum())
    ideal = float(scores.captured(actual.spend, actual.spend, best))
    predicted = {CONSTANT: kept.spend, VALUE: forecast.customers["spend"].to_numpy(dtype=float)}
    lost = {name: measures[name] < LOST for name in (P_ACTIVE, P_ALIVE, P_PURCHASE)} | {CONSTANT: ~kept.active}
    rows = []
    for name, values in measures.items():
        row: dict[str, Any] = {"measure": name, "of": "model" if name in MODELS else "simple"}
        if name in lost:
            wrongly = lost[name] & bought
            row |= {
                "called_lost": lost[name].sum(),
                "wrongly_lost": wrongly.sum(),
                "wrongly_kept": (~lost[name] & ~bought).sum(),
            }
            row |= {"wrongly_lost_spend": float(actual.spend[wrongly].sum()) / total if total > 0 else np.nan}
        share = float(scores.captured(actual.spend, values, best))
        row |= {"spearman": scores.spearman(actual.spend, values), "captured": share, "missed": ideal - share}
        rows.append(row | ({"bias": scores.bias(actual.spend, predicted[name])} if name in predicted else {}))
    columns = [
        "of",
        "called_lost",
        "wrongly_lost",
        "wrongly_lost_spend",
        "wrongly_kept",
        "captured",
        "missed",
        "bias",
        "spearman",
    ]
    return pd.DataFrame(rows).set_index("measure").reindex(columns=columns)


def _differences(
    spend: Array, measures: Mapping[str, Array], *, interval: float, resamples: int, seed: int
) -> pd.DataFrame:
    """How much better each simple measure orders customers than the model's beside it, paired over resampled customers."""
    names = list(measures)
    found = resampled(spend, np.array(list(measures.values())), {}, resamples=resamples, seed=seed)["spearman"]
    rows = {}
    for name, rival in RIVALS.items():
        apart = found[:, names.index(name)] - found[:, names.index(rival)]
        lower, upper = (float(v) for v in np.quantile(apart, [tail_of(interval), 1 - tail_of(interval)]))
        better = "simple" if lower > 0 else "model" if upper < 0 else "unclear"
        here = scores.spearman(spend, measures[name]) - scores.spearman(spend, measures[rival])
        rows[name] = {"beside": rival, "difference": here, "lower": lower, "upper": upper, "better": better}
    return pd.DataFrame.from_dict(rows, orient="index")
