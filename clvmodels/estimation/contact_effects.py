"""What contacts do to purchases and dropout in a fit over time, and how far that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.contact_terms import ContactTerms, Term
from clvmodels.data.contacts import Contacts
from clvmodels.data.histories import Histories
from clvmodels.data.tables import fetch
from clvmodels.duration.stocks import IRRITATION, LATER, effects_of, workspace_of_stocks
from clvmodels.estimation.trust import DOUBTED, EVEN, WIDE
from clvmodels.model import Array
from clvmodels.response.contact_evidence import ContactEvidence, contact_evidence

if TYPE_CHECKING:
    from clvmodels.estimation.result import Fit

PROCESSES = ("purchase", "dropout")
UNKNOWN = "the contact log that it was fitted to is not at hand"
NEVER = "nobody was contacted after a first purchase"


@dataclass(frozen=True, eq=False)
class ContactGrounds:
    """The contact log and the customers that effects of contacts were fitted to; the evidence is weighed when it is asked for.

    `stated` is evidence that was weighed before, instead of both.
    """

    contacts: Contacts | None
    histories: Histories | None
    stated: tuple[ContactEvidence, ...] = ()

    @classmethod
    def found(cls, rows: Sequence[Sequence[Any]]) -> ContactGrounds:
        """Evidence that was weighed before, as rows of medium, grade, reason and contacts."""
        return cls(None, None, tuple(ContactEvidence(*row) for row in rows))

    @cached_property
    def evidence(self) -> tuple[ContactEvidence, ...]:
        """By medium, as found from the data."""
        if self.contacts is None or self.histories is None:
            return self.stated
        return contact_evidence(self.contacts, self.histories)

    def table(self, media: Sequence[str]) -> pd.DataFrame:
        """One row per medium: grade, contacts, reason."""
        missing = NEVER if self.evidence or self.contacts is not None else UNKNOWN
        known = {one.medium: one for one in self.evidence}
        rows = [known.get(medium, ContactEvidence(medium, "observational", missing, 0)) for medium in media]
        columns = {name: [getattr(one, name) for one in rows] for name in ("grade", "contacts", "reason")}
        return pd.DataFrame(columns, index=pd.Index(media, name="medium"))

    def sent(self) -> pd.DataFrame | None:
        """Every contact made: customer_id, medium, date, cost [currency]; None where the log is not at hand."""
        if self.contacts is None:
            return None
        rows: Any = self.contacts.rows()
        made = rows.filter(~rows.held_out).select("customer_id", "medium", "date", "cost")
        found: pd.DataFrame = fetch(made.order_by("customer_id", "date", "medium")).to_pandas(date_as_object=False)
        return found


def grades_of(fit: Fit) -> pd.DataFrame:
    """Evidence grade of each medium of a fit over time, contacts and reason."""
    grounds = fit.grounds or ContactGrounds(None, None)
    return grounds.table(terms_of(fit).media)


def terms_of(fit: Fit) -> ContactTerms:
    """The contact terms of a fit's model."""
    model: Any = fit.model
    found: ContactTerms = model.contacts
    return found


def no_effect(fit: Fit) -> dict[str, float]:
    """Probability that each medium moves neither rate, by name, where even odds were given before the data.

    It is a slice of the model: the density of the posterior, taken as normal, where the medium's coefficients are zero, over that
    of their prior (Dickey 1971). Without priors (mle) there is none.
    """
    if fit.priors is None:
        return {}
    terms, draws, found = terms_of(fit), _all_draws(fit), {}
    for m, medium in enumerate(terms.media):
        named = [one for process in PROCESSES for one in _named(terms, process)]
        own = [name for name, term in named if term.kind != IRRITATION and term.medium == m]
        if own:
            after = _log_density_of_none(np.array([draws[name] for name in own]))
            before = sum(float(fit.priors[name].log_density(0.0)) for name in own)
            found[medium] = float(special.expit(after - before + special.logit(EVEN)))
    return found


def _log_density_of_none(sample: Array) -> float:
    """Log density at zero of the normal distribution with the mean and covariance of draws (k, draws)."""
    mean, covariance = sample.mean(axis=1), np.atleast_2d(np.cov(sample))
    size = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return float(-0.5 * (mean @ np.linalg.solve(covariance, mean) + size))


def effects_table(fit: Fit, *, tail: float) -> pd.DataFrame:
    """As `Fit.contact_effects`."""
    terms, grades, draws, doubt = terms_of(fit), grades_of(fit), _all_draws(fit), no_effect(fit)
    rows: dict[tuple[str, str], dict[Any, Any]] = {}
    for m, medium in enumerate(terms.media):
        [half_life] = identifiers("half_life", [terms.idents[m]])
        lasting = _interval("half_life", draws[half_life] * fit.period.days, tail)
        for process in PROCESSES:
            mine = [one for one in _named(terms, process) if one[1].kind == IRRITATION or one[1].medium == m]
            if not mine:
                continue
            at_once = [draws[name] for name, term in mine if term.kind != LATER]
            effect = np.sum([np.zeros(draws[half_life].size), *at_once], axis=0)
            row = _interval("effect", effect, tail) | {"factor": float(np.exp(effect.mean()))}
            row |= {"p_positive": float(np.mean(effect > 0)), "p_no_effect": doubt.get(medium, np.nan)}
            rows[medium, process] = row | lasting | grades.loc[medium].to_dict()
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["medium", "process"])
    return table


def after_contact(fit: Fit, medium: str, *, days: int, draws: int = 300) -> dict[str, Array]:
    """What one contact does to each process in the days after it: the factor of its rate on day 1, 2, ... (draws, days).

    Of a customer who remembers no other contact.
    """
    terms = terms_of(fit)
    theta = fit.draws(draws)
    size, media = days + 1, len(terms.media)
    start, dose = np.arange(size) / fit.period.days, np.zeros((size, media))
    dose[0, terms.media.index(medium)] = 1.0
    codes = [terms.codes(process) for process in PROCESSES]
    lives = np.column_stack([getattr(theta, name) for name in identifiers("half_life", terms.idents)])
    ways = [
        np.column_stack([np.zeros((draws, 0)), *(getattr(theta, n) for n, _ in _named(terms, p))]) for p in PROCESSES
    ]
    saturation = theta.saturation if terms.saturation is None else np.full(draws, terms.saturation)
    effects = workspace_of_stocks(size, media, len(codes[0]), len(codes[1]), False)
    found = np.empty((2, draws, days))
    for i in range(draws):
        effects_of(start, dose, lives[i], saturation[i], codes[0], codes[1], ways[0][i], ways[1][i], effects)
        found[0, i], found[1, i] = effects.log_rate[:days], effects.log_hazard[:days]
    touched = {process: _touches(terms.of(process), terms.media.index(medium)) for process in PROCESSES}
    return {process: np.exp(one) for process, one in zip(PROCESSES, found, strict=True) if touched[process]}


def _touches(terms: Sequence[Term], medium: int) -> bool:
    return any(one.kind == IRRITATION or one.medium == medium for one in terms)


def _named(terms: ContactTerms, process: str) -> list[tuple[str, Term]]:
    """The contact terms of a process with their parameters."""
    found = terms.of(process)
    return list(zip(identifiers(process, [one.name for one in found]), found, strict=True))


def _all_draws(fit: Fit) -> dict[str, Array]:
    count = 4000 if fit.posterior is None else int(np.prod(list(fit.posterior.sizes.values())))
    return dict(zip(fit.model.Theta._fields, fit.draws(count), strict=True))


def _interval(name: str, draws: Array, tail: float) -> dict[str, float]:
    lower, upper = np.quantile(draws, [tail, 1 - tail])
    start = "" if name == "effect" else f"{name}_"
    return {name: float(draws.mean()), f"{start}lower": float(lower), f"{start}upper": float(upper)}


def contact_lines(fit: Fit) -> list[str]:
    """A line per medium: what one fresh contact does, for how long, and how that is known."""
    table, lines = effects_table(fit, tail=0.05), []
    for medium in terms_of(fit).media:
        rows = table.loc[medium]
        moved = [
            f"{process} x {row['factor']:.3g} [{np.exp(row['lower']):.3g}, {np.exp(row['upper']):.3g}]"
            for process, row in rows.iterrows()
        ]
        first = rows.iloc[0]
        doubt = (
            f"no effect at all with probability {first['p_no_effect']:.2f}, " if first["p_no_effect"] > DOUBTED else ""
        )
        lines.append(
            f"{medium}: {', '.join(moved)} by a fresh contact (90 %), half of it after {first['half_life']:.3g} days; "
            f"{doubt}{first['contacts']:,} contacts, {first['grade']}"
        )
    return lines


def effects_of_contacts(fit: Fit) -> tuple[str, ...]:
    """Coefficients that are effects of contacts."""
    if not getattr(fit.model, "media", ()):
        return ()
    return tuple(name for process in PROCESSES for name, _ in _named(terms_of(fit), process))


def doubts(fit: Fit) -> list[str]:
    """Sentences on effects that the data hardly tell, and on media whose contacts chance did not choose."""
    weak = grades_of(fit).query("grade != 'randomised'")
    table = effects_table(fit, tail=0.05)
    vague = table[table["upper"] - table["lower"] > np.log(WIDE)]
    found = [
        f"The data hardly tell what {medium} does to {process}: a fresh contact multiplies it by anything from "
        f"{np.exp(row['lower']):.2g} to {np.exp(row['upper']):.2g} (90 %)."
        for (medium, process), row in vague.iterrows()
    ]
    return found + [
        f"What {medium} does is observed, not randomised: {row['reason']}. The model allows for what a customer's purchases say "
        "of her own rates; whatever else contacts went by is taken for their effect."
        for medium, row in weak.iterrows()
    ]
