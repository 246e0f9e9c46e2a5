"""Probabilistic customer lifetime value, from events to decisions.

    events -> histories -> sub-models -> lifetime value with intervals -> against the simple formulas -> budget plan -> report

In the order of use:

- `Transactions`, `Histories`, `samples`: from a log of purchases to what a model needs to know of each customer
- `Contacts`, `occasions`, `Occasions`: from a log of contacts to what each was followed by, next to what happens without contact;
  `Contacts.with_exposure`: mass media that reach everybody in a region
- `NBD`, `BG_NBD`, `MBG_NBD`, `PARETO_NBD`, `PARETO_LOGNORMAL`, `GGOMPERTZ_NBD`, `BG_BB` (how long and how often),
  `BG_CNBD_K(k)`, `MBG_CNBD_K(k)` (the same where buying is regular; `regularity` estimates k), `GAMMA_GAMMA` (how much); the
  `catalogue` lists them
- `Contracts`, `Tenures`, `Tenure`: from a table of contracts to what is known of each tenure
- `GEOMETRIC`, `SHIFTED_BETA_GEOMETRIC`, `BETA_DISCRETE_WEIBULL` (how long a customer renews), `survivors`: how many of those who
  are there now will still be there
- `survival`, `competing`: how long a customer stays, by tenure, covariates and segment, in continuous time or period by period;
  and why she leaves
- `check`: whether the data can support the models, and which assumption is in doubt; whether a fit of contracts agrees with them
- `with_covariates`, `pooled`: any of them, with parameters that covariates explain, or that differ between segments
- `time_varying`, `Panel`: seasons, promotions and contacts that move how often customers buy and how soon they leave;
  `plan_difference`: what one plan brings over another, purchases induced, pulled forward, saved and lost
- `fit`, `save`, `load`, `LogNormal`, `Gamma`, `Normal`, `HalfNormal`: estimate a model; keep the estimate; state prior knowledge
- `media_response`, `response_curve`: which media a customer responds to, from a log of contacts or from judgement
- `forecast`: value per customer and in total, of purchases or of contracts, with expected and predictive intervals; `combine`:
  of customers who have both
- `compare_models`, `stack`: which model predicts customers left out best, and whether that is more than noise; several that
  predict together
- `score_contracts`: how well fits of contracts predict who leaves when
- `metrics`: the indicators of customer relationship management, by month and tier, and the simple measures
- `formulas`, `compare`, `tracking`: the simple formulas of the textbooks, and both against what customers then did
- `Action`, `PlannedContact`, `plan_budget` with `Capacity`, `Coverage`, `BudgetShare`, `EqualTreatment`: who gets which contacts,
  and how much money that is worth; `Save`, `RenewalResponse`: what offers do to renewals of contracts; `max_worth_spending`: what
  a perfect save is worth
- `simple_against_model`, `constant_retention_against_model`: P(active), RFM, past value and constant retention beside the
  models, on a holdout, and where each misleads
- `value_tiers`, `value_loyalty_grid`, `product_profitability`, `newcomer_value`, `value_at_risk`, `next_purchase`,
  `next_purchase_by_category`, `letting_go`: what lifetime value is used for, each with a table, a list and a figure
- `evaluate_policies`, `design_test`: what policies of contact were worth in a randomised log, and how large a test has to be
- `simulate_market`, `simulate_contact_market`: customers, contacts and increments of which everything is known, to try all of
  this on: contacts that act within a window, or that leave stocks behind which move both rates
- `figures`, `write_report`, `write_plan`: for people who look rather than read
- `DAY`, `WEEK`, `MONTH`, `YEAR`, `FOREVER`, `Rate`, `Cost`: units, without which no number is accepted

Names are imported when first used, so that `import clvmodels` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvmodels.version import __version__ as __version__

if TYPE_CHECKING:
    from clvmodels import metrics as metrics
    from clvmodels.budget.actions import Action as Action
    from clvmodels.budget.actions import PlannedContact as PlannedContact
    from clvmodels.budget.constraints import BudgetShare as BudgetShare
    from clvmodels.budget.constraints import Capacity as Capacity
    from clvmodels.budget.constraints import Coverage as Coverage
    from clvmodels.budget.constraints import EqualTreatment as EqualTreatment
    from clvmodels.budget.plan import Plan as Plan
    from clvmodels.budget.planning import plan_budget as plan_budget
    from clvmodels.budget.saves import RenewalResponse as RenewalResponse
    from clvmodels.budget.saves import Save as Save
    from clvmodels.catalogue import catalogue as catalogue
    from clvmodels.covariates.explained import with_covariates as with_covariates
    from clvmodels.covariates.pooled import pooled as pooled
    from clvmodels.covariates.survival import survival as survival
    from clvmodels.covariates.time_varying import time_varying as time_varying
    from clvmodels.data import samples as samples
    from clvmodels.data.contacts import Contacts as Contacts
    from clvmodels.data.contracts import Contracts as Contracts
    from clvmodels.data.histories import Histories as Histories
    from clvmodels.data.panel import Panel as Panel
    from clvmodels.data.tenure import Tenure as Tenure
    from clvmodels.data.tenures import Tenures as Tenures
    from clvmodels.data.transactions import Transactions as Transactions
    from clvmodels.duration.beta_discrete_weibull import BETA_DISCRETE_WEIBULL as BETA_DISCRETE_WEIBULL
    from clvmodels.duration.bg_bb import BG_BB as BG_BB
    from clvmodels.duration.bg_nbd import BG_NBD as BG_NBD
    from clvmodels.duration.cnbd import BG_CNBD_K as BG_CNBD_K
    from clvmodels.duration.cnbd import MBG_CNBD_K as MBG_CNBD_K
    from clvmodels.duration.geometric import GEOMETRIC as GEOMETRIC
    from clvmodels.duration.ggompertz_nbd import GGOMPERTZ_NBD as GGOMPERTZ_NBD
    from clvmodels.duration.mbg_nbd import MBG_NBD as MBG_NBD
    from clvmodels.duration.nbd import NBD as NBD
    from clvmodels.duration.pareto_lognormal import PARETO_LOGNORMAL as PARETO_LOGNORMAL
    from clvmodels.duration.pareto_nbd import PARETO_NBD as PARETO_NBD
    from clvmodels.duration.regularity import regularity as regularity
    from clvmodels.duration.shifted_beta_geometric import SHIFTED_BETA_GEOMETRIC as SHIFTED_BETA_GEOMETRIC
    from clvmodels.errors import ClvError as ClvError
    from clvmodels.errors import ContactError as ContactError
    from clvmodels.errors import ContractError as ContractError
    from clvmodels.errors import ConvergenceError as ConvergenceError
    from clvmodels.errors import HistoryError as HistoryError
    from clvmodels.errors import InfeasiblePlan as InfeasiblePlan
    from clvmodels.errors import ModelError as ModelError
    from clvmodels.errors import SavedFitError as SavedFitError
    from clvmodels.errors import TransactionError as TransactionError
    from clvmodels.errors import UnitError as UnitError
    from clvmodels.estimation.competing import competing as competing
    from clvmodels.estimation.estimate import fit as fit
    from clvmodels.estimation.media_fit import MediaFit as MediaFit
    from clvmodels.estimation.result import Fit as Fit
    from clvmodels.estimation.stack import stack as stack
    from clvmodels.estimation.store import load as load
    from clvmodels.estimation.store import save as save
    from clvmodels.estimation.survivors import survivors as survivors
    from clvmodels.evaluation.check import check as check
    from clvmodels.evaluation.choose import compare_models as compare_models
    from clvmodels.evaluation.compare import compare as compare
    from clvmodels.evaluation.constant_retention import (
        constant_retention_against_model as constant_retention_against_model,
    )
    from clvmodels.evaluation.contract_scores import score_contracts as score_contracts
    from clvmodels.evaluation.experiments import design_test as design_test
    from clvmodels.evaluation.policies import evaluate_policies as evaluate_policies
    from clvmodels.evaluation.simple_measures import simple_against_model as simple_against_model
    from clvmodels.evaluation.tracking import tracking as tracking
    from clvmodels.history import History as History
    from clvmodels.priors import Gamma as Gamma
    from clvmodels.priors import HalfNormal as HalfNormal
    from clvmodels.priors import LogNormal as LogNormal
    from clvmodels.priors import Normal as Normal
    from clvmodels.quantity.gamma_gamma import GAMMA_GAMMA as GAMMA_GAMMA
    from clvmodels.report import figures as figures
    from clvmodels.report.document import write_report as write_report
    from clvmodels.report.plan_page import write_plan as write_plan
    from clvmodels.response.from_logs import occasions as occasions
    from clvmodels.response.media import media_response as media_response
    from clvmodels.response.media import share_from_lift_test as share_from_lift_test
    from clvmodels.response.occasions import Occasions as Occasions
    from clvmodels.response.response_curve import response_curve as response_curve
    from clvmodels.simulation.contact_market import simulate_contact_market as simulate_contact_market
    from clvmodels.simulation.market import simulate_market as simulate_market
    from clvmodels.units import DAY as DAY
    from clvmodels.units import FOREVER as FOREVER
    from clvmodels.units import MONTH as MONTH
    from clvmodels.units import WEEK as WEEK
    from clvmodels.units import YEAR as YEAR
    from clvmodels.units import Cost as Cost
    from clvmodels.units import Period as Period
    from clvmodels.units import Rate as Rate
    from clvmodels.units import Span as Span
    from clvmodels.uses.categories import next_purchase_by_category as next_purchase_by_category
    from clvmodels.uses.grid import value_loyalty_grid as value_loyalty_grid
    from clvmodels.uses.letting_go import letting_go as letting_go
    from clvmodels.uses.newcomers import newcomer_value as newcomer_value
    from clvmodels.uses.next_purchase import next_purchase as next_purchase
    from clvmodels.uses.products import product_profitability as product_profitability
    from clvmodels.uses.risk import value_at_risk as value_at_risk
    from clvmodels.uses.tiers import value_tiers as value_tiers
    from clvmodels.value import formulas as formulas
    from clvmodels.value.combined import combine as combine
    from clvmodels.value.contract_forecast import ContractForecast as ContractForecast
    from clvmodels.value.forecast import Forecast as Forecast
    from clvmodels.value.forecast import forecast as forecast
    from clvmodels.value.plan_difference import plan_difference as plan_difference
    from clvmodels.value.plan_parts import PlanDifference as PlanDifference
    from clvmodels.value.save import max_worth_spending as max_worth_spending

_HOMES = {
    "data": ("samples",),
    "data.transactions": ("Transactions",),
    "data.contacts": ("Contacts",),
    "data.contracts": ("Contracts",),
    "data.tenure": ("Tenure",),
    "data.tenures": ("Tenures",),
    "data.histories": ("Histories",),
    "response.occasions": ("Occasions",),
    "response.from_logs": ("occasions",),
    "catalogue": ("catalogue",),
    "duration.nbd": ("NBD",),
    "duration.bg_nbd": ("BG_NBD",),
    "duration.cnbd": ("BG_CNBD_K", "MBG_CNBD_K"),
    "duration.mbg_nbd": ("MBG_NBD",),
    "duration.pareto_lognormal": ("PARETO_LOGNORMAL",),
    "duration.pareto_nbd": ("PARETO_NBD",),
    "duration.geometric": ("GEOMETRIC",),
    "duration.shifted_beta_geometric": ("SHIFTED_BETA_GEOMETRIC",),
    "duration.beta_discrete_weibull": ("BETA_DISCRETE_WEIBULL",),
    "duration.regularity": ("regularity",),
    "duration.ggompertz_nbd": ("GGOMPERTZ_NBD",),
    "duration.bg_bb": ("BG_BB",),
    "quantity.gamma_gamma": ("GAMMA_GAMMA",),
    "response.media": ("media_response", "share_from_lift_test"),
    "response.response_curve": ("response_curve",),
    "covariates.explained": ("with_covariates",),
    "covariates.pooled": ("pooled",),
    "covariates.survival": ("survival",),
    "estimation.competing": ("competing",),
    "covariates.time_varying": ("time_varying",),
    "data.panel": ("Panel",),
    "estimation.estimate": ("fit",),
    "estimation.result": ("Fit",),
    "estimation.media_fit": ("MediaFit",),
    "estimation.stack": ("stack",),
    "estimation.store": ("save", "load"),
    "estimation.survivors": ("survivors",),
    "history": ("History",),
    "priors": ("LogNormal", "Gamma", "Normal", "HalfNormal"),
    "value.forecast": ("forecast", "Forecast"),
    "value.contract_forecast": ("ContractForecast",),
    "value.combined": ("combine",),
    "value.plan_difference": ("plan_difference",),
    "value.plan_parts": ("PlanDifference",),
    "value.save": ("max_worth_spending",),
    "budget.actions": ("Action", "PlannedContact"),
    "budget.constraints": ("Capacity", "Coverage", "BudgetShare", "EqualTreatment"),
    "budget.saves": ("Save", "RenewalResponse"),
    "budget.planning": ("plan_budget",),
    "budget.plan": ("Plan",),
    "uses.tiers": ("value_tiers",),
    "uses.grid": ("value_loyalty_grid",),
    "uses.products": ("product_profitability",),
    "uses.newcomers": ("newcomer_value",),
    "uses.risk": ("value_at_risk",),
    "uses.next_purchase": ("next_purchase",),
    "uses.categories": ("next_purchase_by_category",),
    "uses.letting_go": ("letting_go",),
    "value": ("formulas",),
    "metrics": ("metrics",),
    "evaluation.check": ("check",),
    "evaluation.choose": ("compare_models",),
    "evaluation.compare": ("compare",),
    "evaluation.constant_retention": ("constant_retention_against_model",),
    "evaluation.contract_scores": ("score_contracts",),
    "evaluation.experiments": ("design_test",),
    "evaluation.policies": ("evaluate_policies",),
    "evaluation.simple_measures": ("simple_against_model",),
    "evaluation.tracking": ("tracking",),
    "report": ("figures",),
    "report.document": ("write_report",),
    "report.plan_page": ("write_plan",),
    "simulation.market": ("simulate_market",),
    "simulation.contact_market": ("simulate_contact_market",),
    "units": ("DAY", "WEEK", "MONTH", "YEAR", "FOREVER", "Period", "Span", "Rate", "Cost"),
    "errors": (
        "ClvError", "TransactionError", "HistoryError", "UnitError", "ModelError", "ConvergenceError", "SavedFitError",
        "ContactError", "ContractError", "InfeasiblePlan",
    ),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"clvmodels has no {name!r}. It has: {', '.join(__all__)}.")
    home = import_module(f"clvmodels.{_HOME[name]}")
    value = getattr(home, name, None)
    if value is None:
        value = home if _HOME[name] == name else import_module(f"clvmodels.{_HOME[name]}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
