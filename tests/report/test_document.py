"""The report holds the numbers, needs nothing from elsewhere, and appears whole or not at all."""

from __future__ import annotations

import base64
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import clvmodels as clv
from clvmodels.errors import ClvError
from clvmodels.report.html import Html, page, table, tag
from clvmodels.report.numbers import count, money
from tests.report.conftest import Valued

VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Collects texts and attributes, and makes sure that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.references: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def written(valued: Valued, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clv.write_report(
        tmp_path_factory.mktemp("report") / "new" / "report.html",
        log=valued.log,
        duration=valued.duration,
        quantity=valued.quantity,
        forecast=valued.forecast,
        comparison=valued.comparison,
        tracking=valued.tracked,
        title="Value of <our> customers & others",
    )


@pytest.fixture(scope="module")
def reader(written: Path) -> Reader:
    return reader_of(written)


def reader_of(path: Path) -> Reader:
    found = Reader()
    found.feed(path.read_text(encoding="utf-8"))
    return found


def text_of(reader: Reader) -> str:
    return " ".join(" ".join(reader.texts).split())


def test_the_key_numbers_are_there(reader: Reader, valued: Valued) -> None:
    text, totals = text_of(reader), valued.forecast.total()
    for bound in ("mean", "lower", "upper"):
        assert count(totals.loc["ltv", bound]) in text
        assert count(totals.loc["potential", bound]) in text
        assert count(valued.comparison.forecast.total().loc["purchases", bound]) in text
    assert count(valued.comparison.actual.purchases.sum()) in text
    assert f"k-hat {valued.duration.diagnostics.k_hat:.2f} (trusted up to 0.7)" in text
    best = valued.forecast.per_customer().nlargest(1, "potential").iloc[0]
    assert money(best["ltv"], None) in text


def test_it_says_in_words_what_the_comparison_says(reader: Reader, valued: Valued) -> None:
    text = text_of(reader)
    for sentence in valued.comparison.words():
        assert sentence in text
    better = valued.comparison.differences()["better"]
    assert (
        f"clearly better in {int((better == 'model').sum())}, a formula in {int((better == 'formula').sum())}" in text
    )


def test_totals_outside_their_interval_are_admitted(reader: Reader, valued: Valued) -> None:
    row = valued.comparison.forecast.total().loc["purchases"]
    inside = row["lower"] <= valued.comparison.actual.purchases.sum() <= row["upper"]
    assert ("outside the 90 % predictive interval" in text_of(reader)) == (not inside)


def test_nothing_comes_from_elsewhere(reader: Reader, written: Path) -> None:
    assert all(one.startswith(("#", "data:image/svg+xml;base64,")) for one in reader.references)
    assert not reader.names & {"script", "link", "iframe", "object"}
    css = re.search(r"<style>(.*?)</style>", written.read_text(encoding="utf-8"), re.DOTALL)
    assert css and "url(" not in css[1] and "@import" not in css[1]


def test_every_element_is_closed_and_every_picture_is_svg(reader: Reader) -> None:
    assert reader.open == []
    pictures = [one.partition(",")[2] for one in reader.references if one.startswith("data:")]
    assert len(pictures) == 10
    assert all(b"<svg" in base64.b64decode(one)[:1000] for one in pictures)


def test_texts_are_escaped(written: Path) -> None:
    source = written.read_text(encoding="utf-8")
    assert "<title>Value of &lt;our&gt; customers &amp; others</title>" in source
    assert "<our>" not in source


def test_markup_in_the_data_stays_text(valued: Valued, tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>"
    frame = valued.histories.to_frame().assign(customer_id=[f"{evil}{k}" for k in range(len(valued.histories))])
    histories = clv.Histories.from_frame(frame, period=clv.WEEK, currency="<b>USD</b>")
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, method="mle")
    duration = clv.fit(clv.BG_NBD, histories, method="mle")
    value = clv.forecast(duration, quantity, histories, horizon=52 * clv.WEEK, draws=20)
    path = clv.write_report(tmp_path / "r.html", log=valued.log, duration=duration, quantity=quantity, forecast=value)
    source = path.read_text(encoding="utf-8")
    assert evil not in source
    assert html.escape(evil) in source
    assert "<b>USD" not in source
    assert "no holdout" in source
    assert "a point estimate with curvature" in source


def test_a_failure_leaves_the_old_file(valued: Valued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old one")
    given = {"log": valued.log, "duration": valued.duration, "quantity": valued.quantity, "forecast": valued.forecast}
    with pytest.raises(AttributeError):
        clv.write_report(path, **given, pictures={"customer_equity": None})  # type: ignore[arg-type, dict-item]
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file(valued: Valued, tmp_path: Path) -> None:
    given = {"log": valued.log, "duration": valued.duration, "quantity": valued.quantity, "forecast": valued.forecast}
    with pytest.raises(ClvError, match=r"is a folder. Give the name of a file"):
        clv.write_report(tmp_path, **given)  # type: ignore[arg-type]


def test_attributes_and_cells_are_escaped() -> None:
    assert tag("a", "x", attributes={"href": '"><script>'}) == '<a href="&quot;&gt;&lt;script&gt;">x</a>'
    assert '<td class="number">&lt;1&gt;</td>' in table(["a", "b"], [["x", "<1>"]])
    assert "<title>&lt;t&gt;</title>" in page("<t>", Html("<p>whole</p>"), lang="en")


def test_a_stack_is_reported_with_its_weights_and_every_fit(valued: Valued, tmp_path: Path) -> None:
    nbd = clv.fit(clv.NBD, valued.histories, draws=200, seed=1)
    fits = {"BG_NBD": valued.duration, "NBD": nbd, "MBG_NBD": clv.fit(clv.MBG_NBD, valued.histories, draws=200, seed=1)}
    stack = clv.stack(fits, {"BG_NBD": 0.8, "NBD": 0.2, "MBG_NBD": 0.0})
    value = clv.forecast(stack, valued.quantity, valued.histories, horizon=52 * clv.WEEK, draws=40, seed=1)
    path = clv.write_report(
        tmp_path / "r.html", log=valued.log, duration=stack, quantity=valued.quantity, forecast=value
    )
    found = reader_of(path)
    text = text_of(found)
    assert found.open == []
    assert "predicted by 2 models together" in text and "next to nothing: MBG_NBD" in text
    for fit, weight in ((valued.duration, "80"), (nbd, "20")):
        assert re.search(rf"{re.escape(fit.model.title)} laplace {weight}\S* ?%", text)
        assert f"{fit.model.title}: k-hat {fit.diagnostics.k_hat:.2f}" in text
        for parameter in fit.model.parameters:
            assert parameter.meaning in text
    assert count(value.total().loc["potential", "mean"]) in text
    assert stack.fingerprint in text
