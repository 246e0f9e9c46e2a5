"""Korean headings of the indicators (crm_indicators, sections A to F)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, get_args

from clvmodels.errors import ClvError
from clvmodels.metrics.tiers import NO_TIER, TOTAL

if TYPE_CHECKING:
    import pandas as pd


type Language = Literal["en", "ko"]

_LENGTHS = (1, 3, 6, 12)
_ENDS = {"": "", "_lower": " 하한", "_upper": " 상한"}
_RATES = (
    {f"purchase_rate_{k}": f"구매율 {k}개월" for k in _LENGTHS}
    | {f"repurchase_rate_{k}": f"재구매율 {k}개월" for k in _LENGTHS}
    | {"retention_rate": "유지율", "defection_rate": "이탈률", "retention": "코호트 유지율", "acquisition_rate": "획득률"}
)  # fmt: skip
_COMPARED = {"amount": "구매금액", "buyers": "구매 고객수", "purchase_count": "구매횟수", "average_ticket": "객단가"}

KOREAN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "week": "주", "month": "월", "quarter": "분기", "year": "년", "tier": "등급", "complete": "기간 종료",
        "lines": "거래 라인수", "customers": "고객수", "new_customers": "신규고객수", "buyers": "당월 구매 고객수",
        "purchase_count": "구매횟수", "quantity": "구매수량", "amount": "구매금액",
        "amount_of_others": "비구매 고객 순금액", "negative_total": "음수 합계", "average_ticket": "객단가",
        "unit_price": "제품단가", "units_per_purchase": "회당 구매수량", "cohort": "코호트",
        "weeks_since": "경과 주", "months_since": "경과 월", "quarters_since": "경과 분기",
        "years_since": "경과 년", "active_before": "전기 활동 고객수", "still_active": "계속 활동 고객수",
        "survival_rate": "생존율", "customer_id": "고객번호", "purchases": "구매횟수", "first": "최초구매일",
        "last": "최근구매일", "observed": "관찰기간", "time_between": "평균구매시간 (최초~최근)",
        "time_observed": "평균구매시간 (관찰기간)", "time_by_rate": "평균구매시간 (1/구매빈도)",
        "p_active": "P(Active)", "past_value": "이전고객가치", "sales": "매출액", "sales_growth": "매출액 성장률",
        "category_sales": "범주 매출액", "market_share": "시장점유율", "size_of_wallet": "범주지출액",
        "individual_share_of_wallet": "개별 지갑점유율", "targeted": "접촉 잠재고객수", "spend": "획득 지출액",
        "acquisition_cost": "획득비용",
    }
    | {f"{name}{end}": f"{word}{korean}" for name, word in _RATES.items() for end, korean in _ENDS.items()}
    | {f"too_brief_{k}": f"관찰기간 부족 {k}개월" for k in _LENGTHS}
    | {f"{name}_change_previous": f"{word} 전기 대비" for name, word in _COMPARED.items()}
    | {f"{name}_change_year": f"{word} 전년 대비" for name, word in _COMPARED.items()}
)  # fmt: skip

_BY_UNIT: Final = MappingProxyType(
    {"week": ("당주", "전주"), "month": ("당월", "전월"), "quarter": ("당분기", "전분기"), "year": ("당년", "전년")}
)  # fmt: skip
_TIERS: Final = MappingProxyType({TOTAL: "전체", NO_TIER: "(등급 없음)"})


def check_language(lang: str) -> None:
    """Refuse an unknown language."""
    if lang not in get_args(Language.__value__):
        raise ClvError(f"lang={lang!r} is not known. Write 'en' or 'ko'.")


def in_language(table: pd.DataFrame, lang: str) -> pd.DataFrame:
    """The table with its headings and the names of the total in a language.

    Examples
    --------
    >>> import pandas as pd
    >>> in_language(pd.DataFrame({"month": ["2024-01"], "tier": ["total"], "buyers": [3]}), "ko").to_dict("list")
    {'월': ['2024-01'], '등급': ['전체'], '당월 구매 고객수': [3]}
    """
    if lang == "en":
        return table
    now, before = _BY_UNIT[next((name for name in table.columns if name in _BY_UNIT), "month")]
    names = {name: _of_unit(KOREAN[name], now, before) for name in table.columns if name in KOREAN}
    if "tier" in table.columns:
        table = table.assign(tier=table["tier"].astype(object).replace(dict(_TIERS)))
    return table.rename(columns=names)


def _of_unit(heading: str, now: str, before: str) -> str:
    return heading.replace("당월", now).replace("전기 대비", f"{before} 대비")
