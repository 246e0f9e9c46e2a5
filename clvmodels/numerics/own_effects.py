"""Customers' own baselines and effects, integrated out on a grid; and noise that belongs to a customer."""

from __future__ import annotations

import numpy as np
from numba import njit

from clvmodels.numerics.elementary import exp, log

SMALLEST = 1e-200
"""Below it a product goes into its logarithm."""


@njit(cache=True, nogil=True, error_model="numpy")
def own_moments(odds, medium, bought, starts, nodes, log_weights, spread, value, mean, second, surprise):
    """Log-likelihood of each customer's occasions with u and v_m integrated out, and the moments of these given the occasions.

    logit p = log odds + u + v_medium, u and each v_m independently normal about zero. All integrals are sums over the same nodes.

    Parameters
    ----------
    odds : (rows,) odds of a purchase where u and v are zero
    medium : (rows,) code, -1 without contact; in order within each customer
    bought : (rows,) 0 or 1
    starts : (n + 1,) where each customer's rows begin
    nodes, log_weights : (g,) of a standard normal
    spread : (k,) standard deviations of u and of each v_m
    value : (n,) filled with log-likelihoods
    mean, second : (n, k), (n, k, k) filled with the means of (u, v) and of their products
    surprise : (k,) filled with the sums of E[bought - p] over all rows and over those of each medium
    """
    k, g = spread.size, nodes.size
    factor, weight, total = np.empty(g), np.empty(g), np.empty(g)
    first, squares = np.zeros((g, k)), np.zeros((g, k))
    missed, missing = np.zeros((g, k)), np.zeros(k)
    left, over = np.empty(g), np.empty(g)
    lifts = np.empty((k, g))
    for a in range(k):
        for j in range(g):
            lifts[a, j] = exp(spread[a] * nodes[j])
    edges = np.empty(k + 1, np.int64)
    surprise[:] = 0.0
    for i in range(starts.size - 1):
        edges[0] = starts[i]
        for a in range(k):
            r = edges[a]
            while r < starts[i + 1] and medium[r] < a:
                r += 1
            edges[a + 1] = r
        for j in range(g):
            shift = lifts[0, j]
            height, product = log_weights[j], 1.0
            missed[j, :] = 0.0
            for r in range(edges[0], edges[1]):
                x = odds[r] * shift
                product *= (x if bought[r] else 1.0) / (1.0 + x)
                if product < SMALLEST:
                    height, product = height + log(product), 1.0
                missed[j, 0] += bought[r] - x / (1.0 + x)
            height += log(product)
            for m in range(1, k):
                first[j, m], squares[j, m] = 0.0, spread[m] ** 2
                if edges[m] == edges[m + 1]:
                    continue
                top = -np.inf
                for q in range(g):
                    raised = shift * lifts[m, q]
                    inner, product, gone = log_weights[q], 1.0, 0.0
                    for r in range(edges[m], edges[m + 1]):
                        x = odds[r] * raised
                        chance = x / (1.0 + x)
                        product *= chance if bought[r] else 1.0 - chance
                        if product < SMALLEST:
                            inner, product = inner + log(product), 1.0
                        gone += bought[r] - chance
                    left[q], over[q] = inner + log(product), gone
                    top = max(top, left[q])
                mass = 0.0
                for q in range(g):
                    factor[q] = exp(left[q] - top)
                    mass += factor[q]
                squares[j, m] = 0.0
                for q in range(g):
                    share, v = factor[q] / mass, spread[m] * nodes[q]
                    first[j, m] += share * v
                    squares[j, m] += share * v * v
                    missed[j, m] += share * over[q]
                missed[j, 0] += missed[j, m]
                height += top + log(mass)
            total[j] = height
        top = total.max()
        mass = 0.0
        for j in range(g):
            weight[j] = exp(total[j] - top)
            mass += weight[j]
        value[i] = top + log(mass)
        mean[i, :], second[i, :, :], missing[:] = 0.0, 0.0, 0.0
        for j in range(g):
            share, u = weight[j] / mass, spread[0] * nodes[j]
            first[j, 0], squares[j, 0] = u, u * u
            for a in range(k):
                mean[i, a] += share * first[j, a]
                missing[a] += share * missed[j, a]
                second[i, a, a] += share * squares[j, a]
                for b in range(a):
                    second[i, a, b] += share * first[j, a] * first[j, b]
        for a in range(k):
            surprise[a] += missing[a]
            for b in range(a):
                second[i, b, a] = second[i, a, b]


@njit(cache=True, nogil=True, error_model="numpy")
def _uniform(key, draw, place):
    """Between 0 and 1, from a hash of three numbers."""
    z = (
        np.uint64(key)
        + np.uint64(draw) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(place) * np.uint64(0xD1342543DE82EF95)
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (np.float64(z >> np.uint64(11)) + 0.5) / 9007199254740992.0


@njit(cache=True, nogil=True, error_model="numpy")
def own_noise(keys, draws, places):
    """Standard normal noise (places, n, draws) that belongs to a key and a draw, whatever else is asked for.

    Parameters
    ----------
    keys : (n,) whole numbers, one per customer
    draws : (d,) numbers of draws
    places : how many for each
    """
    found = np.empty((places, keys.size, draws.size))
    for i in range(keys.size):
        for d in range(draws.size):
            for k in range(places):
                radius = np.sqrt(-2.0 * log(_uniform(keys[i], draws[d], 2 * k)))
                found[k, i, d] = radius * np.cos(2.0 * np.pi * _uniform(keys[i], draws[d], 2 * k + 1))
    return found
