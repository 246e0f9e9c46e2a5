"""Values of policies on a real experiment, and the time that judging them and simulating a market takes.

    python benchmarks/policies.py [--data FOLDER] [--customers 1000000]

FOLDER holds hillstrom_email.parquet: Kevin Hillstrom's e-mail experiment of 2008, 64,000 customers assigned at random, a third
each, to an e-mail with men's merchandise, one with women's, or none. The differences that the raw means give are printed beside.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import describe, measure, table

import clvmodels as clv
from clvmodels.evaluation.policy_evaluation import PolicyEvaluation

MEDIA = {"Mens E-Mail": "men's", "Womens E-Mail": "women's"}
POLICIES: dict[str, Any] = {
    "nobody": None,
    "everybody men's": "men's",
    "everybody women's": "women's",
    "by past category": lambda seen: np.where(seen["mens"] == 1, "men's", "women's"),
}

MARKET = """
import time
import clvmodels as clv
clv.simulate_market(customers=100, weeks=8, joining=4)
begin = time.perf_counter()
market = clv.simulate_market(customers={customers})
print(time.perf_counter() - begin, len(market.transactions), len(market.contacts))
"""

JUDGED = """
import time
import numpy as np, pandas as pd
import clvmodels as clv
def log(n):
    rng = np.random.default_rng(0)
    medium = np.array([None, "email", "dm"], dtype=object)[rng.integers(3, size=n)]
    columns = {{f"x{{k}}": rng.standard_normal(n) for k in range(6)}}
    amount = rng.exponential(20.0, n) * (rng.random(n) < 0.1)
    return pd.DataFrame({{"customer_id": np.arange(n) // 5, "medium": medium, "probability": 1 / 3, "amount": amount, **columns}})
policies = {{"nobody": None, "email": "email", "dm": "dm", "rule": lambda t: np.where(t.x0 > 0, "dm", None)}}
clv.evaluate_policies(policies, log(1000), cost=0.1, resamples=20).words()
occasions = log({rows})
begin = time.perf_counter()
clv.evaluate_policies(policies, occasions, cost=0.1).words()
print(time.perf_counter() - begin)
"""


def hillstrom(folder: Path) -> pd.DataFrame:
    """The experiment as a log of occasions, one per customer."""
    found = pd.read_parquet(folder / "hillstrom_email.parquet")
    medium = found["treatment"].astype(object).map(MEDIA)
    return pd.DataFrame({
        "customer_id": found["customer_id"], "medium": medium.where(medium.notna(), None), "probability": 1 / 3,
        "bought": found["conversion"], "amount": found["spend"], "recency": found["recency"],
        "log_spend": np.log(found["history"]), "mens": found["mens"], "womens": found["womens"], "newbie": found["newbie"],
        "segment": found["channel"],
    })  # fmt: skip


def evaluated(occasions: pd.DataFrame, **options: Any) -> PolicyEvaluation:
    """The four policies on the experiment; the cost of an e-mail is left out, so that effects are those of spend alone."""
    return clv.evaluate_policies(POLICIES, occasions, cost=0.0, seed=1, **options)


def raw_differences(occasions: pd.DataFrame, column: str) -> dict[str, tuple[float, float]]:
    """Difference of means from nobody, with its standard error, by medium."""
    arms = {name: occasions[column][occasions["medium"] == name] for name in MEDIA.values()}
    none = occasions[column][occasions["medium"].isna()]
    return {
        f"everybody {name}": (arm.mean() - none.mean(), float(np.sqrt(arm.var() / len(arm) + none.var() / len(none))))
        for name, arm in arms.items()
    }


def print_experiment(folder: Path) -> None:
    occasions = hillstrom(folder)
    begin = time.perf_counter()
    evaluated(occasions).words()
    print(
        f"\nHillstrom, {len(occasions):,} customers: values, differences and words in {time.perf_counter() - begin:.1f} s"
    )
    for outcome, column in (("amount", "amount"), ("bought", "bought")):
        found = evaluated(occasions, outcome=outcome)
        columns = ["value", "standard_error", "lower", "upper"]
        rows = [
            [f"{name}, {kind}", *(float(v) for v in row)] for (name, kind), row in found.table()[columns].iterrows()
        ]
        table(f"Value per customer ({outcome})", ["", *columns], rows)
        raw = raw_differences(occasions, column)
        rows = [
            [
                f"{name}, {kind}",
                row["difference"],
                row["standard_error"],
                row["lower"],
                row["upper"],
                *raw.get(name, ("", "")),
            ]
            for (name, kind), row in found.differences().iterrows()
        ]
        head = ["", "difference", "standard_error", "lower", "upper", "of raw means", "its standard error"]
        table(f"Difference from nobody ({outcome})", head, rows)
    men = evaluated(occasions).differences("everybody men's").loc["by past category"]
    print("\nBy past category against everybody men's, where they differ:")
    print(men[["difference", "standard_error", "lower", "upper", "differ", "better"]].to_string())


def print_times(customers: int) -> None:
    rows: list[list[object]] = []
    for n in (10_000, customers):
        found = measure(MARKET.format(customers=n))
        what = (
            found if isinstance(found, str) else f"{found.figures[1]:,.0f} purchases, {found.figures[2]:,.0f} contacts"
        )
        spent = ["failed", ""] if isinstance(found, str) else [found.figures[0], found.gigabytes]
        rows.append([f"simulate_market, {n:,} customers, 104 weeks", *spent, what])
    for n in (100_000, customers):
        found = measure(JUDGED.format(rows=n))
        spent = ["failed", ""] if isinstance(found, str) else [found.figures[0], found.gigabytes]
        rows.append(
            [f"evaluate_policies, {n:,} occasions, 4 policies", *spent, found if isinstance(found, str) else ""]
        )
    table("Time", ["", "seconds", "peak GB", ""], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with hillstrom_email.parquet")
    parser.add_argument("--customers", type=int, default=1_000_000)
    options = parser.parse_args()
    print(describe())
    if options.data is not None:
        print_experiment(options.data)
    print_times(options.customers)


if __name__ == "__main__":
    main()
