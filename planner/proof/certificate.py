"""What is proved of an answer, found after every solve and written beside the tables, so that anybody can prove it again.

`certificate.json` holds a proposal only, a basis, prices, or the multipliers that refute: whoever reads it proves from the
inputs, with no solver, that it is what it claims to be. Where a plan has no basis (whole racks, other solvers, a search that was
cut off) the basis is that of the relaxation, and its optimum is a bound. A plan that is not what the basis stands for is written
beside it column by column, so that all that was derived from it can be derived again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.core.basis import Basis
from planner.proof.canonical import Settled, settle
from planner.proof.decimals import decimal
from planner.proof.elimination import LONGEST, ZERO, Overlong, Vector, total
from planner.proof.exact import PIVOTS, Certificate, Record, bound, certify, record_of, refutes, short
from planner.proof.pivots import Simplex
from planner.proof.rational import Fraction
from planner.proof.sides import Sides as AllSides
from planner.proof.sides import sides

if TYPE_CHECKING:
    from planner.inputs.scenario import Solve
    from planner.model.formulation import Model
    from planner.model.tie_break import Goal
    from planner.solver.solve import Solution

NOISE = Fraction(1, 10**10)  # what is not worth a word
Along = Callable[[Mapping[int, float]], float | None]  # amounts by row, as written -> change of the objective at the margin
Sides = tuple[float | None, float | None]  # change of the objective per unit more of a right side, and per unit less
MOST_ROWS = 200_000  # beyond, the proof would take longer than people wait; the gap is then found in floating point
AGREES = Fraction(1, 10**9)  # how far a plan may be from the proved optimum to be called optimal, relative
TIED = Fraction(2, 10**9)  # the same where ties are broken by cost, which may give up 1e-9 of the objective
ROUNDED = Fraction(1, 10**8)  # the same for what is added up from tables, whose cells have 12 digits
SLIGHT = 1e-6  # how far above the exact optimum a plan may lie, and say so, that a solver called optimal
AGAIN = 100  # most pivots when a basis is proved again: it was mended before it was written, so that it needs none
DIGITS = f"[0-9]{{1,{LONGEST // 3}}}"
WRITTEN = re.compile(f"-?{DIGITS}/{DIGITS}")  # a multiplier: no exponent, no more digits than ours


@dataclass(frozen=True)
class Claim:
    """What is proved. `stands`: something is, in exact arithmetic; `proved`: that the plan is the best, or that nothing fits.

    `gap` is at most how far the plan is from the best, relative, and 0 if it is proved to be the best. `exact` is the optimum or
    bound in units of the programme's objective. `prices` are the exact row prices as floats, where the optimum is proved from a
    basis of the plan's own programme.

    `values` (columns,) are then those of the canonical plan, exact and rounded to floats, and `single` says that no other plan is
    as good by the objective and all that breaks its ties. `sides` are the one-sided prices of the rows asked for (`proof.sides`).
    """

    stands: bool
    proved: bool
    gap: float | None
    what: str
    pivots: int = 0
    exact: Fraction | None = None
    proposal: Mapping[str, Any] = field(default_factory=dict)  # certificate.json
    prices: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    single: bool | None = None
    sides: Mapping[int, Sides] = field(default_factory=dict)
    along: Along | None = field(default=None, repr=False, compare=False)  # what rows moved together change


def data(claim: Claim, model: Model) -> dict[str, Any]:
    """`certificate` of plan.json; `exact` in the unit of the objective, with 20 digits."""
    found: dict[str, Any] = {"proved": claim.proved, "gap": claim.gap, "what": claim.what}
    if claim.stands:
        found["pivots"] = claim.pivots
    if claim.exact is not None:
        found["exact"] = short(claim.exact * _unit(model))
    return found


def _unit(model: Model) -> Fraction:
    """How many of the unit of the tables one unit of the programme's objective is."""
    from planner.model.measures import told

    return Fraction(f"{told(model.instance, 1.0):.15g}")


# --- after a solve ----------------------------------------------------------------------------------------------------


def prove(model: Model, solution: Solution, options: Solve, priced: Priced | None = None) -> Claim:
    """What can be proved of a solution, with the prices of the rows that `priced` picks. What is not proved says why."""
    if solution.status == "infeasible":
        return _nothing_fits(model)
    if not solution.values:
        return Claim(False, False, None, "stopped before proof")
    if len(model.program.rows) > MOST_ROWS:
        return _floating(model, solution)
    record = record_of(model.program, model.objective)
    value = _worth(record, solution.values)
    own = solution.status == "optimal" and solution.basis is not None
    basis, duals = solution.basis, solution.duals
    if basis is None or not own:
        from planner.solver.solve import relaxation

        found = relaxation(model, options)
        basis, duals = found.basis, found.duals
    if basis is None:
        return Claim(False, False, None, "no bound: the relaxation was cut off too")
    certificate = certify(record, basis)
    if certificate.proved:
        claim = _judged(certificate, value, own, _tolerance(model))
        if not own:
            return replace(claim, proposal=_proposal(record, model, "bound", certificate.basis))
        settled = settle(certificate.simplex, _costs(solution.goals)) if certificate.simplex else None
        basis = settled.basis if settled else certificate.basis
        claim = replace(claim, proposal=_proposal(record, model, "optimum", basis), prices=_prices(certificate))
        if not settled or not claim.proved:
            return claim
        exact = _judged(certificate, certificate.objective or ZERO, own, _tolerance(model))  # free of the solver's tolerances
        return _settled(replace(claim, what=exact.what), settled, certificate, priced)
    claim = _bounded(record, duals, value, certificate)
    return replace(claim, proposal=_proposal(record, model, "prices") | {"prices": _sparse(duals)}) if claim.stands else claim


Priced = Callable[[Sequence[int]], Sequence[int]]  # of the rows without room, those whose prices are wanted


def _costs(goals: Sequence[Goal]) -> list[list[Fraction]]:
    return [[decimal(c) for c in goal.costs] for goal in goals]


def _settled(claim: Claim, settled: Settled, certificate: Certificate, priced: Priced | None) -> Claim:
    """A claim with the canonical plan, and with the prices of those of its tight rows that are wanted."""
    simplex = certificate.simplex
    found: Mapping[int, Sides] = {}
    if simplex is not None and priced is not None:
        exact = sides(simplex, priced(simplex.tight()))
        found = {row: (_float(more), _float(less)) for row, (more, less) in exact.items()}
    values = tuple(float(x) for x in settled.x)
    return replace(claim, values=values, single=settled.single, sides=found, along=_along(simplex) if simplex else None)


def _along(simplex: Simplex) -> Along:
    asked = AllSides(simplex)

    def change(by: Mapping[int, float]) -> float | None:
        return _float(asked.change({row: decimal(amount) for row, amount in by.items() if amount}))

    return change


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _prices(certificate: Certificate) -> tuple[float, ...]:
    return tuple(float(y) for y in certificate.y)


def _sparse(values: Sequence[float]) -> dict[str, float]:
    return {str(j): value for j, value in enumerate(values) if value}


def witnessed(claim: Claim, model: Model, values: Sequence[float], duals: Sequence[float]) -> Claim:
    """The claim whose proposal holds the values of a plan that is not what a basis stands for, and its prices if none is exact.

    Values of columns that no table tells (which racks stand by for which loss) could not be found again otherwise.
    """
    proposal = claim.proposal or _proposal(record_of(model.program, model.objective), model, "values")
    prices = {"prices": _sparse(duals)} if duals and not claim.prices else {}
    return replace(claim, proposal={**proposal, "values": _sparse(values), **prices})


def worth(model: Model, values: Sequence[float]) -> float:
    """The objective that some values of the columns come to, in the unit of the tables."""
    return float(_worth(record_of(model.program, model.objective), values) * _unit(model))


def _worth(record: Record, values: Sequence[float]) -> Fraction:
    return record.constant + total((c, Fraction(x)) for c, x in zip(record.costs, values, strict=True) if c and x)


def _tolerance(model: Model) -> Fraction:
    return AGREES if model.instance.objective == "cost" else TIED


def _judged(certificate: Certificate, value: Fraction, own: bool, tolerance: Fraction) -> Claim:
    """What an exact optimum says of a plan of that value; `own`: it is that of the plan's programme, not of a relaxation."""
    optimum, pivots = certificate.objective or ZERO, certificate.pivots
    away = (value - optimum) / max(Fraction(1), abs(optimum))
    if abs(away) <= tolerance:
        mended = f", once {pivots} exact pivot{'s' if pivots > 1 else ''} had mended the basis" if pivots else ""
        kept = f"; the plan is {float(abs(away)):.0e} from it" if abs(away) > NOISE else ""
        what = f"proved: values and prices agree without tolerance in exact arithmetic{mended}{kept}"
        return Claim(True, True, 0.0, what, pivots, optimum)
    if away < 0:
        what = f"the plan's objective lies below what any plan can reach, by {float(-away):.1e} of it: it rests on tolerances"
        return Claim(False, False, None, what, pivots, optimum)
    gap = float((value - optimum) / abs(value)) if value else 1.0
    if own:
        return Claim(True, False, gap, f"not the best: {gap:.2g} of the objective above the exact optimum", pivots, optimum)
    what = f"at most {_percent(gap)} from the best: the relaxation is solved in exact arithmetic"
    return Claim(True, False, gap, what, pivots, optimum)


def _bounded(record: Record, duals: list[float], value: Fraction, certificate: Certificate) -> Claim:
    """What the prices alone prove, where the basis could not be mended."""
    try:
        lowest = bound(record, duals) if duals else None
    except Overlong:
        lowest = None
    if certificate.ray is not None:
        what = "not proved: exactly, nothing fits; the plan rests on the solver's tolerances"
        return Claim(False, False, None, what, certificate.pivots)
    if lowest is None or lowest > value:
        return Claim(False, False, None, f"not proved: {certificate.what}", certificate.pivots)
    return _from_prices(value, lowest, certificate.pivots)


def _from_prices(value: Fraction, lowest: Fraction, pivots: int) -> Claim:
    if lowest > value:
        return Claim(False, False, None, "the plan's objective lies below what any plan can reach", pivots, lowest)
    gap = float((value - lowest) / abs(value)) if value else float(lowest != value)
    what = f"at most {_percent(gap)} from the best, proved by the prices: no exact basis was found"
    return Claim(True, False, gap, what, pivots, lowest)


def _percent(gap: float) -> str:
    return f"{gap:.2%}" if gap >= 1e-4 else f"{gap:.1e}"


def _floating(model: Model, solution: Solution) -> Claim:
    from planner.solver.solve import duality_gap

    if not solution.duals or model.instance.objective != "cost":
        return Claim(False, False, None, f"more than {MOST_ROWS:,} rows: {solution.solver} says {solution.status}")
    gap, infeasible = duality_gap(model.program, solution.duals, solution.objective)
    what = f"more than {MOST_ROWS:,} rows, so in floating point: dual infeasibility {infeasible:.1e}, relative gap {gap:.1e}"
    return Claim(False, False, None, what)


def _nothing_fits(model: Model) -> Claim:
    """Multipliers that refute the programme, from where the simplex method ended."""
    from planner.solver.solve import last_basis

    if len(model.program.rows) > MOST_ROWS:
        return Claim(False, False, None, f"more than {MOST_ROWS:,} rows: only the solver says that nothing fits")
    record = record_of(model.program, model.objective)
    basis = last_basis(model.program)
    if basis is None:
        return Claim(False, False, None, "only the solver says that nothing fits: it left no basis")
    certificate = certify(replace(record, costs=(ZERO,) * record.columns, constant=ZERO), basis)
    if certificate.ray is None:
        why = "racks would fit that are not whole" if certificate.proved else certificate.what
        return Claim(False, False, None, f"only the solver says that nothing fits: {why}", certificate.pivots)
    return replace(_refuted(certificate.ray), proposal=_proposal(record, model, "infeasible", ray=certificate.ray))


def _refuted(ray: Vector) -> Claim:
    what = f"nothing fits: {len(ray):,} rows contradict each other, in exact arithmetic"
    return Claim(True, True, None, what)


# --- certificate.json -------------------------------------------------------------------------------------------------


def _proposal(record: Record, model: Model, kind: str, basis: Basis | None = None, ray: Vector | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": kind, "objective": model.instance.objective, "record": record.sha256()}
    if basis is not None:
        found |= {"columns": basis.columns, "rows": basis.rows}
    if ray is not None:
        found["multipliers"] = {str(i): _text(y) for i, y in sorted(ray.items())}
    return found


def _text(value: Fraction) -> str:
    """A whole fraction, of any length: Decimal has no limit to its digits where int has."""
    return f"{Decimal(int(value.numerator)):f}/{Decimal(int(value.denominator)):f}"


def _fraction(text: str) -> Fraction:
    if not WRITTEN.fullmatch(text):
        raise ValueError("no fraction of ours")
    numerator, _, denominator = text.partition("/")
    return Fraction(int(Decimal(numerator)), int(Decimal(denominator)))


def _numbers(sparse: Mapping[str, Any]) -> dict[int, float]:
    """Finite numbers by index. ValueError if they are none."""
    found = {int(i): float(value) for i, value in sparse.items() if not isinstance(value, (bool, str))}
    if len(found) != len(sparse) or not all(i >= 0 and math.isfinite(value) for i, value in found.items()):
        raise ValueError("no numbers by index")
    return found


def read(text: str) -> dict[str, Any]:
    """certificate.json as it was written; empty if it is none."""
    try:
        found = dict(json.loads(text))
        if found["kind"] == "infeasible":
            if len(found["multipliers"]) > MOST_ROWS:
                return {}
            found["multipliers"] = {int(i): _fraction(y) for i, y in found["multipliers"].items()}
        elif found["kind"] in ("optimum", "bound"):
            found["basis"] = Basis(str(found["columns"]), str(found["rows"]))
        elif found["kind"] not in ("prices", "values"):
            return {}
        for name in ("prices", "values"):
            if name in found or name == found["kind"]:
                found[name] = _numbers(found[name])
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return {}
    return found


def size(proposal: Mapping[str, Any]) -> int:
    """How many rows the proof is of, or how many numbers it holds: what it costs to judge it."""
    basis = proposal.get("basis")
    return len(basis.rows) if basis else max((len(proposal.get(name, ())) for name in ("values", "prices")), default=0)


# --- any time later ---------------------------------------------------------------------------------------------------


def prove_again(
    model: Model,
    proposal: Mapping[str, Any],
    manifest: Mapping[str, Any],
    totals: Mapping[str, float],
    priced: Priced | None = None,
) -> Claim:
    """What the proposal proves of a plan folder: its plan.json, and the totals that the audit found in its tables. No solver.

    `values` of the claim are those of the plan, as the proposal tells them or as its basis stands for them: a proposal too, until
    the tables that follow from them are those of the folder.
    """
    if not proposal:
        return Claim(False, False, None, "not proved: certificate.json holds no proof")
    record = record_of(model.program, model.objective)
    if proposal.get("record") != record.sha256():
        model_now = "the model is not the one that was solved then"
        claim = replace(_again(model, record, proposal, manifest, totals, priced), values=())
        return replace(claim, what=f"{claim.what}; {model_now}")
    return _again(model, record, proposal, manifest, totals, priced)


def _again(
    model: Model,
    record: Record,
    proposal: Mapping[str, Any],
    manifest: Mapping[str, Any],
    totals: Mapping[str, float],
    priced: Priced | None,
) -> Claim:
    status, kind = manifest.get("status"), proposal["kind"]
    if (kind == "infeasible") != (status == "infeasible"):
        return Claim(False, False, None, f"not proved: plan.json says {status}, certificate.json says {kind}")
    if kind == "infeasible":
        ray = {i: y for i, y in proposal["multipliers"].items() if 0 <= i < record.rows}
        try:
            return (
                _refuted(ray) if refutes(record, ray) else Claim(False, False, None, "not proved: the multipliers refute nothing")
            )
        except Overlong:
            return Claim(False, False, None, "not proved: the multipliers are too long")
    told = proposal.get("values")
    values = () if told is None else tuple(told.get(j, 0.0) for j in range(record.columns))
    claim = Claim(False, False, None, "not proved: certificate.json holds no proof", values=values)
    if kind == "values":
        return claim
    certificate = _solved(record, proposal)
    if certificate.objective is None:
        return replace(claim, what=f"not proved: {certificate.what}", pivots=certificate.pivots)
    found = _against(model, certificate, _worth(record, values) if values else None, kind, manifest, totals)
    if kind != "optimum" or any(model.program.integer) or not certificate.proved:
        return replace(found, values=claim.values)
    found = replace(found, prices=_prices(certificate))
    if claim.values or certificate.simplex is None:
        return replace(found, values=claim.values)
    from planner.model.tie_break import goals

    settled = settle(certificate.simplex, _costs(goals(model)))
    return _settled(found, settled, certificate, priced) if settled else found


def _solved(record: Record, proposal: Mapping[str, Any]) -> Certificate:
    """The optimum that a basis stands for, or the bound that prices prove."""
    if proposal["kind"] != "prices":
        return certify(record, proposal["basis"], AGAIN)
    try:
        lowest = bound(record, [proposal["prices"].get(i, 0.0) for i in range(record.rows)])
    except Overlong:
        lowest = None
    return Certificate(False, "the prices prove no bound", lowest, 0, Basis("", ""))


def _against(
    model: Model,
    certificate: Certificate,
    worth_told: Fraction | None,
    kind: str,
    manifest: Mapping[str, Any],
    totals: Mapping[str, float],
) -> Claim:
    """What an optimum or a bound says of the objective that plan.json tells, of the one that the tables come to, and of the one
    that the values of the plan come to, where the proposal tells them."""
    from planner.model.measures import MEASURES

    own, priced = kind == "optimum" and not any(model.program.integer), kind == "prices"
    unit, optimum = _unit(model), certificate.objective or ZERO
    certificate = replace(certificate, pivots=_pivots_told(manifest))
    stated = (
        ("plan.json", objective_told(manifest), _tolerance(model)),
        ("the tables", totals.get(MEASURES[model.instance.objective].column), ROUNDED),
        ("its values", float(worth_told * unit) if worth_told is not None else None, _tolerance(model)),
    )
    claims = []
    for where, told, tolerance in stated[: 2 if worth_told is None else 3]:
        if told is None:
            return Claim(False, False, None, f"not proved: there is no objective in {where}", certificate.pivots)
        value = worth_told if where == "its values" and worth_told is not None else Fraction(told) / unit
        claim = _from_prices(value, optimum, certificate.pivots) if priced else _judged(certificate, value, own, tolerance)
        if not claim.stands or not (claim.proved or _as_claimed(claim, own, manifest)):
            what = f"not proved: the objective of {where} is {told:.15g}, the exact optimum is {short(optimum * unit)}"
            return replace(claim, stands=False, what=what)
        claims.append(claim)
    return min(reversed(claims), key=lambda claim: claim.proved)  # in the words of the values, which are exact


def _pivots_told(manifest: Mapping[str, Any]) -> int:
    """How many pivots had mended the basis before it was written: nothing but plan.json knows."""
    stated = manifest.get("certificate")
    pivots = stated.get("pivots") if isinstance(stated, dict) else 0
    return pivots if isinstance(pivots, int) and 0 <= pivots <= PIVOTS else 0


def _as_claimed(claim: Claim, own: bool, manifest: Mapping[str, Any]) -> bool:
    """Whether a plan that is not proved the best is as near to it as plan.json says, which must not call it that either.

    Where the exact optimum of the plan's own programme is known, a plan above it is no optimum, whatever else is said of it.
    """
    stated = manifest.get("certificate")
    if not isinstance(stated, dict) or stated.get("proved") is not False:
        return False
    gap = stated.get("gap")
    if not isinstance(gap, (int, float)) or claim.gap is None or claim.gap > gap + float(ROUNDED):
        return False
    return not own or manifest.get("status") != "optimal" or claim.gap <= SLIGHT


def objective_told(manifest: Mapping[str, Any]) -> float | None:
    """The objective that plan.json tells, in the unit of the tables; None if it is no finite number."""
    objective = manifest.get("objective")
    value = objective.get("value") if isinstance(objective, dict) else None
    try:
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
    except OverflowError:  # a whole number beyond what a float holds
        return None
