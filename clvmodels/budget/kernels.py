"""Compiled passes over customers and their actions: upper hulls, choices at a price, what fits into what is left.

In all of them `values` is (n, A), `costs` and `allowed` are (n, A), or (1, A) where customers are alike; `first` and
`last` bound the rows that a call works on, so that threads can share a pass. Money is the budget's currency.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy")
def _start(values, costs, allowed, i, c, w):
    """Best action that costs nothing: where a customer's hull begins."""
    best = 0
    for a in range(1, values.shape[1]):
        if allowed[w, a] and costs[c, a] == 0.0 and values[i, a] > values[i, best]:
            best = a
    return best


@njit(nogil=True, error_model="numpy")
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
    """Marginal returns and costs of the steps along the hulls, customer by customer, and the value that is free."""
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
    """Write the last action along the hull whose marginal return is above `price`; value and cost of all."""
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
    size = (last - first) * (values.shape[1] - 1)
    who, step, slopes = np.empty(size, np.int64), np.empty((size, 2), np.int16), np.empty(size)
    found = 0
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
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
    """Take steps in order while they fit into `left`; a customer whose step does not fit takes no later one."""
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


@njit(nogil=True, error_model="numpy")
def _score(values, costs, usage, i, c, g, a, worth, money, table, rates):
    """What an action is worth after all charges."""
    score = worth * values[i, a] - money[g] * costs[c, a] - table[g, a]
    for j in range(rates.size):
        score -= rates[j] * usage[i, a, j]
    return score


@njit(cache=True, nogil=True, error_model="numpy")
def respond(values, costs, allowed, usage, cell, worth, money, table, rates, choice, first, last):
    """Every customer's best action after charges, written to `choice` if that has room, and its totals by cell.

    Parameters
    ----------
    worth : weight of values
    money : (G,) charge per unit of cost
    table : (G, A) charge per action
    rates : (J,) charges per unit of `usage` (n, A, J)

    Returns
    -------
    score, value, cost (G,); customers by action (G, A); usage (G, J)
    """
    cells, actions = table.shape
    scores, value, cost = np.zeros(cells), np.zeros(cells), np.zeros(cells)
    count, used = np.zeros((cells, actions)), np.zeros((cells, rates.size))
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        g = cell[i]
        best, most = 0, _score(values, costs, usage, i, c, g, 0, worth, money, table, rates)
        for a in range(1, actions):
            if allowed[w, a]:
                score = _score(values, costs, usage, i, c, g, a, worth, money, table, rates)
                if score > most:
                    best, most = a, score
        if choice.size > 0:
            choice[i] = best
        scores[g] += most
        value[g] += values[i, best]
        cost[g] += costs[c, best]
        count[g, best] += 1.0
        for j in range(rates.size):
            used[g, j] += usage[i, best, j]
    return scores, value, cost, count, used


@njit(cache=True, nogil=True, error_model="numpy")
def divide(choices, upto, part, out):
    """Divide customers for whom the `choices` (m, n) differ among them; `upto` (parts, m) are running sums of shares.

    Customers of a part with the same pattern of choices are divided evenly along their order.
    """
    patterns = 1024
    seen = np.zeros((upto.shape[0], patterns))
    for i in range(out.size):
        pattern, differ = 0, False
        for j in range(choices.shape[0]):
            pattern = (pattern * 31 + choices[j, i]) % patterns
            differ = differ or choices[j, i] != choices[0, i]
        j = 0
        if differ:
            h = part[i]
            at = ((seen[h, pattern] + 0.5) * 0.6180339887498949) % 1.0
            seen[h, pattern] += 1.0
            while j < choices.shape[0] - 1 and at >= upto[h, j]:
                j += 1
        out[i] = choices[j, i]


@njit(cache=True, nogil=True, error_model="numpy")
def nearest(values, costs, allowed, usage, cell, part, parts, worth, money, table, rates, choice, size):
    """The `size` customers who lose least, for every part, present action and other action: their rows, or -1."""
    actions = table.shape[1]
    loss = np.full((parts * actions * actions, size), np.inf)
    rows = np.full((parts * actions * actions, size), -1, np.int64)
    for i in range(choice.size):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        g, here = cell[i], choice[i]
        now = _score(values, costs, usage, i, c, g, here, worth, money, table, rates)
        for a in range(actions):
            if allowed[w, a] and a != here:
                lost = now - _score(values, costs, usage, i, c, g, a, worth, money, table, rates)
                kind = (part[i] * actions + here) * actions + a
                if lost < loss[kind, size - 1]:
                    k = size - 1
                    while k > 0 and loss[kind, k - 1] > lost:
                        loss[kind, k], rows[kind, k] = loss[kind, k - 1], rows[kind, k - 1]
                        k -= 1
                    loss[kind, k], rows[kind, k] = lost, i
    return rows


@njit(cache=True, nogil=True, error_model="numpy")
def undominate(values, costs, allowed, choice, first, last):
    """Replace every action by the most valuable one that costs no more, of these by the cheapest."""
    for i in range(first, last):
        c, w = i if costs.shape[0] > 1 else 0, i if allowed.shape[0] > 1 else 0
        best = choice[i]
        most = costs[c, best]
        for a in range(values.shape[1]):
            if allowed[w, a] and costs[c, a] <= most:
                better = values[i, a] > values[i, best]
                if better or (values[i, a] == values[i, best] and costs[c, a] < costs[c, best]):
                    best = a
        choice[i] = best
