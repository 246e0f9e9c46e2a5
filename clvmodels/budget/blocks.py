"""Passes over many customers in blocks that threads share; results come in the order of the blocks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

THREADS = 2
BLOCK = 65_536
"""Customers in a block: many enough that starting a thread's turn does not show."""


def over_blocks[T](count: int, work: Callable[[int, int], T]) -> list[T]:
    """`work(first, last)` for consecutive ranges that cover `count` rows, by threads where there are several ranges."""
    firsts = range(0, count, BLOCK)
    if len(firsts) <= 1:
        return [work(0, count)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda first: work(first, min(first + BLOCK, count)), firsts))
