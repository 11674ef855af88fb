"""Solves a model with HiGHS embedded, or with any solver that PuLP finds, and never believes a status that it has not checked.

HiGHS gets the rows as arrays in one call. What it finds is one of often many optimal plans; `canonical` then goes on to the one
that is always shown. PuLP's own status is not used: a run cut off by its time limit would be called optimal there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from planner.core.basis import Basis
from planner.core.errors import InputFault, Stopped, did_you_mean
from planner.inputs.scenario import Solve
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.tie_break import Goal, goals
from planner.solver import highs
from planner.solver.canonical import canonical
from planner.solver.highs import INF, Engine

LARGE = 12_000  # columns from which interior point with crossover beats the simplex method (docs/decisions.md, D14)
TIE = 1e-9  # how much of the first objective may be given up to break ties by cost where there is no basis, relative


@dataclass
class Solution:
    """What a solver answered: status is optimal, infeasible, unbounded or stopped; values only for optimal and stopped.

    `duals` (rows,) are of the objective; empty where the solver gives none. `basis` is where the canonical plan stands, with the
    `goals` that led there, the objective first; none for whole racks and other solvers.
    """

    status: str
    values: list[float] = field(default_factory=list)
    duals: list[float] = field(default_factory=list)
    objective: float = float("nan")
    gap: float = 0.0
    seconds: float = 0.0
    solver: str = ""
    basis: Basis | None = None
    goals: tuple[Goal, ...] = ()
    settling: float = 0.0  # seconds from the first optimal plan to the canonical one


def solve(model: Model, options: Solve) -> Solution:
    """The best plan of a model, of those as good the canonical one (whole racks, other solvers: any, at least cost)."""
    wanted = goals(model)
    first, engine = _run(model.program, model.objective, options)
    if first.status != "optimal":
        return first
    if engine is not None and not engine.whole and engine.basis is not None:
        begun = time.perf_counter()
        costs, constant = model.program.terms(model.objective)
        first.basis, values = canonical(engine, wanted)
        first.values, first.goals = list(values), wanted
        first.objective = float(np.array(costs) @ values) + constant
        first.settling = time.perf_counter() - begun
        first.seconds += first.settling
        return first
    if model.instance.objective == "cost":
        return first
    bound = first.objective + TIE * max(1.0, abs(first.objective))
    costs, constant = model.program.terms(model.objective)
    spare = max(0.0, (options.time_limit or 0.0) - first.seconds) if options.time_limit else None
    second, _ = _run(model.program, model.cost, options, extra=(costs, bound - constant), left=spare)
    if second.status not in ("optimal", "stopped") or not second.values:
        return first
    second.objective, second.duals, second.basis = first.objective, first.duals, first.basis
    second.seconds += first.seconds
    return second


def relaxation(model: Model, options: Solve) -> Solution:
    """The model by HiGHS with racks that need not be whole: what bounds a plan that has no basis of its own."""
    return _run(model.program, model.objective, options.model_copy(update={"solver": "HiGHS"}), whole=False)[0]


def last_basis(program: Program) -> Basis | None:
    """Where the simplex method ends that looks for anything that fits; None if it was cut off."""
    engine = load(program, [0.0] * len(program.columns), 0.0, relaxed=True)
    engine.set("presolve", "off")
    engine.set("solver", "simplex")
    engine.run()
    return engine.basis.letters if engine.basis else None


def _run(
    program: Program,
    objective: Any,
    options: Solve,
    extra: tuple[list[float], float] | None = None,
    left: float | None = None,
    whole: bool = True,
) -> tuple[Solution, Engine | None]:
    """One solve, and the engine that made it where it was HiGHS."""
    if options.solver.casefold() != "highs":
        return _foreign(program, objective, options, extra), None
    costs, constant = program.minimize(objective)
    begun = time.perf_counter()
    whole = whole and any(program.integer)
    engine = load(program, costs, constant, extra, relaxed=not whole)
    engine.set("mip_rel_gap", options.gap)
    if options.time_limit is not None:
        engine.set("time_limit", max(0.01, (options.time_limit if left is None else left)))
    if len(program.columns) >= LARGE and not program.sliced and not whole:
        engine.set("solver", "ipx")  # crossover follows: the answer is a basis, like that of the simplex method
        engine.run()
        if engine.status in (highs.OPTIMAL, highs.TIME_LIMIT, highs.INTERRUPTED):
            return _answer(engine, program, begun), engine
        engine.set("solver", "simplex")  # anything but an optimum is left to the method that proves why
        engine.forget()
    engine.run()
    return _answer(engine, program, begun), engine


def load(
    program: Program,
    costs: Sequence[float],
    constant: float,
    extra: tuple[list[float], float] | None = None,
    relaxed: bool = False,
) -> Engine:
    """An engine holding the programme; `extra` is one more row: Σ coefficients · x ≤ bound; `relaxed`: no whole racks."""
    low, high = row_bounds(program)
    engine = Engine(
        costs,
        constant,
        (np.zeros(len(program.columns)), program.upper),
        (low, high),
        (program.starts, program.indices, program.coefficients),
        None if relaxed else program.integer,
    )
    if extra is not None:
        engine.add_row(-INF, extra[1], {j: c for j, c in enumerate(extra[0]) if c})
    return engine


def row_bounds(program: Program) -> tuple[highs.Vector, highs.Vector]:
    """Lower and upper bounds of the rows."""
    senses, rhs = np.array(program.senses, dtype=np.int8), np.array(program.rhs)
    return np.where(senses >= 0, rhs, -INF), np.where(senses <= 0, rhs, INF)


def _answer(engine: Engine, program: Program, begun: float) -> Solution:
    seconds, status, whole = time.perf_counter() - begun, engine.status, engine.whole
    if status == highs.OPTIMAL:
        duals = [] if whole else list(engine.prices)[: len(program.rows)]
        gap = engine.gap if whole else 0.0
        basis = engine.basis.letters if not whole and engine.basis else None
        return Solution("optimal", list(engine.values), duals, engine.objective, gap, seconds, engine.name, basis)
    if status in (highs.INFEASIBLE, highs.UNBOUNDED):
        return Solution(status, seconds=seconds, solver=engine.name)
    if status == highs.INTERRUPTED:
        raise KeyboardInterrupt
    if status == highs.TIME_LIMIT:
        found = engine.fits and whole
        values = list(engine.values) if found else []
        objective = engine.objective if found else float("nan")
        return Solution("stopped", values, [], objective, engine.gap, seconds, engine.name)
    raise Stopped(f"the solver ended with `{status}` and no proof; try another [solve] solver")


def _foreign(program: Program, objective: Any, options: Solve, extra: tuple[list[float], float] | None) -> Solution:
    """A solver that PuLP finds. Its answer is a claim: the audit decides, and no proof of the optimum is reported."""
    import pulp

    names = pulp.listSolvers(onlyAvailable=True)
    if options.solver not in names:
        raise InputFault.one(f"solver `{options.solver}` is not installed", did_you_mean(options.solver, names))
    program.minimize(objective)
    problem = program.problem
    if extra is not None:
        terms = [c * variable for c, variable in zip(extra[0], program.variables, strict=True) if c]
        problem.addConstraint(pulp.lpSum(terms) <= extra[1], "tie")
    arguments: dict[str, Any] = {"msg": False}
    if options.time_limit is not None:
        arguments["timeLimit"] = options.time_limit
    begun = time.perf_counter()
    try:
        problem.solve(pulp.getSolver(options.solver, **arguments))
    except pulp.PulpSolverError as error:
        raise Stopped(f"solver {options.solver} failed: {error}") from None
    seconds = time.perf_counter() - begun
    values = [pulp.value(variable) or 0.0 for variable in program.variables]
    status = {pulp.LpStatusInfeasible: "infeasible", pulp.LpStatusUnbounded: "unbounded"}.get(int(problem.status), "optimal")
    if status == "optimal" and not _holds(program, values):
        return Solution("stopped", seconds=seconds, solver=options.solver)
    value = float(pulp.value(objective)) if status == "optimal" else float("nan")
    return Solution(status, values, [], value, 0.0, seconds, f"{options.solver} (PuLP {pulp.__version__})")


def _holds(program: Program, values: Sequence[float], tolerance: float = 1e-6) -> bool:
    """Whether values satisfy every row, by our own arithmetic."""
    for i, (sense, rhs) in enumerate(zip(program.senses, program.rhs, strict=True)):
        span = range(program.starts[i], program.starts[i + 1])
        terms = [program.coefficients[j] * values[program.indices[j]] for j in span]
        slack = sum(terms) - rhs
        room = tolerance * max(1.0, abs(rhs), max(map(abs, terms), default=0.0))
        if (sense <= 0 and slack > room) or (sense >= 0 and slack < -room):
            return False
    return True


def duality_gap(program: Program, duals: Sequence[float], objective: float) -> tuple[float, float]:
    """(relative gap between the objective and the dual bound, largest dual infeasibility), by our own arithmetic.

    For min c·x, rows a·x ≤, =, ≥ b, 0 ≤ x ≤ u: bound = Σ y·b + Σ min(0, c − yA)·u, where y ≤ 0 on ≤ rows and ≥ 0 on ≥ rows.
    """
    import math

    costs, constant = program.terms(program.problem.objective)
    reduced = list(costs)
    bound, infeasible = constant, 0.0
    for i, y in enumerate(duals):
        infeasible = max(infeasible, y if program.senses[i] < 0 else -y if program.senses[i] > 0 else 0.0)
        bound += y * program.rhs[i]
        for j in range(program.starts[i], program.starts[i + 1]):
            reduced[program.indices[j]] -= y * program.coefficients[j]
    for d, up in zip(reduced, program.upper, strict=True):
        if d < 0:
            if math.isfinite(up):
                bound += d * up
            else:
                infeasible = max(infeasible, -d)
    return abs(objective - bound) / max(1.0, abs(objective)), infeasible
