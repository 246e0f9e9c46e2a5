"""What mass media add to what customers buy anyway, how sure that is, and what one unit of them is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse, special

from clvmodels.errors import ContactError
from clvmodels.estimation.result import CELLS
from clvmodels.model import Array
from clvmodels.response.cells import Audience, Cells
from clvmodels.response.exposure_terms import GRADE, ExposureTerm
from clvmodels.response.predictor import People, increment

if TYPE_CHECKING:
    from clvmodels.estimation.media_fit import MediaFit

ALL = "all regions"
COLUMNS = (
    "stock", "stock_sd", "base", "increment", "lower", "upper", "p_positive", "effect", "effect_lower", "effect_upper",
    "break_even_cost", "break_even_lower", "break_even_upper", "cost", "net", "break_even_share", "grade", "levels", "regions",
    "days", "left", "shocks", "reason",
)  # fmt: skip


def exposures_table(
    fit: MediaFit,
    audience: Audience | None,
    *,
    tail: float,
    value: float | None,
    cost: float | Mapping[str, float] | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """One row per exposure; see `MediaFit.exposures`."""
    chosen, rows = fit.chosen(draws, seed), []
    for number, term in enumerate(fit.cells.exposures):
        base, gain = _gains(fit, audience, number, chosen)
        effect = fit.coefficients.controls[chosen, number - len(fit.cells.exposures)]
        row = {"stock": term.mean, "stock_sd": term.scale, "base": float(base.mean())} | _spread(gain, tail)
        row |= {"p_positive": float((gain > 0).mean())}
        row |= {key.replace("increment", "effect"): found for key, found in _spread(effect, tail, "effect_").items()}
        row |= _money(fit, audience, term, tail, value, cost, draws, seed)
        counts = {"levels": term.levels, "regions": term.regions, "days": term.days, "left": term.left}
        rows.append(row | {"grade": GRADE} | counts | {"shocks": fit.shocks[term.medium], "reason": reason(fit, term)})
    return pd.DataFrame(
        rows, columns=list(COLUMNS), index=pd.Index([term.medium for term in fit.cells.exposures], name="medium")
    )


def reason(fit: MediaFit, term: ExposureTerm) -> str:
    """In words: what is compared, what stays confounded, and whether intervals allow for more than chance."""
    shocks = fit.shocks[term.medium]
    if np.isnan(shocks):
        return f"{term.reason}; intervals do not allow for what moves a whole region on a day"
    if shocks <= 1:
        return term.reason
    return (
        f"{term.reason}; what moves whole regions on a day varies {shocks:.1f} times as much as chance makes, and intervals are "
        "wider for it"
    )


def exposure_value_table(
    fit: MediaFit,
    medium: str,
    audience: Audience | None,
    *,
    tail: float,
    value: float,
    cost: float | Mapping[str, float] | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """One row per region, and one of all; see `MediaFit.exposure_value`."""
    number = exposure_number(fit, medium)
    term, who = fit.cells.exposures[number], fit._audience(audience)
    gains = unit_gains(fit, who, number, fit.chosen(draws, seed))
    costs = _costs(term, cost)
    rows = {
        region: _worth(gain, people, value, costs.get(region, np.nan), tail) for region, (people, gain) in gains.items()
    }
    whole = sum(people for people, _ in gains.values())
    everywhere = np.sum([gain for _, gain in gains.values()], axis=0)
    rows[ALL] = _worth(everywhere, whole, value, sum(costs.get(region, np.nan) for region in gains), tail)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("region")


def _worth(gain: Array, people: int, value: float, cost: float, tail: float) -> dict[str, float]:
    worth = value * gain
    row = {"customers": people, "buyers": float(gain.mean())}
    row |= {key.replace("increment", "break_even_cost"): v for key, v in _spread(worth, tail, "break_even_").items()}
    pays = float((worth > cost).mean()) if np.isfinite(cost) else np.nan
    return row | {"cost": cost, "net": float(worth.mean()) - cost, "p_pays": pays}


def _money(
    fit: MediaFit,
    audience: Audience | None,
    term: ExposureTerm,
    tail: float,
    value: float | None,
    cost: float | Mapping[str, float] | None,
    draws: int,
    seed: int,
) -> dict[str, float]:
    """Of one unit in all regions; NaN without the margin of a purchase or customers."""
    names = ("break_even_cost", "break_even_lower", "break_even_upper", "cost", "net")
    if value is None or (audience is None and fit.audience is None):
        return dict.fromkeys([*names, "break_even_share"], np.nan)
    table = exposure_value_table(
        fit, term.medium, audience, tail=tail, value=value, cost=cost, draws=draws, seed=seed
    )  # fmt: skip
    row = {name: float(table[name].iloc[-1]) for name in names}
    return row | {"break_even_share": row["net"] / row["break_even_cost"] if row["break_even_cost"] > 0 else np.nan}


def _costs(term: ExposureTerm, cost: float | Mapping[str, float] | None) -> dict[str, float]:
    """Cost of one unit of level by region [currency]."""
    if cost is None:
        return dict(term.unit_cost)
    if not isinstance(cost, Mapping):
        return dict.fromkeys(term.unit_cost, float(cost))
    if unknown := sorted(set(cost) - set(term.unit_cost)):
        raise ContactError(
            f"cost= names {', '.join(unknown)}. The regions of {term.medium} are {', '.join(term.unit_cost)}."
        )
    return {region: float(money) for region, money in cost.items()}


def exposure_number(fit: MediaFit, medium: str) -> int:
    """Which exposure a medium is."""
    names = [term.medium for term in fit.cells.exposures]
    if medium not in names:
        there = f"The exposures are {', '.join(names)}." if names else "There are none: see Contacts.with_exposure."
        raise ContactError(f"There is no exposure {medium!r}. {there}")
    return names.index(medium)


def unit_gains(fit: MediaFit, who: Audience, number: int, chosen: np.ndarray) -> dict[str, tuple[int, Array]]:
    """By region: customers, and draws of the buyers that one more unit of level brings among them until it is forgotten.

    A little more stock in a window moves the probability of a purchase by slope * p * (1 - p), and a unit is worth
    `ExposureTerm.carried` windows of it.
    """
    where = np.full(len(who.segment), "", dtype=object) if who.regions is None else who.regions[:, number]
    regions, codes = np.unique(where.astype(str), return_inverse=True)
    gains, carried = np.zeros((regions.size, chosen.size)), fit.cells.exposures[number].carried
    lives = sparse.csr_array((np.full(codes.size, carried), (codes, np.arange(codes.size))))
    for rows, log_odds, slope, _ in _exposed(fit, who, number, chosen):
        chance = special.expit(log_odds)
        gains += lives[:, rows] @ (slope * chance * (1 - chance))
    counts = np.bincount(codes)
    return {str(region): (int(counts[k]), gains[k]) for k, region in enumerate(regions)}


def _gains(fit: MediaFit, audience: Audience | None, number: int, chosen: np.ndarray) -> tuple[Array, Array]:
    """Draws of P(buy) without the exposure and of what the exposure adds to it, averaged over occasions or customers."""
    who: Cells | Audience = fit.cells if audience is None else audience
    weights = who.occasions if isinstance(who, Cells) else np.ones(len(who.segment))
    weights = weights / weights.sum()
    base, gain = np.zeros(chosen.size), np.zeros(chosen.size)
    for rows, log_odds, slope, stock in _exposed(fit, who, number, chosen):
        effect = slope * stock[:, None]
        base += weights[rows] @ special.expit(log_odds - effect)
        gain += weights[rows] @ increment(log_odds - effect, effect)
    return base, gain


def _exposed(
    fit: MediaFit, who: Cells | Audience, number: int, chosen: np.ndarray
) -> Iterator[tuple[slice, Array, Array, Array]]:
    """Some people at a time: rows, log-odds without contact (n, draws), slope per unit of stock (draws,), stock (n,)."""
    term, count = fit.cells.exposures[number], len(fit.cells.exposures)
    coefficients, people = fit.coefficients[chosen], People.of(who, fit.layout)
    slope = coefficients.controls[:, number - count] / term.scale
    names = [*fit.layout.controls, *fit.layout.exposures]
    stock = term.mean + term.scale * people.controls[:, [names.index(name) for name in term.names]].sum(axis=1)
    step = max(1, CELLS // chosen.size)
    for start in range(0, stock.size, step):
        rows = slice(start, start + step)
        yield rows, coefficients.log_odds(people[rows]), slope, stock[rows]


def _spread(values: Array, tail: float, prefix: str = "") -> dict[str, float]:
    lower, upper = np.quantile(values, [tail, 1 - tail])
    return {"increment": float(values.mean()), f"{prefix}lower": float(lower), f"{prefix}upper": float(upper)}
