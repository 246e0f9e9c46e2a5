"""Before fitting: can these data support a latent-attrition model and gamma-gamma, and which assumption is in doubt?"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import get_args

import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError, HistoryError
from clvmodels.evaluation import purchase_questions, spend_questions
from clvmodels.evaluation.question import VERDICTS, Concern, Question

PURCHASES = (
    purchase_questions.repeaters,
    purchase_questions.beginning,
    purchase_questions.age,
    purchase_questions.dropout,
    purchase_questions.regularity,
)
SPEND = (spend_questions.independence, spend_questions.tail)


@dataclass(frozen=True, eq=False, repr=False)
class Check:
    """The outcome of `clv.check`: an answer to every question, by name.

    Attributes
    ----------
    histories
        The customers who were looked at.
    questions
        The answers in the order asked: repeaters, beginning, age, dropout, regularity, amounts; where there are amounts
        independence and tail; where there are covariates covariates.
    """

    histories: Histories = field(repr=False)
    questions: tuple[Question, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is "cannot support"."""
        return all(one.verdict != "cannot support" for one in self.questions)

    def supports(self, concern: Concern) -> bool:
        """Whether nothing is "cannot support" of what concerns "purchases", "spend" or "covariates"."""
        if concern not in get_args(Concern.__value__):
            raise ClvError(f"{concern!r} is no concern of a check. Choose 'purchases', 'spend' or 'covariates'.")
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
        DataFrame by name: concerns (purchases, spend or covariates), question, measure (of which finding is
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


def check(histories: Histories) -> Check:
    """Ask, before fitting, what the models take for granted and whether these data can tell.

    Nothing is fitted, so it is quick. Verdicts are about the data: "cannot support" says that a parameter would be a guess or
    that a model would refuse them, "doubtful" that an assumption does not hold or cannot be looked at, and what to do about it.
    Thresholds are constants of `clvmodels.evaluation.purchase_questions` and `spend_questions`, each with its reason.

    Parameters
    ----------
    histories
        The customers, from `log.histories(period=..., intervals=True)` (the intervals tell how regularly they buy) or from
        `Histories.from_frame`.

    Raises
    ------
    HistoryError
        It is given something else than histories.

    Examples
    --------
    >>> from clvmodels.data.samples import cdnow_sample
    >>> from clvmodels.units import WEEK
    >>> found = check(cdnow_sample().split("1997-09-30").calibration.histories(period=WEEK))
    >>> found.ok, found["dropout"].verdict, round(found["independence"].finding, 4)
    (True, 'fine', 0.1139)
    """
    given: object = histories
    if not isinstance(given, Histories):
        kind = type(given).__name__
        raise HistoryError(f"check() asks about histories, not {kind}. Write check(log.histories(period=WEEK)).")
    asked: tuple[Callable[[Histories], Question], ...] = (*PURCHASES, spend_questions.amounts)
    asked += SPEND if spend_questions.paid(histories)[0].size else ()
    asked += (spend_questions.covariates,) if histories.covariates else ()
    return Check(histories, tuple(ask(histories) for ask in asked))


def _shown(finding: float) -> str:
    if math.isnan(finding):
        return "–"
    return f"{finding:,.0f}" if finding == math.inf or finding.is_integer() else f"{finding:,.3f}"
