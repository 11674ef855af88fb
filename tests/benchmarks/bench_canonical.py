"""What one answer costs: seconds from the first optimal plan to the canonical one, and for its proof and its prices.

    python -m tests.benchmarks.bench_canonical [SCENARIO ...]

Every figure is a ratio to the solve that found the first optimal plan, in the same run; the median of five.
"""

from __future__ import annotations

import sys
import time
from statistics import median

from planner.data import instance
from planner.model import formulation
from planner.proof.canonical import settle
from planner.proof.decimals import decimal
from planner.proof.exact import certify, record_of
from planner.proof.sides import sides
from planner.results.shadow_prices import priced
from planner.run.pipeline import prepare
from planner.solver import solve

SCENARIOS = ("openai-base", "green", "behind-the-meter", "azure-loss", "openai-30gw")


def seconds(name: str) -> tuple[float, float, float, float, float]:
    """(first solve, goals on the face, proof of the optimum, proof that the plan is the only one, prices of both sides)."""
    inputs, _ = prepare(name)
    model = formulation.build(instance.build(inputs))
    found = solve.solve(model, inputs.scenario.solve)
    assert found.basis is not None
    at = time.perf_counter()
    certificate = certify(record_of(model.program, model.objective), found.basis)
    proved = time.perf_counter()
    assert certificate.simplex is not None
    settled = settle(certificate.simplex, [[decimal(c) for c in goal.costs] for goal in found.goals])
    single = time.perf_counter()
    assert settled is not None and settled.single
    sides(certificate.simplex, priced(model, certificate.simplex.tight()))
    return found.seconds - found.settling, found.settling, proved - at, single - proved, time.perf_counter() - single


def main(names: tuple[str, ...] = SCENARIOS, runs: int = 5) -> None:
    print(f"{'scenario':20} {'solve [s]':>9}  goals  optimum  single  prices   (ratios to the solve)")
    for name in names:
        figures = [median(column) for column in zip(*(seconds(name) for _ in range(runs)), strict=True)]
        base, *rest = figures
        print(f"{name:20} {base:9.3f}  " + "  ".join(f"{part / base:6.2f}" for part in rest))


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SCENARIOS)
