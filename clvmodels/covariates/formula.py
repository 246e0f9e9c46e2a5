"""What a formula may say: columns, arithmetic, and the functions of the formula language; nothing else is evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from clvmodels.errors import HistoryError, ModelError

EXAMPLE = 'Write it as "~ channel + age".'
REMEDY = "Add columns with histories.with_covariates(table)."
COLOURS = re.compile(r"\x1b\[[0-9;]*m|[⧛⧚]")


def parsed(formula: str, *, role: str, available: Iterable[str], remedy: str = REMEDY) -> tuple[str, ...]:
    """The columns that a one-sided formula reads.

    Parameters
    ----------
    formula
        Such as "~ channel + log(age)"; the language is that of the library formulaic.
    role
        The argument that gave it, for messages.
    available
        Columns there are.
    remedy
        What to do about a column that is not there.

    Raises
    ------
    ModelError
        It cannot be read, has a left side, leaves out the intercept, has no term, or calls what it may not.
    HistoryError
        A column is not there.
    """
    found = read(formula, role=role)
    columns = list(available)
    used = {
        n: None for term in found for factor in term.factors for n in _names(str(factor.expr), role, columns, remedy)
    }
    return tuple(used)


def read(formula: str, *, role: str) -> Any:
    """The terms of a one-sided formula with an intercept and at least one term; the errors are those of `parsed`."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.formula import SimpleFormula

    if not isinstance(formula, str):
        raise ModelError(f"{role}={formula!r} is not a formula. {EXAMPLE}")
    try:
        found = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        reason = " ".join(COLOURS.sub("", str(error)).split())
        raise ModelError(f"{role}={formula!r} cannot be read: {reason} {EXAMPLE}") from None
    if not isinstance(found, SimpleFormula):
        raise ModelError(f"{role}={formula!r} has more than one side. {EXAMPLE}")
    terms = [str(term) for term in found]
    if "1" not in terms:
        raise ModelError(
            f"{role}={formula!r} leaves out the intercept, which is the model's own parameter. Leave out the '0 +' or '- 1'."
        )
    if len(terms) == 1:
        raise ModelError(f"{role}={formula!r} has no covariate. {EXAMPLE}")
    return found


def _names(expression: str, role: str, columns: list[str], remedy: str) -> list[str]:
    """Columns that an expression reads."""
    if expression in columns:
        return [expression]
    try:
        nodes = list(ast.walk(ast.parse(expression, mode="eval")))
    except SyntaxError:
        nodes = []
    called = {id(n) for node in nodes if isinstance(node, ast.Attribute) for n in ast.walk(node.value)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and not _allowed(node):
            raise ModelError(
                f"{role}=: {ast.unparse(node)} may not be used in a formula. Compute the column beforehand."
            )
    found = [n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called and n.id not in _functions()]
    unknown = [name for name in found if name not in columns] if nodes else [expression]
    if unknown:
        known = f"The columns are: {', '.join(columns)}." if columns else "They have no covariates at all."
        raise HistoryError(f"The histories have no covariate '{unknown[0]}' (asked for in {role}=). {known} {remedy}")
    return found


def _allowed(node: ast.Attribute) -> bool:
    """Whether it is an elementwise function of NumPy or a contrast."""
    of = node.value.id if isinstance(node.value, ast.Name) else ""
    return of == "contr" or (of == "np" and isinstance(getattr(np, node.attr, None), np.ufunc))


def _functions() -> set[str]:
    from formulaic.transforms import TRANSFORMS

    return {str(name) for name in TRANSFORMS} - {"np", "lag", "hashed"}
