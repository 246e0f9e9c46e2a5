"""From covariates of customers to numbers: coding, and what was learnt of the customers a model was fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.columns import checked, levels, refuse_unknown
from clvmodels.covariates.formula import parsed
from clvmodels.errors import HistoryError
from clvmodels.history import HistoryLike, covariates_of, known_of
from clvmodels.model import Array

INTERCEPT = "Intercept"
FLAT = 1e-8
"""A column that others explain but for this share of its spread says nothing of its own."""


@dataclass(frozen=True, eq=False)
class Design:
    """How covariates become columns of numbers.

    Attributes
    ----------
    formula, role
        Such as "~ channel + age", and the process it is of.
    levels
        By column of labels, its labels; the first is the reference.
    state
        What the functions in the formula learnt, such as the knots of a spline.
    reads
        The covariates in the formula.
    columns
        Names of the columns of numbers, without the intercept; where the formula makes more, those that are kept.
    centre, scale
        Mean and standard deviation of each over the customers it was learnt from (m,).
    """

    formula: str
    role: str
    levels: Mapping[str, tuple[Any, ...]]
    state: Mapping[str, Any]
    reads: tuple[str, ...]
    columns: tuple[str, ...]
    centre: Array
    scale: Array

    @classmethod
    def learn(
        cls, formula: str, role: str, history: HistoryLike, *, of: str = "customers", terms: Sequence[str] = ()
    ) -> Design:
        """The coding of a formula for these customers, or for rows of something else, named in messages.

        With `terms`, the columns of these alone are kept; the others are there to code them right.

        Raises
        ------
        ModelError
            The formula cannot be used.
        HistoryError
            A covariate is missing, for all or for some customers; or a column of numbers is constant, or a combination of others.
        """
        covariates = known_of(history)
        used = parsed(formula, role=role, available=covariates)
        columns = {name: checked(name, np.asarray(covariates[name]), history) for name in used}
        labels = {name: levels(column) for name, column in columns.items() if column.dtype == object}
        bare = cls(formula, role, labels, {}, used, (), np.zeros(0), np.ones(0))
        numbers, spec, names = bare._materialised(columns)
        _insist_on_rank(numbers, names, role, of)
        state = dict(spec.transform_state)
        if terms:
            kept = {n for term, part in spec.term_slices.items() if str(term) in terms for n in spec.column_names[part]}
            numbers, names = numbers[:, [n in kept for n in names]], [n for n in names if n in kept]
        return cls(formula, role, labels, state, used, tuple(names), numbers.mean(axis=0), numbers.std(axis=0))

    def matrix(self, history: HistoryLike) -> Array:
        """Columns of numbers (..., m) of customers (...)."""
        found = covariates_of(history, self.reads)
        columns = {name: checked(name, column, history) for name, column in zip(self.reads, found, strict=True)}
        for name, known in self.levels.items():
            refuse_unknown(name, columns[name], known, history)
        shape = np.shape(next(iter(columns.values())))
        return self._materialised(columns)[0].reshape(*shape, len(self.columns))

    def _materialised(self, columns: Mapping[str, NDArray[Any]]) -> tuple[Array, Any, list[str]]:
        """The matrix (n, m), what the library knows of it, and the names of its columns."""
        import pandas as pd
        from formulaic import Formula, ModelSpec

        frame = pd.DataFrame({name: np.ravel(column) for name, column in columns.items()})
        for name, known in self.levels.items():
            frame[name] = pd.Categorical(frame[name], categories=list(known))
        spec = ModelSpec(formula=Formula(self.formula), transform_state=dict(self.state))
        with np.errstate(all="ignore"):
            found: Any = spec.get_model_matrix(frame, context={})
        names = list(self.columns) or [str(name) for name in found if name != INTERCEPT]
        numbers = found[names].to_numpy(dtype=float)
        wrong = ~np.isfinite(numbers)
        if wrong.any():
            name = names[int(np.flatnonzero(wrong.any(axis=0))[0])]
            raise HistoryError(
                f"'{name}' in {self.role}= is not a number for {int(wrong.any(axis=1).sum()):,} customers, such as the logarithm "
                "of zero. Correct the column or the formula."
            )
        return numbers, found.model_spec, names


def _insist_on_rank(numbers: Array, names: list[str], role: str, of: str) -> None:
    """Raise a `HistoryError` that names the first column which is constant or a combination of those before it."""
    centred = numbers - numbers.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    for j, name in enumerate(names):
        if size[j] <= FLAT * max(1.0, float(np.abs(numbers[:, j]).max())):
            raise HistoryError(
                f"'{name}' in {role}= is the same for all {len(numbers):,} {of}, so it explains nothing. Leave it out."
            )
        before = centred[:, :j] / size[:j]
        weights = np.linalg.lstsq(before, centred[:, j] / size[j], rcond=None)[0] if j else np.zeros(0)
        rest = centred[:, j] / size[j] - before @ weights
        if j and np.sqrt((rest**2).sum()) <= FLAT:
            others = ", ".join(f"'{names[i]}'" for i in np.flatnonzero(np.abs(weights) > FLAT))
            raise HistoryError(
                f"'{name}' in {role}= is a combination of {others}: their effects cannot be told apart. Leave one out."
            )
