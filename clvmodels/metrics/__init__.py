"""The indicators of customer relationship management, each a documented formula; imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clvmodels.metrics.indicators import table as table
    from clvmodels.metrics.market import acquisition as acquisition
    from clvmodels.metrics.market import sales as sales
    from clvmodels.metrics.measures import acquisition_cost as acquisition_cost
    from clvmodels.metrics.measures import acquisition_rate as acquisition_rate
    from clvmodels.metrics.measures import average_interpurchase_time as average_interpurchase_time
    from clvmodels.metrics.measures import break_even_response as break_even_response
    from clvmodels.metrics.measures import defection_rate as defection_rate
    from clvmodels.metrics.measures import interpurchase_time_of_period as interpurchase_time_of_period
    from clvmodels.metrics.measures import p_active as p_active
    from clvmodels.metrics.measures import retention_rate as retention_rate
    from clvmodels.metrics.measures import survival_rate as survival_rate
    from clvmodels.metrics.people import customer_activity as customer_activity
    from clvmodels.metrics.people import past_value as past_value
    from clvmodels.metrics.people import wallets as wallets
    from clvmodels.metrics.returned import match_returns as match_returns
    from clvmodels.metrics.scores import Rfm as Rfm
    from clvmodels.metrics.scores import cells as cells
    from clvmodels.metrics.scores import quintiles as quintiles
    from clvmodels.metrics.scores import regression_weights as regression_weights
    from clvmodels.metrics.scores import rfm as rfm
    from clvmodels.metrics.scores import weighted_score as weighted_score
    from clvmodels.metrics.shares import Share as Share
    from clvmodels.metrics.shares import wilson_interval as wilson_interval
    from clvmodels.metrics.triangle import cohorts as cohorts
    from clvmodels.metrics.triangle import retention as retention
    from clvmodels.metrics.wallet import aggregate_share_of_wallet as aggregate_share_of_wallet
    from clvmodels.metrics.wallet import individual_share_of_wallet as individual_share_of_wallet
    from clvmodels.metrics.wallet import market_share as market_share
    from clvmodels.metrics.wallet import sales_growth as sales_growth
    from clvmodels.metrics.wallet import share_of_category_requirement as share_of_category_requirement
    from clvmodels.metrics.wallet import size_of_wallet as size_of_wallet

_HOMES = {
    "indicators": ("table",),
    "triangle": ("cohorts", "retention"),
    "people": ("customer_activity", "past_value", "wallets"),
    "market": ("acquisition", "sales"),
    "shares": ("Share", "wilson_interval"),
    "returned": ("match_returns",),
    "wallet": (
        "aggregate_share_of_wallet", "individual_share_of_wallet", "market_share", "sales_growth",
        "share_of_category_requirement", "size_of_wallet",
    ),
    "measures": (
        "acquisition_cost", "acquisition_rate", "average_interpurchase_time", "break_even_response", "defection_rate",
        "interpurchase_time_of_period", "p_active", "retention_rate", "survival_rate",
    ),
    "scores": ("Rfm", "cells", "quintiles", "regression_weights", "rfm", "weighted_score"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"clvmodels.metrics has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(import_module(f"clvmodels.metrics.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
