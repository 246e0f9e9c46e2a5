"""What policies of contact are worth, judged on a log in which contacts were randomised; and nothing where they were not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation.policy_evaluation import PolicyEvaluation
from clvmodels.evaluation.policy_log import OutcomeName, PolicyLike, policy_log


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

    On each occasion the log did one thing, with a known probability; a policy is judged by the occasions on which the log did
    what the policy asks for, each counting for all that it stands for (one over the probability). Three estimators: doubly robust
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
    >>> import numpy as np, pandas as pd
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
