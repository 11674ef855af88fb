"""Times the points of a trade-off curve against one cold solve, and against solving each point anew.

All in one process of this interpreter, one after the other, so that ratios mean something on any machine; there are no absolute
limits in seconds. A cold solve builds the programme and solves it from scratch. The points of the curve are asked one after the
other from where the solver stands, with one building; anew, the programme is built and solved for every point. Both must agree to
1e-7, and the curve may take 5 cold solves.

    python -m tests.benchmarks.bench_frontier                        # openai-base, peak_power against cost, 21 points
    python -m tests.benchmarks.bench_frontier --kinks 2000           # and all kinks
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

AGREE = 1e-7
WITHIN = 5.0  # cold solves that the points may take together


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = what()
    return time.perf_counter() - begun, found


def measure(scenario: str, x: str, y: str, points: int, kinks: int, overrides: tuple[str, ...], anew: bool) -> dict[str, Any]:
    """Seconds of one cold solve, of the points, of the kinks, and (if asked for) of solving the points anew; the disagreement."""

    from planner.data import instance
    from planner.model import formulation
    from planner.model.measures import MEASURES
    from planner.run.pipeline import prepare
    from planner.solver.highs import OPTIMAL
    from planner.solver.solve import load, solve
    from planner.tradeoff.frontier import Axis, Desk

    inputs, _ = prepare(scenario, overrides)

    def build(*wanted: str) -> Any:
        return formulation.build(instance.build(inputs, wanted))

    def at(bound: float, size: float) -> float:
        """The least y with x held, from nothing."""
        model = build(y, x)
        costs, constant = model.program.terms(model.objective)
        of_x, base = model.program.terms(MEASURES[x](model.instance, model.variables))
        engine = load(model.program, costs, constant, (of_x, bound / size - base))
        assert engine.run() == OPTIMAL
        return engine.objective

    def trace(most: int) -> tuple[Desk, Any]:
        model = build(y, x)
        desk = Desk(model, Axis.of(model.instance, x), Axis.of(model.instance, y))
        return desk, desk.trace(points, most)[0]

    built, model = timed(lambda: build(y))
    cold, _ = timed(lambda: solve(model, inputs.scenario.solve))
    walk, (desk, curve) = timed(lambda: trace(0))
    found = {"built": built, "cold": cold, "points": walk}
    if kinks:
        seconds, (_, exact) = timed(lambda: trace(kinks))
        found |= {"kinks": seconds, "asked": exact.asked, "found": len(exact.pieces()) + 1, "gap": exact.gap()}
    if anew:
        size, samples = desk.x.weight, curve.samples
        seconds, values = timed(lambda: [at(p.x + 1e-9 * max(1.0, abs(p.x)), size) * desk.y.weight for p in samples])
        off = max(abs(value - p.y) / max(1.0, abs(p.y)) for value, p in zip(values, samples, strict=True))
        found |= {"anew": seconds, "off": off}
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", default="openai-base", help="a bundled scenario or a file (default: openai-base)")
    parser.add_argument("--x", default="peak_power", help="what is held (default: peak_power)")
    parser.add_argument("--y", default="cost", help="what is least (default: cost)")
    parser.add_argument("--points", type=int, default=21, help="evenly spaced points (default: 21)")
    parser.add_argument("--kinks", type=int, default=0, help="also all kinks, with so many questions at most (default: not)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `planner solve`")
    parser.add_argument("--warm-only", action="store_true", help="do not solve the points anew")
    options = parser.parse_args(arguments)
    found = measure(
        options.scenario, options.x, options.y, options.points, options.kinks, tuple(options.set), not options.warm_only
    )
    cold, walk = found["built"] + found["cold"], found["points"]
    print(f"{options.scenario}, {options.x} against {options.y}; without tables and audits")
    print(f"one cold solve {cold:17.2f} s   {found['built']:.2f} s to build and {found['cold']:.2f} s to solve")
    print(f"{options.points:>4} points {walk:20.2f} s   {walk / cold:.2f} cold solves, with build and both ends")
    if "anew" in found:
        anew = found["anew"]
        print(f"{options.points:>4} points anew {anew:15.2f} s   {anew / cold:.2f} cold solves, "
              f"{anew / walk:.1f} times the curve; the same to {found['off']:.1e}")  # fmt: skip
    if options.kinks:
        state = "all kinks" if not found["gap"] else "not all kinks"
        print(f"{found['found']:>4} kinks {found['kinks']:21.2f} s   {found['kinks'] / cold:.2f} cold solves, {state} in "
              f"{found['asked']} questions")  # fmt: skip
    if found.get("off", 0.0) > AGREE:
        print(f"the points differ by {found['off']:.1e}, more than {AGREE:g}", file=sys.stderr)
        return 1
    if walk > WITHIN * cold:
        print(f"the points took more than {WITHIN:g} cold solves", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
