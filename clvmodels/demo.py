"""The demos: the whole way from a log to a decision, on data that a package ships."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import TYPE_CHECKING, Any

from clvmodels.console import (
    Steps,
    files_lines,
    held_out_lines,
    held_out_of,
    value_lines,
    value_of,
    write,
    write_csv,
)
from clvmodels.report.numbers import count, money, percent
from clvmodels.units import DAY, WEEK, YEAR, Rate

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.budget.plan import Plan
    from clvmodels.estimation.media_fit import MediaFit

SAMPLE, JOURNEY = "cdnow", "complete-journey"
SPLIT, HELD_OUT, AHEAD = "1997-09-30", 39 * WEEK, 52 * WEEK
MARGIN, DISCOUNT = 0.30, Rate(0.10, per=YEAR)
WINDOW, MAILING, BUDGET = 7 * DAY, 0.50, 5_000.0
"""Of the Complete Journey: purchases within a week of a mailing count; what a mailing and all of them may cost is assumed."""


def cdnow(options: argparse.Namespace) -> None:
    """The whole way on CDNOW: fit, forecast, compare with what happened, report."""
    import clvmodels as clv
    from clvmodels.evaluation.tracking import tracking

    step = Steps()
    step("Reading CDNOW")
    log = clv.samples.cdnow_sample() if options.sample == SAMPLE else clv.samples.cdnow()
    calibration, holdout = log.split(SPLIT)
    histories = calibration.histories(period=WEEK)
    step("Fitting")
    duration = clv.fit(clv.BG_NBD, histories, seed=options.seed)
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, seed=options.seed)
    step("Forecasting")
    chance = {"draws": options.draws, "seed": options.seed}
    value = clv.forecast(duration, quantity, histories, horizon=AHEAD, margin=MARGIN, discount=DISCOUNT, **chance)
    held_out = clv.forecast(duration, quantity, histories, horizon=HELD_OUT, margin=MARGIN, **chance)
    step("Comparing with what happened")
    comparison = clv.compare(held_out, holdout, seed=options.seed)
    comparison.differences()
    table = tracking(duration, log, until=SPLIT, period=WEEK, seed=options.seed)
    step("Drawing")
    pictures = clv.figures.gallery(duration, value, comparison=comparison, table=table)
    step("Writing")
    files = [
        clv.write_report(
            options.out / "report.html", log=calibration, duration=duration, quantity=quantity, forecast=value,
            comparison=comparison, pictures=pictures, title="Customer lifetime value: CDNOW",
        ),
        write_csv(options.out / "customers.csv", value.per_customer()),
        write_csv(options.out / "comparison.csv", comparison.table().reset_index()),
        *(write(options.out / f"{name}.png", picture.png()) for name, picture in pictures.items()),
    ]  # fmt: skip
    if options.json:
        print(
            json.dumps(value_of(value) | held_out_of(comparison) | {"files": [str(file) for file in files]}, indent=2)
        )
    else:
        print("\n".join([*value_lines(value), "", *held_out_lines(comparison), "", *files_lines(files)]))


def complete_journey(options: argparse.Namespace) -> None:
    """From purchases and coupon mailings of 2,469 households to a retention plan, with its evidence and a test."""
    import clvmodels as clv

    step = Steps()
    step("Reading the Complete Journey")
    log, contacts = clv.samples.complete_journey(), clv.samples.complete_journey_contacts()
    occasions = clv.occasions(contacts, log, window=WINDOW, unmatched="leave_out")
    histories = log.histories(period=WEEK)
    step("Fitting media response, purchases and amounts")
    media = clv.fit(clv.media_response(window=WINDOW), occasions, seed=options.seed)
    duration = clv.fit(clv.MBG_NBD, histories, seed=options.seed)
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, seed=options.seed)
    step("Forecasting and planning")
    forecast = clv.forecast(
        duration, quantity, histories, horizon=AHEAD, margin=MARGIN, discount=DISCOUNT, draws=min(options.draws, 200),
        seed=options.seed,
    )  # fmt: skip
    actions = [clv.Action(medium, clv.PlannedContact(medium, MAILING)) for medium in media.media]
    past = occasions.sent()
    assert past is not None, "made from a log"
    plan = clv.plan_budget(
        forecast, media, actions, budget=BUDGET, contacts=past.assign(cost=MAILING), seed=options.seed
    )
    test = _test(plan, media)
    step("Writing")
    comparison = plan.compare()
    files = [
        clv.write_plan(options.out / "plan.html", plan, test=str(test), title="Retention plan: the Complete Journey"),
        write_csv(options.out / "customers.csv", plan.per_customer()),
        write_csv(options.out / "media.csv", plan.evidence().reset_index()),
        write_csv(options.out / "comparison.csv", comparison.reset_index()),
        plan.to_csv(options.out / "contacts.csv"),
        *(
            write(options.out / f"{name}.png", picture.png())
            for name, picture in _pictures(plan, media, comparison).items()
        ),
    ]
    if options.json:
        print(json.dumps(_plain(plan) | {"files": [str(file) for file in files]}, indent=2))
    else:
        print("\n".join([*_plan_lines(plan), "", str(test), "", *files_lines(files)]))


def _test(plan: Plan, media: MediaFit) -> Any:
    """The test that would find a mailing that pays: its increment is what it costs over what a purchase earns."""
    import clvmodels as clv

    totals = plan.worth.forecast.total()["mean"]
    earned = MARGIN * float(totals["spend"] / totals["purchases"])
    base = float(media.effects()["base"].mean())
    return clv.design_test(
        dict.fromkeys(media.media, MAILING), baseline=base, value=earned, customers=len(plan.customers)
    )


def _pictures(plan: Plan, media: MediaFit, comparison: pd.DataFrame) -> dict[str, Any]:
    from clvmodels.report.figures.media import media_effects
    from clvmodels.report.plan_page import plan_pictures

    return {"media_effects": media_effects(media), **plan_pictures(plan, comparison=comparison)}


def _plain(plan: Plan) -> dict[str, Any]:
    """Effects and totals as plain values."""
    return {
        "media": plan.evidence().to_dict("index"),
        "plan": plan.total().to_dict("index"),
        "contacted": int((plan.choice > 0).sum()),
        "notes": plan.notes,
    }


def _plan_lines(plan: Plan) -> list[str]:
    within = f"{percent(plan.interval, decimals=0)} interval"
    lines = [
        f"{'medium':<12}{'contacts':>10}{'increment':>11}   {within:<18}{'net each':>9}{'break-even':>12}   evidence"
    ]
    for name, row in plan.evidence().iterrows():
        between = f"{percent(row['lower'])} to {percent(row['upper'])}"
        numbers = f"{count(row['contacts']):>10}{percent(row['increment']):>11}   {between:<18}{row['net']:>9.2f}"
        lines.append(f"{name!s:<12}{numbers}{percent(row['break_even']):>12}   {row['grade']}")
    total = plan.total()["mean"]
    spent, net = money(float(total["outlay"]), None), money(float(total["net"]), None)
    lines += ["", f"Of {money(plan.budget, None)} the plan spends {spent}, which brings {net} after its cost."]
    if "net against status quo" in total:
        better = float(total["net against status quo"])
        words = "more" if better >= 0 else "less"
        lines.append(f"That is worth {money(abs(better), None)} {words} than going on as before.")
    said = [textwrap.fill(note, 110, initial_indent="- ", subsequent_indent="  ") for note in plan.notes]
    return [*lines, *said]
