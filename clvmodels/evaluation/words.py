"""What a comparison says, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

NAMES = {
    "abs_bias": "the total",
    "mae": "the mean absolute error",
    "rmse": "the squared error",
    "deviance": "the deviance",
    "spearman": "the order of the customers",
}
MADE = {"purchases": "made", "spend": "spent"}


def sentences(
    table: pd.DataFrame, differences: pd.DataFrame, *, model: str, interval: float, zeros: Mapping[str, float]
) -> list[str]:
    """Which method is better at what, and where the difference is noise.

    Parameters
    ----------
    table, differences
        Of a `Comparison`.
    model
        Name of the model's row in the table.
    interval
        Probability of the model's predictive intervals.
    zeros
        Mean absolute error of predicting nothing for everybody, by target.
    """
    out = []
    for target in table.index.unique("target"):
        rows = table.loc[target]
        out.append(_total(target, rows, model))
        better = differences["better"].to_dict()
        out += [_against(target, f, {s: better[target, f, s] for s in NAMES}) for f in rows.index.drop(model)]
        share = 100 * float(rows.loc[model, "coverage"])
        held = f"{share:.1f} % of customers lie in their {100 * interval:g} % predictive intervals"
        out.append(f"{target.capitalize()}: {held}.")
    return [*out, _about_zero(table, model, zeros)]


def _total(target: str, rows: pd.DataFrame, model: str) -> str:
    total = float(rows["actual"].iloc[0])
    said = [f"{name} {row.predicted:,.0f} ({100 * row.bias:+.1f} %)" for name, row in rows.iterrows()]
    return f"{target.capitalize()}: customers {MADE[target]} {total:,.0f} in all. Predicted: {_list(said)}."


def _against(target: str, formula: str, better: Mapping[str, str]) -> str:
    won, lost, open_ = (_list([NAMES[s] for s in NAMES if better[s] == who]) for who in ("model", "formula", "unclear"))
    parts = [f"the model is better at {won}"] if won else []
    parts += [f"the formula is better at {lost}"] if lost else []
    parts += [f"no clear difference in {open_}"] if open_ else []
    return f"{target.capitalize()}, against the {formula}: {'; '.join(parts)}."


def _about_zero(table: pd.DataFrame, model: str, zeros: Mapping[str, float]) -> str:
    mae = table["mae"].to_dict()
    own = [f"{zero:,.3g} for {target} (the model: {mae[target, model]:,.3g})" for target, zero in zeros.items()]
    return (
        "The mean absolute error rewards predicting zero, because most customers do nothing: predicting that nobody ever "
        f"buys again has one of {_list(own)}. Judge totals by the bias, and customers by the deviance and their order."
    )


def _list(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
