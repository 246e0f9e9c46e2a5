"""The command line: what it writes, what it prints, and how it refuses."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.cli import main


class Demo(NamedTuple):
    folder: Path
    printed: str
    said: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo of the sample in an empty folder: what it wrote and what it printed."""
    place, out, err = tmp_path_factory.mktemp("demo"), io.StringIO(), io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(["demo", "--sample", "--draws", "50"]) == 0
    return Demo(place / "out" / "demo", out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's lines as a CSV file."""
    path = tmp_path_factory.mktemp("log") / "purchases.csv"
    clv.samples.cdnow_sample().lines().to_pyarrow().to_pandas().to_csv(path, index=False)
    return path


COLUMNS = ["--customer", "customer_id", "--date", "date", "--amount", "amount"]


def test_demo_writes_tables_figures_and_the_report(demo: Demo) -> None:
    found = {path.name for path in demo.folder.iterdir()}
    assert {"report.html", "customers.csv", "comparison.csv"} <= found
    assert {name for name in found if name.endswith(".png")} == {
        "alive_heatmap.png", "conditional_expectation_purchases.png", "conditional_expectation_spend.png",
        "customer_equity.png", "frequency_histogram.png", "interval_calibration.png", "ltv_distribution.png",
        "model_against_formulas_purchases.png", "model_against_formulas_spend.png", "tracking.png",
    }  # fmt: skip
    assert len(found) == 13
    assert all((demo.folder / name).stat().st_size > 500 for name in found)


def test_demo_tables_hold_what_happened(demo: Demo) -> None:
    customers, comparison = (pd.read_csv(demo.folder / f"{name}.csv") for name in ("customers", "comparison"))
    assert len(customers) == 2357
    assert customers["ltv"].sum() == pytest.approx(customers[["realised", "potential"]].sum().sum(), rel=1e-4)
    assert (customers["ltv_lower"] <= customers["ltv_upper"]).all()
    held_out = clv.samples.cdnow_sample().split("1997-09-30").holdout.totals()
    actual = comparison.set_index("target")["actual"]
    assert (actual["purchases"] == held_out["purchases"].sum()).all()
    assert actual["spend"].to_numpy() == pytest.approx(held_out["spend"].sum(), rel=1e-5)


def test_demo_prints_a_table_the_words_and_the_path(demo: Demo) -> None:
    assert "customer equity" in demo.printed
    assert "happened" in demo.printed
    assert "- Purchases: customers made 1,882 in all." in demo.printed
    assert f"Open {Path('out/demo/report.html')} in a browser" in demo.printed
    assert max(map(len, demo.printed.splitlines())) <= 120
    assert demo.said == "", "quiet where nobody watches"


def forecast(lines: Path, out: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main(["forecast", str(lines), *COLUMNS, "--out", str(out), "--json", *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_forecast_is_the_same_as_in_python(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--until", "1997-09-30", "--horizon", "12 months", "--margin", "0.3", "--discount", "0.1"]
    options += ["--seed", "3", "--draws", "50"]
    found = forecast(lines, tmp_path / "c.csv", capsys, *options)
    log = clv.Transactions(lines, customer="customer_id", date="date", amount="amount")
    histories = log.histories(period=clv.WEEK, until="1997-09-30")
    fits = [clv.fit(model, histories, seed=3) for model in (clv.BG_NBD, clv.GAMMA_GAMMA)]
    rate = clv.Rate(0.1, per=clv.YEAR)
    same = clv.forecast(*fits, histories, horizon=12 * clv.MONTH, margin=0.3, discount=rate, draws=50, seed=3)
    assert found["total"]["ltv"]["upper"] == same.total().loc["ltv", "upper"]
    assert found["customers"] == len(pd.read_csv(tmp_path / "c.csv")) == len(histories)
    assert found["files"] == [str(tmp_path / "c.csv")]


def test_endless_purchases_are_null_and_not_a_number(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    log = pd.read_csv(lines)
    log[log["customer_id"] <= 200].to_csv(few, index=False)
    options = ["--horizon", "forever", "--discount", "3", "--draws", "20"]
    found = forecast(few, tmp_path / "c.csv", capsys, *options)
    assert found["total"]["purchases"]["mean"] is None
    assert found["total"]["potential"]["lower"] < found["total"]["potential"]["mean"]
    assert main(["forecast", str(few), *COLUMNS, "--out", str(tmp_path / "c.csv"), *options]) == 0
    [purchases] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("purchases")]
    assert purchases.split() == ["purchases", "–"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--customer", "who", "--date", "date", "--amount", "amount"], "There is no column 'who'"),
        ([*COLUMNS, "--until", "1990-01-01"], "is before the log's first date"),
        ([*COLUMNS, "--horizon", "forever"], "An endless horizon needs a positive discount rate"),
        ([*COLUMNS, "--draws", "3"], "draws=3 is too few"),
    ],
)
def test_input_that_cannot_be_used_is_one_sentence_and_two(
    lines: Path, tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forecast", str(lines), *arguments, "--out", str(tmp_path / "c.csv")]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("clvmodels: ")
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(tmp_path / "none.csv"), *COLUMNS]) == 2
    assert "none.csv" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--horizon", "52"], ["--discount", "ten"], ["--discount", "-2"], ["--margen", "1"]])
def test_options_that_cannot_be_read_are_refused(
    lines: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["forecast", str(lines), *COLUMNS, *wrong])
    assert stopped.value.code == 2
    assert wrong[-1] in capsys.readouterr().err


def test_the_demo_of_a_retention_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the Complete Journey: evidence said, break-even shown, plan made, test designed."""
    assert main(["demo", "--sample", "complete-journey", "--draws", "40", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for words in (
        "observational",
        "break-even",
        "not validated",
        "Design of a randomised test",
        "than going on as before",
    ):
        assert words in printed
    found = {path.name for path in tmp_path.iterdir()}
    assert {"plan.html", "customers.csv", "media.csv", "comparison.csv", "contacts.csv", "budget_frontier.png"} <= found
    plan, contacts = pd.read_csv(tmp_path / "customers.csv"), pd.read_csv(tmp_path / "contacts.csv")
    assert len(plan) == 2469 and (plan["action"] != "none").sum() == len(contacts)
    assert contacts["cost"].sum() <= 5000


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log under the names that `clvmodels metrics` expects, with a month without data and an amount of nobody."""
    rows = [
        ("A", "2024-01-05", 1234567.89, 3, "gold"), ("A", "2024-01-20", -34567.89, -1, "gold"),
        ("B", "2024-01-31", 20.0, 2, "lead"), ("B", "2024-03-15", 40.0, 1, "<b>"), (None, "2024-03-16", 9.0, 1, "lead"),
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("orders") / "orders.parquet"
    pd.DataFrame(rows, columns=["customer_id", "date", "amount", "units", "rank"]).to_parquet(path)
    return path


def test_metrics_writes_tables_and_a_page(orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--quantity",
        "units",
        "--tier",
        "rank",
        "--lang",
        "ko",
        "--currency",
        "KRW",
        "--leave-out",
        "--out",
        str(tmp_path),
    ]
    assert main(["metrics", str(orders), "--by", "month", *options]) == 0
    printed = capsys.readouterr().out
    assert "Observed until 2024-03-15, in KRW" in printed
    assert printed.endswith("Beside it are indicators.csv, cohorts.csv.\n")
    table = pd.read_csv(tmp_path / "indicators.csv", encoding="utf-8")
    january = table[(table["월"] == "2024-01") & (table["등급"] == "전체")].iloc[0]
    assert january[["고객수", "구매횟수", "구매금액"]].tolist() == [2, 2, 1200020.0]
    assert (tmp_path / "indicators.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets need the mark"
    page = (tmp_path / "indicators.html").read_text(encoding="utf-8")
    assert '<html lang="ko">' in page and "<h1>고객 지표</h1>" in page
    assert "등급: &lt;b&gt;" in page and "<b>" not in page
    february = page.split('<td class="text">2024-02</td>')[1].split("</tr>")[0]
    assert february == '<td class="number">2</td>' + '<td class="number"></td>' * 8
    assert {path.name for path in tmp_path.iterdir()} == {"indicators.html", "indicators.csv", "cohorts.csv"}


def test_metrics_as_json_is_the_table(orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", str(orders), "--by", "quarter", "--leave-out", "--json", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    log = clv.Transactions(orders, customer="customer_id", date="date", amount="amount", invalid="leave_out")
    [row] = clv.metrics.table(log, by="quarter").to_dict("records")
    [record] = found["indicators"]
    assert record["amount"] == row["amount"] and record["buyers"] == 2
    assert record["amount_change_year"] is None and record["quantity"] is None
    assert found["lines"] == 4 and found["until"] == "2024-03-15"
    assert [Path(file).name for file in found["files"]] == ["indicators.html", "indicators.csv", "cohorts.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--tier", "level"], "There is no column 'level'"), (["--interval", "2"], "interval=2.0 is not a probability")],
)
def test_metrics_refuses_in_one_sentence(
    orders: Path, tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["metrics", str(orders), *arguments, "--leave-out", "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
