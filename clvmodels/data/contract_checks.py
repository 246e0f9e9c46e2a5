"""What a caller has to say of a table of contracts, and how unusable rows are named."""

from __future__ import annotations

from clvmodels.data.contract_lines import FAULTS, ContractRows
from clvmodels.errors import SHOWN, ContractError, offenders


def is_dated(**given: object) -> bool:
    """Whether the table gives dates; refuses too little and too much."""
    dates = [name for name in ("start", "end", "observed_until") if given[name] is not None]
    times = [name for name in ("tenure", "event", "period") if given[name] is not None]
    if len(dates) == 3 and not times:
        return True
    if len(times) == 3 and not dates:
        return False
    raise ContractError(
        f"Given are {', '.join(f'{name}=' for name in dates + times) or 'neither dates nor tenures'}. Give start=, end= and "
        "observed_until= (the last day on which an end would have been seen), or tenure=, event= and period= (its unit)."
    )


def offenders_of(rows: ContractRows, index: int) -> str:
    fault, where = FAULTS[index], rows.fault == index
    shown = rows.frame[where].sort_values(["customer_id"], kind="stable")
    role = fault.role if f"given_{fault.role}" in shown else fault.role if fault.role in shown else "customer_id"
    column = rows.names.get(role, role)
    values = shown[f"given_{role}" if f"given_{role}" in shown else role].head(SHOWN)
    named = [f"customer {one}" for one in shown["customer_id"].astype(object).head(SHOWN)]
    return offenders(
        fault.problem,
        column=column,
        rows=named + [""] * (int(where.sum()) - len(named)),
        values=[repr(value) for value in values],
        remedy=f"{fault.remedy}, or pass invalid='leave_out' to go on without them; contracts.quality() counts them.",
    )
