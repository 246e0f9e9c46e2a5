"""Numbers as people write them; a no-break space keeps a number and its unit on one line."""

from __future__ import annotations

import math
from typing import Final

SPACE: Final = "\N{NO-BREAK SPACE}"


def count(value: float) -> str:
    """A whole number with its thousands separated.

    Examples
    --------
    >>> count(23570)
    '23,570'
    """
    return "–" if math.isnan(value) else f"{value:,.0f}"


def number(value: float) -> str:
    """Three significant digits, or all digits before the decimal point where there are more; tiny ones with an exponent.

    Examples
    --------
    >>> number(16858.7), number(0.71523), number(4.0), number(1.2e-9), number(float("nan"))
    ('16,859', '0.715', '4', '1.2e-09', '–')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: float, currency: str | None) -> str:
    """An amount with its currency, without decimals from a hundred on.

    Examples
    --------
    >>> money(750436.2, "USD"), money(31.839, None)
    ('USD\\xa0750,436', '31.84')
    """
    amount = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    return f"{currency}{SPACE}{amount}" if currency else amount


def percent(share: float, *, decimals: int = 1) -> str:
    """A share as per cent; one that would be rounded to nothing is said to be below the smallest step.

    Examples
    --------
    >>> percent(0.1234), percent(0.9, decimals=0), percent(0.0002)
    ('12.3\\xa0%', '90\\xa0%', '<\\xa00.1\\xa0%')
    """
    step = 10.0**-decimals
    if 0 < 100 * share < step / 2:
        return f"<{SPACE}{step:g}{SPACE}%"
    return "–" if math.isnan(share) else f"{100 * share:,.{decimals}f}{SPACE}%"


def signed_percent(share: float) -> str:
    """A share as per cent with its sign.

    Examples
    --------
    >>> signed_percent(-0.143), signed_percent(0.474)
    ('−14.3\\xa0%', '+47.4\\xa0%')
    """
    return ("+" if share >= 0 else "−") + percent(abs(share))
