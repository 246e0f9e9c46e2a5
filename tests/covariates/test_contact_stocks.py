"""Contact stocks in both rates: limits, gradients, the definition in continuous time, and simulated markets found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

import clvmodels as clv
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.estimation.problem import Problem
from clvmodels.units import DAY, WEEK

START, UNTIL = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31")
BASE = (0.8, 9.0, 0.7, 12.0)


def dates(day: np.ndarray) -> pd.Series:
    return START + pd.to_timedelta(pd.Series(day), unit="D")


def purchases(n: int, seed: int) -> pd.DataFrame:
    """Purchase days of customers, some of whom buy on the last day of observation, in January or once."""
    rng, rows = np.random.default_rng(seed), []
    for who in range(n):
        first = rng.integers(0, 150)
        days = np.append(first, first + rng.integers(1, 200, int(rng.integers(0, 9) * (rng.random() < 0.7))))
        days = np.append(days, 365) if who % 4 == 0 else days
        rows += [(who, day) for day in np.unique(days)]
    table = pd.DataFrame(rows, columns=["who", "day"])
    return table.assign(day=dates(table["day"]).to_numpy())


def contacted(log: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Contacts by two media, for nine in ten customers: before the first purchase, on days of purchases, two on a day."""
    rng, rows = np.random.default_rng(seed), []
    for who in log["who"].unique():
        if rng.random() < 0.1:
            continue
        days = ((log.loc[log["who"] == who, "day"] - START).dt.days).to_numpy()
        days = np.concatenate([rng.choice(days, 2), rng.integers(0, 366, 6), [365] * int(who % 3 == 0)])
        rows += [(who, rng.choice(["e-mail", "DM"]), day) for day in (*days, days[0])]
    table = pd.DataFrame(rows, columns=["who", "how", "day"])
    return table.assign(day=dates(table["day"]).to_numpy(), held=False)


def histories(log: pd.DataFrame, *, period: clv.Period = WEEK, until: pd.Timestamp = UNTIL) -> clv.Histories:
    return clv.Transactions(log, customer="who", date="day").histories(period=period, until=until.date(), dates=True)


def as_contacts(table: pd.DataFrame) -> clv.Contacts:
    return clv.Contacts(table, customer="who", medium="how", date="day", holdout="held")


LOG = purchases(60, 1)
TABLE = contacted(LOG, 2)


def model_of(table: pd.DataFrame = TABLE, log: pd.DataFrame = LOG, **options) -> TimeVarying:
    return clv.time_varying(contacts=as_contacts(table), **options).on(histories(log))


EVERYTHING = {
    "purchase": "~ sin_1 + e_mail + DM + e_mail_later + irritation",
    "dropout": "~ DM + e_mail + DM_later",
    "saturation": "estimate",
}
# sin_1; e_mail, DM, e_mail_later, irritation; DM, e_mail, DM_later; half-lives of DM and e_mail; saturation
FULL = (*BASE, 0.2, 0.5, -0.3, -0.2, -0.05, -0.8, 0.6, 0.3, 3.1, 0.6, 1.7)


def gradients(model: TimeVarying, given: clv.Histories, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each customer in each parameter: the kernel's, and central differences."""
    columns, tables = model.data(given), model.tables(given)
    value, slope = (np.array(one) for one in model.kernel(theta[None], *columns, *tables))
    assert model.values(theta[None], *columns, *tables) == pytest.approx(value, rel=1e-14)
    found = []
    for j, size in enumerate(np.abs(theta)):
        above, below = theta.copy(), theta.copy()
        above[j], below[j] = theta[j] + 1e-5 * size, theta[j] - 1e-5 * size
        both = [model.values(one[None], *columns, *tables) for one in (above, below)]
        found.append((both[0] - both[1]) / (above[j] - below[j]))
    return slope, np.array(found).T


@pytest.mark.parametrize(
    "theta", [FULL, (*FULL[:-3], 0.05, 400.0, 1e-3), (*BASE, *(-2 * np.array(FULL[4:12])), 6.0, 2.0, 30.0)]
)
def test_gradient_of_every_customer_equals_central_differences(theta) -> None:
    """In each row, since what is lost for one customer is too little to be seen in a sum."""
    slope, difference = gradients(model_of(**EVERYTHING), histories(LOG), np.array(theta))
    scale = np.maximum(1.0, np.abs(difference).max(axis=0)) / np.minimum(1.0, np.abs(theta))
    assert np.all(np.abs(slope - difference) <= 2e-6 * np.abs(difference) + 2e-7 * scale)


def test_gradient_of_a_purchase_on_the_last_day() -> None:
    """Whatever the day of the first purchase: the end of observation, counted from it in weeks, rounds up or down."""
    log = pd.DataFrame([(who, day) for who in range(360) for day in (who, 365)], columns=["who", "day"])
    table = pd.DataFrame([(who, "DM", (who + 365) // 2) for who in range(360)], columns=["who", "how", "day"])
    log, table = (one.assign(day=dates(one["day"]).to_numpy()) for one in (log, table.assign(held=False)))
    given = histories(log)
    slope, difference = gradients(model_of(table, log), given, np.array((*BASE, 0.5, -0.8, 3.0)))
    assert slope == pytest.approx(difference, rel=1e-6, abs=1e-7)


def test_the_sum_over_counted_rows_is_that_of_the_rows() -> None:
    given = histories(LOG)
    model = model_of(**EVERYTHING)
    problem = Problem.of(model, given, None)
    value, slope = model.kernel(np.array(FULL)[None], *problem.columns)
    total, summed = model.total(np.array(FULL), problem.counts, *problem.columns)
    assert total == pytest.approx(problem.counts @ value, rel=1e-13)
    assert summed == pytest.approx(problem.counts @ slope, rel=1e-10)


def test_no_effect_is_the_model_without_contacts() -> None:
    given = histories(LOG)
    model = model_of(purchase="~ cos_1 + contacts", dropout="~ contacts")
    plain = clv.time_varying(purchase="~ cos_1").on(given)
    theta, bare = (*BASE, 0.4, 0, 0, 0, 0, 3.0, 1.0), (*BASE, 0.4)
    for name, options in (("log_likelihood", {}), ("p_alive", {}), ("expected_purchases", {"horizon": 20 * WEEK})):
        ours, theirs = (getattr(m, name)(t, given, **options) for m, t in ((model, theta), (plain, bare)))
        assert ours == pytest.approx(theirs, rel=1e-12), name


@pytest.mark.parametrize("saturation", [0.0, 1.0])
def test_an_endless_half_life_is_a_step_that_stays(saturation: float) -> None:
    """The number of contacts so far, or g of it, as a covariate over time."""
    given = histories(LOG)
    model = model_of(saturation=saturation)
    felt = (lambda s: s) if saturation == 0 else (lambda s: np.log1p(saturation * s) / np.log1p(saturation))
    daily = TABLE.pivot_table(index=["who", "day"], columns="how", aggfunc="size", fill_value=0)
    daily = felt(daily.groupby("who").cumsum())
    start = pd.DataFrame({"DM": 0.0, "e-mail": 0.0, "day": START - pd.Timedelta(days=1)}, index=given.customer_id)
    table = pd.concat([start.rename_axis("who").reset_index(), daily.reset_index()])
    table = table.rename(columns={"who": "customer_id", "day": "date", "e-mail": "email"})
    stepped = clv.time_varying(
        purchase="~ DM + email", dropout="~ DM + email", panel=clv.Panel(table, until=UNTIL.date())
    ).on(given)
    effects = (0.1, 0.05, -0.3, 0.2)
    assert model.log_likelihood((*BASE, *effects, 1e12, 1e12), given) == pytest.approx(
        stepped.log_likelihood((*BASE, *effects), given), rel=1e-11
    )


def test_contacts_that_were_not_made_or_come_later_do_not_count() -> None:
    given = histories(LOG)
    theta = (*BASE, 0.5, -0.3, -0.8, 0.6, 3.1, 0.6)
    known = model_of().log_likelihood(theta, given)
    later = TABLE.assign(day=TABLE["day"] + pd.Timedelta(days=366))
    more = pd.concat([TABLE, TABLE.assign(day=TABLE["day"] + pd.Timedelta(days=3), held=True), later])
    model = model_of(more)
    assert np.array_equal(model.log_likelihood(theta, given), known)
    assert np.array_equal(model.p_alive(theta, given), model_of().p_alive(theta, given))
    ahead = [m.expected_purchases(theta, given, horizon=30 * WEEK) for m in (model, model_of())]
    assert np.array_equal(*ahead)
    assert not np.allclose(model_of(TABLE.iloc[::2]).log_likelihood(theta, given), known)


def test_customers_and_rows_in_any_order() -> None:
    given = histories(LOG)
    rng = np.random.default_rng(3)
    names = pd.Series(rng.permutation(60), index=np.arange(60))
    log, table = (one.assign(who=one["who"].map(names)).sample(frac=1, random_state=4) for one in (LOG, TABLE))
    other = histories(log)
    theta = (*BASE, 0.5, -0.3, -0.8, 0.6, 3.1, 0.6)
    back = np.searchsorted(other.customer_id, names.to_numpy())
    ours, theirs = (m.log_likelihood(theta, h) for m, h in ((model_of(), given), (model_of(table, log), other)))
    assert theirs[back] == pytest.approx(ours, rel=1e-14)


def test_a_shift_of_all_dates_by_weeks_changes_nothing() -> None:
    move = pd.Timedelta(days=7 * 1000)
    log, table = (one.assign(day=one["day"] + move) for one in (LOG, TABLE))
    shifted = histories(log, until=UNTIL + move)
    theta = (*BASE, 0.5, -0.3, -0.8, 0.6, 3.1, 0.6)
    there = clv.time_varying(contacts=as_contacts(table)).on(shifted)
    assert there.log_likelihood(theta, shifted) == pytest.approx(
        model_of().log_likelihood(theta, histories(LOG)), rel=1e-12
    )


def test_the_unit_of_time_changes_nothing_but_units() -> None:
    daily = histories(LOG, period=DAY)
    theta = (*BASE, 0.5, -0.3, -0.8, 0.6, 3.1, 0.6)
    in_days = (0.8, 63.0, 0.7, 84.0, 0.5, -0.3, -0.8, 0.6, 21.7, 4.2)
    model, weekly = clv.time_varying(contacts=as_contacts(TABLE)).on(daily), histories(LOG)
    x = weekly.frequency
    assert model.log_likelihood(in_days, daily) + x * np.log(7) == pytest.approx(
        model_of().log_likelihood(theta, weekly), rel=1e-11
    )
    assert model.p_alive(in_days, daily) == pytest.approx(model_of().p_alive(theta, weekly), rel=1e-11)


CELLS = 20
"""Parts of a day in which time is cut by hand."""
HALF_LIFE = {"DM": 3.1, "e-mail": 0.6}
EFFECTS = {"purchase": {"DM": 0.5, "e-mail": -0.3}, "dropout": {"DM": -0.8, "e-mail": 0.6}}
STOCKS = (*BASE, 0.5, -0.3, -0.8, 0.6, 3.1, 0.6)


def edges_of(when: np.ndarray, stop: int) -> np.ndarray:
    """Days on which stretches begin: contacts, the end of observation, and Mondays, further apart the older the last contact."""
    found, now = [], int(when.min())
    while now < stop:
        found.append(now)
        last = when[when <= now].max()
        steps = [now - now % 7 + 7 * max(1, (now - last) // 28), *when[when > now], *([365] if now < 365 else [])]
        now = int(min(steps))
    return np.array(found)


def factors(contacts: pd.DataFrame, stop: int, *, held: bool) -> dict[str, np.ndarray]:
    """Log factors of both processes in each part of a day from START on, from the definition.

    `held`: a stock counts with its mean over a stretch, as the model has it; otherwise as it is at each moment.
    """
    moment = (np.arange(stop * CELLS) + 0.5) / CELLS
    day = ((contacts["day"] - START).dt.days).to_numpy()
    total = {role: np.zeros(moment.size) for role in EFFECTS}
    for how, half_life in HALF_LIFE.items():
        when = day[(contacts["how"] == how).to_numpy()]
        age = moment[:, None] - when
        stock = np.where(age > 0, 0.5 ** (np.maximum(age, 0) / (7 * half_life)), 0.0).sum(axis=1)
        if held and day.size:
            stretch = np.searchsorted(edges_of(day, stop), moment, side="right")
            stock = (np.bincount(stretch, stock) / np.maximum(np.bincount(stretch), 1))[stretch]
        for role, effects in EFFECTS.items():
            total[role] += effects[how] * np.log2(1 + stock)
    return total


def at_the_end(contacts: pd.DataFrame) -> float:
    """Log factor of purchases at the very end of observation, which no stretch follows."""
    age = 365 - (contacts["day"] - START).dt.days
    stock = {how: (0.5 ** (age[(contacts["how"] == how) & (age >= 0)] / 7 / h)).sum() for how, h in HALF_LIFE.items()}
    return sum(EFFECTS["purchase"][how] * np.log2(1 + some) for how, some in stock.items())


def answers(who: int, given: clv.Histories, plan: pd.DataFrame, weeks: int, *, held: bool) -> np.ndarray:
    """Log-likelihood, P(alive) and expected purchases in the weeks ahead of one customer, by sums over parts of days."""
    contacts = pd.concat([TABLE, plan])
    total = factors(contacts[contacts["who"] == who], 365 + 7 * weeks + 100, held=held)
    row = int(np.searchsorted(given.customer_id, who))
    days = (given.dates[row] - np.datetime64(START)).astype("timedelta64[D]").astype(int)
    r, alpha, s, beta = BASE
    first, last, end, width = days[0] * CELLS, days[-1] * CELLS, 365 * CELLS, 1 / CELLS / 7
    a, d = (np.exp(total[role]) * width for role in ("purchase", "dropout"))
    bought, left = (np.cumsum(f[first:]) - f[first:] / 2 for f in (a, d))
    x, k, t_x = days.size - 1, end - first, last - first
    braces = (alpha + bought) ** -(r + x) * (beta + left) ** -(s + 1) * d[first:] * s
    A, D = a[first:end].sum(), d[first:end].sum()
    alive, gone = (alpha + A) ** -(r + x) * (beta + D) ** -s, braces[t_x:k].sum()
    front = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    front += total["purchase"][days[(days > days[0]) & (days < 365)] * CELLS].sum()
    front += at_the_end(contacts[contacts["who"] == who]) if days[-1] == 365 else 0.0
    future = slice(end, end + 7 * weeks * CELLS)
    ahead = np.cumsum(d[future]) - d[future] / 2
    expected = (r + x) / (alpha + A) * (a[future] * ((beta + D) / (beta + D + ahead)) ** s).sum()
    p_alive = alive / (alive + gone)
    return np.array([front + np.log(alive + gone), p_alive, p_alive * expected])


PLAN = pd.DataFrame([(who, how, day) for who in range(0, 60, 2) for how, day in (("DM", 370), ("e-mail", 381), ("DM", 420))],
                    columns=["who", "how", "day"]).assign(day=lambda t: dates(t["day"]).to_numpy(), held=False)  # fmt: skip


def asked(model: TimeVarying, given: clv.Histories) -> np.ndarray:
    """The same three answers of the model, and with a plan."""
    planned = model.under(contacts=as_contacts(PLAN))
    found = [model.log_likelihood(STOCKS, given), planned.p_alive(STOCKS, given)]
    found += [planned.expected_purchases(STOCKS, given, horizon=20 * WEEK)]
    return np.array(found).T


def test_likelihood_and_forecasts_are_those_of_the_definition() -> None:
    given = histories(LOG)
    found = asked(model_of(), given)
    by_hand = np.array([answers(who, given, PLAN, 20, held=True) for who in given.customer_id])
    assert found[:, 0] == pytest.approx(by_hand[:, 0], rel=1e-6)
    assert found[:, 1:] == pytest.approx(by_hand[:, 1:], rel=2e-6, abs=1e-9)


def test_stretches_of_a_week_are_close_to_continuous_time() -> None:
    """What is said of customers differs little, though one half-life is as short as four days."""
    given = histories(LOG)
    found = asked(model_of(), given)
    exact = np.array([answers(who, given, PLAN, 20, held=False) for who in given.customer_id])
    assert found[:, 1] == pytest.approx(exact[:, 1], abs=0.003)
    assert found[:, 2] == pytest.approx(exact[:, 2], abs=0.01)
    assert found[:, 2].sum() == pytest.approx(exact[:, 2].sum(), rel=1e-3)
