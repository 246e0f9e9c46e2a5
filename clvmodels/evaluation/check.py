"""Can these data support a model, and which assumption is in doubt? Of contracts also: does a fit agree with them?"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.errors import ClvError, HistoryError
from clvmodels.estimation.result import Fit
from clvmodels.evaluation import contract_questions, fit_questions, purchase_questions, spend_questions
from clvmodels.evaluation.fit_questions import Checked
from clvmodels.evaluation.question import VERDICTS, Concern, Question
from clvmodels.evaluation.stays import affordable, edges_of, insist_on_contracts, is_discrete, periods_of, usual_horizon
from clvmodels.history import covariates_of
from clvmodels.units import Period, Span

PURCHASES = (
    purchase_questions.repeaters,
    purchase_questions.beginning,
    purchase_questions.age,
    purchase_questions.dropout,
    purchase_questions.regularity,
)
SPEND = (spend_questions.independence, spend_questions.tail)
CONTRACTS = (contract_questions.leavers, contract_questions.follow_up, contract_questions.rate)
FIT = (fit_questions.curve, fit_questions.residuals, fit_questions.calibration)


@dataclass(frozen=True, eq=False, repr=False)
class Check:
    """The outcome of `clv.check`: an answer to every question, by name.

    Attributes
    ----------
    histories
        The customers who were looked at: histories, or tenures.
    questions
        The answers in the order asked. Of histories: repeaters, beginning, age, dropout, regularity, amounts; where there are
        amounts independence and tail; where there are covariates covariates. Of tenures: leavers, follow-up, rate. Of a fit to
        them: curve, residuals, calibration; by segment segments; where it reads covariates proportional.
    """

    histories: Histories | Tenures = field(repr=False)
    questions: tuple[Question, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is "cannot support"."""
        return all(one.verdict != "cannot support" for one in self.questions)

    def supports(self, concern: Concern) -> bool:
        """Whether nothing is "cannot support" of what concerns "purchases", "spend", "covariates" or "contracts"."""
        if concern not in get_args(Concern.__value__):
            raise ClvError(
                f"{concern!r} is no concern of a check. Choose 'purchases', 'spend', 'covariates' or 'contracts'."
            )
        return all(one.verdict != "cannot support" for one in self.questions if one.concerns == concern)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __getitem__(self, name: str) -> Question:
        for one in self.questions:
            if one.name == name:
                return one
        raise ClvError(f"There is no question {name!r}. There are: {', '.join(one.name for one in self.questions)}.")

    def table(self) -> pd.DataFrame:
        """One row per question.

        Returns
        -------
        DataFrame by name: concerns (purchases, spend, covariates or contracts), question, measure (of which finding is
        the number, NaN if the data do not tell), verdict ("fine", "doubtful" or "cannot support"), meaning (with the remedy)
        """
        rows = {
            one.name: (one.concerns, one.asked, one.measure, one.finding, one.verdict, one.meaning)
            for one in self.questions
        }
        columns = ["concerns", "question", "measure", "finding", "verdict", "meaning"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("name")

    def words(self) -> list[str]:
        """Plain sentences with numbers and remedies: the sum of it, what rules a model out, what is in doubt, what is fine."""
        ordered = sorted(self.questions, key=lambda one: -VERDICTS.index(one.verdict))
        return [self._title(), *(one.sentence for one in ordered)]

    def _title(self) -> str:
        held: dict[str, list[str]] = {
            verdict: [o.name for o in self.questions if o.verdict == verdict and o.known] for verdict in VERDICTS
        }
        held["cannot support"] = [o.name for o in self.questions if o.verdict == "cannot support"]
        held["not known"] = [o.name for o in self.questions if o.verdict == "doubtful" and not o.known]
        parts = [f"{len(held.pop('fine'))} of {len(self.questions)} questions are fine"]
        parts += [f"{verdict}: {', '.join(names)}" for verdict, names in held.items() if names]
        return f"Check of {len(self.histories):,} customers: {'; '.join(parts)}."

    def __repr__(self) -> str:
        rows = [f"  {o.name:<12}  {o.verdict:<14}  {_shown(o.finding):>8}  {o.measure}" for o in self.questions]
        title, *said = self.words()
        return "\n".join([title, *rows, *(f"- {one}" for one in said)])

    def _repr_html_(self) -> str:
        cells = [(o.name, o.asked, _shown(o.finding), o.measure, o.verdict, o.meaning) for o in self.questions]
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
        head = "".join(f"<th>{name}</th>" for name in ("", "question", "finding", "of what", "verdict", "meaning"))
        style = "<style scoped>td, th {text-align: left !important; vertical-align: top}</style>"
        return f"<div>{style}<p><b>{html.escape(self._title())}</b></p><table><tr>{head}</tr>{rows}</table></div>"


def check(
    histories: Histories | Tenures,
    fit: Fit | None = None,
    *,
    by: str | None = None,
    horizon: Span | Period | None = None,
    draws: int = 100,
    seed: int = 0,
) -> Check:
    """Ask what models take for granted and whether these data can tell; of a fit of contracts, whether it agrees with them.

    Without a fit nothing is fitted, so it is quick. Verdicts are about the data: "cannot support" says that a parameter would be
    a guess or that a model would refuse them, "doubtful" that an assumption does not hold or cannot be looked at, and what to do
    about it. With a fit of contracts "doubtful" says that customers left in another way than it has, by more than chance makes
    and more than does not matter. Thresholds are constants of `clvmodels.evaluation.purchase_questions`, `spend_questions`,
    `contract_questions` and `fit_questions`, each with its reason.

    Parameters
    ----------
    histories
        The customers, from `log.histories(period=..., intervals=True)` (the intervals tell how regularly they buy) or from
        `Histories.from_frame`; or the tenures of contracts.
    fit
        Of a model of contracts, to the same tenures or others: late entry, right censoring and rows that follow on each other
        are taken as they are. Calibration counts from entry, everything else from the start of the contract.
    by
        A covariate or "segment": whether each of its values is met. By default the segment, if there is one.
    horizon
        Of the calibration; by default as long as a quarter of the customers were followed.
    draws, seed
        Posterior draws to check with (fewer where every customer is one of a kind), and what makes them.

    Raises
    ------
    HistoryError
        It is given something else than histories or tenures.
    ModelError, UnitError
        The fit is not of contracts, or counts other periods.

    Examples
    --------
    >>> from clvmodels.data.samples import cdnow_sample
    >>> from clvmodels.units import WEEK
    >>> found = check(cdnow_sample().split("1997-09-30").calibration.histories(period=WEEK))
    >>> found.ok, found["dropout"].verdict, round(found["independence"].finding, 4)
    (True, 'fine', 0.1139)

    >>> check(Tenures.from_cohort([1000, 631, 468, 382, 326, 289, 262, 241]))["rate"].verdict
    'doubtful'
    """
    given: object = histories
    if isinstance(histories, Tenures):
        if fit is None:
            return Check(histories, tuple(ask(histories) for ask in CONTRACTS))
        return _of_fit(fit, histories, by, horizon, draws, seed)
    if not isinstance(given, Histories):
        kind = type(given).__name__
        raise HistoryError(
            f"check() asks about histories, or tenures of contracts, not {kind}. Write check(log.histories(period=WEEK)) or "
            "check(contracts.tenures(period=MONTH))."
        )
    if fit is not None:
        raise ClvError("Only fits of contracts are checked here. Compare fits of purchasing with clv.compare_models.")
    asked: tuple[Callable[[Histories], Question], ...] = (*PURCHASES, spend_questions.amounts)
    asked += SPEND if spend_questions.paid(histories)[0].size else ()
    asked += (spend_questions.covariates,) if histories.covariates else ()
    return Check(histories, tuple(ask(histories) for ask in asked))


def _of_fit(fit: Fit, tenures: Tenures, by: str | None, horizon: Span | Period | None, draws: int, seed: int) -> Check:
    insist_on_contracts(fit, tenures)
    discrete = is_discrete(fit.model)
    by = "segment" if by is None and tenures.segment is not None else by
    groups = None if by is None else covariates_of(tenures, [by])[0]  # type: ignore[arg-type]
    time = tenures.exit - tenures.entry
    ahead = (
        usual_horizon(time, tenures.weights, discrete=discrete)
        if horizon is None
        else periods_of(horizon, tenures, discrete=discrete)
    )
    edges = edges_of(fit.model, tenures)
    steps = (edges.size - 1) * float(np.mean(time)) / float(edges[-1] - edges[0])
    enough = affordable(fit.model, tenures, times=len(FIT) * max(steps, 1.0), draws=draws)
    checked = Checked(fit, tenures, groups, ahead, enough, seed)
    asked: tuple[Callable[[Checked], Question], ...] = FIT if tenures.contract is None else FIT[:2]
    asked += (fit_questions.segments,) if groups is not None else ()
    asked += (fit_questions.proportional,) if fit.model.reads else ()
    return Check(tenures, tuple(ask(checked) for ask in asked))


def _shown(finding: float) -> str:
    if math.isnan(finding):
        return "–"
    return f"{finding:,.0f}" if finding == math.inf or finding.is_integer() else f"{finding:,.3f}"
