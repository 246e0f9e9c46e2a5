"""Purchases to come of a customer alive who buys regularly: k phases of a Poisson process to every purchase.

Alive with j of k phases done, her phase rate is Gamma(c + j, scale) and her dropout probability Beta(leave, stay), so the
phases N of a horizon are negative binomial, M = floor((j + N) / k) of them are occasions to buy, and she buys until one is her
last. Everything here is computed for j = 0, ..., k - 1 at once, as arrays (k,), and then averaged with the weights of j.

Short horizons are summed over phases, all terms positive. In long ones, E[q^M] for a given probability q to stay is a sum over
the k-th roots of unity in closed form, which is integrated over q.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clvmodels.duration.expectation import log_negative_binomial
from clvmodels.numerics.elementary import elementwise
from clvmodels.numerics.quadrature import NEGLIGIBLE, NODES, NODES_PER_FOLD, gauss_legendre

Array = NDArray[np.float64]

LONG = 20.0
"""Horizon in units of the scale of the rate from which quadrature over the dropout probability is faster than the sum."""
SMALL = 0.25
"""Probability to stay below which E[q^M] is taken from its first terms."""
FIRST = 28
"""How many: SMALL^FIRST is nothing."""
TINY = 1e-18


@njit(cache=True, nogil=True, error_model="numpy")
def _over_phases(shape, leave, stay, ratio, staying, out, p):
    """Sum over phases m since the last purchase of P(N = m - j) times the purchases, or the probability to stay, of floor(m / k).

    Probabilities p of each j are kept times exp(-debt), so that they do not underflow while the first ones are negligible.
    """
    k, w = out.size, ratio / (1.0 + ratio)
    log_none = -shape * math.log1p(ratio)
    debt = min(0.0, log_none + 600.0)
    for j in range(k):
        out[j] = 0.0
        p[j] = math.exp(log_none - debt) if j == 0 else p[j - 1] / (1.0 + ratio)
    m, n = 0, 0.0
    stayed = 1.0
    value = 1.0 if staying else 0.0
    while True:
        if debt == 0.0:
            for j in range(min(k, m + 1)):
                out[j] += p[j] * value
        growth = w * (shape + m)
        m += 1
        for j in range(min(k, m)):
            p[j] *= growth / (m - j)
        if debt < 0.0 and p[0] > 1e-130:  # far below any probability that matters, far above underflow
            paid = max(debt, -300.0)
            for j in range(k):
                p[j] *= math.exp(paid)
            debt -= paid
        if m % k == 0:
            earlier = stayed
            stayed *= (stay + n) / (leave + stay + n)
            value = stayed if staying else value + earlier
            n += 1.0
            bound = max(w, w * (shape + m) / (m - k + 2.0))  # of the ratio of any two later probabilities
            if debt == 0.0 and bound < 1.0:
                later = 1.0 / (1.0 - bound)
                rest = (value if staying else value + earlier * (1.0 + later)) * later
                ended = True
                for j in range(k):
                    ended = ended and not p[j] * rest > 1e-16 * out[j]
                if ended:
                    return


@njit(cache=True, nogil=True, error_model="numpy")
def _first_probabilities(shape, ratio, k, first):
    """Write P(M = n), n < FIRST, for each j: (FIRST, k)."""
    w = ratio / (1.0 + ratio)
    for j in range(k):
        p = math.exp(-(shape + j) * math.log1p(ratio))
        for n in range(first.shape[0]):
            first[n, j] = 0.0
        for m in range(j, k * first.shape[0]):
            first[m // k, j] += p
            p *= w * (shape + m) / (m - j + 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _given_stay(shape, ratio, y, log_one, staying, value):
    """Write E[q^M], or else 1 - E[q^M], for each j, where q = exp(-log_one) = 1 / (1 + e^y) is at least SMALL.

    q^floor(m / k) is a sum over the k-th roots of unity omega of d (rho omega)^m, rho^k = q, and E[(rho omega)^N] is a power.
    """
    k = value.size
    odds, rho, lack = math.exp(y), math.exp(-log_one / k), -math.expm1(-log_one / k)
    excess = 0.0
    for i in range(1, k):
        excess += math.expm1(i * log_one / k) / k
    log_base = math.log1p(ratio * lack)
    power, short = math.exp(-shape * log_base), -math.expm1(-shape * log_base)
    base = 1.0 + ratio * lack
    for j in range(k):
        value[j] = (1.0 + excess) * power if staying else short - excess * power
        short += power * lack * (1.0 + ratio) / base
        power *= rho / base
    for root in range(1, k // 2 + 1):
        angle = 2.0 * math.pi * root / k
        omega = complex(math.cos(angle), math.sin(angle))
        turned = 1.0 + ratio * (1.0 - rho * omega)
        size = 0.5 * math.log(turned.real**2 + turned.imag**2)
        if shape * (size - log_base) > 45.0:
            continue
        phase = -shape * math.atan2(turned.imag, turned.real)
        term = math.exp(-shape * size) * complex(math.cos(phase), math.sin(phase))
        term *= -odds / (k * (1.0 - omega.conjugate() / rho)) * (1.0 if 2 * root == k else 2.0)
        for j in range(k):
            value[j] += term.real if staying else -term.real
            term *= rho * omega / turned


@njit(cache=True, nogil=True, error_model="numpy")
def _over_dropout(shape, leave, stay, ratio, staying, out, value, first):
    """Mean over p ~ Beta(leave, stay), q = 1 - p, of E[q^M], or else of (1 - E[q^M]) / p.

    By the trapezoidal rule in y = log(p / q), as `expectation._over_dropout`.
    """
    k, both = out.size, leave + stay
    _first_probabilities(shape, ratio, k, first)
    step = 0.4 / math.sqrt(1.0 + both / 10.0)
    constant = math.lgamma(both) - math.lgamma(leave) - math.lgamma(stay)
    top = math.log(leave / stay)
    knee = -math.log(ratio * max(1.0, shape))
    left_end, right_end = -36.0 + min(knee, -math.log(max(1.0, both))), 36.0 + math.log(max(1.0, both))
    out[:] = 0.0
    for direction in (-1.0, 1.0):
        tail = math.exp(-step * (leave if direction < 0.0 else stay))
        y = top if direction < 0.0 else top + step
        while True:
            log_one = max(y, 0.0) + math.log1p(math.exp(-abs(y)))
            weight = math.exp(leave * (y - log_one) - stay * log_one + constant)
            if not staying:
                weight /= math.exp(y - log_one)
            if log_one < -math.log(SMALL):
                _given_stay(shape, ratio, y, log_one, staying, value)
            else:
                q = math.exp(-log_one)
                for j in range(k):
                    total = 0.0
                    for n in range(FIRST - 1, -1, -1):
                        total = total * q + first[n, j]
                    value[j] = total if staying else 1.0 - total
            end, small = y < left_end or y > right_end, True
            for j in range(k):
                term = weight * value[j]
                out[j] += term * (1.0 / (1.0 - tail) if end else 1.0)
                small = small and not term > TINY * out[j]
            if end or (small and (direction > 0.0 or y < knee or leave > 1.0)):
                break
            y += direction * step
    for j in range(k):
        out[j] *= step


@njit(cache=True, nogil=True, error_model="numpy")
def _by_phase(shape, leave, stay, ratio, staying, out, work, first):
    """Write expected purchases, or the probability to stay, for each number of phases done (k,)."""
    if ratio > LONG:
        _over_dropout(shape, leave, stay, ratio, staying, out, work, first)
    else:
        _over_phases(shape, leave, stay, ratio, staying, out, work)


@njit(cache=True, nogil=True, error_model="numpy")
def _average(shape, share, out):
    """Mean of out (k,) under the weights (shape)_j / j! share^j of the phases done."""
    weight = total = 1.0
    mean = out[0]
    for j in range(1, out.size):
        weight *= (shape + j - 1.0) / j * share
        mean += weight * out[j]
        total += weight
    return mean / total


@njit(cache=True, nogil=True, error_model="numpy")
def _averages(shape, share, leave, stay, ratio, phases, staying):
    k = int(phases[0])
    found, out, work, first = np.empty(shape.size), np.empty(k), np.empty(k), np.empty((FIRST, k))
    for i in range(shape.size):
        _by_phase(shape[i], leave[i], stay[i], ratio[i], staying[0] > 0.0, out, work, first)
        found[i] = _average(shape[i], share[i], out)
    return found


def expected_count(
    shape: ArrayLike, share: ArrayLike, leave: ArrayLike, stay: ArrayLike, ratio: ArrayLike, phases: int
) -> Array:
    """Expected purchases of a customer alive, in a horizon of `ratio` times the scale of her rate.

    Parameters
    ----------
    shape, leave, stay
        At her last purchase her phase rate was Gamma(shape, .), her dropout probability is Beta(leave, stay), all > 0; arrays
        broadcast.
    share
        Time since the last purchase / scale, in [0, 1).
    ratio
        Horizon / scale, >= 0, finite.
    phases
        Phases k to a purchase.

    Returns
    -------
    array [purchases], >= 0, with a relative error below 1e-9
    """
    return np.asarray(elementwise(_averages, shape, share, leave, stay, ratio, phases, 0.0))


def stay_probability(
    shape: ArrayLike, share: ArrayLike, leave: ArrayLike, stay: ArrayLike, ratio: ArrayLike, phases: int
) -> Array:
    """Probability that a customer alive has not left after the horizon; parameters as in `expected_count`."""
    return np.asarray(np.minimum(elementwise(_averages, shape, share, leave, stay, ratio, phases, 1.0), 1.0))


def phase_weights(shape: ArrayLike, share: ArrayLike, phases: int) -> list[Array]:
    """Probabilities that a customer alive has done 0, ..., k - 1 phases since her last purchase; arrays broadcast."""
    c, s = np.asarray(shape, dtype=float), np.asarray(share, dtype=float)
    weights = [np.ones(np.broadcast_shapes(c.shape, s.shape))]
    for j in range(1, phases):
        weights.append(weights[-1] * (c + j - 1) / j * s)
    total = np.sum(weights, axis=0)
    return [weight / total for weight in weights]


def pmf(
    n: ArrayLike, shape: ArrayLike, share: ArrayLike, leave: ArrayLike, stay: ArrayLike, ratio: ArrayLike, phases: int
) -> Array:
    """P(n purchases in the horizon | alive): n occasions and none of them the last, or at least n and the n-th the last.

    Parameters as in `expected_count`; `n` are whole numbers.
    """
    count, c, z = (np.asarray(v, dtype=float) for v in (n, shape, ratio))
    some, w = count > 0, z / (1 + z)
    exactly = at_least = np.zeros(())
    for j, weight in enumerate(phase_weights(c, share, phases)):
        first = np.maximum(phases * count - j, 0)
        p = np.exp(log_negative_binomial(first, c + j, z))
        for step in range(phases):
            exactly = exactly + weight * np.where(first + step < phases * (count + 1) - j, p, 0.0)
            p = p * w * (c + j + first + step) / (first + step + 1)
        at_least = at_least + weight * special.betainc(np.maximum(first, 1), c + j, w)
    stayed = special.betaln(stay + count, leave) - special.betaln(stay, leave)
    left = special.betaln(stay + np.maximum(count - 1, 0), np.add(leave, 1)) - special.betaln(stay, leave)
    return np.asarray(exactly * np.exp(stayed) + np.where(some, at_least * np.exp(left), 0.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _discounted(shape, share, scale, leave, stay, least, force, phases, nodes, weights):
    n = shape.size
    worth, work, first = np.empty(n), np.empty(phases), np.empty((FIRST, phases))
    ratios, counts = np.empty(nodes.size), np.empty((nodes.size, phases))
    width = 0.0
    for i in range(n):
        before = i - 1
        new = i == 0 or least[i] != least[before]
        if new:
            width = math.log1p(NEGLIGIBLE / (force * least[i]))
            for q in range(nodes.size):
                ratios[q] = math.expm1(width * nodes[q])
        if new or shape[i] != shape[before] or leave[i] != leave[before] or stay[i] != stay[before]:
            for q in range(nodes.size):
                _by_phase(shape[i], leave[i], stay[i], ratios[q], False, counts[q], work, first)
        total, speed = 0.0, force * scale[i]
        for q in range(nodes.size):
            count = _average(shape[i], share[i], counts[q])
            total += weights[q] * count * (1.0 + ratios[q]) * math.exp(-speed * ratios[q])
        worth[i] = width * speed * total
    return worth


def discounted_count(
    shape: Array,
    share: Array,
    scale: Array,
    leave: Array,
    stay: Array,
    force: float,
    *,
    least: Array,
    phases: int,
    order: Literal["C", "F"],
) -> Array:
    """Present value of all coming purchases of a customer alive, one unit each, without end.

    As `expectation.discounted_count`: on nodes in the ratio, expected purchases for each number of phases done are computed once
    for all neighbours (along the last axis with `order` "C", the first with "F") who differ in scale and share alone.
    """
    columns = np.broadcast_arrays(shape, share, scale, leave, stay, least)
    flat = [c.flatten(order=order) for c in columns]  # copies: NumPy warns of handing broadcast arrays on
    width = math.log1p(NEGLIGIBLE / (force * float(np.min(least))))
    nodes = gauss_legendre(NODES + NODES_PER_FOLD * math.ceil(width))
    return np.asarray(_discounted(*flat, force, phases, *nodes).reshape(columns[0].shape, order=order))
