"""What policies are worth on a randomised log: three estimators, from sums over customers that a bootstrap can draw again.

On occasion i the log did a_i with probability p_i and saw the reward y_i. With w_i = 1{policy_i = a_i} / p_i and predictions
m_a(x_i) of the reward,

    inverse probability   mean of w y
    self-normalised       sum of w y / sum of w
    doubly robust         mean of m_policy + w (y - m_a)

The first and the last are unbiased whatever the predictions, because these come from other customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from clvmodels.evaluation.bootstrap import resampled_sums
from clvmodels.evaluation.policy_log import PolicyLog
from clvmodels.response.cells import Codes, Floats

ESTIMATORS = ("doubly robust", "self-normalised", "inverse probability")
GROUPS = 10_000
"""Of customers, at most: the bootstrap draws groups of customers, which are as independent as customers are."""
PENALTY = 10.0
"""Of the ridge regression: as if so many occasions more had said that a (standardised) feature does nothing."""


class Places(NamedTuple):
    """Fold and bootstrap group of each occasion; all of a customer's occasions share them."""

    fold: Codes
    group: Codes
    groups: int


def places(log: PolicyLog, *, folds: int, seed: int) -> Places:
    """Deal customers at random into folds and groups of about equal size."""
    customers = int(log.customer.max()) + 1
    dealt = np.random.default_rng([seed, 0xF01D]).permutation(customers)[log.customer]
    groups = min(customers, GROUPS)
    return Places(dealt % folds, dealt % groups, groups)


def predictions(log: PolicyLog, fold: Codes, *, folds: int) -> Floats:
    """Expected reward of each occasion under no contact (last column) and under each medium (n, media + 1), by ridge regression.

    Those of a fold come from the customers of the other folds. Where these have no occasion with that medium, it is 0: the
    doubly robust value is then only less precise.
    """
    x = np.column_stack([np.ones(len(log)), log.features])
    width, arms = x.shape[1], len(log.media) + 1
    gram, moment = np.zeros((folds, arms, width, width)), np.zeros((folds, arms, width))
    for k in range(folds):
        for a in range(arms):
            rows = (fold == k) & (log.medium % arms == a)  # NONE is -1: the last arm
            gram[k, a], moment[k, a] = x[rows].T @ x[rows], x[rows].T @ log.reward[rows]
    penalty = PENALTY * np.eye(width)
    penalty[0, 0] = 1e-9
    out = np.empty((len(log), arms))
    for k in range(folds):
        others = np.linalg.solve(gram.sum(0) - gram[k] + penalty, (moment.sum(0) - moment[k])[..., None])[..., 0]
        out[fold == k] = x[fold == k] @ others.T
    return out


class Scored(NamedTuple):
    """One policy on every occasion; arrays (n,).

    Attributes
    ----------
    asked
        Codes of what it asks for.
    weight
        w of each occasion.
    robust
        The occasion's term of the doubly robust value.
    """

    asked: Codes
    weight: Floats
    robust: Floats


def scored(log: PolicyLog, asked: Codes, predicted: Floats) -> Scored:
    """Weights and doubly robust terms of a policy."""
    rows = np.arange(len(log))
    weight = np.where(asked == log.medium, 1.0 / log.probability, 0.0)
    residual = log.reward - predicted[rows, log.medium]
    return Scored(asked, weight, predicted[rows, asked] + weight * residual)


class Estimate(NamedTuple):
    """Of the three estimators, in their order (3,): value, and its values in the bootstrap's resamples (resamples, 3).

    `mean_weight` is that of the weights, which is 1 but for chance where probabilities are right, with its resamples.
    """

    value: Floats
    resamples: Floats
    mean_weight: float
    mean_weight_resamples: Floats


def values(
    log: PolicyLog, policies: Mapping[str, Scored], place: Places, *, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Value of each policy per occasion."""
    ones = np.ones(len(log))
    columns = {name: (ones, p.robust, p.weight * log.reward, p.weight) for name, p in policies.items()}
    found = _sums(columns, place, resamples=resamples, seed=seed)
    return {
        name: Estimate(_value(whole), _value(drawn), float(whole[3] / whole[0]), drawn[:, 3] / drawn[:, 0])
        for name, (whole, drawn) in found.items()
    }


def differences(
    log: PolicyLog, policies: Mapping[str, Scored], other: Scored, place: Places, *, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Value of each policy less that of another, per occasion, from the occasions where they differ; exactly 0 without any."""
    found = _sums(
        {name: _apart(log, one, other) for name, one in policies.items()}, place, resamples=resamples, seed=seed
    )
    nothing = np.full(resamples, np.nan)
    return {
        name: Estimate(_difference(one), _difference(drawn), np.nan, nothing) for name, (one, drawn) in found.items()
    }


def _apart(log: PolicyLog, one: Scored, other: Scored) -> tuple[Floats, ...]:
    apart = (one.asked != other.asked).astype(float)
    first, second = apart * one.weight, apart * other.weight
    robust = apart * (one.robust - other.robust)
    return np.ones(len(log)), robust, first * log.reward, second * log.reward, first, second, apart


def _value(sums: Floats) -> Floats:
    n, robust, paid, weight = np.moveaxis(sums, -1, 0)
    return np.stack([robust / n, _ratio(paid, weight), paid / n], axis=-1)


def _difference(sums: Floats) -> Floats:
    n, robust, paid, other_paid, weight, other_weight, apart = np.moveaxis(sums, -1, 0)
    where_apart = _ratio(paid, weight) - _ratio(other_paid, other_weight)
    hajek = np.where(apart > 0, apart / n * where_apart, 0.0)
    return np.stack([robust / n, hajek, (paid - other_paid) / n], axis=-1)


def _ratio(paid: Floats, weight: Floats) -> Floats:
    """NaN where nothing was done that the policy asks for."""
    return np.asarray(np.divide(paid, weight, out=np.full(np.shape(paid), np.nan), where=np.asarray(weight) > 0))


def _sums(
    columns: Mapping[str, tuple[Floats, ...]], place: Places, *, resamples: int, seed: int
) -> dict[str, tuple[Floats, Floats]]:
    """By name, sums of the columns over all occasions, and over those of the customers drawn in each resample."""
    flat = [one for several in columns.values() for one in several]
    by_group: Floats = np.column_stack([np.bincount(place.group, one, place.groups) for one in flat]).astype(float)
    whole, drawn = by_group.sum(axis=0), resampled_sums(by_group, resamples=resamples, seed=seed)
    ends = np.cumsum([len(several) for several in columns.values()])
    starts = np.concatenate([[0], ends[:-1]])
    return {name: (whole[i:j], drawn[:, i:j]) for name, i, j in zip(columns, starts, ends, strict=True)}


def effective_sample_size(weight: Floats) -> float:
    """How many equally weighted occasions the weighted ones are worth: (sum w)^2 / sum w^2, 0 without any.

    Source: Kish 1965, Survey Sampling.
    """
    squares = float(weight @ weight)
    return float(weight.sum() ** 2 / squares) if squares > 0 else 0.0
