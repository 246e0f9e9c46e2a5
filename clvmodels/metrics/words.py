"""Korean headings of the indicators (crm_indicators, section F)."""

from __future__ import annotations

from types import MappingProxyType

_LENGTHS = (1, 3, 6, 12)
_ENDS = {"": "", "_lower": " 하한", "_upper": " 상한"}

KOREAN = MappingProxyType(
    {
        "month": "월", "tier": "등급", "customers": "고객수", "new_customers": "신규고객수", "buyers": "당월 구매 고객수",
        "purchase_count": "구매횟수", "quantity": "구매수량", "amount": "구매금액", "amount_of_others": "비구매 고객 순금액",
        "average_ticket": "객단가", "unit_price": "제품단가", "units_per_purchase": "회당 구매수량",
        "amount_change_month": "구매금액 전월 대비", "amount_change_year": "구매금액 전년 대비",
        "buyers_change_month": "구매 고객수 전월 대비", "buyers_change_year": "구매 고객수 전년 대비",
    }
    | {f"purchase_rate_{k}{end}": f"구매율 {k}개월{word}" for k in _LENGTHS for end, word in _ENDS.items()}
    | {f"repurchase_rate_{k}{end}": f"재구매율 {k}개월{word}" for k in _LENGTHS for end, word in _ENDS.items()}
    | {f"too_brief_{k}": f"관찰기간 부족 {k}개월" for k in _LENGTHS}
)  # fmt: skip
