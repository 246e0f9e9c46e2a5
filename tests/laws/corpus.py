"""Recorded histories that no data would have, or that broke something once: (frequency, recency, T) and (frequency, amount)."""

from __future__ import annotations

PASTS = [
    (0, 0, 0),
    (0, 0, 1e-3),
    (0, 0, 1000),
    (1, 1e-6, 1e-3),
    (1, 1e-3, 1e-3),
    (1, 0.9999999999999999, 1),
    (1, 1e-3, 1000),
    (500, 1e-3, 1e-3),
    (500, 250, 1000),
    (2000, 1e-3, 1000),
    (2000, 999.9999999999999, 1000),
    (2000, 1000, 1000),
]
"""In continuous time."""

PASTS_OF_OPPORTUNITIES = [
    (0, 0, 0),
    (0, 0, 1),
    (0, 0, 2000),
    (1, 1, 1),
    (1, 1, 2000),
    (1, 2000, 2000),
    (500, 500, 1000),
    (500, 1000, 1000),
    (2000, 2000, 2000),
]
"""The same with one purchase at most per opportunity."""

AMOUNTS = [(1, 1e-6), (1, 1e9), (2, 0.01), (500, 35.0), (2000, 1e-6), (2000, 1e9)]
"""Of the mean of `frequency` repeat purchases."""
