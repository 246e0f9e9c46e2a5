"""What a comparison says, in plain sentences: of a model with formulas, and of models with each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from clvmodels.estimation.laplace import K_HAT_LIMIT

NAMES = {
    "abs_bias": "the total",
    "mae": "the mean absolute error",
    "rmse": "the squared error",
    "deviance": "the deviance",
    "spearman": "the order of the customers",
}
NOISE = 4.0
"""Differences of elpd below it are noise whatever their standard error (Sivula, Magnusson, Matamoros and Vehtari 2020)."""
CHANCE = 0.05
"""A p-value of a likelihood ratio above it is no reason for the larger model."""
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


def choice_sentences(table: pd.DataFrame, maxima: Collection[str]) -> list[str]:
    """Which model predicts best, what is noise, what cannot be trusted or is missing, and the holdout.

    Parameters
    ----------
    table
        Of a `ModelComparison`.
    maxima
        The models that have a maximum of their likelihood.
    """
    best, *others = table.index
    score, error = table.loc[best, ["elpd_loo", "se"]]
    verb = "predicts customers left out best" if others else "is alone"
    said = [f"{best} {verb}: elpd_loo {score:,.1f}, standard error {error:,.1f}."]
    said += [_behind(name, best, *table.loc[name, ["elpd_diff", "diff_se"]]) for name in others]
    high = table["k_hat"][table["k_hat"] > K_HAT_LIMIT]
    said += [
        f"{name}: k-hat reaches {k:.2f}, above {K_HAT_LIMIT}: its elpd_loo hangs on a few customers. Raise draws=."
        for name, k in high.items()
    ]
    lost = [name for name in table.index if name not in maxima]
    said += [f"{name} has no maximum likelihood, so neither AIC nor BIC; the notes say why." for name in lost]
    return said + (_holdout(table) if "bias" in table else [])


def ratio_sentences(table: pd.DataFrame) -> list[str]:
    """Of each pair of nested models with a p-value, whether the larger one describes these customers better than by chance.

    Parameters
    ----------
    table
        As `ModelComparison.nested` returns it.
    """
    said = []
    for row in table.dropna(subset="p_value").reset_index().to_dict("records"):
        verdict = "describes them better than" if row["p_value"] <= CHANCE else "gains no more than chance over"
        freedom = f"{row['degrees_of_freedom']} degree{'' if row['degrees_of_freedom'] == 1 else 's'} of freedom"
        p_value = "p < 0.001" if row["p_value"] < 0.001 else f"p = {row['p_value']:.3f}"
        careful = ", at most" if row["conservative"] else ""
        ratio = f"likelihood ratio {row['statistic']:,.1f}, {freedom}, {p_value}{careful}"
        said.append(f"{row['larger']} {verdict} {row['smaller']}: {ratio}.")
    return said


def is_noise(difference: float, error: float) -> bool:
    """Whether a difference of elpd with this standard error says nothing."""
    return abs(difference) <= 2 * error or abs(difference) < NOISE


def _behind(name: str, best: str, difference: float, error: float) -> str:
    verdict = "a difference this small is noise" if is_noise(difference, error) else "more than noise"
    return f"{name} is {-difference:,.1f} behind {best} (standard error {error:,.1f}): {verdict}."


def _holdout(table: pd.DataFrame) -> list[str]:
    def each(values: pd.Series[float], text: str) -> str:
        return ", ".join(f"{name} {text.format(v)}" for name, v in values.items())

    made = f"In the holdout customers made {table['actual_purchases'].iloc[0]:,.0f} purchases"
    expected, bias = each(table["expected_purchases"], "{:,.0f}"), each(100 * table["bias"], "{:+.1f} %")
    return [
        f"{made}; expected were {expected} (bias: {bias}).",
        f"Log scores of each customer's purchases in the holdout: {each(table['holdout_log_score'], '{:,.1f}')}.",
    ]


def _total(target: str, rows: pd.DataFrame, model: str) -> str:
    total = float(rows["actual"].iloc[0])
    said = [f"{name} {row.predicted:,.0f} ({100 * row.bias:+.1f} %)" for name, row in rows.iterrows()]
    return f"{target.capitalize()}: customers {MADE[target]} {total:,.0f} in all. Predicted: {listed(said)}."


def _against(target: str, formula: str, better: Mapping[str, str]) -> str:
    won, lost, open_ = (
        listed([NAMES[s] for s in NAMES if better[s] == who]) for who in ("model", "formula", "unclear")
    )
    parts = [f"the model is better at {won}"] if won else []
    parts += [f"the formula is better at {lost}"] if lost else []
    parts += [f"no clear difference in {open_}"] if open_ else []
    return f"{target.capitalize()}, against the {formula}: {'; '.join(parts)}."


def _about_zero(table: pd.DataFrame, model: str, zeros: Mapping[str, float]) -> str:
    mae = table["mae"].to_dict()
    own = [f"{zero:,.3g} for {target} (the model: {mae[target, model]:,.3g})" for target, zero in zeros.items()]
    return (
        "The mean absolute error rewards predicting zero, because most customers do nothing: predicting that nobody ever "
        f"buys again has one of {listed(own)}. Judge totals by the bias, and customers by the deviance and their order."
    )


def listed(items: Sequence[str]) -> str:
    """Names as one says them: "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
