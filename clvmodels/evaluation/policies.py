"""What policies of contact are worth, judged on a log in which contacts were randomised; and nothing where they were not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import numpy as np
import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation.policy_log import OutcomeName, PolicyLike, PolicyLog, policy_log
from clvmodels.evaluation.policy_values import (
    ESTIMATORS,
    Estimate,
    Places,
    Scored,
    difference,
    effective_sample_size,
    places,
    predictions,
    scored,
    value,
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
        rows = []
        for name in self.asked:
            if name == against:
                continue
            differ = float((self.asked[name] != self.asked[against]).mean())
            sure = name in self._values and against in self._values
            found = self._numbers(self._apart(name, against)) if sure else np.full((3, 4), np.nan)
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
        first = self.differences().xs(BEST, level="estimator") if len(self.asked) > 1 else None
        return policy_sentences(
            self.table().xs(BEST, level="estimator"),
            first,
            self.support(),
            interval=self.interval,
            outcome=self.outcome,
        )

    def _reason(self, name: str) -> str:
        """Why a policy cannot be judged on this log, or an empty text."""
        if self.log.doubt:
            return self.log.doubt
        asked = self.asked[name]
        used = [self.log.media[k] for k in np.unique(asked[asked != NONE])]
        graded = [f"{m} ({self.log.grades[m]})" for m in used if self.log.grades.get(m, VALIDATED) != VALIDATED]
        if graded:
            return f"contacts were not assigned at random: {', '.join(graded)}"
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
        draw = {"resamples": self.resamples, "seed": self.seed}
        return {name: value(self.log, one, self._places, **draw) for name, one in self._scored.items()}

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

    def _apart(self, name: str, against: str) -> Estimate:
        pair = self._scored[name], self._scored[against]
        return difference(self.log, *pair, self._places, resamples=self.resamples, seed=self.seed)

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


def evaluate_policies(
    policies: Mapping[str, PolicyLike],
    occasions: Any,
    *,
    cost: float | Mapping[str, float] | None = None,
    margin: float = 1.0,
    outcome: OutcomeName = "amount",
    interval: float = 0.90,
    resamples: int = 1000,
    folds: int = 5,
    smallest_probability: float = 0.001,
    seed: int = 0,
) -> PolicyEvaluation:
    """What policies would have been worth per occasion, from a log in which contacts were assigned at random.

    On each occasion the log did one thing, with a known probability; a policy is judged by the occasions on which the log did what
    the policy asks for, each counting for all that it stands for (one over the probability). Three estimators: doubly robust
    (with predictions of the reward, which make it more precise and cannot bias it), self-normalised (Hajek) and plain
    inverse probability. Predictions are by ridge regression per medium on all columns of numbers, segment and month, from the
    customers of the other folds.

    Without assignment probabilities, or where a policy asks for what could not happen, the result says `not validated` and
    has no numbers. `design_test` says how large a test would settle it.

    Parameters
    ----------
    policies
        By name: the name of one medium ("everybody gets this"), None ("nobody"), one label per row (a medium; None or
        "none" for no contact), or a function of the frame that returns such labels. The function sees what was known before the
        contact, and neither contact nor outcome.
    occasions
        An object with `.frame()`, or a table: customer_id, medium (missing where nobody was contacted), probability (of what was
        done), bought and amount [currency] (within the window), cost [currency], and any columns of numbers, segment and month
        known before the contact.
    cost
        Of one contact, or by medium [currency]; by default the column `cost`.
    margin
        What a unit of the outcome earns: a share of the amount, or currency per purchase for "bought".
    outcome
        "amount" or "bought".
    interval
        Probability of the intervals.
    resamples
        Of the bootstrap; it draws customers, beyond 10,000 of them in that many random groups.
    folds
        In how many parts customers are dealt for the predictions.
    smallest_probability
        Below which a probability of what was done is refused: one such occasion would count for thousands.
    seed
        Reproduces folds and resamples, whatever the order of the rows.

    Returns
    -------
    PolicyEvaluation

    Raises
    ------
    ContactError
        A column is missing or has something else than numbers, a probability is outside (0, 1] or too small, a cost is missing,
        or a policy has a label that never occurs or not one label per row.
    ClvError
        There is no policy, or an option makes no sense.

    Source: Horvitz and Thompson 1952; Hajek 1971; Dudik, Langford and Li 2011 (doubly robust, equation 1); folds as in
    Chernozhukov and others 2018.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": range(4000), "medium": ["dm", None] * 2000, "probability": 0.5})
    >>> log["amount"] = np.where(log.medium.notna(), 3.0, 1.0) + log.customer_id % 7
    >>> found = evaluate_policies({"nobody": None, "everybody": "dm"}, log, cost=0.5, resamples=100)
    >>> bool(abs(found.differences().difference.iloc[0] - 1.5) < 0.1)
    True
    """
    tail_of(interval)
    if not policies:
        raise ClvError("There is no policy to evaluate. Give at least one, such as {'nobody': None}.")
    if outcome not in get_args(OutcomeName.__value__):
        raise ClvError(f"outcome={outcome!r} is not known. Write 'amount' or 'bought'.")
    if resamples < 20 or folds < 2:
        raise ClvError(f"resamples={resamples}, folds={folds}: use at least 20 resamples (1000 is usual) and 2 folds.")
    log = policy_log(occasions, outcome=outcome, cost=cost, margin=margin, smallest_probability=smallest_probability)
    asked = {str(name): log.codes(str(name), policy) for name, policy in policies.items()}
    return PolicyEvaluation(log, asked, interval, resamples, seed, folds, outcome)


def _better(found: Floats, sure: bool) -> str:
    _, _, lower, upper = found
    if not sure:
        return NOT_VALIDATED
    return "policy" if lower > 0 else "against" if upper < 0 else "unclear"
