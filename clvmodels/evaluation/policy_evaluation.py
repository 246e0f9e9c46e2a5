"""Values of policies with their intervals, differences and words; no numbers where nothing was randomised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation.policy_log import OutcomeName, PolicyLog
from clvmodels.evaluation.policy_values import (
    ESTIMATORS,
    Estimate,
    Places,
    Scored,
    differences,
    effective_sample_size,
    places,
    predictions,
    scored,
    values,
)
from clvmodels.evaluation.policy_words import policy_sentences
from clvmodels.response.cells import NONE, Codes, Floats

VALIDATED, NOT_VALIDATED = "randomised", "not validated"
BEST = ESTIMATORS[0]
DEVIATIONS, ALLOWANCE = 4.0, 0.02
"""Weights average 1 but for chance; a policy whose weights are further off than both is not validated."""


@dataclass(frozen=True, eq=False, repr=False)
class PolicyEvaluation:
    """The outcome of `clv.evaluate_policies`.

    Attributes
    ----------
    log
        The occasions.
    asked
        What each policy asks for, by its name: codes of media per occasion.
    reasons
        Why a policy is not validated, by its name; policies that are validated are not there.
    interval, resamples, seed, folds
        Of the bootstrap and of the predictions.
    outcome
        "amount" or "bought".
    """

    log: PolicyLog = field(repr=False)
    asked: Mapping[str, Codes] = field(repr=False)
    interval: float
    resamples: int
    seed: int
    folds: int
    outcome: OutcomeName

    @cached_property
    def reasons(self) -> Mapping[str, str]:
        found = {name: self._reason(name) for name in self.asked}
        return {name: reason for name, reason in found.items() if reason}

    @property
    def note(self) -> str:
        """What to know when reading the tables."""
        about = [
            f"{len(self.log):,} occasions of {int(self.log.customer.max()) + 1:,} customers; values are per occasion."
        ]
        if self.log.left_out:
            about.append(
                f"{self.log.left_out:,} occasions without a probability are left out: values are of the others."
            )
        if len(self.reasons) < len(self.asked):
            about.append(f"{100 * self.interval:g} % intervals are of a bootstrap over customers.")
        return " ".join(about)

    def table(self) -> pd.DataFrame:
        """Value of every policy by every estimator.

        Returns
        -------
        DataFrame by (policy, estimator): value (margin of the outcome less cost, per occasion) [currency], standard_error, lower,
        upper, evidence ("randomised", or "not validated": then there are no numbers)
        """
        rows = []
        for name in self.asked:
            found = self._numbers(self._values[name]) if name in self._values else np.full((3, 4), np.nan)
            evidence = NOT_VALIDATED if name in self.reasons else VALIDATED
            rows += [(name, e, *one, evidence) for e, one in zip(ESTIMATORS, found, strict=True)]
        columns = ["policy", "estimator", "value", "standard_error", "lower", "upper", "evidence"]
        return pd.DataFrame(rows, columns=columns).set_index(["policy", "estimator"])

    def support(self) -> pd.DataFrame:
        """How much of the log speaks of each policy.

        Returns
        -------
        DataFrame by policy: contacted (share of occasions on which it contacts), matched (occasions on which the log did what
        it asks for), effective_sample_size (what these are worth, weighted), mean_weight (1 but for chance where probabilities
        are right), p_best (share of resamples in which it is worth most, by the doubly robust value), evidence, reason
        """
        best = self._p_best
        rows = []
        for name, asked in self.asked.items():
            weight = self._scored[name].weight if name in self._scored else np.full(len(asked), np.nan)
            sure = name not in self.reasons
            rows.append({
                "policy": name,
                "contacted": float((asked != NONE).mean()),
                "matched": int((asked == self.log.medium).sum()),
                "effective_sample_size": effective_sample_size(weight) if sure else np.nan,
                "mean_weight": float(weight.mean()),
                "p_best": best.get(name, np.nan),
                "evidence": VALIDATED if sure else NOT_VALIDATED,
                "reason": self.reasons.get(name, ""),
            })  # fmt: skip
        return pd.DataFrame(rows).set_index("policy")

    def differences(self, against: str | None = None) -> pd.DataFrame:
        """Every policy less one of them, paired: only occasions on which the two ask for something else count.

        Parameters
        ----------
        against
            Name of the policy to compare with; the first by default.

        Returns
        -------
        DataFrame by (policy, estimator): against, difference per occasion [currency], standard_error, lower, upper, differ (share
        of occasions on which the two differ), better ("policy", "against", "unclear", or "not validated")

        Raises
        ------
        ClvError
            There is no policy of that name.
        """
        against = next(iter(self.asked)) if against is None else against
        if against not in self.asked:
            raise ClvError(f"against={against!r} is not among the policies {', '.join(self.asked)}.")
        apart, rows = self._apart(against), []
        for name in [one for one in self.asked if one != against]:
            differ = float((self.asked[name] != self.asked[against]).mean())
            sure = name in apart
            found = self._numbers(apart[name]) if sure else np.full((3, 4), np.nan)
            rows += [
                (name, e, against, *one, differ, _better(one, sure)) for e, one in zip(ESTIMATORS, found, strict=True)
            ]
        columns = [
            "policy",
            "estimator",
            "against",
            "difference",
            "standard_error",
            "lower",
            "upper",
            "differ",
            "better",
        ]
        return pd.DataFrame(rows, columns=columns).set_index(["policy", "estimator"])

    def words(self) -> list[str]:
        """Plain sentences: what each policy is worth, against the first, and what is not validated and why."""
        first = by_policy(self.differences()) if len(self.asked) > 1 else None
        values, support = by_policy(self.table()), self.support()
        return policy_sentences(values, first, support, interval=self.interval, outcome=self.outcome)

    def _reason(self, name: str) -> str:
        """Why a policy cannot be judged on this log, or an empty text."""
        if self.log.doubt:
            return self.log.doubt
        asked = self.asked[name]
        doubtful = {k: m for k, m in enumerate(self.log.media) if self.log.grades.get(m, VALIDATED) != VALIDATED}
        if doubtful and np.isin(asked, [NONE, *doubtful]).any():
            graded = ", ".join(f"{m} ({self.log.grades[m]})" for m in doubtful.values())
            return f"contacts were not assigned at random: {graded}"
        found = self._estimates[name]
        off, chance = abs(found.mean_weight - 1), DEVIATIONS * float(found.mean_weight_resamples.std())
        if not (asked == self.log.medium).any():
            return "the log never did what it asks for"
        if off > max(chance, ALLOWANCE):
            return (
                f"its weights average {found.mean_weight:.2f} where 1 is right: the log could not do what it asks for on some "
                "occasions, or the probabilities are not those that were used"
            )
        return ""

    @cached_property
    def _places(self) -> Places:
        return places(self.log, folds=self.folds, seed=self.seed)

    @cached_property
    def _scored(self) -> dict[str, Scored]:
        if self.log.doubt:
            return {}
        predicted = predictions(self.log, self._places.fold, folds=self.folds)
        return {name: scored(self.log, asked, predicted) for name, asked in self.asked.items()}

    @cached_property
    def _estimates(self) -> dict[str, Estimate]:
        if not self._scored:
            return {}
        return values(self.log, self._scored, self._places, resamples=self.resamples, seed=self.seed)

    @cached_property
    def _values(self) -> dict[str, Estimate]:
        """Of the policies that are validated."""
        return {name: one for name, one in self._estimates.items() if name not in self.reasons}

    @cached_property
    def _p_best(self) -> dict[str, float]:
        if not self._values:
            return {}
        drawn = np.column_stack([one.resamples[:, 0] for one in self._values.values()])
        top = drawn >= drawn.max(axis=1, keepdims=True)
        return dict(zip(self._values, (top / top.sum(axis=1, keepdims=True)).mean(axis=0).tolist(), strict=True))

    def _apart(self, against: str) -> dict[str, Estimate]:
        """Differences of the other policies from this one, as far as both are validated."""
        others = {name: self._scored[name] for name in self._values if name != against}
        if against not in self._values or not others:
            return {}
        other = self._scored[against]
        return differences(self.log, others, other, self._places, resamples=self.resamples, seed=self.seed)

    def _numbers(self, found: Estimate) -> Floats:
        """Value, standard error, lower and upper of each estimator (3, 4)."""
        tail = tail_of(self.interval)
        bounds = np.nanquantile(found.resamples, [tail, 1 - tail], axis=0)
        return np.column_stack([found.value, np.nanstd(found.resamples, axis=0, ddof=1), *bounds])

    def __repr__(self) -> str:
        table = self.table().to_string(float_format="{:,.4g}".format, na_rep="")
        return "\n".join([f"Values of {len(self.asked)} policies", table, *self.words(), self.note])

    def _repr_html_(self) -> str:
        table = self.table().to_html(float_format="{:,.4g}".format, na_rep="")
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        return f"<b>What the policies are worth</b>{table}<ul>{said}</ul><small>{self.note}</small>"


def by_policy(table: pd.DataFrame) -> pd.DataFrame:
    """The doubly robust rows of a table by policy and estimator."""
    return table[table.index.get_level_values("estimator") == BEST].droplevel("estimator")


def _better(found: Floats, sure: bool) -> str:
    _, _, lower, upper = found
    if not sure:
        return NOT_VALIDATED
    return "policy" if lower > 0 else "against" if upper < 0 else "unclear"
