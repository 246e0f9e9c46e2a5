"""Occasions from a contact log and a transaction log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from clvmodels.errors import ContactError
from clvmodels.response.assemble import Wanted, assemble
from clvmodels.response.half_lives import half_lives
from clvmodels.response.occasions import Occasions
from clvmodels.response.past import chosen_features
from clvmodels.units import DAY, Period, Span, as_span

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from clvmodels.data.contacts import Contacts
    from clvmodels.data.transactions import Transactions

type Unmatched = Literal["error", "leave_out"]


def occasions(
    contacts: Contacts,
    log: Transactions,
    *,
    window: Span | Period = 28 * DAY,
    half_life: Mapping[str, Span | Period] | None = None,
    features: Sequence[str] | None = None,
    unmatched: Unmatched = "error",
    most_baseline: int = 2_000_000,
    seed: int = 0,
) -> Occasions:
    """Occasions of contact, and occasions without as their baseline, with what was known before and what was bought after.

    The baseline of a medium are the customers held out of it. Where nobody was, it is *pseudo-contacts*: the customers of the log
    who had bought before and whom no medium contacted on the days of its contacts.

    Parameters
    ----------
    contacts, log
        The contact log, with the exposures of `Contacts.with_exposure`, and the purchases of the same customers from the log's
        beginning.
    window
        Whole days from the occasion's own day on; a purchase in it is the outcome. Occasions whose window reaches past the log's
        end are left out.
    half_life
        By medium, after how long half of a contact is forgotten; by default one week for e-mail, two for direct mail, four for
        telemarketing, eight for visits, two for others.
    features
        Of "recency", "frequency", "log_spend", "tenure", "responses"; by default all that the data allow. Days since the last
        purchase; purchase days less one; log(1 + mean amount of a purchase); days since the first purchase; attributed responses
        to earlier contacts whose window was over. All as of just before the day.
    unmatched
        What to do with contacts of customers who are not in the log or had not bought before: "error" or "leave_out".
    most_baseline, seed
        Customers x days looked at for pseudo-contacts; beyond it they are drawn, with that seed.

    Returns
    -------
    Occasions

    Raises
    ------
    ContactError
        Contacts contradict the log, a medium has neither a baseline nor attributed responses, an option makes no sense; an
        exposure does not cover the log and its regions, or cannot be told from regions, days or months.
    """
    span = as_span(window, name="window")
    if not (1 <= span.days < float("inf")) or span.days != round(span.days):
        raise ContactError(f"window={span} is {span.days:g} days. Give whole days, one or more, such as 28 * DAY.")
    if unmatched not in get_args(Unmatched.__value__):
        raise ContactError(f"unmatched={unmatched!r} is not known. Write 'error' or 'leave_out'.")
    if most_baseline < 1:
        raise ContactError(f"most_baseline={most_baseline} leaves no baseline. Give 1 or more.")
    for exposure in contacts.exposures:
        if exposure.medium in contacts.media:
            raise ContactError(
                f"{exposure.medium} is a medium of the contacts and an exposure too. Call one of them something else."
            )
    rows: ir.Table = contacts.rows()
    replies = int(rows.responded.count().to_pyarrow().as_py()) > 0
    names = chosen_features(features, priced="amount" in log.lines().columns, replies=replies)
    lives = half_lives(contacts.media, half_life)
    wanted = Wanted(round(span.days), lives, unmatched == "error", most_baseline, seed)
    made = assemble(contacts, log, wanted, replies=replies)
    currency = log.currency or contacts.currency
    return Occasions(
        made.occasions, features=names, window=span, half_life=lives, made=made, drawn=True, currency=currency,
        exposures=contacts.exposures,
    )  # fmt: skip
