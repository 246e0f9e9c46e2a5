"""What the baseline is adjusted for where contact was not drawn: the score behind it, or customers' means and periods."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clvmodels.data.tables import fetch, kept
from clvmodels.response.evidence import Evidence, without_alone
from clvmodels.response.exposure_terms import WITHIN, ExposureTerm
from clvmodels.response.exposures import source
from clvmodels.response.fates import CONTACT, HELD_OUT, PSEUDO
from clvmodels.response.overlap import ScoreRule

OBSERVATIONAL = "observational"
MEANS = ("purchase_rate", "contact_share")
ODDS = "contact_odds"

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Controls:
    """Blocks of columns, each for the occasions whose evidence needs it; zero elsewhere.

    Attributes
    ----------
    rules
        By medium, the rule whose spline of the score is controlled for.
    observational
        The media whose occasions are controlled for the customer's purchase rate before the occasion, her share of occasions
        with contact (Mundlak1978), and the calendar month where the log spans more than a year.
    shared
        Whether some occasions are the baseline of every medium: then the blocks hold for all occasions.
    periods
        Calendar months such as "2024-05"; the first is the reference.
    means
        Those of `MEANS` that vary; the share of contacts only where customers have several occasions.
    centre, scale
        Mean and standard deviation of each over its block.
    some_without
        Whether there are occasions in no block or another, so that each block needs its own level.
    uneven
        Randomised media whose customers were drawn with different known probabilities: their log odds are controlled for.
    exposures
        Mass media, for all occasions: the controls of each, then each one's own column, the last of all.
    """

    rules: Mapping[str, ScoreRule]
    observational: tuple[str, ...]
    shared: bool
    periods: tuple[str, ...]
    means: tuple[str, ...]
    centre: Floats
    scale: Floats
    some_without: bool
    uneven: tuple[str, ...] = ()
    exposures: tuple[ExposureTerm, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        names: list[str] = []
        for medium, rule in self.rules.items():
            names += self._level(f"score of {medium}")
            names += [f"score of {medium} {k + 1}" for k in range(rule.size)]
        if self.observational:
            names += [*self._level(OBSERVATIONAL), *self.means, *(f"period {period}" for period in self.periods[1:])]
        names += ["log odds of contact"] if self.uneven else []
        names += [name for term in self.exposures for name in term.names[:-1]]
        return (*names, *(term.names[-1] for term in self.exposures))

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of occasions that the controls are made of, and that vary continuously."""
        odds = (ODDS,) if self.uneven else ()
        return (*(("score",) if self.rules else ()), *self.means, *odds, *(name for name, _ in self.stocks))

    @property
    def stocks(self) -> tuple[tuple[str, float], ...]:
        """Columns of occasions with the parts of exposures' stocks, each with its scale, in the order of their controls."""
        parts = [(source(k, part), term.scale) for k, term in enumerate(self.exposures) for part in term.parts]
        return (*parts, *((source(k, WITHIN), term.scale) for k, term in enumerate(self.exposures)))

    def _level(self, name: str) -> list[str]:
        return [f"{name}: level"] if self.some_without else []

    def matrix(self, block: NDArray[Any], period: NDArray[Any], columns: Mapping[str, Floats]) -> Floats:
        """Columns (n, c) of rows with the given block, period and sources."""
        found: list[Floats] = []
        for medium, rule in self.rules.items():
            inside = (block == medium).astype(float)
            found += [inside] if self.some_without else []
            score = np.where(inside > 0, np.nan_to_num(columns["score"]), rule.centre)
            found += [inside * np.asarray(column) for column in rule.columns(score)]
        if self.observational:
            inside = (block == OBSERVATIONAL).astype(float)
            found += [inside] if self.some_without else []
            standard = [(columns[name] - self.centre[j]) / self.scale[j] for j, name in enumerate(self.means)]
            found += [inside * np.nan_to_num(column) for column in standard]
            found += [inside * (period == one) for one in self.periods[1:]]
        found += [np.nan_to_num(columns[ODDS])] if self.uneven else []
        found += [columns[name] / scale for name, scale in self.stocks]
        return np.column_stack(found) if found else np.zeros((len(block), 0))


def with_blocks(
    occasions: Any, evidence: Sequence[Evidence], days: Sequence[datetime.date] = ()
) -> tuple[Any, Controls]:
    """Occasions with their block, period and contact_share, without those outside a rule's overlap; and the controls.

    `days` are those of the campaigns where the baseline was drawn: then a customer's share is her contacts over the days since
    her first purchase, whether she was drawn on them or not.
    """
    rules = {one.medium: one.rule for one in evidence if one.rule is not None}
    media = _compared(occasions, evidence)
    for one in evidence:
        occasions = without_alone(occasions, one)
    shared = bool(occasions.filter((occasions.kind == HELD_OUT) & occasions.arm.isnull()).count().to_pyarrow().as_py())
    rows = _inside(occasions, rules, shared=shared)
    if shared and rules:
        rules = dict([next(iter(rules.items()))])
    rows = rows.mutate(block=_block(rows, rules, media, shared=shared))
    rows, periods = _with_periods(rows, wanted=bool(media))
    rows = _with_share(rows, days, wanted=bool(media))
    uneven = tuple(one.medium for one in evidence if one.uneven and not shared)
    rows = rows.mutate(contact_odds=_log_odds(rows, uneven))
    blocks = int(rows.block.nunique().to_pyarrow().as_py() or 0)
    means, centre, scale = _scaling(rows) if media else ((), np.zeros(0), np.ones(0))
    return rows, Controls(rules, media, shared, periods, means, centre, scale, blocks > 1, uneven)


def _log_odds(rows: Any, media: tuple[str, ...]) -> Any:
    """Log odds of contact by the drawing, of the occasions of some media; 0 elsewhere."""
    import ibis

    if not media:
        return ibis.literal(0.0)
    odds = (rows.probability / (1.0 - rows.probability)).ln()
    drawn = rows.arm.isin(media).fill_null(False) & rows.probability.notnull()
    return drawn.ifelse((rows.kind == CONTACT).ifelse(odds, -odds), 0.0)


def _compared(occasions: Any, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """The observational media, and with them those that have the same pseudo-contacts as baseline."""
    media = tuple(one.medium for one in evidence if one.grade == "observational")
    if not media or len(media) == len(evidence):
        return media
    held = fetch(occasions.filter(occasions.kind == HELD_OUT).select("arm").distinct())["arm"].to_pylist()
    return tuple(one.medium for one in evidence if one.medium in media or one.medium not in held)


def _inside(occasions: Any, rules: Mapping[str, ScoreRule], *, shared: bool) -> Any:
    for medium, rule in rules.items():
        mine = (occasions.arm == medium).fill_null(shared and len(rules) == 1)
        if shared and len(rules) == 1:
            mine = mine & (occasions.kind != PSEUDO)
        occasions = occasions.filter(~mine | rule.overlap(occasions.score).fill_null(False))
    return occasions


def _block(rows: Any, rules: Mapping[str, ScoreRule], media: tuple[str, ...], *, shared: bool) -> Any:
    """Name of the block of each occasion: a medium with a rule, "observational", or "" for none."""
    import ibis

    if shared:
        return ibis.literal(next(iter(rules), OBSERVATIONAL if media else ""))
    cases = [((rows.arm == medium).fill_null(False), medium) for medium in rules]
    cases += [((rows.arm == medium).fill_null(False), OBSERVATIONAL) for medium in media]
    cases.append((rows.kind == PSEUDO, OBSERVATIONAL if media else ""))
    return ibis.cases(*cases, else_="")


def _with_periods(rows: Any, *, wanted: bool) -> tuple[Any, tuple[str, ...]]:
    """A column of calendar months, where some month of the year is there twice; the model has the month of the year already."""
    import ibis

    period = rows.date.strftime("%Y-%m").fill_null("")
    if wanted:
        days = fetch(rows.select("date").distinct()).to_pylist()
        found = sorted({"" if row["date"] is None else f"{row['date']:%Y-%m}" for row in days})
        if len({one[-2:] for one in found}) < len(found):
            return rows.mutate(period=period), tuple(found)
    return rows.mutate(period=ibis.literal("")), ()


def _with_share(rows: Any, days: Sequence[datetime.date], *, wanted: bool) -> Any:
    import ibis

    if not wanted:
        return rows.mutate(contact_share=ibis.literal(0.0))
    inside = rows.block == OBSERVATIONAL
    facts = {"sent": (inside & (rows.kind == CONTACT)).sum().cast("float64"), "there": inside.sum().cast("float64")}
    if days:
        facts["first"] = (rows.date - rows.tenure.cast("int64").as_interval("D")).min()
    each: Any = rows.group_by(who=rows.customer_id).aggregate(**facts)
    if days:
        ahead = ibis.memtable(
            pa.table({"day": pa.array(sorted(days), pa.date32()), "ahead": np.arange(len(days), 0, -1)})
        )
        each = each.asof_join(ahead, on=each["first"] < ahead.day)
        each = each.mutate(there=ibis.greatest(each.ahead.cast("float64"), each.sent))
    shares = kept(each.select("who", contact_share=each.sent / each.there.nullif(0.0)))
    return rows.left_join(shares, rows.customer_id == shares.who).drop("who")


def _scaling(rows: Any) -> tuple[tuple[str, ...], Floats, Floats]:
    """The means that vary, with mean and standard deviation of each."""
    inside = rows.filter(rows.block == OBSERVATIONAL)
    facts = {f"mean_{name}": inside[name].mean() for name in MEANS} | {
        f"sd_{name}": inside[name].std(how="pop") for name in MEANS
    }
    facts |= {"rows": inside.count(), "customers": inside.customer_id.nunique()}
    [found] = fetch(inside.aggregate(**facts)).to_pylist()
    means = [name for name in MEANS if (found[f"sd_{name}"] or 0.0) > 1e-9]
    if found["rows"] == found["customers"]:
        means = [name for name in means if name != "contact_share"]
    centre = np.array([found[f"mean_{name}"] for name in means], dtype=float)
    return tuple(means), centre, np.array([found[f"sd_{name}"] for name in means], dtype=float)
