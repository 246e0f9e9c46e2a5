"""Which products earn money with which tier of customers (customer-product profitability)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from clvmodels.data.lines import MONEY
from clvmodels.data.tables import as_table, fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, TransactionError, missing_column
from clvmodels.uses.result import UseOfValue
from clvmodels.uses.tiers import ValueTiers

if TYPE_CHECKING:
    import ibis.expr.types as ir

NO_PRODUCT = "(none)"
KINDS: Final = ("highly profitable", "profitable", "mixed", "unprofitable")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ProductProfitability(UseOfValue):
    """The outcome of `clv.product_profitability`.

    Attributes
    ----------
    cells
        One row per product and tier: product, tier, customers, purchases (lines), amount, margin [currency], margin_rate.
    tiers
        Names of the tiers, in the order they were given.
    """

    title: ClassVar[str] = "Customer tier by product profitability"

    cells: pd.DataFrame = field(repr=False)
    tiers: tuple[str, ...]

    def matrix(self) -> pd.DataFrame:
        """Margin by product (rows) and tier (columns) [currency]; zero where the tier bought none."""
        wide = self.cells.pivot_table(index="product", columns="tier", values="margin", aggfunc="sum", fill_value=0.0)
        return wide.reindex(index=self.summary["product"], columns=list(self.tiers), fill_value=0.0)


def product_profitability(log: Transactions, tiers: ValueTiers | Any, *, highly: float = 0.20) -> ProductProfitability:
    """The matrix of customer tiers by products (고객-제품 수익성), and what kind each product is.

    A product is *unprofitable* if it earns nothing with any tier that bought it, *mixed* if it earns with some and loses with
    others, *profitable* if it earns with all, and *highly profitable* if it is also among the best fifth by margin (`highly`).

    Parameters
    ----------
    log
        With product= (a product or a category) and margin= (of the line) [currency]; returns are negative lines.
    tiers
        `ValueTiers`, or a table with customer_id and tier.
    highly
        Share of the products that may be highly profitable, above 0 to 1.

    Returns
    -------
    ProductProfitability. `table()`, a row per product, most margin first: product, kind, customers, purchases (lines), amount,
    margin [currency], margin_rate (margin over amount), and margin_<tier>. `cells` and `matrix()`: by product and tier

    Raises
    ------
    TransactionError
        The log has no product or no margin; ClvError: `highly` is no share, or no customer of the log has a tier.

    Source: crm_indicators, section G.
    """
    if not 0 < highly <= 1:
        raise ClvError(f"highly={highly!r} is no share of the products. Write 0.20 for the best fifth.")
    lines: Any = log.lines()
    for role in ("product", "margin"):
        if role not in lines.columns:
            raise TransactionError(f"Profitability by product needs the {role} of each line. Name its column: {role}=.")
    names, table = _tiers(tiers)
    joined = _with_tier(lines, table)
    cells: pd.DataFrame = fetch(_sums(joined.filter(joined.tier.notnull()), "product", "tier")).to_pandas()  # noqa: PD004
    if cells.empty:
        raise ClvError("No customer of the log has a tier. Check that both use the same ids, of the same type.")
    products: pd.DataFrame = fetch(_sums(joined.filter(joined.tier.notnull()), "product")).to_pandas()  # noqa: PD004
    cells["tier"] = pd.Categorical(cells["tier"], categories=names)
    cells = cells.sort_values(["product", "tier"]).reset_index(drop=True).astype({"tier": object})
    summary = _summary(products, cells, names, highly)
    return ProductProfitability(
        summary=summary,
        customers=None,
        notes=_notes(joined, highly),
        currency=log.currency,
        cells=cells,
        tiers=tuple(names),
    )


def _tiers(tiers: ValueTiers | Any) -> tuple[list[str], ir.Table]:
    if isinstance(tiers, ValueTiers):
        return list(tiers.names), as_table(tiers.tier)
    table: Any = as_table(tiers)
    for name in ("customer_id", "tier"):
        if name not in table.columns:
            raise TransactionError(missing_column(name, role="tiers", available=table.columns))
    table = table.mutate(tier=table.tier.cast("string"))
    found = fetch(table.select("tier").distinct().order_by("tier"))["tier"].to_pylist()
    return [name for name in found if name is not None], table


def _with_tier(lines: Any, tiers: Any) -> Any:
    each = tiers.group_by("customer_id").aggregate(tier=tiers.tier.max())
    joined = lines.left_join(each, "customer_id").select(*lines.columns, each.tier)
    amount = joined.amount if "amount" in lines.columns else joined.margin * np.nan
    return joined.mutate(product=joined["product"].cast("string").fill_null(NO_PRODUCT), amount=amount)


def _sums(lines: Any, *keys: str) -> ir.Table:
    found = lines.group_by(*keys).aggregate(
        customers=lines.customer_id.nunique(), purchases=lines.count(), amount=lines.amount.sum().round(MONEY),
        margin=lines.margin.sum().fill_null(0.0).round(MONEY),
    )  # fmt: skip
    return found.mutate(margin_rate=(found.amount != 0).ifelse(found.margin / found.amount, np.nan))


def _summary(products: pd.DataFrame, cells: pd.DataFrame, names: list[str], highly: float) -> pd.DataFrame:
    wide = cells.pivot_table(index="product", columns="tier", values="margin").reindex(columns=names)
    table = products.set_index("product").loc[wide.index]
    earns, loses = (wide > 0).any(axis=1), (wide <= 0).any(axis=1)
    best = table["margin"].rank(ascending=False, method="first") <= np.ceil(highly * len(table))
    kind = np.select([~earns, earns & loses, best], [KINDS[3], KINDS[2], KINDS[0]], KINDS[1])
    table.insert(0, "kind", kind)
    table = table.join(wide.fillna(0.0).add_prefix("margin_")).reset_index()
    return table.sort_values(["margin", "product"], ascending=[False, True]).reset_index(drop=True)


def _notes(joined: Any, highly: float) -> tuple[str, ...]:
    left: Any = joined.tier.isnull()  # noqa: PD003
    facts = joined.aggregate(
        lines=left.sum(),
        margin=joined.margin.sum(where=left),
        unknown=(~left & joined.margin.isnull()).sum(),  # noqa: PD003
    )
    [found] = fetch(facts).to_pylist()
    notes = [
        f"Highly profitable: among the best {100 * highly:g} % of products by margin, and a gain with every tier that bought it."
    ]
    if found["lines"]:
        notes.append(
            f"{found['lines']:,} lines of customers without a tier (margin {found['margin'] or 0.0:,.2f}) are left out."
        )
    if found["unknown"]:
        notes.append(f"{found['unknown']:,} lines have no margin that can be read and count as zero.")
    return tuple(notes)
