"""Can these data support a gamma-gamma model of spend, and covariates? Questions asked before one is fitted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.evaluation.question import FEWEST, Question, middle, percent
from clvmodels.evaluation.scores import spearman
from clvmodels.model import Array

GROUPS = np.array([1.0, 2.0, 3.0, 4.0, 7.0, np.inf])
"""Groups of frequency start here: 1, 2, 3, 4 to 6, 7 and more."""
NORMAL = 1.959964
WEAK = 0.2
"""Correlation that explains 4 % of the variance; the data of the paper that made gamma-gamma have 0.11 (FaderHardie2013)."""
UNPAID = 0.1
"""Share of repeat buyers who have paid nothing, and are left out, from which the others may not speak for all."""
TAIL = 0.1
"""Share of customers, those with the largest mean amounts, who are taken for the tail."""
NO_VARIANCE, NO_MEAN = 2.0, 1.0
"""Tail indices at and below which amounts have no finite variance, and no finite mean."""
CLOSE, SAME = 0.9, 1 - 1e-9
"""Correlation of two covariates: at 0.9 their standard errors double (1 / (1 - r^2) = 5.3 in variance); at 1 they are one."""


def amounts(histories: Histories) -> Question:
    """Repeat buyers have amounts above zero: gamma-gamma leaves out the others, and refuses those whose amount is not known."""
    money = histories.monetary_value[histories.frequency > 0]
    n, unknown, zero = money.size, int(np.isnan(money).sum()), int(np.count_nonzero(money == 0))
    share = (unknown + zero) / n if n else math.nan
    left = f"{zero:,} of {n:,} repeat buyers ({percent(zero / n)}) paid nothing" if n else "nobody bought again"
    cannot = n == 0 or zero == n or unknown > 0
    because, remedy = f"{left} in their repeat purchases", "Gamma-gamma leaves them out; the others speak for all."
    if share == 0:
        because, remedy = (
            f"all {n:,} repeat buyers have paid in their repeat purchases",
            "Gamma-gamma learns from all of them.",
        )
    elif n == 0:
        because, remedy = "nobody bought again, so there are no repeat amounts", "Observe for longer."
    elif unknown == n:
        because = "there are no amounts"
        remedy = "Give amount= with the log, or monetary_value= with the table. Purchases can be forecast without."
    elif unknown:
        because = f"the amounts of {unknown:,} of {n:,} repeat buyers are missing"
        remedy = "Find them, or leave these customers out: histories.select(~np.isnan(histories.monetary_value))."
    elif zero == n:
        remedy = "Check the column of amounts."
    elif share > UNPAID:
        remedy = (
            "Gamma-gamma leaves them out, so spend is forecast too high for who pays nothing. Leave free orders out of "
            "the log (free_orders='leave_out'), or forecast these customers apart."
        )
    return Question(
        "amounts", "spend", "Are there amounts to learn from?", "share of repeat buyers without an amount above zero", share,
        middle(share, doubtful=bool(share > UNPAID), cannot=cannot), because, remedy,
        {"customers": np.array([n - zero - unknown, zero, unknown], float)},
    )  # fmt: skip


def independence(histories: Histories) -> Question:
    """How much is spent does not go with how often: gamma-gamma takes the two to be independent.

    Pearson's correlation, which is zero on average if they are; that of ranks is not, because means of few amounts are skewed.
    """
    x, m = paid(histories)
    asked, measure = "Is spend independent of frequency?", "correlation of frequency and mean amount of repeat buyers"
    table = _by_frequency(x, m)
    if x.size < FEWEST or np.ptp(x) == 0 or np.ptp(m) == 0:
        reason = (
            f"only {x.size:,} customers paid for repeat purchases"
            if x.size < FEWEST
            else "frequencies or amounts are all equal"
        )
        return Question(
            "independence", "spend", asked, measure, math.nan, "doubtful", reason,
            f"A correlation needs {FEWEST} customers who differ. Observe for longer, or add customers.", table,
        )  # fmt: skip
    r = float(np.corrcoef(x, m)[0, 1])
    lower, upper = _fisher(r, x.size)
    means, last = table["mean"], table["last"][-1]
    most = f"{table['first'][-1]:g} or more" if math.isinf(last) else f"{last:g}"
    because = (
        f"the correlation of frequency and mean amount over {x.size:,} customers is {r:+.3f} (95 % interval {lower:+.3f} to "
        f"{upper:+.3f}; of ranks {spearman(x, m):+.3f}), and mean amounts go from {means[0]:,.2f} (frequency "
        f"{table['first'][0]:g}) to {means[-1]:,.2f} ({most})"
    )
    dependent = abs(r) > WEAK and lower * upper > 0
    return Question(
        "independence",
        "spend",
        asked,
        measure,
        r,
        middle(r, doubtful=dependent),
        because,
        _about_spend(r, dependent),
        table,
    )


def _about_spend(r: float, dependent: bool) -> str:
    if not dependent:
        return (
            f"Below {WEAK:g} it explains less than {100 * WEAK**2:.0f} % of the variance: close enough to independent."
        )
    wrong, who = ("more", "low") if r > 0 else ("less", "high")
    return (
        f"Who buys often spends {wrong} each time, and gamma-gamma does not know: it forecasts frequent buyers too {who}, most "
        "of all those with few purchases so far. Fit by segment, and compare spend with a holdout."
    )


def tail(histories: Histories) -> Question:
    """Amounts have a finite variance, so that totals do not hang on a few customers: Hill's index of the largest tenth.

    Source: Hill1975, equation 2.5 (reciprocal of the mean log excess).
    """
    _, m = paid(histories)
    asked, measure = "Are a few huge amounts harmless?", "tail index of mean amounts (Hill)"
    k, ordered = int(TAIL * m.size), np.sort(m)[::-1]
    evidence = {"amounts": ordered, "tail": np.array([k], float)}
    if k < FEWEST:
        return Question(
            "tail", "spend", asked, measure, math.nan, "doubtful",
            f"{m.size:,} customers with amounts are too few to see how heavy the tail is",
            f"It takes {FEWEST / TAIL:,.0f}. Look at the largest amounts by eye.", evidence,
        )  # fmt: skip
    excess = float(np.mean(np.log(ordered[:k] / ordered[k])))
    index = 1 / excess if excess > 0 else math.inf
    upper = index * (1 + NORMAL / math.sqrt(k))
    share = float(ordered[: max(1, m.size // 100)].sum() / ordered.sum())
    verdict = middle(index, doubtful=index < NO_VARIANCE, cannot=upper < NO_MEAN)
    remedy = {
        "fine": f"Above {NO_VARIANCE:g} amounts have a finite variance, and means can be trusted.",
        "doubtful": f"Below {NO_VARIANCE:g} amounts have no finite variance: means and totals hang on a few customers. Look at "
        "the largest amounts, set errors right, and forecast business customers apart.",
        "cannot support": f"Below {NO_MEAN:g} amounts have no mean. Look at the largest amounts; forecast these customers apart.",
    }[verdict]
    because = (
        f"the tail index of the {k:,} largest mean amounts is {index:.1f}, and the top 1 % of customers have {percent(share)} of "
        "their sum"
    )
    return Question("tail", "spend", asked, measure, index, verdict, because, remedy, evidence)


def covariates(histories: Histories) -> Question:
    """Columns that vary, have no gaps and do not repeat each other: otherwise their effects cannot be told apart."""
    columns = histories.covariates or {}
    missing = {name: int(pd.isna(column).sum()) for name, column in columns.items()}
    constant = [name for name, column in columns.items() if pd.Series(column).nunique() < 2]
    whole = {name: column for name, column in columns.items() if name not in constant and column.dtype.kind in "biuf"}
    r = _correlations(whole)
    pairs = [
        (a, b, r[i, j]) for i, a in enumerate(whole) for j, b in enumerate(whole) if i < j and abs(r[i, j]) >= CLOSE
    ]
    said = [f"{name} is the same for everybody" for name in constant]
    said += [f"{name} is missing for {n:,} customers" for name, n in missing.items() if n]
    said += [f"{a} and {b} have a correlation of {one:+.3f}" for a, b, one in pairs]
    cannot = bool(constant) or any(missing.values()) or any(abs(one) > SAME for *_, one in pairs)
    verdict = middle(len(said), doubtful=bool(said), cannot=cannot)
    remedy = {
        "fine": "Their effects can be told apart.",
        "doubtful": "Their effects can hardly be told apart: keep one of each pair, or a mean of the two.",
        "cannot support": "Such columns have no effect that could be estimated: drop what is constant or repeats another column, "
        "and fill in what is missing or leave these customers out.",
    }[verdict]
    because = "; ".join(said) or f"{', '.join(columns)} vary, have no gaps and do not repeat each other"
    nearest = {name: float(np.max(np.abs(np.delete(r[i], i)), initial=0.0)) for i, name in enumerate(whole)}
    return Question(
        "covariates", "covariates", "Can the effects of the covariates be told apart?", "problems found", float(len(said)),
        verdict, because, remedy,
        {
            "names": np.array(list(columns), dtype=object),
            "nearest": np.array([nearest.get(name, math.nan) for name in columns]),
            "missing": np.array(list(missing.values()), float),
            "constant": np.array([name in constant for name in columns], float),
        },
    )  # fmt: skip


def paid(histories: Histories) -> tuple[Array, Array]:
    """Frequency and mean amount of the repeat buyers with an amount above zero, as gamma-gamma reads them."""
    keep = (histories.frequency > 0) & (histories.monetary_value > 0)
    return histories.frequency[keep], histories.monetary_value[keep]


def _by_frequency(x: Array, m: Array) -> dict[str, Array]:
    """Mean amount by group of frequency with its standard error; groups of nobody are left out."""
    group = np.searchsorted(GROUPS, x, side="right") - 1
    people = np.bincount(group, minlength=len(GROUPS) - 1)
    held = np.flatnonzero(people)
    inside = [m[group == one] for one in held]
    spread = [np.std(one, ddof=1) / math.sqrt(one.size) if one.size > 1 else math.nan for one in inside]
    return {
        "first": GROUPS[held], "last": GROUPS[held + 1] - 1, "customers": people[held].astype(float),
        "mean": np.array([np.mean(one) for one in inside]), "error": np.array(spread),
        "overall": np.array([np.mean(m) if m.size else math.nan]),
    }  # fmt: skip


def _fisher(r: float, n: int) -> tuple[float, float]:
    """95 % interval of a correlation by Fisher's transformation."""
    centre, half = math.atanh(min(max(r, -SAME), SAME)), NORMAL / math.sqrt(n - 3)
    return math.tanh(centre - half), math.tanh(centre + half)


def _correlations(columns: dict[str, NDArray[Any]]) -> Array:
    """Pearson correlations of numeric columns (k, k) over the customers who have both; 0 where one is constant among them."""
    frame = pd.DataFrame({name: column.astype(float) for name, column in columns.items()})
    return frame.corr(min_periods=3).fillna(0.0).to_numpy()
