"""`competing`: one fit of all reasons for leaving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy import linalg

from clvmodels.covariates.competing import CompetingModel
from clvmodels.covariates.survival import Survival
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.data.tenures import Tenures
from clvmodels.errors import ContractError, ModelError
from clvmodels.estimation.estimate import Method, fit
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.estimation.result import Fit
from clvmodels.model import Array
from clvmodels.priors import Prior


def competing(
    model: Survival | Mapping[str, Survival],
    tenures: Tenures,
    *,
    method: Method = "auto",
    priors: Mapping[str, Prior] | None = None,
    draws: int = 2000,
    chains: int = 4,
    tune: int = 1000,
    seed: int = 0,
) -> Fit:
    """Fit why customers leave: a hazard for each reason, of which the first to come is the reason.

    Each reason is fitted to the tenures in which only leaving for it counts, who left for another being seen until then
    (`tenures.because_of(reason)`). To take one minus such a fit's survival for the share that leaves for the reason is the usual
    mistake: it is the share if no other reason existed. `cumulative_incidence` and `incidence_after` say what will really be.

    Parameters
    ----------
    model
        One `survival(...)` for all reasons, or one for each by name.
    tenures
        With reasons of all who left.
    method, priors, draws, chains, tune, seed
        As of `fit`, for each reason.

    Returns
    -------
    Fit with the formulas of all reasons together: survival, retention_rate, cumulative_incidence(t, reason=...) of who is new;
    survival_after, incidence_after(tenures, horizon=..., reason=...), renewal_probability, restricted_mean of who is there.
    Its parameters are those of each reason, called after it. Where leaving is known by period alone, who left for one reason is
    taken to have been free of the others to the end of that period: periods should be short next to lifetimes.

    Raises
    ------
    ContractError
        Reasons are missing.
    ModelError
        The models by name are not of these reasons, or differ in how they count time.

    Source: Prentice, Kalbfleisch, Peterson, Flournoy, Farewell and Breslow 1978, Biometrics 34, 541-554.
    """
    reasons = _reasons(tenures)
    models = dict(model) if isinstance(model, Mapping) else dict.fromkeys(reasons, model)
    if set(models) != set(reasons):
        raise ModelError(
            f"Models are given for {', '.join(models)}; customers left for {', '.join(reasons)}. Give one for each."
        )
    fits = [
        fit(
            models[reason], tenures.because_of(reason), method=method, priors=priors, draws=draws, chains=chains,
            tune=tune, seed=seed,
        )
        for reason in reasons
    ]  # fmt: skip
    return _together(reasons, fits, tenures, seed)


def _reasons(tenures: Tenures) -> tuple[str, ...]:
    left = tenures.event == 1
    said = np.array([], dtype=object) if tenures.reason is None else tenures.reason[left]
    missing = int(left.sum()) if tenures.reason is None else sum(one is None for one in said)
    if missing:
        raise ContractError(
            f"The reason is not known of {missing:,} customers who left. Name its column as reason=, and fill the gaps, for "
            "example with 'other'."
        )
    found = tuple(sorted({str(one) for one in said}))
    if len(found) < 2:
        raise ContractError(
            f"All who left did so for one reason ({', '.join(found) or 'none left'}). Fit the model itself."
        )
    return found


def _together(reasons: tuple[str, ...], fits: list[Fit], tenures: Tenures, seed: int) -> Fit:
    causes = [one.model for one in fits]
    assert all(isinstance(one, SurvivalModel) for one in causes), "survival becomes a survival model"
    if len({one.whole for one in causes}) > 1:  # type: ignore[attr-defined]
        raise ModelError(
            "A discrete model counts periods and the others time. Give models of one kind for all reasons."
        )
    model = CompetingModel(reasons, tuple(causes))  # type: ignore[arg-type]
    posterior = _joint_posterior(model, fits, seed)
    names = model.Theta._fields
    priors = None if fits[0].priors is None else dict(
        zip(names, [prior for one in fits for prior in (one.priors or {}).values()], strict=True)
    )  # fmt: skip
    return Fit(
        model=model,
        method="nuts" if any(one.method == "nuts" for one in fits) else fits[0].method,
        theta=model.Theta(*(float(v) for one in fits for v in one.theta)),
        loglik=sum(one.loglik for one in fits),
        covariance=np.asarray(linalg.block_diag(*(one.covariance for one in fits))),
        posterior=posterior,
        diagnostics=_worst([one.diagnostics for one in fits]),
        priors=priors,
        period=tenures.period,
        currency=tenures.currency,
        n_customers=len(tenures),
        n_informative=fits[0].n_informative,
        n_distinct=max(one.n_distinct for one in fits),
        fingerprint=tenures.fingerprint(),
        seed=None if posterior is None else seed,
        version=fits[0].version,
    )


def _joint_posterior(model: CompetingModel, fits: list[Fit], seed: int) -> xr.Dataset | None:
    """Draws of all reasons side by side: given the data they are independent, for the likelihood is a product."""
    if any(one.posterior is None for one in fits):
        return None
    count = min(
        int(one.posterior.sizes["chain"] * one.posterior.sizes["draw"]) for one in fits if one.posterior is not None
    )
    columns: list[Array] = []
    for number, one in enumerate(fits):
        columns += list(one.draws(count, seed=np.random.default_rng([seed, number])))
    named: dict[str, Any] = {
        name: (("chain", "draw"), values[None, :]) for name, values in zip(model.Theta._fields, columns, strict=True)
    }
    return xr.Dataset(named)


def _worst(found: list[Diagnostics]) -> Diagnostics:
    def of(name: str, choose: Any) -> Any:
        known = [getattr(one, name) for one in found if getattr(one, name) is not None]
        return choose(known) if known else None

    return Diagnostics(
        decrement=of("decrement", max), iterations=of("iterations", max), k_hat=of("k_hat", max), r_hat=of("r_hat", max),
        ess=of("ess", min), divergences=of("divergences", sum), compiling=of("compiling", sum), seconds=of("seconds", sum),
    )  # fmt: skip
