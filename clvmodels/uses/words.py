"""Korean headings of the uses of lifetime value (crm_indicators, section G)."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from clvmodels.metrics.words import Language as Language
from clvmodels.metrics.words import check_language

TIER_PROBABILITY = "p_tier_"
"""Prefix of the probability of being in a tier by its name."""

KOREAN = MappingProxyType(
    {
        "customer_id": "고객번호", "tier": "등급", "customers": "고객수", "share_of_customers": "고객 비중",
        "ltv": "고객생애가치",
        "potential": "잠재가치", "realised": "실현가치", "mean": "평균", "lower": "하한", "upper": "상한",
        "expected_lower": "평균의 하한", "expected_upper": "평균의 상한", "share_of_value": "가치 비중",
        "per_customer": "고객당 가치",
        "p_tier": "등급 확률", "cut": "등급 기준값", "loyalty": "충성도", "from": "부터", "to": "까지",
        "p_alive": "생존확률", "p_gone": "이탈확률", "potential_if_alive": "생존 시 잠재가치",
        "win_back": "재획득 가치", "win_back_lower": "재획득 가치 하한", "win_back_upper": "재획득 가치 상한",
        "p_leaves": "기간 내 이탈확률", "value_at_risk": "위험가치", "value_at_risk_lower": "위험가치 하한",
        "value_at_risk_upper": "위험가치 상한", "max_worth_spending": "최대 유지비용", "frequency": "재구매횟수",
        "tenure": "거래기간", "value": "가치", "source": "구성",
        "product": "제품", "purchases": "구매횟수", "amount": "구매금액", "margin": "공헌이익", "margin_rate": "이익률",
        "kind": "수익성 구분", "category": "제품군", "buyers": "구매 고객수", "intervals": "구매간격 수",
        "again_share": "재구매율", "within": "기간", "p_purchase": "기간 내 구매확률", "bought_again": "누적 재구매율",
        "offer_from": "제안 시작일", "offer_until": "제안 종료일", "due": "구매 예정", "days_since": "경과일수",
        "action": "최적 행동", "change": "계획의 증분", "best": "최선의 가치", "p_negative": "음(-)의 확률",
        "held_out": "통제집단", "basis": "판단 근거", "let_go": "거래 축소 대상", "saved": "절감액",
    }
)  # fmt: skip


def headings(columns: Iterable[str], lang: str) -> dict[str, str]:
    """Heading of each column in a language; names made of numbers and of tiers are put together.

    Examples
    --------
    >>> headings(["tier", "p_tier_gold", "next_50"], "ko")
    {'tier': '등급', 'p_tier_gold': '등급 확률: gold', 'next_50': '다음 구매 50%'}
    """
    check_language(lang)
    return {name: name if lang == "en" else _korean(name) for name in columns}


def _korean(name: str) -> str:
    if name in KOREAN:
        return KOREAN[name]
    made = {
        TIER_PROBABILITY: "등급 확률: {}",
        "if_alive_": "생존 시 다음 구매 {}%",
        "next_": "다음 구매 {}%",
        "again_": "재구매 {}%",
        "margin_": "공헌이익: {}",
    }
    for prefix, text in made.items():
        if name.startswith(prefix):
            return text.format(name.removeprefix(prefix))
    return name
