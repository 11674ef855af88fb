"""Times a bundled scenario over ever finer slices of the year, and HiGHS's methods against each other.

Every row is a fresh process of this interpreter, one after the other, so that ratios within one run mean something on any
machine; there are no absolute limits. `ratio` is over the one-slice solve of the same run. Methods must agree on the optimum
to 1e-7.

    python -m tests.benchmarks.bench_energy                 # 1, 4, 12, 24 and 96 slices as the planner solves them
    python -m tests.benchmarks.bench_energy --slices 1 24 --methods planner simplex ipx pdlp
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SETS = {1: "one", 4: "seasons", 12: "typical-12", 24: "typical-24", 96: "hours-96"}
METHODS = ("planner", "simplex", "ipx", "ipx-without-crossover", "pdlp")
ROOT = Path(__file__).resolve().parents[2]
AGREE = 1e-7
LOOSE = ("ipx-without-crossover", "pdlp")  # no basis: their optimum is as good as their tolerance


# --- one solve, in its own process ------------------------------------------------------------------------------------


def measure(scenario: str, slices: int, method: str, time_limit: float, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """Seconds to read, build and solve, size and optimum. To be called in a fresh process."""
    import highspy  # noqa: F401  (imported on the way otherwise)

    from planner.data import instance
    from planner.model import formulation
    from planner.run.pipeline import prepare
    from planner.solver.solve import solve

    begun = time.perf_counter()
    limits = (f"energy.slices={SETS[slices]}", f"solve.time_limit='{time_limit:g} s'")
    inputs, _ = prepare(scenario, (*overrides, *limits))
    read = time.perf_counter()
    model = formulation.build(instance.build(inputs))
    built = time.perf_counter()
    program = model.program
    if method == "planner":
        solution = solve(model, inputs.scenario.solve)
        status, objective = solution.status, solution.objective
    else:
        status, objective = _highs(model, method, time_limit)
    return {
        "slices": slices,
        "method": method,
        "columns": len(program.columns),
        "rows": len(program.rows),
        "nonzeros": len(program.indices),
        "read": read - begun,
        "build": built - read,
        "solve": time.perf_counter() - built,
        "status": status,
        "objective": objective,
    }


def _highs(model: Any, method: str, time_limit: float) -> tuple[str, float]:
    """HiGHS with one method, as it comes."""
    from planner.solver.solve import load

    costs, constant = model.program.minimize(model.objective)
    engine = load(model.program, costs, constant)
    engine.setOptionValue("time_limit", time_limit)
    engine.setOptionValue("solver", method.removesuffix("-without-crossover"))
    engine.setOptionValue("run_crossover", "off" if method in LOOSE else "on")
    engine.run()
    return engine.modelStatusToString(engine.getModelStatus()).lower(), engine.getInfo().objective_function_value


# --- all of them ------------------------------------------------------------------------------------------------------


def fresh(scenario: str, slices: int, method: str, time_limit: float, overrides: tuple[str, ...]) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.bench_energy", "--only", "--scenario", scenario]
    command += ["--slices", str(slices), "--methods", method, "--time-limit", str(time_limit)]
    command += [word for override in overrides for word in ("--set", override)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def disagreement(rows: list[dict[str, Any]]) -> float:
    """The largest relative difference of proved optima over the methods, slices by slices."""
    proved = [row for row in rows if row["status"] == "optimal" and row["method"] not in LOOSE]
    pairs = ((a, b) for a in proved for b in proved if a["slices"] == b["slices"])
    return max((abs(a["objective"] - b["objective"]) / max(1.0, abs(a["objective"])) for a, b in pairs), default=0.0)


def show(row: dict[str, Any], unit: float) -> str:
    size = f"{row['slices']:>6}  {row['method']:<21}  {row['columns']:>9,}  {row['rows']:>9,}  {row['nonzeros']:>10,}"
    times = f"{row['build']:>7.2f}  {row['solve']:>8.2f}  {row['solve'] / unit:>6.1f}"
    return f"{size}  {times}  {row['status']:<18}  {row['objective']:,.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenario", default="openai-base", help="a bundled scenario or a file (default: openai-base)")
    parser.add_argument("--slices", type=int, nargs="+", choices=list(SETS), default=list(SETS), help="numbers of slices")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["planner"], help="planner: as `planner solve` does it")
    parser.add_argument("--time-limit", type=float, default=900.0, help="seconds for one solve")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in `planner solve`")
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        found = measure(options.scenario, options.slices[0], options.methods[0], options.time_limit, tuple(options.set))
        print(json.dumps(found))
        return
    heads = f"{'slices':>6}  {'method':<21}  {'columns':>9}  {'rows':>9}  {'nonzeros':>10}"
    heads += f"  {'build s':>7}  {'solve s':>8}  {'ratio':>6}"
    print(f"{options.scenario}\n{heads}  status", flush=True)
    rows: list[dict[str, Any]] = []
    unit = 0.0
    for slices in sorted(set(options.slices) | {1}):
        for method in options.methods if slices > 1 else ["planner"]:
            row = fresh(options.scenario, slices, method, options.time_limit, tuple(options.set))
            unit = unit or row["solve"]
            rows.append(row)
            print(show(row, unit), flush=True)
    if disagreement(rows) > AGREE:
        raise SystemExit(f"methods disagree on the optimum by {disagreement(rows):.1e}")


if __name__ == "__main__":
    main()
