"""Plans for a budget: a million and ten million customers by five actions, a million under constraints, and against HiGHS.

    python benchmarks/budget.py [--quick]

Values and costs are ready before the clock starts and compiled code is warm; times are the least of a few in one process. The
relative gap is between the plan in whole customers and what no plan exceeds. HiGHS gets the same 10,000 customers as one sparse
program, built before its clock starts: as a linear program for the frontier's bound, as an integer program for the plan.
"""

from __future__ import annotations

import argparse

from harness import Measured, describe, measure, table

WORLD = """
import time
import numpy as np
from clvmodels.budget.constraints import Capacity, Coverage, Setting
from clvmodels.budget.resolve import resolve
from clvmodels.budget.solve import solve
NAMES, MEDIA = ("none", "e-mail", "e-mail x4", "DM", "TM"), ("e-mail", "DM", "TM")
CONTACTS = np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0], [0, 1, 0], [0, 0, 1.0]])
def world(n):
    rng = np.random.default_rng(n)
    costs = np.tile([0.0, 0.1, 0.4, 1.5, 6.0], (n, 1))
    values = rng.gamma(0.5, 3.0, (n, 1)) * costs**0.7 * rng.uniform(0.2, 1.8, (n, 5))
    segments = rng.choice(["A", "B", "C", "D"], n, p=[0.4, 0.3, 0.2, 0.1])
    values[segments == "D"] *= 0.2
    return values, costs, np.ones((n, 5), dtype=bool), segments
def limits(segments):
    n = len(segments)
    setting = Setting(np.arange(n), NAMES, MEDIA, CONTACTS, segments)
    coverages = [Coverage(segment=s, at_least=c) for s, c in zip("ABCD", (0.2, 0.5, 0.5, 0.4))]
    return resolve([Capacity("TM", 0.03 * n), *coverages], setting, budget=0.5 * n)
def best(work, times):
    found = []
    for _ in range(times):
        begin = time.perf_counter(); result = work(); found.append(time.perf_counter() - begin)
    return min(found), result
values, costs, allowed, segments = world({customers})
n = len(values)
small = world(1_000)
solve(*small[:3], budget=500.0, constraints=limits(small[3]))
"""
PLAIN = """
seconds, plan = best(lambda: solve(values, costs, allowed, budget=0.5 * n, keys=np.arange(n)), {times})
print(seconds, plan.relative_gap, plan.objective)
"""
CONSTRAINED = """
rules = limits(segments)
seconds, plan = best(lambda: solve(values, costs, allowed, budget=0.5 * n, constraints=rules, keys=np.arange(n)), {times})
print(seconds, plan.relative_gap, plan.objective)
"""
HIGHS = """
from scipy import optimize, sparse
rows = [costs.ravel()]
bounds = [0.5 * n]
if {constrained}:
    rows.append(np.tile(CONTACTS[:, 2], n)); bounds.append(0.03 * n)
    for segment, share in zip("ABCD", (0.2, 0.5, 0.5, 0.4)):
        inside = segments == segment
        rows.append(np.outer(inside, -1.0 * (np.arange(5) > 0)).ravel()); bounds.append(-share * inside.sum())
weights = sparse.csr_array(np.array(rows))
each = sparse.csr_array(sparse.kron(sparse.eye_array(n), np.ones((1, 5))))
profit = (values - costs).ravel()
def linear():
    return -optimize.linprog(-profit, A_ub=weights, b_ub=bounds, A_eq=each, b_eq=np.ones(n), bounds=(0, None)).fun
def integer():
    program = [optimize.LinearConstraint(weights, ub=bounds), optimize.LinearConstraint(each, 1, 1)]
    options = dict(mip_rel_gap=1e-4, time_limit=300)
    found = optimize.milp(-profit, constraints=program, integrality=1, bounds=optimize.Bounds(0, 1), options=options)
    return -found.fun
seconds, objective = best({program}, 2)
print(seconds, float("nan"), objective)
"""


def sizes(cases: list[tuple[str, int, str, int]]) -> None:
    """Seconds, relative gap, peak memory of the whole process."""
    rows: list[list[object]] = []
    for name, customers, code, times in cases:
        m = measure(WORLD.replace("{customers}", str(customers)) + code.format(times=times))
        rows.append([name, m.figures[0], m.figures[1], m.gigabytes] if isinstance(m, Measured) else [name, m, "", ""])
    table("Plans by five actions", ["", "seconds", "relative gap", "GB"], rows)


def against_highs(customers: int = 10_000) -> None:
    """Seconds and value on the same customers."""
    world = WORLD.replace("{customers}", str(customers))
    rows: list[list[object]] = []
    for title, code, constrained in (("budget", PLAIN, False), ("budget, capacity, four coverages", CONSTRAINED, True)):
        ours = measure(world + code.format(times=5))
        if isinstance(ours, str):
            rows.append([title, ours, "", ""])
            continue
        rows.append([f"{title}: ours", ours.figures[0], 1.0, f"{ours.figures[2]:.4f}"])
        for program in ("linear", "integer"):
            m = measure(world + HIGHS.format(constrained=constrained, program=program))
            name = f"{title}: HiGHS, {program}"
            if isinstance(m, str):
                rows.append([name, m, "", ""])
            else:
                rows.append([name, m.figures[0], m.figures[0] / ours.figures[0], f"{m.figures[2]:.4f}"])
    table(f"Against HiGHS, {customers:,} customers", ["", "seconds", "time / ours", "value less cost"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave ten million out")
    options = parser.parse_args()
    print(describe())
    cases = [
        ("1,000,000, budget", 1_000_000, PLAIN, 3),
        ("1,000,000, budget, capacity, four coverages", 1_000_000, CONSTRAINED, 2),
    ]
    sizes(cases if options.quick else [*cases, ("10,000,000, budget", 10_000_000, PLAIN, 2)])
    against_highs()


if __name__ == "__main__":
    main()
