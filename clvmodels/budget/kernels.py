"""Compiled passes over customers and their actions: upper hulls, what is chosen at a price, what fits into what is left.

In all of them `values` is (n, A), `costs` and `allowed` are (n, A), or (1, A) where customers are alike; `first` and `last` bound
the rows that a call works on, so that threads can share a pass. Money is the budget's currency.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy", inline="always")
def _start(values, costs, allowed, i, c, w):
    """Best action that costs nothing: where a customer's hull begins."""
    best = 0
    for a in range(1, values.shape[1]):
        if allowed[w, a] and costs[c, a] == 0.0 and values[i, a] > values[i, best]:
            best = a
    return best


@njit(nogil=True, error_model="numpy", inline="always")
def _next(values, costs, allowed, i, c, w, here):
    """The hull's next action after `here` and its marginal return, or (-1, 0) at the hull's end.

    Of actions in one line the dearest is next; of equal ones the first.
    """
    best, steepest, dearest = -1, 0.0, 0.0
    for a in range(values.shape[1]):
        if allowed[w, a] and costs[c, a] > costs[c, here]:
            slope = (values[i, a] - values[i, here]) / (costs[c, a] - costs[c, here])
            if slope > steepest or (slope == steepest and best >= 0 and costs[c, a] > dearest):
                best, steepest, dearest = a, slope, costs[c, a]
    return best, steepest


@njit(cache=True, nogil=True, error_model="numpy")
def increments(values, costs, allowed, first, last):
    """Marginal returns and costs of the steps along every customer's hull, customer by customer, and the value that is free."""
    actions = values.shape[1]
    slope, cost = np.empty((last - first) * (actions - 1)), np.empty((last - first) * (actions - 1))
    found, free = 0, 0.0
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        here = _start(values, costs, allowed, i, c, w)
        free += values[i, here]
        above = np.inf
        while True:
            there, steepness = _next(values, costs, allowed, i, c, w, here)
            if there < 0:
                break
            above = min(above, steepness)
            slope[found], cost[found] = above, costs[c, there] - costs[c, here]
            found += 1
            here = there
    return slope[:found].copy(), cost[:found].copy(), free


@njit(cache=True, nogil=True, error_model="numpy")
def follow(values, costs, allowed, price, choice, first, last):
    """Write every customer's last action along her hull whose marginal return is above `price`; their value and cost."""
    value = cost = 0.0
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        here = _start(values, costs, allowed, i, c, w)
        there, slope = _next(values, costs, allowed, i, c, w, here)
        while there >= 0 and slope > price:
            here = there
            there, slope = _next(values, costs, allowed, i, c, w, here)
        choice[i] = here
        value += values[i, here]
        cost += costs[c, here]
    return value, cost


@njit(cache=True, nogil=True, error_model="numpy")
def between(values, costs, allowed, low, high, first, last):
    """Steps along hulls whose marginal return is in [low, high]: customer, from action, to action, marginal return."""
    actions = values.shape[1]
    size = 1024
    who, step, slopes = np.empty(size, np.int64), np.empty((size, 2), np.int16), np.empty(size)
    found = 0
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        if found + actions > size:
            size *= 2
            who = np.append(who, np.empty(size - who.size, np.int64))
            step = np.concatenate((step, np.empty((size - step.shape[0], 2), np.int16)))
            slopes = np.append(slopes, np.empty(size - slopes.size))
        here = _start(values, costs, allowed, i, c, w)
        above = np.inf
        while True:
            there, slope = _next(values, costs, allowed, i, c, w, here)
            above = min(above, slope)
            if there < 0 or above < low:
                break
            if above <= high:
                who[found], step[found, 0], step[found, 1], slopes[found] = i, here, there, above
                found += 1
            here = there
    return who[:found].copy(), step[:found].copy(), slopes[:found].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def fill(values, costs, choice, who, step, left):
    """Take steps in the order given while they fit into `left`; a customer whose step is left out takes no later one."""
    for k in range(who.size):
        i, here, there = who[k], step[k, 0], step[k, 1]
        c = i if costs.shape[0] > 1 else 0
        extra = costs[c, there] - costs[c, here]
        if choice[i] == here and extra <= left:
            choice[i] = there
            left -= extra
    return left


@njit(cache=True, nogil=True, error_model="numpy")
def best_upgrade(values, costs, allowed, choice, kept, left, first, last):
    """The single change of a customer's action that gains most and fits into `left`: gain, customer, action."""
    most, who, what = 0.0, -1, -1
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        here = choice[i]
        for a in range(values.shape[1]):
            extra = costs[c, a] - costs[c, here]
            if allowed[w, a] and extra <= left:
                gain = values[i, a] - values[i, here] - kept * extra
                if gain > most:
                    most, who, what = gain, i, a
    return most, who, what
