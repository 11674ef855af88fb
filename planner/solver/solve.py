"""Solves a model with HiGHS embedded, or with any solver that PuLP finds, and never believes a status that it has not checked.

HiGHS gets the rows as arrays in one call and stays alive in `Solution.engine`, so that later questions can start from its basis.
PuLP's own status is not used: a run cut off by its time limit would be called optimal there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.core.basis import Basis
from planner.core.errors import InputFault, Stopped, did_you_mean
from planner.inputs.scenario import Solve
from planner.model.formulation import Model
from planner.model.program import Program

LARGE = 12_000  # columns from which interior point with crossover beats the simplex method (docs/decisions.md, D14)
TIE = 1e-9  # how much of the first objective may be given up to break ties by cost, relative


@dataclass
class Solution:
    """What a solver answered: status is optimal, infeasible, unbounded or stopped; values only for optimal and stopped."""

    status: str
    values: list[float] = field(default_factory=list)
    duals: list[float] = field(default_factory=list)  # per row; empty where the solver gives none
    objective: float = float("nan")
    gap: float = 0.0
    seconds: float = 0.0
    solver: str = ""
    engine: Any = None
    basis: Basis | None = None  # where the solve ended that the objective is from; none for whole racks and other solvers


def solve(model: Model, options: Solve) -> Solution:
    """The best plan of a model. With another objective than cost, ties are broken by least cost in a second solve."""
    first = _run(model.program, model.objective, options)
    if first.status != "optimal" or model.instance.objective == "cost":
        return first
    bound = first.objective + TIE * max(1.0, abs(first.objective))
    costs, constant = model.program.terms(model.objective)
    spare = max(0.0, (options.time_limit or 0.0) - first.seconds) if options.time_limit else None
    second = _run(model.program, model.cost, options, extra=(costs, bound - constant), left=spare)
    if second.status not in ("optimal", "stopped") or not second.values:
        return first
    second.objective, second.duals, second.basis, second.engine = first.objective, first.duals, first.basis, first.engine
    second.seconds += first.seconds
    return second


def relaxation(model: Model, options: Solve) -> Solution:
    """The model by HiGHS with racks that need not be whole: what bounds a plan that has no basis of its own."""
    return _run(model.program, model.objective, options.model_copy(update={"solver": "HiGHS"}), whole=False)


def last_basis(program: Program) -> Basis | None:
    """Where the simplex method ends that looks for anything that fits; None if it was cut off."""
    engine = load(program, [0.0] * len(program.columns), 0.0, relaxed=True)
    engine.setOptionValue("presolve", "off")
    engine.setOptionValue("solver", "simplex")
    run(engine)
    return _basis(engine, program)


def _run(
    program: Program,
    objective: Any,
    options: Solve,
    extra: tuple[list[float], float] | None = None,
    left: float | None = None,
    whole: bool = True,
) -> Solution:
    if options.solver.casefold() != "highs":
        return _foreign(program, objective, options, extra)
    costs, constant = program.minimize(objective)
    begun = time.perf_counter()
    whole = whole and any(program.integer)
    engine = load(program, costs, constant, extra, relaxed=not whole)
    engine.setOptionValue("mip_rel_gap", options.gap)
    if options.time_limit is not None:
        engine.setOptionValue("time_limit", max(0.01, (options.time_limit if left is None else left)))
    if len(program.columns) >= LARGE and not program.sliced and not whole:
        engine.setOptionValue("solver", "ipx")  # crossover follows: the answer is a basis, like that of the simplex method
        run(engine)
        if _proved(engine):
            return _answer(engine, program, begun, whole)
        engine.setOptionValue("solver", "simplex")  # anything but an optimum is left to the method that proves why
        engine.clearSolver()
    run(engine)
    return _answer(engine, program, begun, whole)


def run(engine: Any) -> None:
    """Runs the engine in a thread of its own, so that Ctrl-C is answered at once; the thread then ends with the process."""
    thread = threading.Thread(target=engine.run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)


def _proved(engine: Any) -> bool:
    """Whether the engine holds an optimum that is feasible in both senses, or was stopped."""
    import highspy

    info, feasible = engine.getInfo(), highspy.SolutionStatus.kSolutionStatusFeasible
    if engine.getModelStatus() in (highspy.HighsModelStatus.kTimeLimit, highspy.HighsModelStatus.kInterrupt):
        return True
    return bool(
        engine.getModelStatus() == highspy.HighsModelStatus.kOptimal
        and info.primal_solution_status == feasible
        and info.dual_solution_status == feasible
    )


def load(
    program: Program,
    costs: Sequence[float],
    constant: float,
    extra: tuple[list[float], float] | None = None,
    relaxed: bool = False,
) -> Any:
    """A HiGHS engine holding the programme; `extra` is one more row: Σ coefficients · x ≤ bound; `relaxed`: no whole racks."""
    import highspy
    import numpy as np

    starts, indices, values = list(program.starts), program.indices, program.coefficients
    lower = [rhs if sense >= 0 else -highspy.kHighsInf for sense, rhs in zip(program.senses, program.rhs, strict=True)]
    upper = [rhs if sense <= 0 else highspy.kHighsInf for sense, rhs in zip(program.senses, program.rhs, strict=True)]
    if extra is not None:
        terms = [(j, c) for j, c in enumerate(extra[0]) if c]
        indices, values = indices + [j for j, _ in terms], values + [c for _, c in terms]
        starts.append(len(indices))
        lower.append(-highspy.kHighsInf)
        upper.append(extra[1])
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.columns), len(lower)
    lp.col_cost_ = np.array(costs, dtype=np.double)
    lp.col_lower_ = np.zeros(len(program.columns))
    lp.col_upper_ = np.array(program.upper, dtype=np.double)
    lp.row_lower_, lp.row_upper_ = np.array(lower, dtype=np.double), np.array(upper, dtype=np.double)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(indices, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(values, dtype=np.double)
    lp.offset_ = constant
    if any(program.integer) and not relaxed:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[whole] for whole in program.integer]
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    engine.setOptionValue("threads", 1)  # one thread gives the same bytes every time
    if engine.passModel(lp) == highspy.HighsStatus.kError:
        raise InputFault.one("the solver refused the model", "a number in the inputs is out of all proportion")
    return engine


def _basis(engine: Any, program: Program) -> Basis | None:
    """The letters of the basis that an engine ended with."""
    import highspy

    found, kinds = engine.getBasis(), highspy.HighsBasisStatus
    if not found.valid:
        return None
    letters = {kinds.kBasic: "B", kinds.kUpper: "U"}
    rows = found.row_status[: len(program.rows)]
    return Basis(
        "".join(letters.get(status, "L") for status in found.col_status),
        "".join("B" if status == kinds.kBasic else "N" for status in rows),
    )


def _answer(engine: Any, program: Program, begun: float, whole: bool) -> Solution:
    import highspy

    status, info = engine.getModelStatus(), engine.getInfo()
    seconds = time.perf_counter() - begun
    name = f"HiGHS {engine.version()}"
    kinds = highspy.HighsModelStatus
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if (
        status == kinds.kOptimal
        and feasible
        and (whole or info.dual_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible)
    ):
        solution = engine.getSolution()
        duals = [] if whole else list(solution.row_dual)[: len(program.rows)]
        gap = info.mip_gap if whole else 0.0
        value = info.objective_function_value
        basis = None if whole else _basis(engine, program)
        return Solution("optimal", list(solution.col_value), duals, value, gap, seconds, name, engine, basis)
    if status in (kinds.kInfeasible, kinds.kUnboundedOrInfeasible):
        if status == kinds.kUnboundedOrInfeasible:
            engine.setOptionValue("presolve", "off")
            engine.run()
            if engine.getModelStatus() == kinds.kUnbounded:
                return Solution("unbounded", seconds=seconds, solver=name, engine=engine)
        return Solution("infeasible", seconds=seconds, solver=name, engine=engine)
    if status == kinds.kUnbounded:
        return Solution("unbounded", seconds=seconds, solver=name, engine=engine)
    if status == kinds.kInterrupt:
        raise KeyboardInterrupt
    if status == kinds.kTimeLimit:
        values = list(engine.getSolution().col_value) if feasible and whole else []
        return Solution("stopped", values, [], info.objective_function_value, info.mip_gap, seconds, name, engine)
    raise Stopped(f"the solver ended with `{engine.modelStatusToString(status)}` and no proof; try another [solve] solver")


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
