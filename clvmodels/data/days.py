"""What day it is: date columns of any kind as calendar days, and the dates that callers write."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Any

from clvmodels.errors import TransactionError

WRITTEN = r"^\s*([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})([T ][0-9]{1,2}:[0-9]{2}.*)?\s*$"
OFFSET = r"[T ][0-9]{1,2}:[0-9:.]+ *(Z|UTC|[+-][0-9]{2}:?[0-9]{0,2})\s*$"
UTC = ("UTC", "Etc/UTC", "GMT", "Z", "+00:00")
HAVE_TIMEZONE = ("duckdb", "postgres")
HAVE_FROM_UTC = ("pyspark", "databricks")


def as_date(value: object, *, name: str) -> datetime.date:
    """The calendar day meant by `value`: an ISO text, a date, a datetime, a pandas Timestamp or a NumPy datetime64.

    Examples
    --------
    >>> as_date("1997-09-30", name="date")
    datetime.date(1997, 9, 30)
    """
    if isinstance(value, datetime.datetime) and value == value:  # NaT differs from itself
        return value.date()
    if type(value) is datetime.date:
        return value
    try:
        if isinstance(value, str):
            return datetime.datetime.fromisoformat(value.strip()).date()
        return datetime.date.fromisoformat(str(value.astype("datetime64[D]")))  # type: ignore[attr-defined]
    except (ValueError, AttributeError):
        raise TransactionError(f"{name}={value!r} is not a date. Write it as '1997-09-30', or pass a date.") from None


def check_zone(zone: object) -> str | None:
    """`zone` if it names a time zone or is None; anything else is refused."""
    try:
        if zone is None or (isinstance(zone, str) and (_minutes(zone) is not None or zoneinfo.ZoneInfo(zone))):
            return zone
    except (ValueError, OSError, KeyError):
        pass
    remedy = "Write its IANA name, such as 'Europe/Berlin' or 'UTC'."
    raise TransactionError(f"timezone={zone!r} is not a time zone. {remedy}")


def offset(column: Any) -> Any:
    """The zone offset written at the end of a date text, '' where there is none; for a text column only."""
    return column.re_extract(OFFSET, 1)


def day(column: Any, *, zone: str | None, backend: str) -> Any:
    """Calendar day of each line, null where the value is no date.

    Text is read as `1997-09-30`, `1997/09/30` or `19970930`, alone or before a time of day; numbers as `19970930`.
    An instant (a value with a time zone) counts by its day in `zone`; a text with an offset does if there is a `zone`,
    else by the day written.
    """
    kind = column.type()
    if kind.is_date():
        return column
    if kind.is_timestamp():
        return _cast(column if zone is None or kind.timezone is None else _local(column, zone, backend))
    if kind.is_numeric():
        return _written(column.try_cast("int64").cast("string"))
    return _from_text(column, zone, backend)


def _from_text(column: Any, zone: str | None, backend: str) -> Any:
    written = _written(column)
    if zone is None:
        return written
    local = _cast(_local(column.try_cast("timestamp('UTC')"), zone, backend))
    return (offset(column) == "").ifelse(written, local)


def _written(text: Any) -> Any:
    year, month, date = (text.re_extract(WRITTEN, group) for group in (1, 2, 3))
    return (year + "-" + month + "-" + date).try_cast("date")


def _cast(moment: Any) -> Any:
    return moment.cast("date")


def _minutes(zone: str) -> int | None:
    """Minutes ahead of UTC of a zone written as an offset such as '+02:00', None for a name."""
    if zone in UTC:
        return 0
    match = re.fullmatch(r"(?:UTC)?([+-])(\d{2}):?(\d{2})", zone)
    return None if match is None else int(match[1] + "1") * (60 * int(match[2]) + int(match[3]))


def _local(instant: Any, zone: str, backend: str) -> Any:
    """Wall-clock time in `zone`; Ibis has no word for it, the databases have one each."""
    import ibis

    minutes = _minutes(zone)
    if minutes is not None:
        return instant + ibis.interval(minutes=minutes) if minutes else instant
    if backend in HAVE_TIMEZONE:
        return _timezone(zone, instant)
    if backend in HAVE_FROM_UTC:
        return _from_utc_timestamp(instant, zone)
    raise TransactionError(
        f"Instants cannot be turned into days of '{zone}' on {backend}. "
        "Add a column with the local date and name it as date=."
    )


def _timezone(zone: str, instant: Any) -> Any:
    import ibis

    @ibis.udf.scalar.builtin(signature=(("string", "timestamp('UTC')"), "timestamp"))
    def timezone(zone, instant):  # type: ignore[no-untyped-def]
        ...

    return timezone(zone, instant)


def _from_utc_timestamp(instant: Any, zone: str) -> Any:
    import ibis

    @ibis.udf.scalar.builtin(signature=(("timestamp('UTC')", "string"), "timestamp('UTC')"))
    def from_utc_timestamp(instant, zone):  # type: ignore[no-untyped-def]
        ...

    return from_utc_timestamp(instant, zone)
