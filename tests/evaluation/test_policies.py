"""Policies on randomised logs: unbiased, with intervals that hold, and no number where nothing was randomised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.evaluation.policy_evaluation import DEVIATIONS, PolicyEvaluation
from clvmodels.evaluation.policy_values import ESTIMATORS

POLICIES: dict[str, Any] = {
    "nobody": None,
    "dm": "dm",
    "dm where x > 0": lambda seen: np.where(seen["x"] > 0, "dm", None),
    "email, dm where x > 0.5": lambda seen: np.where(seen["x"] > 0.5, "dm", "email"),
}
COSTS = {"email": 0.1, "dm": 1.0}
# Reward without contact 2 + 3 x + u; email adds 0.3, dm adds 1 + 2 x; x uniform on (-1, 1). Net of cost, by integration:
# dm: 2 + 1 - 1; dm where x > 0: 2 + (1 + 2 * 0.5 - 1) / 2; email below 0.5: 2 + 0.2 * 3 / 4 + (1 + 2 * 0.75 - 1) / 4.
TRUTH = {"nobody": 2.0, "dm": 2.0, "dm where x > 0": 2.5, "email, dm where x > 0.5": 2.0 + 0.15 + 0.375}


def randomised_log(seed: int, *, customers: int = 400, occasions: int = 2) -> pd.DataFrame:
    """Contacts with probabilities that hang on x, which matters for the reward; customers differ in ways x does not tell."""
    rng = np.random.default_rng(seed)
    n = customers * occasions
    x, own = rng.uniform(-1, 1, n), np.repeat(rng.normal(0, 1, customers), occasions)
    none = np.where(x > 0, 0.5, 0.2)
    dm = np.where(x > 0, 0.2, 0.5)
    drawn = rng.random(n)
    medium = np.where(drawn < none, None, np.where(drawn < none + dm, "dm", "email")).astype(object)
    probability = np.where(medium == None, none, np.where(medium == "dm", dm, 1 - none - dm))  # noqa: E711
    effect = np.where(medium == "dm", 1 + 2 * x, np.where(medium == "email", 0.3, 0.0))
    amount = 2 + 3 * x + own + effect + rng.normal(0, 1, n)
    customer = np.repeat(np.arange(customers), occasions)
    return pd.DataFrame(
        {"customer_id": customer, "medium": medium, "probability": probability, "amount": amount, "x": x}
    )


def evaluated(log: Any, policies: Any = POLICIES, **options: Any) -> PolicyEvaluation:
    return clv.evaluate_policies(policies, log, cost=COSTS, **{"resamples": 20, **options})


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    """Values of the policies in 150 logs, by (log, policy, estimator)."""
    return pd.concat({seed: evaluated(randomised_log(seed)).table() for seed in range(150)}, names=["log"])


def by_estimator(many: pd.DataFrame, name: str) -> pd.DataFrame:
    return many.reset_index().query("policy == @name").pivot_table(index="log", columns="estimator", values="value")


@pytest.mark.parametrize("name", list(TRUTH))
def test_every_estimator_is_unbiased(many: pd.DataFrame, name: str) -> None:
    found = by_estimator(many, name)
    error = found.std() / np.sqrt(len(found))
    for estimator in ESTIMATORS:
        assert found[estimator].mean() == pytest.approx(TRUTH[name], abs=3 * error[estimator])


@pytest.mark.parametrize("name", list(TRUTH))
def test_doubly_robust_scatters_least(many: pd.DataFrame, name: str) -> None:
    spread = by_estimator(many, name).std()
    assert spread["doubly robust"] < 0.9 * spread["self-normalised"]
    assert spread["doubly robust"] < 0.9 * spread["inverse probability"]


@pytest.mark.slow
def test_intervals_cover() -> None:
    """90 % intervals of values and differences over 600 logs."""
    held: dict[str, list[np.ndarray]] = {"value": [], "difference": []}
    worth = pd.Series(TRUTH)
    for seed in range(600):
        found = evaluated(randomised_log(10_000 + seed), resamples=300)
        for kind, table in (("value", found.table()), ("difference", found.differences())):
            true = worth[table.index.get_level_values("policy")].to_numpy() - (
                worth["nobody"] if kind == "difference" else 0
            )
            held[kind].append(((table["lower"] <= true) & (true <= table["upper"])).to_numpy())
    for kind, inside in held.items():
        covered = np.mean(inside, axis=0)
        print(kind, np.round(covered, 3))
        assert ((covered >= 0.85) & (covered <= 0.95)).all(), covered


@pytest.mark.slow
def test_differences_are_unbiased() -> None:
    tables = [evaluated(randomised_log(20_000 + seed)).differences("dm") for seed in range(600)]
    rows, found = tables[0].index, np.array([one["difference"] for one in tables])
    told = ~np.isnan(found).any(axis=1)
    # Four policies in 600 logs are refused 0.15 times by chance if weights are normal; more than twice would be a fault.
    assert np.sum(~told) <= 2
    found = found[told]
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    for (name, _), mean, error in zip(rows, found.mean(axis=0), errors, strict=True):
        assert mean == pytest.approx(TRUTH[name] - TRUTH["dm"], abs=3.3 * error)


def test_small_log_by_hand() -> None:
    log = pd.DataFrame({
        "customer_id": ["a", "b", "c", "d"], "medium": ["dm", None, "dm", None], "probability": [0.5, 0.5, 0.25, 0.75],
        "amount": [10.0, 4.0, 2.0, 8.0], "cost": [1.0, 0.0, 1.0, 0.0],
    })  # fmt: skip
    found = clv.evaluate_policies({"dm": "dm", "b and d": ["dm", None, "none", np.nan]}, log, margin=0.5, resamples=20)
    values = found.table()["value"]
    # dm: weights 2, 4 on rewards 4 and 0. The other: 2, 2, 4/3 on 4, 2, 4.
    assert values["dm", "inverse probability"] == pytest.approx((2 * 4 + 4 * 0) / 4)
    assert values["dm", "self-normalised"] == pytest.approx(8 / 6)
    assert values["b and d", "inverse probability"] == pytest.approx((2 * 4 + 2 * 2 + 4 / 3 * 4) / 4)
    support = found.support()
    assert support.loc["dm", "effective_sample_size"] == pytest.approx(6**2 / (4 + 16))
    assert support.loc["dm", "contacted"] == 1.0
    assert support.loc["b and d", "contacted"] == 0.25
    assert support.loc["b and d", "matched"] == 3


def test_everybody_gets_it_is_the_mean_of_the_arm() -> None:
    rng = np.random.default_rng(1)
    n = 12_000
    medium = np.where(rng.random(n) < 0.5, "dm", None).astype(object)
    log = pd.DataFrame(
        {"customer_id": np.arange(n), "medium": medium, "probability": 0.5, "amount": rng.exponential(3, n)}
    )
    found = clv.evaluate_policies({"nobody": None, "dm": "dm"}, log, cost=0, resamples=1000)
    arm, rest = log["amount"][medium == "dm"], log["amount"][medium != "dm"]
    row = found.table().loc[("dm", "self-normalised")]
    assert row["value"] == pytest.approx(arm.mean())
    assert row["standard_error"] == pytest.approx(arm.std() / np.sqrt(len(arm)), rel=0.1), "groups of customers"
    apart = found.differences().loc[("dm", "self-normalised")]
    assert apart["difference"] == pytest.approx(arm.mean() - rest.mean())
    assert apart["standard_error"] == pytest.approx(np.sqrt(arm.var() / len(arm) + rest.var() / len(rest)), rel=0.1)


def test_intervals_are_over_customers_not_occasions() -> None:
    """The same occasions twice, as a second occasion of the same customers, say nothing new."""
    log = randomised_log(3, occasions=1)
    once, twice = evaluated(log, resamples=500), evaluated(pd.concat([log, log]), resamples=500)
    columns = ["value", "standard_error", "lower", "upper"]
    robust = once.table().xs("self-normalised", level="estimator")[columns]
    again = twice.table().xs("self-normalised", level="estimator")[columns]
    assert again.to_numpy() == pytest.approx(robust.to_numpy(), rel=1e-9)


def test_policies_that_ask_for_the_same_differ_by_exactly_nothing() -> None:
    log = randomised_log(4)
    by_label = np.where(log["x"] > 0, "dm", "none")
    found = evaluated(log, {"rule": POLICIES["dm where x > 0"], "labels": by_label})
    rows = found.differences()
    assert (rows[["difference", "standard_error", "lower", "upper", "differ"]] == 0).all(axis=None)
    assert (rows["better"] == "unclear").all()
    assert any("ask for the same on every occasion" in sentence for sentence in found.words())
    assert found.support()["p_best"].tolist() == [0.5, 0.5]


def test_differences_use_only_occasions_on_which_policies_differ() -> None:
    log = randomised_log(5)
    same = log["x"] <= 0
    changed = log.assign(amount=np.where(same, 1000.0 * log["amount"], log["amount"]))
    policies = {"nobody": None, "dm where x > 0": POLICIES["dm where x > 0"]}
    before, after = (evaluated(one, policies).differences() for one in (log, changed))
    for estimator in ("self-normalised", "inverse probability"):
        row = ("dm where x > 0", estimator)
        assert after.loc[row, "difference"] == pytest.approx(before.loc[row, "difference"], rel=1e-12)
        assert before.loc[row, "differ"] == pytest.approx((log["x"] > 0).mean())


def test_differences_are_differences_of_values() -> None:
    found = evaluated(randomised_log(6))
    values, rows = found.table()["value"], found.differences("dm")
    for name in ("nobody", "dm where x > 0"):
        for estimator in ("doubly robust", "inverse probability"):
            apart = values[name, estimator] - values["dm", estimator]
            assert rows.loc[(name, estimator), "difference"] == pytest.approx(apart)


def test_row_order_does_not_matter() -> None:
    log = randomised_log(7)
    one, other = evaluated(log), evaluated(log.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(one.table(), other.table(), rtol=1e-9)
    pd.testing.assert_frame_equal(one.differences(), other.differences(), rtol=1e-9)


def test_the_unit_of_money_changes_nothing_but_units() -> None:
    log = randomised_log(8)
    dollars = evaluated(log)
    cents = clv.evaluate_policies(
        POLICIES,
        log.assign(amount=100 * log["amount"]),
        cost={name: 100 * one for name, one in COSTS.items()},
        resamples=20,
    )
    columns = ["value", "standard_error", "lower", "upper"]
    assert cents.table()[columns].to_numpy() == pytest.approx(100 * dollars.table()[columns].to_numpy())
    assert cents.support()["p_best"].equals(dollars.support()["p_best"])


def test_a_policy_sees_nothing_of_contact_and_outcome() -> None:
    seen: list[str] = []

    def curious(frame: pd.DataFrame) -> None:
        seen.extend(frame.columns)

    log = randomised_log(9).assign(
        responded=True, cost=0.0, bought=1, own_stock=1.0, other_stock=0.0, segment="a", kind="contact", arm="dm"
    )
    clv.evaluate_policies({"curious": curious}, log, resamples=20)
    assert seen == ["customer_id", "x", "segment"]


def test_none_in_the_log_is_no_contact() -> None:
    log = randomised_log(9)
    written = evaluated(log.assign(medium=log["medium"].fillna("none")))
    pd.testing.assert_frame_equal(written.table(), evaluated(log).table())


def test_predictions_of_bought_and_text_segments() -> None:
    log = randomised_log(10, customers=2000).assign(segment=lambda t: np.where(t["x"] > 0, "up", "down"), month="01")
    log["bought"] = (np.random.default_rng(0).random(len(log)) < np.where(log["x"] > 0, 0.7, 0.1)).astype(int)
    found = clv.evaluate_policies({"nobody": None}, log, cost=0, outcome="bought", resamples=200).table()[
        "standard_error"
    ]
    assert found["nobody", "doubly robust"] < 0.9 * found["nobody", "self-normalised"]


def test_a_simulated_market_is_judged_as_it_is() -> None:
    """Held out and contacted at random in campaigns that chose better customers: the truth is met, by incidence."""
    market = clv.simulate_market(customers=6_000, targeting="value", holdout_share=0.25, seed=8)
    contacts = market.contacts
    start = pd.Timestamp(market.start)
    window = (contacts["date"] - start).dt.days // 28
    later = (market.transactions["date"] - start).dt.days // 28
    happened = np.isin(contacts["customer"] * 26 + window, market.transactions["customer"] * 26 + later)
    occasions = pd.DataFrame({
        "customer_id": contacts["customer"], "medium": contacts["medium"].astype(object).mask(contacts["holdout"], None),
        "probability": contacts["assignment_probability"], "bought": happened.astype(int), "score": contacts["target_score"],
    })  # fmt: skip
    found = clv.evaluate_policies(
        {"nobody": None, **{m: m for m in market.media}}, occasions, outcome="bought", cost=0, resamples=200
    )
    increments = pd.Series(market.truth.contact_increments).groupby(contacts["medium"].astype(str)).mean()
    rows = found.differences().xs("doubly robust", level="estimator")
    for medium in market.media:
        assert rows.loc[medium, "difference"] == pytest.approx(
            increments[medium], abs=3.5 * rows.loc[medium, "standard_error"]
        )
    assert (rows["better"] == "policy").all()


class Graded:
    """Occasions as the media response hands them over: a frame, and the grade of each medium."""

    def __init__(self, frame: pd.DataFrame, **grades: str) -> None:
        self._frame = frame
        self.grades = pd.DataFrame({"medium": list(grades), "grade": list(grades.values())})

    def frame(self) -> pd.DataFrame:
        return self._frame


def half_as_likely(log: pd.DataFrame) -> pd.DataFrame:
    return log.assign(probability=np.where(log["medium"] == "dm", log["probability"] / 2, log["probability"]))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda log: log.drop(columns="probability"), "does not say with which probability"),
        (lambda log: log.assign(probability=np.nan), "does not say with which probability"),
        (lambda log: log.assign(probability=1.0), "nothing was left to chance"),
        (lambda log: log[log["medium"] == "dm"], "the same was done on every occasion"),
        (
            lambda log: Graded(log, dm="observational", email="randomised"),
            r"not assigned at random: dm \(observational\)",
        ),
        (half_as_likely, "its weights average 2.0. where 1 is right"),
        (lambda log: log[(log["medium"] != "dm") | (log["x"] > 0)], "could not do what it asks for"),
    ],
)
def test_without_randomisation_there_are_no_numbers(spoil: Callable[[pd.DataFrame], Any], reason: str) -> None:
    found = evaluated(spoil(randomised_log(11, customers=1500)), {"dm": "dm"})
    table = found.table()
    assert (table["evidence"] == "not validated").all()
    assert table[["value", "standard_error", "lower", "upper"]].isna().all(axis=None)
    support = found.support().loc["dm"]
    assert np.isnan(support["effective_sample_size"])
    assert np.isnan(support["p_best"])
    assert found.words() == [sentence for sentence in found.words() if "not validated" in sentence]
    for text in (repr(found), found._repr_html_()):
        assert "not validated" in text
        assert "clv.design_test()" in text
    assert pd.Series([found.reasons["dm"]]).str.contains(reason).all()


def test_what_is_not_validated_does_not_spoil_the_rest() -> None:
    """Nobody's value rests on those without contact, whom the choice of direct mail has picked over too."""
    log = Graded(randomised_log(12), dm="observational")
    found = evaluated(log, {"email": "email", "nobody": None, "dm": "dm", "again": "email"})
    evidence = found.table()["evidence"].groupby("policy").first()
    assert evidence[evidence == "randomised"].index.tolist() == ["again", "email"]
    better = found.differences()["better"].xs("doubly robust", level="estimator")
    assert better.to_dict() == {"nobody": "not validated", "dm": "not validated", "again": "unclear"}
    assert found.differences("dm")["difference"].isna().all()
    assert found.support()["p_best"].sum() == pytest.approx(1.0)


def test_a_randomised_policy_is_rarely_called_into_doubt(many: pd.DataFrame) -> None:
    """The limit on the mean weight is four standard errors: of a thousand sound values about none may fall."""
    assert DEVIATIONS == 4
    assert (many["evidence"] == "randomised").all()


def test_occasions_without_a_probability_are_left_out_and_counted() -> None:
    log = randomised_log(13)
    more = pd.concat([log.assign(probability=np.nan, amount=1e6), log], ignore_index=True)
    labels = np.where(more["x"] > 0, "dm", None)
    found, clean = evaluated(more, {"rule": labels}), evaluated(log, {"rule": labels[len(log) :]})
    pd.testing.assert_frame_equal(found.table(), clean.table())
    assert "800 occasions without a probability are left out" in found.note


@pytest.mark.parametrize(
    ("change", "policies", "options", "message"),
    [
        (lambda t: t, {"p": "fax"}, {}, "Policy 'p' asks for 'fax', which never occurs. The media are dm, email"),
        (lambda t: t, {"p": ["dm"]}, {}, "Policy 'p' has 1 labels for 800 rows"),
        (lambda t: t.assign(probability=[1e-5, 1e-4, *t["probability"][2:]]), {"p": None}, {},
         r"'probability' is below 0.001 in 2 rows: 0 \(1e-05\), 1 \(0.0001\). A handful"),
        (lambda t: t.assign(probability=[-0.5, *t["probability"][1:]]), {"p": None}, {}, "is not a probability above 0"),
        (lambda t: t.assign(probability=[1.5, *t["probability"][1:]]), {"p": None}, {}, "is not a probability above 0"),
        (lambda t: t.assign(amount=[np.nan, *t["amount"][1:]]), {"p": None}, {}, r"'amount' is not a number in 1 row: 0 \(nan\)"),
        (lambda t: t.drop(columns="amount"), {"p": None}, {}, "no column 'amount'"),
        (lambda t: t.drop(columns="customer_id"), {"p": None}, {}, "no column 'customer_id'"),
        (lambda t: t, {"p": None}, {"cost": None}, "no column 'cost'. Give cost="),
        (lambda t: t, {"p": None}, {"cost": {"dm": 1.0}}, "no entry for email"),
        (lambda t: t.head(0), {"p": None}, {}, "There are no occasions"),
        (lambda t: t, {}, {}, "no policy to evaluate"),
        (lambda t: t, {"p": None}, {"outcome": "spend"}, "Write 'amount' or 'bought'"),
        (lambda t: t, {"p": None}, {"resamples": 3}, "at least 20 resamples"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(change: Any, policies: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.evaluate_policies(policies, change(randomised_log(14)), **{"cost": COSTS, "resamples": 20, **options})


def test_a_policy_to_compare_with_has_to_be_there() -> None:
    with pytest.raises(clv.ClvError, match="against='status quo' is not among the policies nobody, dm"):
        evaluated(randomised_log(15)).differences("status quo")


def test_words_say_what_the_tables_say() -> None:
    found = evaluated(
        randomised_log(16, customers=4000), {"nobody": None, "dm where x > 0": POLICIES["dm where x > 0"]}
    )
    row = found.differences().loc[("dm where x > 0", "doubly robust")]
    assert row["better"] == "policy"
    said = " ".join(found.words())
    assert f"'dm where x > 0' is worth {row['difference']:,.4g} more than 'nobody'" in said
    assert "more than chance" in said
    few = evaluated(randomised_log(16, customers=20), {"dm": "dm"})
    assert any("hangs on few occasions" in sentence for sentence in few.words())
