"""The adapter: silent whatever HiGHS prints, the same questions for every version, Ctrl-C, and nobody else who knows highspy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from planner.solver.highs import EITHER, INF, INFEASIBLE, OPTIMAL, UNBOUNDED, Engine
from tests.command import ROOT, environment

NO_ROWS: tuple[list[float], list[float]] = ([], [])


def engine(costs: list[float], rows: list[tuple[float, dict[int, float], float]], upper: float = INF) -> Engine:
    """min costs · x, 0 ≤ x ≤ upper, rows (low, terms, high)."""
    starts = np.cumsum([0, *(len(terms) for _, terms, _ in rows)])
    entries = (starts, [j for _, terms, _ in rows for j in terms], [c for _, terms, _ in rows for c in terms.values()])
    bounds = ([low for low, _, _ in rows], [high for _, _, high in rows])
    return Engine(costs, 0.0, ([0.0] * len(costs), [upper] * len(costs)), bounds, entries)


def test_nothing_reaches_stdout() -> None:
    """Whatever native code writes to descriptor 1 when an engine is made, also what C holds back until the end."""
    code = """
import sys
from planner.solver.highs import Engine
print("before")
made = Engine([1.0], 0.0, ([0.0], [5.0]), ([1.0], [9.0]), ([0, 1], [0], [1.0]))
print(made.run(), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd=ROOT, check=True)
    assert (done.stdout, done.stderr) == ("before\noptimal\n", "")


def test_a_closed_stdout_is_no_fault() -> None:
    code = "import os; os.close(1); from planner.solver.highs import Engine\n" + (
        "made = Engine([1.0], 0.0, ([0.0], [5.0]), ([1.0], [9.0]), ([0, 1], [0], [1.0])); assert made.run() == 'optimal'"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_status_and_values() -> None:
    made = engine([1.0, 2.0], [(4.0, {0: 1.0, 1: 1.0}, INF)], upper=3.0)
    assert made.run() == OPTIMAL
    assert list(made.values) == [3, 1] and made.objective == 5 and list(made.prices) == [2] and list(made.reduced) == [-1, 0]
    assert list(made.activity) == [4] and made.shape == (1, 2)
    made.bound_row(0, 7.0, INF)
    assert made.run() == INFEASIBLE and made.irreducible() == (0,)
    free = engine([-1.0], [(0.0, {0: 1.0}, INF)])
    assert free.run() == UNBOUNDED != EITHER


def test_the_objective_is_that_of_the_last_costs() -> None:
    made = engine([1.0, 2.0], [(4.0, {0: 1.0, 1: 1.0}, INF)])
    made.run()
    made.cost([3.0, 1.0], 10.0)
    assert made.run() == OPTIMAL and made.objective == pytest.approx(14)


def test_a_basis_is_letters_and_a_start() -> None:
    made = engine([1.0, 2.0], [(4.0, {0: 1.0, 1: 1.0}, INF)], upper=3.0)
    made.run()
    assert made.basis is not None
    letters = made.basis.letters
    assert (letters.columns, letters.rows) == ("UB", "N")
    other = engine([1.0, 2.0], [(4.0, {0: 1.0, 1: 1.0}, INF)], upper=3.0)
    other.start(letters)
    other.add_row(-INF, 10.0, {0: 1.0})
    other.start(letters)  # the new row is basic
    assert other.run() == OPTIMAL and other.objective == 5


def test_added_columns_and_whole_ones() -> None:
    made = Engine([1.0], 0.0, ([0.0], [9.0]), ([2.5], [INF]), ([0, 1], [0], [1.0]), [True])
    assert made.whole and made.run() == OPTIMAL and list(made.values) == [3]
    made.relax_whole()
    assert not made.whole and made.run() == OPTIMAL and list(made.values) == [2.5]
    made.add_columns([0.5], ([0, 1], [0], [1.0]))
    assert made.run() == OPTIMAL and made.objective == pytest.approx(1.25)
