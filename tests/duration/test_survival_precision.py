"""The survival kernel against the same formulas in 150 digits, also where customers stay ten thousand times too long."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

from clvmodels.duration import survival_kernel as kernel

CODES = {
    "exponential": kernel.EXPONENTIAL,
    "weibull": kernel.WEIBULL,
    "gompertz": kernel.GOMPERTZ,
    "lognormal": kernel.LOGNORMAL,
    "loglogistic": kernel.LOGLOGISTIC,
}
PARAMETERS = {
    "exponential": [(0.01,), (9.0,), (1e4,)],
    "weibull": [(9.0, 0.1), (9.0, 1.5), (1e3, 6.0)],
    "gompertz": [(1e-4, 0.2), (0.05, 1e-9), (0.05, -0.3), (0.2, 1e-4)],
    "lognormal": [(7.0, 0.2), (7.0, 1.3), (1e4, 3.0)],
    "loglogistic": [(7.0, 0.3), (7.0, 2.0), (1e4, 9.0)],
}
TIMES = [(0.0, 1e-3), (0.0, 3.0), (2.0, 40.0), (5.0, 300.0)]


def survival(baseline: str, t: float, theta: tuple[float, ...], eta: float) -> mp.mpf:
    """P(T > t) of those who leave in the end."""
    if t == 0:
        return mp.mpf(1)
    t, first = mp.mpf(t), mp.mpf(theta[0])
    second = mp.mpf(theta[1]) if len(theta) > 1 else mp.mpf(1)
    factor = mp.exp(mp.mpf(eta))
    if baseline in ("exponential", "weibull"):
        return mp.exp(-factor * (t / first) ** second)
    if baseline == "gompertz":
        return mp.exp(-factor * first * mp.expm1(second * t) / second)
    if baseline == "loglogistic":
        return 1 / (1 + (t / (first * factor)) ** second)
    return mp.erfc(mp.log(t / (first * factor)) / second / mp.sqrt(2)) / 2


def in_digits(
    baseline: str, theta: tuple[float, ...], case: tuple[float, ...], odds: float | None, whole: bool
) -> float:
    entry, exit, event, eta = case

    def there(t: float) -> mp.mpf:
        own = survival(baseline, t, theta, eta)
        if odds is None:
            return own
        share = 1 / (1 + mp.exp(-mp.mpf(odds)))
        return share + (1 - share) * own

    if event == 0:
        return float(mp.log(there(exit) / there(entry)))
    if whole:
        return float(mp.log((there(max(exit - 1, entry)) - there(exit)) / there(entry)))
    density = -mp.diff(there, mp.mpf(exit), h=mp.mpf(exit) * mp.mpf(10) ** -30)
    return float(mp.log(density / there(entry)))


def ours(baseline: str, theta: tuple[float, ...], case: tuple[float, ...], odds: float | None, whole: bool) -> float:
    entry, exit, event, eta = case
    layout = np.array([CODES[baseline], whole, odds is not None, len(theta), 1, 0, 0, 0], dtype=np.int64)
    times = np.array([[entry, max(exit - 1, entry) if whole else 0.0, exit]])
    with np.errstate(divide="ignore"):
        logs = np.log(times)
    full = np.array([*theta, *([] if odds is None else [odds]), 1.0])
    x, none = np.array([[eta]]), np.zeros((1, 0))
    found = kernel.values(
        full, layout, times, logs, np.array([event]), x, none, np.array([-1]), np.zeros((1, 3), np.int64), np.zeros(0)
    )
    return float(found[0])


@pytest.mark.parametrize("whole", [False, True], ids=["exactly", "by period"])
@pytest.mark.parametrize("odds", [None, -30.0, 0.4, 8.0], ids=str)
@pytest.mark.parametrize("baseline", CODES)
def test_log_likelihood_in_many_digits(baseline: str, odds: float | None, whole: bool) -> None:
    with mp.workdps(150):
        for theta, (entry, exit), event, eta in itertools.product(PARAMETERS[baseline], TIMES, (0.0, 1.0), (-1.0, 2.0)):
            case = (entry, exit, event, eta)
            expected = in_digits(baseline, theta, case, odds, whole)
            # by period a probability is a difference of two, of which nothing is left at 1e-25
            if not np.isfinite(expected) or expected < (-60 if whole else -690):
                continue
            assert ours(baseline, theta, case, odds, whole) == pytest.approx(expected, rel=1e-9, abs=1e-12), (
                theta,
                case,
            )
