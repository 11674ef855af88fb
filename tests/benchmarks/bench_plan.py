"""Times the planner against the same model written straightforwardly in PuLP and in linopy, from the file to the values.

Each runs in a fresh process of this interpreter, one after the other in the same run, so that ratios mean something on any
machine; there are no absolute limits. Where all reach the optimum, the optima must agree to 1e-7.

    python -m tests.benchmarks.bench_plan --sites 20 --accelerators 6 --workloads 4 --months 24
    python -m tests.benchmarks.bench_plan --scenario openai-base      # the planner alone
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.big_world import write

MODELS = ("planner", "pulp", "linopy")
PARTS = ("read", "build", "solve", "values")
AGREE = 1e-7
TIME_LIMIT = 1200.0
ROOT = Path(__file__).resolve().parents[2]


# --- one model, in its own process ------------------------------------------------------------------------------------


def measure(model: str, path: str, time_limit: float | None) -> dict[str, Any]:
    """Imports a model, solves a file with it: seconds per part, size, objective. To be called in a fresh process."""
    begun = time.perf_counter()
    run = {"planner": _planner, "pulp": _pulp, "linopy": _linopy}[model]()
    imported = time.perf_counter()
    cpu = time.process_time()
    result = run(path, time_limit)
    total = sum(result.seconds.values())
    return {
        "model": model,
        "import": imported - begun,
        **result.seconds,
        "total": total,
        "cpu": time.process_time() - cpu,
        "columns": result.size[0],
        "rows": result.size[1],
        "nonzeros": result.size[2],
        "status": result.status,
        "objective": result.objective,
    }


def _pulp() -> Any:
    from tests.benchmarks.straightforward_pulp import solve

    return solve


def _linopy() -> Any:
    from tests.benchmarks.straightforward_linopy import solve

    return solve


def _planner() -> Any:
    """File → read → instance → formulation → solve → plan (every workload's racks at every site)."""
    import highspy  # noqa: F401  (imported on the way otherwise)
    import numpy  # noqa: F401

    from planner.data import instance
    from planner.inputs.assembly import assemble
    from planner.inputs.load import read
    from planner.model import formulation
    from planner.results.plan import interpret
    from planner.solver import solve as solving
    from tests.benchmarks.world_data import Result

    def run(path: str, time_limit: float | None) -> Result:
        marks = [time.perf_counter()]
        overrides = () if time_limit is None else (f"solve.time_limit='{time_limit} s'",)
        inputs = assemble(read(path, overrides))
        marks.append(time.perf_counter())
        model = formulation.build(instance.build(inputs))
        marks.append(time.perf_counter())
        solution = solving.solve(model, inputs.scenario.solve)
        marks.append(time.perf_counter())
        plan = interpret(model, solution) if solution.values else None
        marks.append(time.perf_counter())
        seconds = {part: end - start for part, start, end in zip(PARTS, marks, marks[1:], strict=False)}
        size = (len(model.program.columns), len(model.program.rows), len(model.program.indices))
        return Result(solution.status, solution.objective, size, seconds, plan)

    return run


# --- all of them ------------------------------------------------------------------------------------------------------


def fresh(model: str, path: str, time_limit: float | None) -> dict[str, Any]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.bench_plan", "--only", model, "--file", path]
    command += [] if time_limit is None or model == "planner" else ["--time-limit", str(time_limit)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(path: str, time_limit: float | None, repeat: int, models: tuple[str, ...] = MODELS) -> list[dict[str, Any]]:
    """The best of `repeat` rounds for every model; a model that was stopped is not tried again."""
    best: dict[str, dict[str, Any]] = {}
    for _ in range(repeat):
        for model in models:
            if best.get(model, {}).get("status", "optimal") == "optimal":
                found = fresh(model, path, time_limit)
                if model not in best or found["total"] < best[model]["total"]:
                    best[model] = found
                print(f"{model}: {found['total']:.2f} s ({found['cpu']:.2f} s of processor), {found['status']}", file=sys.stderr)
    return list(best.values())


def disagreement(results: list[dict[str, Any]]) -> float:
    """The largest relative difference between the optima that were reached."""
    optima = [found["objective"] for found in results if found["status"] == "optimal"]
    return max((abs(a - b) / max(1.0, abs(b)) for a in optima for b in optima), default=0.0)


def table(results: list[dict[str, Any]]) -> str:
    """Seconds and sizes side by side; `>` marks a run that was stopped, ratios are to the planner.

    `cpu` is processor time, which says more than the clock on a machine that others use too.
    """
    sizes = ("columns", "rows", "nonzeros")
    heads = ("model", "import", *PARTS, "total", "ratio", "cpu", "ratio", *sizes, "objective [million USD]")
    own = next((found for found in results if found["model"] == "planner"), results[0])
    lines = [heads]
    for found in results:
        more = "" if found["status"] == "optimal" else ">"
        seconds = [f"{found[part]:.2f}" for part in PARTS]
        seconds[PARTS.index("solve")] = more + seconds[PARTS.index("solve")]
        counts = [f"{found[name]:,}" for name in sizes]
        objective = f"{found['objective']:.6f}" if not more else found["status"]
        ratio, cpu_ratio = (f"{more}{found[what] / own[what]:.2f}" for what in ("total", "cpu"))
        total = f"{more}{found['total']:.2f}"
        imported, cpu = f"{found['import']:.2f}", f"{found['cpu']:.2f}"
        lines.append((found["model"], imported, *seconds, total, ratio, cpu, cpu_ratio, *counts, objective))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    padded = [[cell.rjust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *cells[1:]]) for line, cells in zip(lines, padded, strict=True))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, size in (("sites", 60), ("accelerators", 10), ("workloads", 8), ("months", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=size, help=f"default {size}")
    parser.add_argument("--scenario", help="a scenario instead of the big world: the planner alone")
    limit = "seconds that the solver of a straightforward model may take; more is shown as `>` (default 1200)"
    parser.add_argument("--time-limit", type=float, default=None, help=limit)
    parser.add_argument("--repeat", type=int, default=1, help="rounds; the best of each model counts")
    parser.add_argument("--only", choices=MODELS, help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.only:
        print(json.dumps(measure(options.only, options.file, options.time_limit)))
        return 0
    if options.scenario:
        print(table(compare(options.scenario, None, options.repeat, ("planner",))))
        return 0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "big.toml"
        write(path, options.sites, options.accelerators, options.workloads, options.months, options.seed)
        results = compare(str(path), options.time_limit or TIME_LIMIT, options.repeat)
    print(table(results))
    if disagreement(results) > AGREE:
        print(f"the optima differ by {disagreement(results):.1e}, more than {AGREE:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
