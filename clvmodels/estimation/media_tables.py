"""The tables of a fit of media response: customer by medium, and medium by medium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from clvmodels.errors import ClvError
from clvmodels.estimation.result import CELLS
from clvmodels.estimation.trust import DOUBTED
from clvmodels.model import Array
from clvmodels.response.attributed import PRIOR_CONTACTS
from clvmodels.response.cells import NONE, Audience
from clvmodels.response.predictor import Coefficients, People, increment

if TYPE_CHECKING:
    from clvmodels.estimation.media_fit import MediaFit

COLUMNS = ("increment", "lower", "upper", "p_positive", "p_best", "p_best_per_cost")


def increments_table(fit: MediaFit, audience: Audience, *, tail: float, draws: int, seed: int) -> pd.DataFrame:
    """Rows customer by customer, in the order of the media; see `MediaFit.increments`."""
    n, media = len(audience.segment), len(fit.media)
    table = np.empty((len(COLUMNS), n, media))
    for rows, block in fit.blocks(audience, codes=fit.codes(None), draws=draws, seed=seed):
        lower, upper = np.quantile(block, [tail, 1 - tail], axis=2)
        found = (
            block.mean(axis=2), lower, upper, (block > 0).mean(axis=2), best(block),
            best_per_cost(block, np.asarray(audience.cost, dtype=float)),
        )  # fmt: skip
        table[:, rows] = np.transpose(np.stack(found), (0, 2, 1))
    frame = {
        "customer_id": np.repeat(np.asarray(audience.customer_id), media),
        "medium": pd.Categorical.from_codes(np.tile(np.arange(media), n), dtype=pd.CategoricalDtype(list(fit.media))),
    }
    frame |= dict(zip(COLUMNS, table.reshape(len(COLUMNS), -1), strict=True))
    frame["contacts"] = np.asarray(audience.contacts, dtype=float).reshape(-1)
    frame["pooling"] = pooling(fit)[:, audience.segment].T.reshape(-1)
    frame["own"] = own_weights(fit, audience).reshape(-1)
    grades = [fit.cells.grades[name] for name in fit.media]
    frame["grade"] = pd.Categorical(np.tile(grades, n), categories=list(dict.fromkeys(grades)))
    return pd.DataFrame(frame)


def best(block: Array) -> Array:
    """Probability (media, n) that a medium adds most, and more than nothing, from draws (media, n, draws)."""
    top = block.argmax(axis=0)
    positive = block.max(axis=0) > 0
    return np.stack([((top == m) & positive).mean(axis=1) for m in range(len(block))])


def best_per_cost(block: Array, cost: Array) -> Array:
    """The same per unit of cost (media,); NaN for media whose cost is not known, which compete with none."""
    found = np.full(block.shape[:2], np.nan)
    known = np.flatnonzero(np.isfinite(cost))
    if known.size:
        least = 1e-9 * max(float(cost[known].max()), 1.0)
        found[known] = best(block[known] / np.maximum(cost[known], least)[:, None, None])
    return found


def pooling(fit: MediaFit) -> Array:
    """Weight of own data in the effect of each medium on each segment (media, segments + 1); the last segment is a new one.

    One minus the variance of what is left of the effect on a customer with average features, over what it was before the data at
    the median spreads (Gelman and Pardoe 2006).
    """
    found = np.empty((len(fit.media), len(fit.cells.segments) + 1))
    spread = dict(zip(fit.layout.spreads, np.median(fit.spreads, axis=0), strict=True))
    before = sum(spread.get(name, 0.0) ** 2 for name in ("spread_media", "spread_media_segments"))
    for code, name in enumerate(fit.media):
        if name in fit.attributed:
            contacts = fit.cells.occasions[fit.cells.medium == code].sum()
            found[code] = contacts / (contacts + PRIOR_CONTACTS)
            continue
        m = fit.layout.media.index(name)
        effect = fit.coefficients.medium[:, m, None] + fit.coefficients.medium_segment[:, m]
        found[code] = np.clip(1 - effect.var(axis=0) / before, 0.0, 1.0)
    return found


def own_weights(fit: MediaFit, audience: Audience) -> Array:
    """Weight of a customer's own data in her effect of each medium (n, media); 0 where there are no effects of her own."""
    found = np.zeros((len(audience.segment), len(fit.media)))
    if fit.own is not None:
        found[:, list(fit.layout.codes)] = fit.own.weights(audience.customer_id)
    return found


def effects_table(
    fit: MediaFit,
    audience: Audience | None,
    *,
    tail: float,
    value: float | None,
    cost: float | Mapping[str, float] | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """One row per medium; see `MediaFit.effects`."""
    chosen = fit.chosen(draws, seed)
    amount = _amount(fit, draws, seed)
    costs = _costs(fit, audience, cost)
    rows = []
    for code, name in enumerate(fit.media):
        base, gain = _average(fit, audience, code, chosen)
        row = {"contacts": fit._seen(code)[0], "base": base.mean()}
        row |= _spread_of(gain, tail) | {
            "p_positive": (gain > 0).mean(),
            "p_no_effect": fit.no_effect.get(name, np.nan),
        }
        more = gain + (base + gain) * (fit.amount_ratios[name][chosen] - 1) if name in fit.amount_ratios else gain
        row |= {key.replace("increment", "spend"): v for key, v in _spread_of(more * amount, tail, "spend_").items()}
        row |= {"grade": fit.cells.grades[name]} | _break_even(
            row["increment"], value, costs[code], fit.cells.grades[name]
        )
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(fit.media, name="medium"))


def _spread_of(values: Array, tail: float, prefix: str = "") -> dict[str, float]:
    lower, upper = np.quantile(values, [tail, 1 - tail])
    return {"increment": float(values.mean()), f"{prefix}lower": float(lower), f"{prefix}upper": float(upper)}


def _amount(fit: MediaFit, draws: int, seed: int) -> Array:
    """Draws of the mean amount of a purchase, of one without contact where amounts shift; NaN if no amounts are known."""
    rows = fit.cells.medium == NONE if fit.amount_ratios else slice(None)
    buyers, total, squares = (
        float(values[rows].sum())
        for values in (fit.cells.buyers, fit.cells.purchases_amount, fit.cells.purchases_amount_squared)
    )
    if buyers < 2 or not np.isfinite(total) or total == 0:
        return np.full(draws, np.nan)
    mean = total / buyers
    variance = max(0.0, squares - buyers * mean**2) / (buyers - 1)
    rng = np.random.default_rng([seed, 2])
    return np.asarray(mean + np.sqrt(variance / buyers) * rng.standard_normal(draws))


def _costs(fit: MediaFit, audience: Audience | None, cost: float | Mapping[str, float] | None) -> list[float]:
    if cost is None:
        who = fit.audience if audience is None else audience
        return [np.nan] * len(fit.media) if who is None else [float(c) for c in who.cost]
    if not isinstance(cost, Mapping):
        return [float(cost)] * len(fit.media)
    if unknown := set(cost) - set(fit.media):
        raise ClvError(f"cost= names {', '.join(sorted(unknown))}. The media are {', '.join(fit.media)}.")
    return [float(cost.get(name, np.nan)) for name in fit.media]


def _break_even(gain: float, value: float | None, cost: float, grade: str) -> dict[str, float]:
    needed = cost / value if value else np.nan
    bias = np.nan if grade == "randomised" else gain - needed
    share = bias / gain if gain > 0 else np.nan
    return {"net": (value or np.nan) * gain - cost, "break_even": bias, "break_even_share": share}


def _average(fit: MediaFit, audience: Audience | None, code: int, chosen: np.ndarray) -> tuple[Array, Array]:
    """Draws of P(buy | none) and of the increment, averaged over those contacted by a medium or over an audience."""
    cells, name = fit.cells, fit.media[code]
    if audience is None:
        rows = np.flatnonzero(cells.medium == code)
        who, weights = People.of(cells, fit.layout)[rows], cells.occasions[rows]
        own, other = cells.own_stock[rows], cells.other_stock[rows]
    else:
        who, weights = People.of(audience, fit.layout), np.ones(len(audience.segment))
        own = audience.own_stock[:, code]
        other = audience.own_stock.sum(axis=1) - own
    if not weights.size:
        return np.full(chosen.size, np.nan), np.full(chosen.size, np.nan)
    told = None if name in fit.attributed else fit.layout.media.index(name)
    base, gain = _sums(fit.coefficients[chosen], who, told, own, other, weights / weights.sum())
    return base, fit.attributed[name][chosen] if told is None else gain


def _sums(
    coefficients: Coefficients, who: People, medium: int | None, own: Array, other: Array, weights: Array
) -> tuple[Array, Array]:
    """Weighted sums over people of P(buy | none) and of the increment, by draw; some people at a time."""
    draws = coefficients.baseline.size
    base, gain, step = np.zeros(draws), np.zeros(draws), max(1, CELLS // draws)
    for start in range(0, weights.size, step):
        rows = slice(start, start + step)
        log_odds = coefficients.log_odds(who[rows])
        base += weights[rows] @ special.expit(log_odds)
        if medium is not None:
            effect = coefficients.effect(who[rows], medium, own[rows], other[rows])
            gain += weights[rows] @ increment(log_odds, effect)
    return base, gain


def said(fit: MediaFit, effects: pd.DataFrame) -> list[str]:
    """A heading, a line per medium, and what vouches for it."""
    occasions, buyers = fit.cells.occasions.sum(), fit.cells.buyers.sum()
    heading = (
        f"{fit.spec.title} by {fit.method}: {occasions:,.0f} occasions in {fit.cells.occasions.size:,} cells, {buyers:,.0f} "
        f"followed by a purchase within {fit.spec.window}"
    )
    width = max((len(name) for name in [*fit.media, *fit._exposures.index]), default=0)
    lines = [f"{name:{width}}  {_line(effects.loc[name])}" for name in fit.media]
    lines += [f"{name:{width}}  {_exposed(row)}" for name, row in fit._exposures.iterrows()]
    return [heading, *lines, str(fit.diagnostics)]


def _exposed(row: Any) -> str:
    gain, lower, upper, base = (100 * row[name] for name in ("increment", "lower", "upper", "base"))
    return (
        f"{gain:+.2f} points [{lower:+.2f}, {upper:+.2f}] on {base:.2f} % as it ran, P(> 0) = {row['p_positive']:.2f}, "
        f"{row['levels']:,} levels of exposure, {row['grade']}"
    )


def _line(row: Any) -> str:
    gain, lower, upper, base = (100 * row[name] for name in ("increment", "lower", "upper", "base"))
    doubt = f", no effect at all with probability {row['p_no_effect']:.2f}" if row["p_no_effect"] > DOUBTED else ""
    return (
        f"{gain:+.2f} points [{lower:+.2f}, {upper:+.2f}] on {base:.2f} %, P(> 0) = {row['p_positive']:.2f}{doubt}, "
        f"{row['contacts']:,.0f} contacts, {row['grade']}"
    )
