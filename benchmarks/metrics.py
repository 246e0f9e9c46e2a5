"""The monthly table of indicators: time and peak memory by size of the log, and its identities on a real log with returns.

    python benchmarks/metrics.py [--customers 2000000] [--data DIR]      (or set CLVMODELS_DATA)

The log is the one of histories.py; `returns` makes every tenth line the return of the line before it, so that nets have to be
taken, `tiers` puts customers in one of four. Imports count: the time is that of a script from its start to its result. DIR holds
online_retail.parquet (541,909 lines of a shop with cancellations); without it that part is left out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from harness import Measured, describe, measure, table
from histories import GROWTH, simulate

import clvmodels as clv

CODE = """
from clvmodels import metrics
from clvmodels.data.transactions import Transactions
log = Transactions(path, customer="customer", date="date", amount="amount"{more})
found = metrics.table(log, by={by!r}, tier={tier})
whole = found[found["tier"] == "total"]
print(whole["lines"].sum(), whole["customers"].iloc[-1])
"""


def script(path: Path, *, by: str = "month", tier: bool = False) -> str:
    """The table of the file, printing how many lines and customers are in it."""
    return f"path = {str(path)!r}\n" + CODE.format(
        by=by, tier="'segment'" if tier else None, more=", segment='tier'" if tier else ""
    )


def with_returns(path: Path, target: Path) -> None:
    """The log with every tenth line made the return of the purchase before it: same customer, the day after, less money."""
    log = pq.read_table(path)
    returned = pa.array(range(9, len(log), 10))
    amount, tenth = log["amount"].to_numpy().copy(), returned.to_numpy()
    customer, date = log["customer"].to_numpy().copy(), log["date"].to_numpy().copy()
    amount[tenth], customer[tenth], date[tenth] = -amount[tenth - 1], customer[tenth - 1], date[tenth - 1] + 1
    pq.write_table(pa.table({"customer": customer, "date": date, "amount": amount}), target)


def with_tiers(path: Path, target: Path) -> None:
    """The log with four tiers of customers."""
    log = pq.read_table(path)
    names = pa.array(["platinum", "gold", "iron", "lead"])
    code = pc.subtract(log["customer"], pc.multiply(pc.divide(log["customer"], 4), 4))
    pq.write_table(log.append_column("tier", names.take(pc.cast(code, pa.int64()).combine_chunks())), target)


def row(name: str, found: Measured | str) -> list[object]:
    """One line of the table."""
    if isinstance(found, str):
        return [name, f"failed: {found}", "", "", ""]
    lines, customers = (f"{int(figure):,}" for figure in found.figures)
    return [name, lines, customers, found.seconds, found.gigabytes]


def sizes(customers: int) -> list[list[object]]:
    """The table by month of growing logs, and of the largest with returns, with tiers and by week."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder) / "log.parquet", Path(folder) / "other.parquet"
        for size in (*[size for size in GROWTH if size < customers], customers):
            simulate(path, size)
            rows.append(row("by month", measure(script(path))))
        rows.append(row("by week", measure(script(path, by="week"))))
        with_tiers(path, other)
        rows.append(row("by month, four tiers", measure(script(other, tier=True))))
        with_returns(path, other)
        rows.append(row("by month, every tenth line a return", measure(script(other))))
    return rows


def retail(file: Path) -> list[list[object]]:
    """What has to hold on a real log: every line accounted for, both identities in every row, tiers that add up."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "quantity": "quantity"}
    log = clv.Transactions(file, **columns, product="stock_code", segment="country", invalid="leave_out")
    quality, found = log.quality(), clv.metrics.table(log, tier="segment", exact=True)
    total, parts = found[found["tier"] == "total"], found[found["tier"] != "total"]
    bought = found[found["purchase_count"] > 0]
    priced = bought[bought["quantity"] > 0]
    ticket = (bought["amount"] == bought["purchase_count"] * bought["average_ticket"]).sum()
    unit = (priced["average_ticket"] == priced["unit_price"] * priced["units_per_purchase"]).sum()
    sums = parts.groupby("month")[["lines", "amount", "customers"]].sum()
    added = (sums.to_numpy() == total[["lines", "amount", "customers"]].to_numpy()).all()
    returns = clv.metrics.match_returns(log)["match"].value_counts()
    return [
        ["lines", quality.rows],
        ["of them cancelled", int(pd.read_parquet(file, columns=["is_cancellation"])["is_cancellation"].sum())],
        ["without a customer, left out", quality["without customer id"].count],
        ["in the table", int(total["lines"].sum())],
        ["accounted for", f"{int(total['lines'].sum()) + quality['without customer id'].count == quality.rows}"],
        ["rows by month and country", len(found)],
        ["amount = count x ticket, exactly", f"{ticket} of {len(bought)}"],
        ["ticket = unit price x units, exactly", f"{unit} of {len(priced)}"],
        ["countries add up to the total, exactly", f"{added}"],
        *[[f"returned lines: {name}", int(number)] for name, number in returns.items()],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--data", default=os.environ.get("CLVMODELS_DATA"), help="folder with online_retail.parquet")
    options = parser.parse_args()
    print(describe())
    table(
        "Transactions to the table of indicators",
        ["", "lines", "customers", "seconds", "peak GB"],
        sizes(options.customers),
    )
    file = Path(options.data or "") / "online_retail.parquet"
    if options.data and file.exists():
        table("Online retail, by month and country", ["", "found"], retail(file))
    else:
        print("\nOnline retail: left out, no --data with online_retail.parquet.")


if __name__ == "__main__":
    main()
