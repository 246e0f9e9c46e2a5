"""Likelihoods of customers who differ, compiled: each row gets parameters of its own, and the chain rule leads back."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from clvmodels.model import Array


class Links(NamedTuple):
    """How columns of numbers move parameters; column c multiplies parameter `moved[c]` by exp(sign[c] * z_c * coefficient).

    Attributes
    ----------
    moved
        Which of the base model's parameters.
    sign
        1 or -1.
    coefficient
        Which entry of theta is the coefficient.
    """

    moved: tuple[int, ...]
    sign: tuple[float, ...]
    coefficient: tuple[int, ...]


@njit(cache=True, nogil=True, error_model="numpy")
def own_parameters(theta, k, design, moved, sign, coefficient):
    """The base model's parameters of each row.

    Parameters
    ----------
    theta : (1, K) or (n, K) array; its first k are the base model's
    design : (n, m) array
    moved, sign, coefficient : (m,) arrays, see `Links`

    Returns
    -------
    array (n, k)
    """
    n, m = design.shape
    rows = np.empty((n, k))
    for i in range(n):
        here = theta[i if theta.shape[0] > 1 else 0]
        rows[i] = here[:k]
        for c in range(m):
            rows[i, moved[c]] *= math.exp(sign[c] * here[coefficient[c]] * design[i, c])
    return rows


@njit(cache=True, nogil=True, error_model="numpy")
def led_back(theta, rows, slope, design, moved, sign, coefficient):
    """The gradient (n, K) in theta, from that in each row's own parameters (n, k)."""
    n, k = slope.shape
    gradient = np.zeros((n, theta.shape[1]))
    for i in range(n):
        here = theta[i if theta.shape[0] > 1 else 0]
        gradient[i, :k] = slope[i]
        for c in range(design.shape[1]):
            j = moved[c]
            gradient[i, j] = slope[i, j] * rows[i, j] / here[j]
            gradient[i, coefficient[c]] += slope[i, j] * rows[i, j] * sign[c] * design[i, c]
    return gradient


@njit(cache=True, nogil=True, error_model="numpy")
def segment_parameters(theta, k, segment, pooled):
    """The base model's parameters of each row: parameter j times exp(spread_j * deviation of j in the row's segment).

    Parameters
    ----------
    theta : (1, K) or (n, K) array: k parameters, m spreads, then m times S deviations
    segment : (n,) array of whole numbers below S
    pooled : (m,) array, which parameters differ

    Returns
    -------
    array (n, k)
    """
    n, m = segment.size, pooled.size
    rows = np.empty((n, k))
    for i in range(n):
        here = theta[i if theta.shape[0] > 1 else 0]
        rows[i] = here[:k]
        size = (here.size - k - m) // m
        for j in range(m):
            rows[i, pooled[j]] *= math.exp(here[k + j] * here[k + m + j * size + int(segment[i])])
    return rows


@njit(cache=True, nogil=True, error_model="numpy")
def led_back_to_segments(theta, rows, slope, segment, pooled):
    """The gradient (n, K) in theta, from that in each row's own parameters (n, k)."""
    n, k = slope.shape
    m = pooled.size
    gradient = np.zeros((n, theta.shape[1]))
    for i in range(n):
        here = theta[i if theta.shape[0] > 1 else 0]
        gradient[i, :k] = slope[i]
        size = (here.size - k - m) // m
        for j in range(m):
            parameter, deviation = pooled[j], k + m + j * size + int(segment[i])
            moved = slope[i, parameter] * rows[i, parameter]
            gradient[i, parameter] = moved / here[parameter]
            gradient[i, k + j] = moved * here[deviation]
            gradient[i, deviation] = moved * here[k + j]
    return gradient


@functools.cache
def pooled_kernel_of(
    base: Callable[..., Any], width: int, k: int, pooled: tuple[int, ...]
) -> Callable[..., tuple[Array, Array]]:
    """As `kernel_of`, with a column of segments after those of the base model."""
    which = np.array(pooled)

    def kernel(theta, *columns):
        segment = columns[width]
        rows = segment_parameters(theta, k, segment, which)
        value, slope = base(rows, *columns[:width])
        return value, led_back_to_segments(theta, rows, slope, segment, which)

    return kernel


@functools.cache
def kernel_of(base: Callable[..., Any], width: int, k: int, links: Links) -> Callable[..., tuple[Array, Array]]:
    """The kernel of a base model with k parameters that reads `width` columns, with columns of numbers after them.

    A plain function whose parts are compiled: it runs at once, and NUTS compiles it as a whole.
    """
    moved, sign, coefficient = np.array(links.moved), np.array(links.sign), np.array(links.coefficient)
    m = moved.size

    def kernel(theta, *columns):
        design = np.empty((columns[0].size, m))
        for c in range(m):
            design[:, c] = columns[width + c]
        rows = own_parameters(theta, k, design, moved, sign, coefficient)
        value, slope = base(rows, *columns[:width])
        return value, led_back(theta, rows, slope, design, moved, sign, coefficient)

    return kernel
