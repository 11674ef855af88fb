"""Times the exact certificate against the solve that it certifies, both in the same run, so that ratios mean something anywhere.

python -m tests.benchmarks.bench_exact                                  # bundled scenarios
python -m tests.benchmarks.bench_exact --sites 30 --accelerators 8 --workloads 6 --months 36
python -m tests.benchmarks.bench_exact --sites 60 --accelerators 10 --workloads 8 --months 60
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from planner.data import instance
from planner.inputs.load import bundled_scenarios
from planner.model import formulation
from planner.proof.exact import certify, record_of
from planner.run import pipeline
from planner.solver import solve
from tests.benchmarks.big_world import write

HEADS = ("scenario", "rows", "columns", "solve", "record", "certify", "ratio", "pivots", "digits", "proved")


def measure(name: str, path: str) -> dict[str, Any]:
    """Seconds of the solve and of its certificate, pivots that mended the basis, digits of the longest number in the proof."""
    inputs, _ = pipeline.prepare(path)
    model = formulation.build(instance.build(inputs))
    begun = time.perf_counter()
    solution = solve.solve(model, inputs.scenario.solve)
    solved = time.perf_counter()
    record = record_of(model.program, model.objective)
    recorded = time.perf_counter()
    assert solution.basis is not None, f"{name} has no basis: {solution.status}"
    found = certify(record, solution.basis)
    done = time.perf_counter()
    bits = (max(abs(v.numerator), v.denominator).bit_length() for v in (*found.x, *found.y))
    return {
        "scenario": name,
        "rows": record.rows,
        "columns": record.columns,
        "solve": solved - begun,
        "record": recorded - solved,
        "certify": done - recorded,
        "ratio": (done - solved) / (solved - begun),
        "pivots": found.pivots,
        "digits": int(max(bits, default=0) * 0.30103) + 1,
        "proved": "yes" if found.proved else found.what,
    }


def table(results: list[dict[str, Any]]) -> str:
    """Seconds; `ratio` is record and certify over solve."""
    lines: list[tuple[str, ...]] = [HEADS]
    for found in results:
        cells = (found[head] for head in HEADS)
        lines.append(tuple(f"{c:.2f}" if isinstance(c, float) else f"{c:,}" if isinstance(c, int) else c for c in cells))
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name, size in (("sites", 0), ("accelerators", 10), ("workloads", 8), ("months", 60), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=size, help=f"of the big world, default {size}")
    parser.add_argument("--scenario", action="append", help="scenarios instead of all bundled ones")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        if options.sites:
            path = Path(folder) / "big.toml"
            write(path, options.sites, options.accelerators, options.workloads, options.months, options.seed)
            sizes = (options.sites, options.accelerators, options.workloads, options.months)
            results = [measure("×".join(map(str, sizes)), str(path))]
        else:
            results = [measure(name, name) for name in options.scenario or bundled_scenarios()]
    print(table(results))
    return 0 if all(found["proved"] == "yes" for found in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
