"""Times interval ends from warm starts against one cold solve, and against a programme that is rebuilt for each end.

All in one process, one after the other, so that ratios mean something on any machine; there are no absolute limits. The ends of
both ways must agree to 1e-6. Processor time is told beside the clock, as it says more on a machine that others use too.

    python -m tests.benchmarks.bench_mixes                        # the shares of compute of openai-base within 5 %
    python -m tests.benchmarks.bench_mixes --scenario classroom --within 0.02 --of power
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from planner.alternatives.share_ranges import OF, Near, intervals, levels_of, providers_of
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation
from planner.model.formulation import Model
from planner.model.measures import over_horizon
from planner.run import pipeline
from planner.solver import solve
from planner.solver.warm import Probe

AGREE = 1e-6
Timed = tuple[Any, float, float]  # what came out, seconds by the clock, seconds of the processor


def timed(run: Callable[[], Any]) -> Timed:
    clock, processor = time.perf_counter(), time.process_time()
    found = run()
    return found, time.perf_counter() - clock, time.process_time() - processor


def built(inputs: Inputs) -> Model:
    return formulation.build(instance.build(inputs, ("cost", "peak_power", "largest_share")))


def cold(inputs: Inputs) -> tuple[Model, solve.Solution]:
    """The baseline: the optimum of a scenario that has been read, built and solved from nothing."""
    model = built(inputs)
    return model, solve.solve(model, inputs.scenario.solve)


def warm(near: Near, of: str, within: float) -> dict[str, tuple[float, float]]:
    """Both ends for every provider, each from the basis of the optimum."""
    sums, whole = near.sums(of)
    near.widen(within)
    found = {}
    for name, mine in sums.items():
        low, high = near.least_ratio(mine, whole, near.best), near.least_ratio(mine * -1.0, whole, near.best)
        found[name] = low.objective, -high.objective
    return found


def rebuilt(inputs: Inputs, of: str, within: float) -> dict[str, tuple[float, float]]:
    """The same, the programme made anew for each end and every solve from nothing."""
    best = cold(inputs)[1].objective
    names = providers_of(built(inputs).instance)
    found = {}
    for name in names:
        ends = []
        for sign in (1.0, -1.0):
            model = built(inputs)
            probe = Probe(model)
            probe.engine.set("optimality_tolerance", 1e-2)  # the goal of a ratio ends at zero
            probe.add_limit(probe.objective, best + within * abs(best))
            sums = {other: probe.linear(over_horizon(model.instance, model.variables, of, other)) for other in names}
            whole = sum(sums.values(), probe.objective * 0.0)
            ends.append(sign * probe.least_ratio(sums[name] * sign, whole, probe.minimize()).objective)
        found[name] = ends[0], ends[1]
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenario", default="openai-base")
    parser.add_argument("--within", type=float, default=0.05, help="share of the optimum, default 0.05")
    parser.add_argument("--of", choices=OF, default="compute")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of the first two; the best counts")
    options = parser.parse_args(arguments)
    inputs, _ = pipeline.prepare(options.scenario)
    if inputs.scenario.objective.name != "cost":
        print(f"{options.scenario} minimises something else than cost", file=sys.stderr)
        return 2
    rounds: dict[str, list[Timed]] = {}
    for _ in range(options.repeat):
        rounds.setdefault("one cold solve", []).append(timed(lambda: cold(inputs)))
        model, solution = rounds["one cold solve"][-1][0]
        near = Near(model, solution.basis)
        ends = f"{2 * len(providers_of(model.instance))} ends, warm"
        rounds.setdefault(ends, []).append(timed(lambda near=near: warm(near, options.of, options.within)))
    every = f"all {2 * len(OF) * len(levels_of(options.within)) * len(providers_of(model.instance))} ends, warm"
    rounds[every] = [timed(lambda: intervals(near, levels_of(options.within)))]
    again = ends.replace("warm", "rebuilt each time")
    rounds[again] = [timed(lambda: rebuilt(inputs, options.of, options.within))]
    best = {name: min(found, key=lambda one: one[2]) for name, found in rounds.items()}
    base = best["one cold solve"]
    for name, (_, clock, processor) in best.items():
        ratios = f"{clock / base[1]:6.2f} {processor / base[2]:6.2f}"
        print(f"{name:<28} {clock:7.2f} s {processor:7.2f} s of processor; in cold solves {ratios}")
    apart = max(abs(a - b) for name, pair in best[ends][0].items() for a, b in zip(pair, best[again][0][name], strict=True))
    if apart > AGREE:
        print(f"the ends differ by {apart:.1e}, more than {AGREE:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
