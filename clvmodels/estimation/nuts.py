"""Hamiltonian Monte Carlo with PyMC and nutpie, around the same compiled kernel as every other engine.

One PyTensor Op serves all models: its outputs are the total log-likelihood and its gradient, so the pullback is a product.
"""

from __future__ import annotations

import time
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt
from numba import njit
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key
from rich.console import Console

from clvmodels.coordinates import Coordinates
from clvmodels.errors import ConvergenceError
from clvmodels.estimation.mle import posterior_mode
from clvmodels.estimation.outcome import Diagnostics, Outcome, from_posterior
from clvmodels.estimation.problem import THREADS, Problem
from clvmodels.model import Array

USUAL, CAREFUL = 0.8, 0.97
"""Acceptance aimed at; careful in hierarchical models, whose posteriors are funnels: small steps."""


class LogLikelihood(Op):
    """Total log-likelihood of a model over distinct histories, and its gradient in theta.

    Inputs: theta (k,), counts (n,), the model's columns, each (n,). Outputs: value (), gradient (k,).
    """

    __props__ = ("name",)

    def __init__(self, problem: Problem) -> None:
        self.name = problem.model.name
        self.kernel = problem.model.kernel
        self.total = problem.model.total

    def make_node(self, *inputs: Any) -> Apply:
        return Apply(self, [pt.as_tensor_variable(v) for v in inputs], [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        theta, counts, *columns = inputs
        if self.total is not None:
            summed, outputs[1][0] = self.total(theta, counts, *columns)
            outputs[0][0] = np.asarray(summed)
            return
        value, gradient = self.kernel(theta[None, :], *columns)
        outputs[0][0] = np.asarray(counts @ value)
        outputs[1][0] = counts @ gradient

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        cotangent = cotangents[0]
        rest = [pt.zeros_like(v, dtype="float64") for v in inputs[1:]]
        return [cotangent * self(*inputs)[1], *rest]


@register_funcify_and_cache_key(LogLikelihood)
def _compiled(op: LogLikelihood, node: Apply, **_: Any) -> tuple[Any, None]:
    if op.total is not None:
        total = op.total if hasattr(op.total, "py_func") else njit(fastmath=False)(op.total)

        @njit(fastmath=False)
        def summed(theta, counts, *columns):  # type: ignore[no-untyped-def]
            value, gradient = total(np.ascontiguousarray(theta), counts, *columns)
            return np.asarray(value), gradient

        return summed, None
    kernel = op.kernel if hasattr(op.kernel, "py_func") else njit(fastmath=False)(op.kernel)

    # PyTensor compiles with fast arithmetic, and what it calls inherits that unless told otherwise.
    @njit(fastmath=False)
    def call(theta, counts, *columns):  # type: ignore[no-untyped-def]
        value, gradient = kernel(np.ascontiguousarray(theta).reshape(1, -1), *columns)
        return np.asarray(np.sum(counts * value)), counts @ gradient

    return call, None


def pymc_model(problem: Problem, *, start: Array | None = None) -> pm.Model:
    """The same model written in PyMC: priors as named variables, the kernel as a potential; `start` is u of `Coordinates`."""
    op = LogLikelihood(problem)
    seen = problem.coordinates
    first = seen.from_free(problem.centre if start is None else start)
    with pm.Model() as model:
        variables = []
        for (name, prior), value in zip(problem.priors.items(), first, strict=True):
            distribution, arguments = prior.pymc()
            variables.append(getattr(pm, distribution)(name, **arguments, initval=value))
        theta = pt.stack(variables) if seen.mixing is None else _mixed(variables, seen)
        data = [pt.constant(problem.counts), *(pt.constant(c) for c in problem.columns)]
        pm.Potential("log_likelihood", op(theta, *data)[0])
    return model


def _mixed(variables: list[Any], seen: Coordinates) -> Any:
    u = pt.stack([pt.log(v) if positive else v for v, positive in zip(variables, seen.positive, strict=True)])
    free = pt.dot(pt.constant(seen.mixing), u)
    return pt.stack([pt.exp(free[j]) if positive else free[j] for j, positive in enumerate(seen.positive)])


def nuts(problem: Problem, *, draws: int, chains: int, tune: int, seed: int) -> Outcome:
    """Posterior draws of theta, dimensions (chain, draw), from chains that start about the mode.

    The caller judges R-hat, effective draws and divergences.

    Raises
    ------
    ConvergenceError
        If the posterior has no mode that can be found, or the sampler cannot start there.
    """
    model = pymc_model(problem, start=posterior_mode(problem).u)
    accept = CAREFUL if problem.model.hierarchical else USUAL
    posterior, diagnostics = sampled(
        model,
        list(problem.priors),
        title=problem.model.title,
        accept=accept,
        draws=draws,
        chains=chains,
        tune=tune,
        seed=seed,
    )
    return from_posterior(_as_theta(posterior, problem), problem.coordinates, diagnostics)


def sampled(
    model: pm.Model, names: list[str], *, title: str, accept: float, draws: int, chains: int, tune: int, seed: int
) -> tuple[Any, Diagnostics]:
    """Draws of some variables of a PyMC model as a Dataset (chain, draw, ...), and what vouches for them.

    Raises
    ------
    ConvergenceError
        If the sampler cannot start.
    """
    began = time.perf_counter()
    compiled = nutpie.compile_pymc_model(model, backend="numba")
    compiling = time.perf_counter() - began
    try:
        trace = nutpie.sample(
            compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=THREADS,
            seed=seed,
            target_accept=accept,
            progress_bar=Console().is_terminal,
        )
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ConvergenceError(
            f"{title}: the sampler could not start ({reason}). Narrow the priors with priors={{...}}."
        ) from error
    posterior = trace["posterior"].to_dataset()[names]
    r_hat = max(float(v.max()) for v in az.rhat(posterior).data_vars.values())
    ess = min(float(v.min()) for v in az.ess(posterior).data_vars.values())
    divergences = int(trace["sample_stats"]["diverging"].sum())
    return posterior, Diagnostics(r_hat=r_hat, ess=ess, divergences=divergences, compiling=compiling)


def _as_theta(posterior: Any, problem: Problem) -> Any:
    """The sampled variables, which have priors, as parameters of the model."""
    seen, names = problem.coordinates, list(problem.priors)
    if seen.mixing is None:
        return posterior
    sampled = np.stack([posterior[name].to_numpy() for name in names], axis=-1)
    theta = seen.theta(seen.free(sampled))
    return posterior.assign({name: (("chain", "draw"), theta[..., j]) for j, name in enumerate(names)})
