"""Every word of the page of indicators, in English and in Korean."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from clvmodels.errors import ClvError


@dataclass(frozen=True)
class IndicatorWords:
    """Texts of the page. What stands in braces is filled in; headings of columns are those of the table."""

    title: str = "Customer indicators"
    lead: str = "{customers} customers and {lines} lines, {first} to {last}{currency}."
    activity: str = "Customers and sales"
    rates: str = "Purchase and repurchase rates"
    tier: str = "Tier: {tier}"
    cohorts: str = "Retention by cohort"
    quality: str = "The data"
    unfinished: str = "* Observation ended before the period did; it is not compared with others."
    negative: str = "† The net amount of all customers, or the quantity, is below zero."
    empty: str = "Periods without a line in the log are shown empty."
    definitions: str = (
        "A purchase is a day with a net amount above zero: bought and fully returned the same day counts 0, returned on another "
        "day 1, partly returned the same day 1. Buyers have a net amount above zero in the period; quantity and amount are "
        "theirs, net of returns."
    )
    rates_note: str = (
        "Below each rate: its {interval} interval (Wilson). Purchase rate: buyers of the last 1, 3, 6 and 12 months over all "
        "customers. Repurchase rate: of the customers whose first purchase is in the period, those who bought again within so "
        "many months; + says how many were observed too briefly and are left out."
    )
    cohorts_note: str = (
        "Per cent of the customers with a first purchase in the period that bought again so many periods later."
    )
    cohorts_unfinished: str = "The last number of each row is of a period that was not over."
    shown: str = "The last {shown} of {all} periods; all of them are in the CSV file."
    head_quality: tuple[str, ...] = ("finding", "what was done", "count", "share")
    made: str = "Made by clvmodels {version}."


ENGLISH: Final = IndicatorWords()
KOREAN: Final = IndicatorWords(
    title="고객 지표",
    lead="고객 {customers}명, 거래 라인 {lines}개, {first} ~ {last}{currency}.",
    activity="고객과 매출",
    rates="구매율과 재구매율",
    tier="등급: {tier}",
    cohorts="코호트별 유지율",
    quality="데이터",
    unfinished="* 관찰이 기간 중에 끝났으므로 다른 기간과 비교하지 않습니다.",
    negative="† 전체 고객의 순금액 또는 수량이 음수입니다.",
    empty="거래 라인이 없는 기간은 빈칸으로 표시합니다.",
    definitions=(
        "구매횟수는 순금액이 0보다 큰 날의 수입니다. "
        "당일 구매 후 전부 반품은 0회, 다른 날 반품은 1회, 당일 부분 반품은 1회입니다. "
        "구매 고객은 기간의 순금액이 0보다 큰 고객이며, 구매수량과 구매금액은 이들의 반품을 뺀 값입니다."
    ),
    rates_note=(
        "비율 아래는 {interval} 구간(Wilson)입니다. "
        "구매율: 최근 1, 3, 6, 12개월 구매 고객수 / 전체 고객수. 재구매율: 기간 중 처음 "
        "구매한 고객 가운데 해당 개월 안에 다시 구매한 비율. +는 관찰기간이 부족하여 제외한 고객수입니다."
    ),
    cohorts_note="기간 중 처음 구매한 고객 가운데 해당 기간 뒤에 다시 구매한 비율(%).",
    cohorts_unfinished="각 행의 마지막 값은 끝나지 않은 기간의 값입니다.",
    shown="전체 {all}개 기간 중 최근 {shown}개입니다. 전체는 CSV 파일에 있습니다.",
    head_quality=("발견", "처리", "건수", "비율"),
    made="clvmodels {version} 작성.",
)
LANGUAGES: Final = MappingProxyType({"en": ENGLISH, "ko": KOREAN})


def indicator_words(lang: str) -> IndicatorWords:
    """The words of the page in a language; an unknown one is refused with the languages there are."""
    if lang not in LANGUAGES:
        raise ClvError(f"lang={lang!r} is not there. Choose one of {', '.join(LANGUAGES)}.")
    return LANGUAGES[lang]
